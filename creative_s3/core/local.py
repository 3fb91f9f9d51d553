"""The embedded S3 server: SeaweedFS (``weed mini``) as a background process that only this machine can reach.

One directory is one server: its data, credentials, log, and the record of its process. What the process itself
needs (binary, ports, arguments, identity) lives in ``local_process``; nothing here knows of commands or screens.
"""

from __future__ import annotations

import configparser
import contextlib
import fcntl
import json
import os
import secrets
import shlex
import shutil
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import platformdirs

from creative_s3.core import local_process
from creative_s3.core.local_process import find_weed
from creative_s3.errors import LockedError, RefusedError, SettingsError, TemporaryError

DEFAULT_BUCKET = "creative-assets-local"
PROFILE = "creative-s3-local"
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

READY_WITHIN_S = 20.0
_LOCK_WITHIN_S = 60.0
_ATTEMPTS = 5

_MARKER = "creative-s3-local.json"
_LOCK = "creative-s3-local.lock"
_STATE = "server.json"
_CREDENTIALS = "credentials"
_DATA = "data"
_STATE_FIELDS = {"pid", "process_started", "ports", "bucket", "started_at"}
_KIND = "creative-s3 local server"


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
    return platformdirs.user_data_path("creative-s3", appauthor=False) / "local"


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
    home = _canonical(directory)
    _claim(home)
    with _locked(home):
        _mark(home)
        keys = _credentials(home)
        state = _running_state(home)
        if state is None:
            local_process.end_leftover(home, home / _DATA)
            state = _bring_up(weed, home, keys, bucket)
        elif state["bucket"] != bucket:
            local_process.ensure_bucket(state["ports"], keys, bucket, REGION)
            state |= {"bucket": bucket}
            _write_json(home / _STATE, state)
        return _server(home, state)


def status(directory: Path) -> LocalServer | None:
    """Return the server of `directory` when it runs, else None; a record of a process that is gone is removed."""
    home = _canonical(directory)
    state = _read_state(home)
    if state is None:
        return None
    if _is_ours(home, state):
        return _server(home, state)
    # A start may be writing a new record at this moment: only who holds the lock may remove one.
    with contextlib.suppress(LockedError), _locked(home, within_s=0):
        return _server(home, found) if (found := _running_state(home)) else None
    return None


def stop(directory: Path) -> bool:
    """Stop the server of `directory`; return whether it ran. Its data stays."""
    home = _canonical(directory)
    if not _is_marked(home):
        return False
    with _locked(home):
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
    home = _canonical(directory)
    if not home.exists():
        return ()
    if not _is_marked(home):
        raise RefusedError(
            f"{home} was not made by the local server, so nothing was deleted",
            item=str(home),
            hint="name the directory that `creative-s3 local up --dir` was given",
        )
    with _locked(home):
        _stop(home)
        # The marker goes last but one: a removal that is interrupted can be repeated. Links are not followed.
        for name in (_DATA, *local_process.OWN_NAMES, _STATE, _CREDENTIALS, _MARKER, _LOCK):
            _delete(home / name)
    left = tuple(sorted(home.iterdir()))
    if not left:
        home.rmdir()
    return left


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
    return _credentials(server.directory)


def _bring_up(weed: Path, home: Path, keys: tuple[str, str], bucket: str) -> dict[str, Any]:
    marker = _read_json(home / _MARKER) or {}
    wanted: Mapping[str, int] = marker.get("ports", {})
    (home / _DATA).mkdir(mode=0o700, exist_ok=True)
    for _ in range(_ATTEMPTS):
        ready = False
        try:
            with local_process.launched(weed, home, home / _DATA, keys=keys, wanted=wanted) as launched:
                state = {
                    "pid": launched.pid,
                    "process_started": launched.process_started,
                    "ports": launched.ports,
                    "bucket": bucket,
                    "started_at": datetime.now(UTC).isoformat(),
                }
                _write_json(home / _STATE, state)
                local_process.wait_until_ready(launched, keys, bucket, REGION, within_s=READY_WITHIN_S)
                # The next start tries the same ports, so that what `environment` said stays true.
                _write_json(home / _MARKER, {"kind": _KIND, "format": 1, "ports": launched.ports})
                ready = True
                return state
        except local_process.PortTakenError:
            wanted = {}
        finally:
            if not ready:
                (home / _STATE).unlink(missing_ok=True)
    raise TemporaryError("the local server found no free ports", hint="run again: creative-s3 local up")


