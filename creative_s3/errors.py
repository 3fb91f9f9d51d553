"""One tree of errors: each has a code, the item it concerns, a hint and an exit code.

The core raises them, the command line renders them; nothing here prints. The exit codes are the public
contract: docs/exit-codes.md.
"""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """What the process tells its caller."""

    OK = 0
    """Done and verified."""
    UNEXPECTED = 1
    """A bug of ours."""
    USAGE = 2
    """The command line is wrong, or a confirmation is missing."""
    ITEMS_FAILED = 3
    """Some items failed; the others are done."""
    SETTINGS = 4
    """Settings, credentials, index or clock are wrong."""
    NOT_FOUND_OR_FORBIDDEN = 5
    """The bucket or the object is missing, or access is denied."""
    LOCKED = 6
    """Another run holds the lock."""
    DIFFERENT = 7
    """Validation found differences."""
    REFUSED = 8
    """Refused for safety."""
    TEMPORARY = 9
    """A temporary condition: run again."""
    ARCHIVED = 10
    """The object is archived: restore it first."""
    HANGUP = 129
    INTERRUPTED = 130
    BROKEN_PIPE = 141
    TERMINATED = 143


class CreativeS3Error(Exception):
    """The root of everything this package raises on purpose.

    Attributes:
        message: What happened and why, one sentence, no trailing full stop needed.
        item: The asset, key, path or setting it concerns, or None.
        hint: The exact next command or edit, or None.
        code: A stable name for scripts, such as ``bucket-not-found``.
        exit_code: What the process ends with when this error ends it.
    """

    code = "error"
    exit_code = ExitCode.UNEXPECTED

    def __init__(self, message: str, *, item: str | None = None, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.item = item
        self.hint = hint


class UsageError(CreativeS3Error):
    """The call itself is wrong: an option, an argument, a missing confirmation."""

    code = "usage"
    exit_code = ExitCode.USAGE


class SettingsError(CreativeS3Error):
    """A setting is missing or has a value that cannot be used."""

    code = "settings"
    exit_code = ExitCode.SETTINGS


class NotS3Error(SettingsError):
    """What answers at the endpoint is no S3 server, or sends requests on to another place."""

    code = "not-s3"


class CredentialsError(CreativeS3Error):
    """There are no usable AWS credentials, or S3 does not accept them."""

    code = "credentials"
    exit_code = ExitCode.SETTINGS


class ClockError(CreativeS3Error):
    """This machine's clock is too far from the server's for requests to be signed."""

    code = "clock"
    exit_code = ExitCode.SETTINGS


class IndexFileError(CreativeS3Error):
    """index.json cannot be read as an index at all."""

    code = "index"
    exit_code = ExitCode.SETTINGS


class CatalogError(CreativeS3Error):
    """The catalog cannot be used: newer than this version, or damaged."""

    code = "catalog"
    exit_code = ExitCode.SETTINGS


class UnsupportedError(CreativeS3Error):
    """The endpoint lacks what was asked, or a needed extra is not installed."""

    code = "unsupported"
    exit_code = ExitCode.SETTINGS


class UnintelligibleError(UnsupportedError):
    """What the server answers to a request is none of S3's answers: what it has stays unknown."""

    code = "unintelligible"


class NotKeptError(CreativeS3Error):
    """The server accepted a configuration, and has something else when it is asked again."""

    code = "not-kept"
    exit_code = ExitCode.DIFFERENT


class BucketNotFoundError(CreativeS3Error):
    """The bucket does not exist."""

    code = "bucket-not-found"
    exit_code = ExitCode.NOT_FOUND_OR_FORBIDDEN


class ObjectNotFoundError(CreativeS3Error):
    """The object does not exist."""

    code = "object-not-found"
    exit_code = ExitCode.NOT_FOUND_OR_FORBIDDEN


class AccessDeniedError(CreativeS3Error):
    """S3 knows the caller and says no."""

    code = "access-denied"
    exit_code = ExitCode.NOT_FOUND_OR_FORBIDDEN


class LockedError(CreativeS3Error):
    """Another run works on the same cache."""

    code = "locked"
    exit_code = ExitCode.LOCKED


class RefusedError(CreativeS3Error):
    """Going on could lose something, so nothing was done."""

    code = "refused"
    exit_code = ExitCode.REFUSED


class TemporaryError(CreativeS3Error):
    """The server or the network failed for now; the same command may succeed later.

    Attributes:
        retry_after_s: How long the server asks to wait, in seconds; None where it does not ask.
    """

    code = "temporary"
    exit_code = ExitCode.TEMPORARY
    retry_after_s: float | None = None


class SlowDownError(TemporaryError):
    """The server has more to do than it can: fewer requests at once will get through."""

    code = "slow-down"


class OutageError(TemporaryError):
    """Nothing succeeded for so long that the whole run was ended."""

    code = "outage"


class ArchivedError(CreativeS3Error):
    """The object lies in an archive class and must be restored before it can be read."""

    code = "archived"
    exit_code = ExitCode.ARCHIVED


class ItemError(CreativeS3Error):
    """One item failed; the run went on with the others."""

    code = "item-failed"
    exit_code = ExitCode.ITEMS_FAILED


class FileChangedError(ItemError):
    """The file changed while it was read, more often than we retry."""

    code = "changed"


class FileVanishedError(ItemError):
    """The file was there when the plan was made and is gone."""

    code = "vanished"


class FileUnreadableError(ItemError):
    """The file cannot be opened or read."""

    code = "unreadable"


class ChecksumMismatchError(ItemError):
    """What arrived is not what was sent: the content's CRC64NVME differs."""

    code = "checksum-mismatch"


class NotStoredError(ChecksumMismatchError):
    """The server confirmed an upload and does not give it back: no second try, for it would confirm again."""


class UnreadableAnswerError(ItemError):
    """What the server said of this object is not what HTTP or S3 has it say."""

    code = "unreadable-answer"


class PreconditionFailedError(ItemError):
    """Another writer was faster: the object is no longer what the plan saw (HTTP 412)."""

    code = "precondition-failed"


class WouldOverwriteError(ItemError):
    """A file with other content is already there."""

    code = "would-overwrite"


class UnsafeKeyError(ItemError):
    """The key is no safe name for a local file."""

    code = "unsafe-key"
