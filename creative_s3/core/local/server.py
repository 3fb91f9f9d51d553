"""The embedded S3 server: SeaweedFS (``weed mini``), a background process that only this machine can reach.

One directory is one server: its data, credentials, log and the record of its process. The directory's files
live in ``local_home``, the process in ``local_process``; nothing here knows of commands or screens.
"""

from __future__ import annotations

import contextlib
import shlex
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal

from creative_s3.core.files import user_directories
from creative_s3.core.local import process as local_process
from creative_s3.core.local.home import PROFILE, Home
from creative_s3.core.local.ports import HOST, remove_sockets, remove_stale_sockets
from creative_s3.core.local.process import find_weed
from creative_s3.errors import LockedError, RefusedError, SettingsError, TemporaryError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

DEFAULT_BUCKET = "creative-assets-local"
REGION = "us-east-1"
OVERRIDING_NAMES = (
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_SECURITY_TOKEN",
    "AWS_DEFAULT_PROFILE",
    "AWS_ROLE_ARN",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
)
"""Environment variables that boto3 would follow rather than the profile that `environment` names."""

_READY_WITHIN_S = 20.0
_ATTEMPTS = 5


@dataclass(frozen=True, slots=True)
class LocalServer:
    """A running server.

    Attributes:
        pid: Its process.
        endpoint_url: For example ``http://127.0.0.1:43210``.
        bucket: A bucket that exists on it.
        directory: Where everything of it lies, absolute.
        credentials_file: An AWS shared credentials file, mode 0600.
        log_file: What the server printed since it was started.
        started_at: In UTC.
        region: What requests are signed for.
        profile: The name of the profile in `credentials_file`.
    """

    pid: int
    endpoint_url: str
    bucket: str
    directory: Path
    credentials_file: Path
    log_file: Path
    started_at: datetime
    region: str = REGION
    profile: str = PROFILE


def default_directory() -> Path:
    """Return the user's own place for the server: below the data directory that the system prescribes."""
    return user_directories.data_path() / "local"


def start(directory: Path, *, bucket: str = DEFAULT_BUCKET) -> LocalServer:
    """Start the server of `directory`, or find it running; return when objects can be written.

    Args:
        directory: Created when missing, mode 0700. Data of an earlier run is served again.
        bucket: Created on the server when missing.

    Raises:
        UnsupportedError: SeaweedFS is not installed.
        RefusedError: The directory holds something that is not ours.
        LockedError: Another start or stop of the same server does not end.
        TemporaryError: The server does not come up; nothing is left running.
    """
    weed = find_weed()
    home = Home(directory)
    home.claim()
    with home.locked():
        home.mark()
        keys = home.credentials()
        state = _running(home)
        if state is not None and not local_process.answers(state["ports"]):
            _stop(home)  # it hangs, or is dying at this moment
            state = None
        if state is None:
            local_process.end_leftover(home.path, home.data)
            state = _bring_up(weed, home, keys, bucket)
        elif state["bucket"] != bucket:
            if not local_process.ensure_bucket(state["ports"], keys, bucket, REGION):
                raise SettingsError(
                    f"the local server did not accept the bucket name {bucket!r}", item=bucket
                )
            state["bucket"] = bucket
            home.write_state(state)
        return _server(home, state)


def status(directory: Path) -> LocalServer | None:
    """Return the server of `directory` when it runs, else None.

    The record of a process that is gone is removed; whatever process has its number now is left alone.
    """
    home = Home(directory)
    state = home.read_state()
    if state is None or _is_ours(home, state):
        return _server(home, state) if state else None
    # A start may be writing a new record at this moment: only who holds the lock may remove one.
    with contextlib.suppress(LockedError), home.locked(within_s=0):
        found = _running(home)
        return _server(home, found) if found else None
    return None


def stop(directory: Path) -> bool:
    """Stop the server of `directory`; return whether it ran. Its data stays."""
    home = Home(directory)
    if not home.is_ours:
        return False
    with home.locked():
        return _stop(home)