def _stop(home: Path) -> bool:
    state = _running_state(home)
    if state is None:
        return local_process.end_leftover(home, home / _DATA)
    local_process.end(state["pid"], home / _DATA)
    local_process.remove_sockets(home, state["ports"])
    (home / _STATE).unlink(missing_ok=True)
    return True


def _running_state(home: Path) -> dict[str, Any] | None:
    """Return the record of a process that is ours and lives; remove any other record. The lock must be held."""
    state = _read_state(home)
    if state is not None and _is_ours(home, state):
        return state
    (home / _STATE).unlink(missing_ok=True)
    return None


def _read_state(home: Path) -> dict[str, Any] | None:
    state = _read_json(home / _STATE)
    return state if state is not None and state.keys() >= _STATE_FIELDS else None


def _is_ours(home: Path, state: Mapping[str, Any]) -> bool:
    return bool(local_process.process_started(state["pid"], home / _DATA) == state["process_started"])


def _server(home: Path, state: Mapping[str, Any]) -> LocalServer:
    return LocalServer(
        pid=state["pid"],
        endpoint_url=f"http://{local_process.HOST}:{state['ports']['s3.port']}",
        bucket=state["bucket"],
        directory=home,
        credentials_file=home / _CREDENTIALS,
        log_file=home / local_process.LOG_NAME,
        started_at=datetime.fromisoformat(state["started_at"]),
    )


def _canonical(directory: Path) -> Path:
    """Two names of one directory are one server."""
    return directory.expanduser().resolve()


def _claim(home: Path) -> None:
    """Make the directory, or refuse one that holds something else."""
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not _is_marked(home):
        # The lock alone may be there: another start is a few milliseconds ahead of us, or was killed.
        foreign = [path.name for path in home.iterdir() if not path.name.startswith((_LOCK, _MARKER))]
        if foreign:
            raise RefusedError(
                f"{home} holds other things ({foreign[0]} …): the local server wants a directory of its own",
                item=str(home),
                hint="name a new or an empty directory with --dir",
            )
    home.chmod(0o700)


def _mark(home: Path) -> None:
    if not _is_marked(home):
        _write_json(home / _MARKER, {"kind": _KIND, "format": 1})


def _is_marked(home: Path) -> bool:
    path = home / _MARKER
    return not path.is_symlink() and (_read_json(path) or {}).get("kind") == _KIND


def _credentials(home: Path) -> tuple[str, str]:
    """Read the directory's keys, or make them once."""
    path = home / _CREDENTIALS
    if not path.exists():
        access, secret = f"LOCAL{secrets.token_hex(8).upper()}", secrets.token_hex(20)
        _write(path, f"[{PROFILE}]\naws_access_key_id = {access}\naws_secret_access_key = {secret}\n")
    parser = configparser.RawConfigParser()
    try:
        parser.read(path, encoding="utf-8")
        return parser.get(PROFILE, "aws_access_key_id"), parser.get(PROFILE, "aws_secret_access_key")
    except configparser.Error:
        raise SettingsError(
            f"the local server's credentials have no usable profile {PROFILE}",
            item=str(path),
            hint="delete the file, then run: creative-s3 local down && creative-s3 local up",
        ) from None


@contextlib.contextmanager
def _locked(home: Path, *, within_s: float = _LOCK_WITHIN_S) -> Iterator[None]:
    """Hold the directory's lock; the system frees it when this process dies."""
    deadline = time.monotonic() + within_s
    while (descriptor := _try_lock(home / _LOCK)) is None:
        if time.monotonic() >= deadline:
            raise LockedError(
                "another command is starting or stopping this local server",
                item=str(home),
                hint="wait for it, then run: creative-s3 local status",
            )
        time.sleep(0.02)
    try:
        yield
    finally:
        os.close(descriptor)


def _try_lock(path: Path) -> int | None:
    """Return the descriptor that holds the lock, or None when another process has it."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        # `remove` may have deleted the file between our open and our lock: then we hold nothing.
        if path.stat().st_ino == os.fstat(descriptor).st_ino:
            return descriptor
    except (BlockingIOError, FileNotFoundError):
        pass
    os.close(descriptor)
    return None


def _delete(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _read_json(path: Path) -> dict[str, Any] | None:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return None
    return content if isinstance(content, dict) else None


def _write_json(path: Path, content: Mapping[str, Any]) -> None:
    _write(path, json.dumps(content, indent=2) + "\n")


def _write(path: Path, text: str) -> None:
    """Write atomically and durably, readable by the user alone from its first moment on."""
    temporary = path.with_name(f"{path.name}.{secrets.token_hex(4)}.tmp")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    parent = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(parent)
    finally:
        os.close(parent)


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
