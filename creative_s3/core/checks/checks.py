"""What one check of the doctor says, as a value. The checks themselves are in the ``checks_*`` modules."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from creative_s3.errors import ExitCode

if TYPE_CHECKING:
    from creative_s3.errors import CreativeS3Error


class Status(StrEnum):
    """How a check ended."""

    OK = "ok"
    WARNING = "warning"
    PROBLEM = "problem"
    NOT_TRIED = "not-tried"


class Group(StrEnum):
    """What a check is about, in the order of the report."""

    SETTINGS = "settings"
    CONNECTION = "connection"
    BUCKET = "bucket"
    SETUP = "set-up"
    LOCAL = "local"
    CDN = "cdn"


@dataclass(frozen=True, slots=True)
class Check:
    """One line of the report.

    Attributes:
        group: What it is about.
        name: Of the check, stable for scripts.
        status: How it ended.
        detail: What was found, or why nothing was tried.
        fix: The next command or edit; None when nothing needs one.
    """

    group: Group
    name: str
    status: Status
    detail: str
    fix: str | None = None

    @property
    def exit_code(self) -> ExitCode:
        """What the process ends with when this is the first problem."""
        if self.status is not Status.PROBLEM:
            return ExitCode.OK
        return ExitCode.NOT_FOUND_OR_FORBIDDEN if self.group is Group.BUCKET else ExitCode.SETTINGS


@dataclass(frozen=True, slots=True)
class Topic:
    """What a check looks at; makes the check once it is known how it ended."""

    group: Group
    name: str

    def ok(self, detail: str) -> Check:
        """Everything is as it should be."""
        return Check(self.group, self.name, Status.OK, detail)

    def warning(self, detail: str, fix: str | None = None) -> Check:
        """Uploads work, and something deserves attention."""
        return Check(self.group, self.name, Status.WARNING, detail, fix)

    def problem(self, detail: str, fix: str | None = None) -> Check:
        """Something that an upload needs does not work."""
        return Check(self.group, self.name, Status.PROBLEM, detail, fix)

    def not_tried(self, reason: str, fix: str | None = None) -> Check:
        """It was not looked at, for `reason`."""
        return Check(self.group, self.name, Status.NOT_TRIED, reason, fix)

    def failed(self, error: CreativeS3Error, fix: str | None = None) -> Check:
        """Turn the error that a check met into a problem; `fix` is used rather than the error's own hint."""
        return self.problem(told(error), fix or advice(error))


def told(error: CreativeS3Error) -> str:
    """Return an error's message with the item it concerns."""
    message = error.message.rstrip(".")
    return message if not error.item or error.item in message else f"{message} ({error.item})"


def advice(error: CreativeS3Error) -> str | None:
    """Return an error's hint, unless all it says is to run the doctor."""
    hint = error.hint
    if hint and "creative-s3 doctor" in hint:
        hint = hint.partition("creative-s3 doctor`; ")[2] or None
    return hint