def remove(directory: Path) -> tuple[Path, ...]:
    """Stop the server and delete its data, credentials and log.

    Returns:
        What else lay in the directory and was left alone; usually nothing, and the directory is gone too.

    Raises:
        RefusedError: The directory is a symbolic link, or not one that `start` made.
    """
    if directory.is_symlink():
        raise RefusedError(
            f"{directory} is a symbolic link, so nothing was deleted",
            item=str(directory),
            hint=f"name the directory itself: {directory.resolve()}",
        )
    home = Home(directory)
    if not home.path.exists():
        return ()
    if not home.is_ours:
        raise RefusedError(
            f"{home.path} was not made by the local server, so nothing was deleted",
            item=str(home.path),
            hint="name the directory that `creative-s3 local up --dir` was given",
        )
    with home.locked():
        _stop(home)
        return home.delete()


def environment(server: LocalServer) -> dict[str, str]:
    """Return the environment variables that point every other command at `server`; no secret among them.

    Any of `OVERRIDING_NAMES` must not be set beside them.
    """
    return {
        "S3_ENDPOINT_URL": server.endpoint_url,
        "S3_BUCKET_NAME": server.bucket,
        "S3_REGION": server.region,
        "AWS_SHARED_CREDENTIALS_FILE": str(server.credentials_file),
        "AWS_PROFILE": server.profile,
    }


def shell_exports(server: LocalServer, shell: Literal["sh", "fish"] = "sh") -> str:
    """Return lines for ``eval`` that set `environment` and unset what would win over it."""
    variables = environment(server).items()
    if shell == "fish":
        lines = [f"set -e {name};" for name in OVERRIDING_NAMES]
        lines += [f"set -gx {name} {_fish_quote(value)};" for name, value in variables]
    else:
        lines = [f"unset {' '.join(OVERRIDING_NAMES)};"]
        lines += [f"export {name}={shlex.quote(value)};" for name, value in variables]
    return "\n".join(lines) + "\n"


def read_credentials(server: LocalServer) -> tuple[str, str]:
    """Return access key and secret key of `server`, for a client that takes no profile."""
    return Home(server.directory).credentials()


def _bring_up(weed: Path, home: Home, keys: tuple[str, str], bucket: str) -> dict[str, Any]:
    wanted: Mapping[str, int] = home.read_ports()
    for _ in range(_ATTEMPTS):
        try:
            with local_process.launched(weed, home.path, home.data, keys=keys, wanted=wanted) as launched:
                local_process.wait_until_ready(launched, keys, bucket, REGION, within_s=_READY_WITHIN_S)
                # The next start tries the same ports, so that what `environment` said stays true.
                home.write_ports(launched.ports)
                # Last, so that what is recorded is ready; of a start that is killed, weed.pid tells.
                state = {
                    "pid": launched.pid,
                    "process_started": launched.process_started,
                    "ports": launched.ports,
                    "bucket": bucket,
                    "started_at": datetime.now(UTC).isoformat(),
                }
                home.write_state(state)
                return state
        except local_process.PortTakenError:
            wanted = {}
    raise TemporaryError("the local server found no free ports", hint="run again: creative-s3 local up")


def _stop(home: Home) -> bool:
    state = _running(home)
    if state is not None:
        local_process.end(state["pid"], home.data)
        remove_sockets(home.path, state["ports"])
        home.forget_state()
    return local_process.end_leftover(home.path, home.data) or state is not None


def _running(home: Home) -> dict[str, Any] | None:
    """Return the record of a process that is ours and lives; clear away any other. The lock must be held."""
    state = home.read_state()
    if state is not None and _is_ours(home, state):
        return state
    if state is not None:
        local_process.settle(state["pid"])
    remove_stale_sockets(home.path, home.read_ports())
    home.forget_state()
    return None


def _is_ours(home: Home, state: Mapping[str, Any]) -> bool:
    return bool(local_process.process_started(state["pid"], home.data) == state["process_started"])


def _server(home: Home, state: Mapping[str, Any]) -> LocalServer:
    return LocalServer(
        pid=state["pid"],
        endpoint_url=f"http://{HOST}:{state['ports']['s3.port']}",
        bucket=state["bucket"],
        directory=home.path,
        credentials_file=home.credentials_file,
        log_file=home.log_file,
        started_at=datetime.fromisoformat(state["started_at"]),
    )


def _fish_quote(text: str) -> str:
    """In fish a backslash and a quote are escaped even between single quotes."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


__all__ = [
    "DEFAULT_BUCKET",
    "OVERRIDING_NAMES",
    "PROFILE",
    "REGION",
    "LocalServer",
    "default_directory",
    "environment",
    "find_weed",
    "read_credentials",
    "remove",
    "shell_exports",
    "start",
    "status",
    "stop",
]
