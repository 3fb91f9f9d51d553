"""A folder of certificates as one file: OpenSSL reads folders, botocore and the Common Runtime do not."""

from __future__ import annotations

import atexit
import contextlib
import os
import tempfile
import threading
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from creative_s3.errors import SettingsError

if TYPE_CHECKING:
    import botocore.session

_VARIABLE: Final = "ca_bundle"
_BEGIN: Final = b"-----BEGIN CERTIFICATE-----"
_MOST_BYTES: Final = 1 << 20
_lock = threading.Lock()
_made: dict[Path, str] = {}


def as_file(session: botocore.session.Session) -> None:
    """Let a session that trusts a folder of certificates trust a file with all of them instead.

    The file is made once for a process, and removed at its end.

    Raises:
        SettingsError: There is none in the folder, or it cannot be read.
    """
    named = session.get_config_variable(_VARIABLE)
    if not named or not Path(named).is_dir():
        return
    with _lock:
        folder = Path(named).resolve()
        if folder not in _made:
            _made[folder] = _written(_content(folder))
        session.set_config_variable(_VARIABLE, _made[folder])


def _content(folder: Path) -> bytes:
    found: dict[bytes, None] = {}  # a link that OpenSSL looks for has the same content as what it leads to
    try:
        for path in sorted(folder.iterdir()):
            if path.is_file() and path.stat().st_size <= _MOST_BYTES and _BEGIN in (pem := path.read_bytes()):
                found[pem.strip()] = None
    except OSError as error:
        raise SettingsError(
            f"the certificates to trust cannot be read: {error.strerror}",
            item=str(folder),
            hint="check AWS_CA_BUNDLE",
        ) from error
    if not found:
        raise SettingsError(
            "there is no certificate in this folder", item=str(folder), hint="check AWS_CA_BUNDLE"
        )
    return b"\n".join([*found, b""])


def _written(content: bytes) -> str:
    descriptor, name = tempfile.mkstemp(prefix="creative-s3-", suffix=".pem")
    atexit.register(partial(_remove, name, os.getpid()))
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
    return name


def _remove(name: str, process: int) -> None:
    if os.getpid() == process:
        with contextlib.suppress(OSError):
            os.unlink(name)  # noqa: PTH108 - at the end of the process
