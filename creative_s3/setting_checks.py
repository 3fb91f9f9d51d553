"""Checks of the settings' values: each returns the value as it is kept, or says what is wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, get_args
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Mapping

StorageClass = Literal[
    "STANDARD",
    "INTELLIGENT_TIERING",
    "STANDARD_IA",
    "ONEZONE_IA",
    "GLACIER_IR",
    "GLACIER",
    "DEEP_ARCHIVE",
    "REDUCED_REDUNDANCY",
]
"""A class that an object of a general purpose bucket can be given."""
LogLevel = Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"]
STORAGE_CLASSES: tuple[StorageClass, ...] = get_args(StorageClass)
LOG_LEVELS: tuple[LogLevel, ...] = get_args(LogLevel)
ALLOWED: Mapping[str, str] = {
    "storage_class": ", ".join(STORAGE_CLASSES),
    "log_level": ", ".join(LOG_LEVELS),
    "max_parallel_uploads": "a whole number from 1 to 256",
    "enable_versioning": "true or false",
    "enable_encryption": "true or false",
    "use_accelerate": "true or false",
    "endpoint_url": "http://HOST[:PORT] or https://HOST[:PORT], without a user name or a path",
    "bucket_name": "3 to 63 lowercase letters, digits, dots and hyphens, a letter or digit at both ends",
    "prefix": "key characters without empty, '.' or '..' parts, for example creative-assets",
    "region": "an AWS region name such as us-east-1",
}
_PROBLEMS: Mapping[str, str] = {
    "int_parsing": "is not a whole number",
    "int_from_float": "is not a whole number",
    "int_type": "is not a whole number",
    "greater_than_equal": "is too small",
    "less_than_equal": "is too large",
    "bool_parsing": "is neither true nor false",
    "bool_type": "is neither true nor false",
    "string_type": "is not text",
    "path_type": "is not a path",
    "extra_forbidden": "is not a setting",
}
"""What pydantic's error types mean to a person; the allowed values are in the hint."""
_NOUNS: Mapping[str, str] = {"storage_class": "a storage class", "log_level": "a log level"}
_LONGEST_WORD_SHOWN = 20


def bucket_name(value: str) -> str:
    """Check the general rules for bucket names (S3 User Guide, "General purpose bucket naming rules")."""
    ascii_name = all(character in "abcdefghijklmnopqrstuvwxyz0123456789.-" for character in value)
    if not 3 <= len(value) <= 63:  # noqa: PLR2004 - the rule's own numbers
        raise ValueError("must have 3 to 63 characters")
    if not ascii_name:
        raise ValueError("has characters that a bucket name cannot have")
    if not (value[0].isalnum() and value[-1].isalnum()) or ".." in value:
        raise ValueError("must begin and end with a letter or digit and have no two dots in a row")
    return value


def endpoint_url(value: str) -> str:
    """Check an address of a server: scheme and host, a port if wanted, and nothing else."""
    try:
        parts = urlsplit(value)
    except ValueError:
        raise ValueError("is not an http or https address") from None
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError("is not an http or https address")
    if parts.username or parts.password:
        raise ValueError("must not contain credentials")
    if parts.path not in {"", "/"} or parts.query or parts.fragment:
        raise ValueError("must have no path")
    try:
        _ = parts.port
    except ValueError:
        raise ValueError("has a port that is no number from 0 to 65535") from None
    return value.rstrip("/")


def prefix(value: str) -> str:
    """Check what all keys begin with, and take the slashes at its ends off."""
    stripped = value.strip("/")
    if any(part in {"", ".", ".."} for part in stripped.split("/")) and stripped:
        raise ValueError("has an empty, '.' or '..' part")
    if len(stripped.encode()) > 400:  # noqa: PLR2004 - leaves room for the longest layout within 1,024 bytes
        raise ValueError("is longer than 400 bytes")
    if any(ord(character) < 0x20 or ord(character) == 0x7F for character in stripped):  # noqa: PLR2004 - ASCII controls
        raise ValueError("has control characters")
    return stripped


def region(value: str) -> str:
    """Check that a region's name has only the characters that such names have."""
    is_name = all(character.isascii() and (character.isalnum() or character == "-") for character in value)
    if not value or not is_name:
        raise ValueError("is not a region name")
    return value


def upper(value: object) -> object:
    """Return text in capitals, as S3's own words and log levels are written."""
    return value.upper() if isinstance(value, str) else value


def problem(field: str, kind: str, message: str, wrong: object) -> str:
    """Say in plain words what is wrong; our own validators do so already, pydantic's do not."""
    if kind == "literal_error":
        # One short word is shown: it is nearly always a slip of the pen, and no key or token is that short.
        word = str(wrong)
        shown = len(word) <= _LONGEST_WORD_SHOWN and word.isidentifier()
        shown = shown and not word.startswith(("AKIA", "ASIA"))
        subject = f"'{word}'" if shown else "the value"
        return f"{subject} is not {_NOUNS.get(field, 'allowed')}"
    if kind == "value_error":
        return message.removeprefix("Value error, ")
    return _PROBLEMS.get(kind, "has a value that cannot be used")
