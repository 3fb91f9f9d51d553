"""What callers of the library pass in, looked at where annotations alone do not hold: from untyped code."""

from __future__ import annotations

import math
import os
from pathlib import Path

from creative_s3.errors import UsageError

PathText = str | os.PathLike[str]
_SHOWN_CHARACTERS = 80


def is_whole_number(value: object, *, least: int, most: int | None = None) -> bool:
    """Tell whether `value` is a whole number in a range; True and False are none."""
    if not isinstance(value, int) or isinstance(value, bool):
        return False
    return least <= value and (most is None or value <= most)


def is_filled_text(value: object) -> bool:
    """Tell whether `value` is text, and not empty."""
    return isinstance(value, str) and bool(value)


def local_file(path: object) -> Path:
    """Return the caller's path as a path.

    Raises:
        UsageError: It is none.
    """
    if not isinstance(path, str | os.PathLike) or not (text := os.fspath(path)) or isinstance(text, bytes):
        raise UsageError(
            "this is no path", item=repr(path)[:_SHOWN_CHARACTERS], hint="give a Path, or text that is one"
        )
    return Path(path)


def check_callback(callback: object) -> None:
    """See that a caller's ``progress_callback`` can be called, before anything is sent.

    Raises:
        UsageError: It is something else, such as an older program's ``dry_run``.
    """
    if callback is not None and not callable(callback):
        raise UsageError(
            "progress_callback is no function; nothing was sent",
            item=repr(callback)[:_SHOWN_CHARACTERS],
            hint="pass progress_callback=FUNCTION; a plan alone sends nothing, and is the dry run",
        )


def check_settings(config: object) -> None:
    """See that a caller's settings are settings, before they are taken for something else.

    Raises:
        UsageError: They are not.
    """
    from creative_s3.settings import S3Config  # noqa: PLC0415 - only where a caller passes some

    if config is not None and not isinstance(config, S3Config):
        raise UsageError(
            "the settings are no S3Config",
            item=repr(config)[:_SHOWN_CHARACTERS],
            hint="for example S3Config('my-bucket')",
        )


def check_limit(limit_gb: object) -> None:
    """See that a limit of the cache's size is one, before files leave for it.

    Raises:
        UsageError: It is below zero, endless, text or a truth.
    """
    if isinstance(limit_gb, int | float) and not isinstance(limit_gb, bool) and 0 <= limit_gb < math.inf:
        return
    if limit_gb is not None:
        raise UsageError(
            "local_cache_size_limit_gb is a number of GB from 0 on, or None",
            item=repr(limit_gb)[:_SHOWN_CHARACTERS],
            hint="for example local_cache_size_limit_gb=10.0",
        )


def check_cache_manager(manager: object) -> None:
    """See that what is to be moved is a manager of a cache.

    Raises:
        UsageError: It is something else, such as the path of the cache, or the storage manager.
    """
    if not hasattr(manager, "cache_dir"):
        raise UsageError(
            "the first argument is no cache manager",
            item=repr(manager)[:_SHOWN_CHARACTERS],
            hint="for example S3MigrationManager(CacheManager('cache'), storage)",
        )
