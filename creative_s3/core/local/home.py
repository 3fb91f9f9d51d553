"""The directory of the embedded S3 server: who may use it, its lock, its credentials, its small files.

A marker file says that a directory is ours; nothing is ever deleted from one without it.
"""

from __future__ import annotations

import configparser
import contextlib
import fcntl
import json
import os
import secrets
import shutil
import time
from typing import TYPE_CHECKING, Any

from creative_s3.core.files import local_files
from creative_s3.core.local.process import LOG_NAME, OWN_NAMES
from creative_s3.errors import LockedError, RefusedError, SettingsError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

PROFILE = "creative-s3-local"

_LOCK_WITHIN_S = 60.0
_POLL_S = 0.02
_MARKER = "creative-s3-local.json"
_LOCK = "creative-s3-local.lock"
_STATE = "server.json"
_CREDENTIALS = "credentials"
_DATA = "data"
_KIND = "creative-s3 local server"
_STATE_FIELDS = {"pid", "process_started", "ports", "bucket", "started_at"}


class Home:
    """One server's directory. Two names of one directory are the same home."""

    def __init__(self, directory: Path) -> None:
        self.path = directory.expanduser().resolve()
        self.data = self.path / _DATA
        self.credentials_file = self.path / _CREDENTIALS
        self.log_file = self.path / LOG_NAME
        self._marker = self.path / _MARKER
        self._lock = self.path / _LOCK
        self._state = self.path / _STATE

    @property
    def is_ours(self) -> bool:
        """Whether `claim` and `mark` made this directory."""
        return not self._marker.is_symlink() and (_read_json(self._marker) or {}).get("kind") == _KIND

    def claim(self) -> None:
        """Make the directory, mode 0700, or take an empty one.

        Raises:
            SettingsError: SeaweedFS cannot serve a directory of that name.
            RefusedError: It is no directory, or holds something that is not ours.
        """
        if "," in str(self.path):
            raise SettingsError(
                "SeaweedFS takes a comma for the end of a directory's name",
                item=str(self.path),
                hint="name a directory without a comma with --dir",
            )
        try:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        except (FileExistsError, NotADirectoryError):
            raise RefusedError(
                f"{self.path} is not a directory", item=str(self.path), hint="name another one with --dir"
            ) from None
        if not self.is_ours:
            # The lock alone may be there: another start is a few milliseconds ahead of us, or was killed.
            names = (path.name for path in self.path.iterdir())
            foreign = sorted(name for name in names if not name.lstrip(".").startswith((_LOCK, _MARKER)))
            if foreign:
                raise RefusedError(
                    f"{self.path} holds other things (such as {foreign[0]!r}); "
                    "the local server wants a directory of its own",
                    item=str(self.path),
                    hint="name a new or an empty directory with --dir",
                )
        self.path.chmod(0o700)

    def mark(self) -> None:
        """Say that the directory is ours, and make what every server needs. The lock must be held."""
        if not self.is_ours:
            self.write_ports({})
        self.data.mkdir(mode=0o700, exist_ok=True)

    @contextlib.contextmanager
    def locked(self, *, within_s: float = _LOCK_WITHIN_S) -> Iterator[None]:
        """Hold the directory's lock; the system frees it when this process dies.

        Raises:
            LockedError: Another process held it all the time.
        """
        deadline = time.monotonic() + within_s
        while (descriptor := _try_lock(self._lock)) is None:
            if time.monotonic() >= deadline:
                raise LockedError(
                    "another command is starting, stopping or removing this local server",
                    item=str(self.path),
                    hint="wait for it, then run: creative-s3 local status",
                )
            time.sleep(_POLL_S)
        try:
            yield
        finally:
            os.close(descriptor)

    def read_ports(self) -> dict[str, int]:
        """Return the ports of the last run by flag name; empty when there was none."""
        ports = (_read_json(self._marker) or {}).get("ports")
        return ports if isinstance(ports, dict) else {}

    def write_ports(self, ports: Mapping[str, int]) -> None:
        """Remember ports for the next run."""
        _write(self._marker, json.dumps({"kind": _KIND, "format": 1, "ports": dict(ports)}, indent=2) + "\n")

    def read_state(self) -> dict[str, Any] | None:
        """Return the record of the running process; None when there is none that can be used."""
        state = _read_json(self._state)
        return state if state is not None and state.keys() >= _STATE_FIELDS else None

    def write_state(self, state: Mapping[str, Any]) -> None:
        """Record the running process."""
        _write(self._state, json.dumps(state, indent=2) + "\n")

    def forget_state(self) -> None:
        """Remove the record; the lock must be held, or it may be another start's."""
        self._state.unlink(missing_ok=True)

    def credentials(self) -> tuple[str, str]:
        """Return access key and secret key, made at the first call. The lock must be held for that.

        Raises:
            SettingsError: The file is damaged.
        """
        path = self.credentials_file
        if not path.exists():
            access, secret = f"LOCAL{secrets.token_hex(8).upper()}", secrets.token_hex(20)
            _write(path, f"[{PROFILE}]\naws_access_key_id = {access}\naws_secret_access_key = {secret}\n")
        parser = configparser.RawConfigParser()
        try:
            parser.read(path, encoding="utf-8")
            return parser.get(PROFILE, "aws_access_key_id"), parser.get(PROFILE, "aws_secret_access_key")
        except (configparser.Error, UnicodeDecodeError):
            raise SettingsError(
                f"the local server's credentials have no usable profile {PROFILE}",
                item=str(path),
                hint=f"creative-s3 local down && rm '{path}' && creative-s3 local up",
            ) from None

    def delete(self) -> tuple[Path, ...]:
        """Delete everything of ours, and the directory if nothing else is in it; return what was left alone.

        The lock must be held. Symbolic links are removed, never followed.
        """
        local_files.sweep_partials(self.path)
        # The marker goes last but one, so that a removal that is interrupted can be repeated.
        for name in (_DATA, *OWN_NAMES, _STATE, _CREDENTIALS, _MARKER, _LOCK):
            path = self.path / name
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)
        left = tuple(sorted(self.path.iterdir()))
        if not left:
            self.path.rmdir()
        return left


def _try_lock(path: Path) -> int | None:
    """Return the descriptor that holds the lock, or None when another process has it."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    except FileNotFoundError:
        return None  # another process is removing the directory
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        # `delete` may have removed the file between our open and our lock: then we hold nothing.
        if path.stat().st_ino == os.fstat(descriptor).st_ino:
            return descriptor
    except (BlockingIOError, FileNotFoundError):
        pass
    os.close(descriptor)
    return None


def _read_json(path: Path) -> dict[str, Any] | None:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return None
    return content if isinstance(content, dict) else None


def _write(path: Path, text: str) -> None:
    """Write atomically and durably, readable by the user alone from its first moment on."""
    partial = local_files.partial_path(path)
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
        local_files.sync(partial)
        local_files.install_over(partial, path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
