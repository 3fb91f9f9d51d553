"""The log on standard error, and the removal of secrets from whatever is written about errors and requests.

The log is set up when a command first reads the settings, so that ``--help`` pays nothing for it.
"""

from __future__ import annotations

import logging
import os
import platform
import re
import traceback
from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

REDACTED = "[redacted]"
_LIBRARIES = ("boto3", "botocore", "s3transfer", "urllib3")
_OF_CREDENTIALS = ("botocore.credentials", "botocore.tokens", "botocore.utils")
_SECRET_VARIABLES = ("AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_SECURITY_TOKEN")
_SHORTEST_SECRET = 8
_KEPT_CRASHES = 20

# The whole header, up to its closing quote or the end of the line: it holds blanks and commas.
_AUTHORIZATION = re.compile(r"""(?i)(authorization["']?\s*[:=]\s*b?["']?)[^"'\r\n]+""")
_NAMED = re.compile(
    r"""(?ix)
    (
      (?: secret [_-]? (?:access)? [_-]? key | secret | password | passwd | credential | signature
        | (?:session|security|access|refresh|id|web[_-]?identity) [_-]? token | customer-key )
      ["']? \s* (?: [:=>] | \\n | %3D ) \s* (?: b? ["'] )?
    )
    [^\s"'<>&,;)}\]]{4,}  # "passwd: a link" is a sentence
    """
)
_ACCESS_KEY_ID = re.compile(r"\b(?:AKIA|ASIA)[A-Z0-9]{12,}\b")
_USER_INFO = re.compile(r"(?<=://)[^/@\s]+@")


def redact(text: str) -> str:
    """Return `text` without credentials, signatures and tokens."""
    for name in _SECRET_VARIABLES:
        value = os.environ.get(name, "")
        if len(value) >= _SHORTEST_SECRET:
            text = text.replace(value, REDACTED)
    text = _AUTHORIZATION.sub(rf"\1{REDACTED}", text)
    text = _NAMED.sub(rf"\1{REDACTED}", text)
    text = _ACCESS_KEY_ID.sub(REDACTED, text)
    return _USER_INFO.sub(f"{REDACTED}@", text)


class _Handler(logging.Handler):
    """Hands each record, as one redacted text, to whoever owns the screen."""

    def __init__(self, write: Callable[[str], None]) -> None:
        super().__init__()
        self._write = write
        self.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))

    def emit(self, record: logging.LogRecord) -> None:
        """Write one record. Logging's own error report is not used: it shows the arguments as they are."""
        try:
            text = self.format(record)
        except Exception as error:  # noqa: BLE001 - a bad record must not stop the work it tells of
            text = f"a message of {record.name} cannot be formatted: {type(error).__name__}"
        with suppress(OSError, ValueError):  # standard error is gone: there is nobody left to tell
            self._write(redact(text))


def configure(level: str, *, verbose: bool, hushed: bool, write: Callable[[str], None]) -> None:
    """Send the log to `write`; a second call replaces the first.

    Args:
        level: The setting LOG_LEVEL. DEBUG also shows the AWS libraries' own debug messages.
        verbose: Show our debug messages whatever the level.
        hushed: Leave out INFO, because only data and errors are wanted.
        write: Takes one text; called from any thread.
    """
    root = logging.getLogger()
    for old in [handler for handler in root.handlers if isinstance(handler, _Handler)]:
        root.removeHandler(old)
    root.addHandler(_Handler(write))
    chosen = logging.getLevelNamesMapping()[level]
    ours = logging.WARNING if hushed and chosen == logging.INFO else chosen
    logging.getLogger("creative_s3").setLevel(logging.DEBUG if verbose else ours)
    for name in _OF_CREDENTIALS:  # with a traceback; what they tell of is raised as well
        logging.getLogger(name).setLevel(logging.NOTSET if chosen == logging.DEBUG else logging.CRITICAL)
    for name in _LIBRARIES:
        logging.getLogger(name).setLevel(chosen if chosen == logging.DEBUG else max(chosen, logging.WARNING))


def write_crash(error: BaseException, command_line: str) -> Path | None:
    """Write what a bug report needs, without values of variables, readable by the user alone.

    Returns:
        The file's path, or None where it cannot be written.
    """
    from creative_s3 import __version__
    from creative_s3.core.files import user_directories

    try:
        now = datetime.now(UTC)
        text = "".join(
            (
                f"creative-s3 {__version__}, Python {platform.python_version()}, {platform.platform()}\n",
                f"{now.isoformat(timespec='seconds')}\n{command_line}\n\n",
                *traceback.format_exception(error),
            )
        )
        directory = user_directories.log_path()
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = directory / f"crash-{now:%Y%m%dT%H%M%S}-{os.getpid()}.log"
        with os.fdopen(
            os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8"
        ) as file:
            file.write(redact(text).encode("utf-8", "backslashreplace").decode())
        for old in sorted(directory.glob("crash-*.log"))[:-_KEPT_CRASHES]:
            old.unlink(missing_ok=True)
    except Exception:  # noqa: BLE001 - whatever goes wrong here, the error itself must be told
        return None
    return path
