"""The user's own directories: state, data and logs; without a home, in the directory for temporary files.

A container may run under a number that no user has and without HOME: there is no home directory then.
"""

from __future__ import annotations

import os
import stat
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import platformdirs

from creative_s3.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Callable

_NAME = "creative-s3"


def state_path() -> Path:
    """Return where records of a machine belong, such as unfinished uploads.

    Raises:
        SettingsError: There is neither a home directory nor a private place elsewhere.
    """
    return _path(platformdirs.user_state_path, "state")


def data_path() -> Path:
    """Return where data of the user belong, such as the embedded server's.

    Raises:
        SettingsError: As `state_path`.
    """
    return _path(platformdirs.user_data_path, "data")


def log_path() -> Path:
    """Return where logs belong.

    Raises:
        SettingsError: As `state_path`.
    """
    return _path(platformdirs.user_log_path, "log")


def _path(usual: Callable[..., Path], kind: str) -> Path:
    try:
        path = usual(_NAME, appauthor=False)
    except RuntimeError:  # platformdirs' word for a missing home
        path = Path()
    # An older platformdirs returns "~/…" as it is.
    return path if path.is_absolute() else _without_home() / kind


def _without_home() -> Path:
    """Return a directory that only this user can have made and can use."""
    try:
        path = Path(tempfile.gettempdir()) / f"{_NAME}-{os.getuid()}"
        path.mkdir(mode=0o700, exist_ok=True)
        found = path.lstat()
    except OSError:
        found = None
    if (
        found is None
        or not stat.S_ISDIR(found.st_mode)
        or found.st_uid != os.getuid()
        or found.st_mode & 0o077
    ):
        raise SettingsError(
            "there is no home directory, and no private place for records elsewhere",
            item="HOME",
            hint="set HOME to a directory that you can write to",
        )
    return path
