"""The doctor: looks at everything an upload depends on and says how to mend what is wrong. It mends nothing.

Which checks there are, and which of them have to wait for another, is decided here; what each one looks at is
in `connection`, `bucket`, `setup` and `local`. The bucket gets no request that could change
anything, nor one that a server could mistake for another.
"""

from __future__ import annotations

import resource
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

from creative_s3.core.checks import bucket as checks_bucket
from creative_s3.core.checks import connection as checks_connection
from creative_s3.core.checks import local as checks_local
from creative_s3.core.checks import setup as checks_setup
from creative_s3.core.checks.checks import Check, Group, Status, Topic
from creative_s3.errors import ExitCode, SettingsError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from creative_s3.settings import S3Config

_BUCKET_NAME = Topic(Group.SETTINGS, "bucket name")
_PARALLEL_UPLOADS = Topic(Group.SETTINGS, "parallel uploads")

_FILES_PER_UPLOAD = 2
_OTHER_FILES = 64
"""Open files besides those of uploads: Python's own, the catalog, spare connections."""


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """All checks, in the order of the report."""

    checks: tuple[Check, ...]

    @property
    def counts(self) -> Mapping[Status, int]:
        """How many checks ended in which way."""
        found = Counter(check.status for check in self.checks)
        return {status: found[status] for status in Status}

    @property
    def exit_code(self) -> ExitCode:
        """What the process ends with: the first problem decides; without one it is 0.

        The order is settings, connection, bucket, local: what comes first is what has to be mended first.
        """
        return next((check.exit_code for check in self.checks if check.exit_code), ExitCode.OK)


def examine(config: S3Config, *, log_directory: Path, insecure_endpoint: bool = False) -> Diagnosis:
    """Look at settings, connection, bucket and the local cache; each check goes on when another fails.

    Takes a few requests, and some 10 s at most when no server answers. What is wrong is in the checks.

    Args:
        config: The settings.
        log_directory: Where the reports of crashes are written.
        insecure_endpoint: Accept a plain-http endpoint on another machine.
    """
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="local-checks") as pool:
        local = pool.submit(checks_local.checks, config, log_directory=log_directory)
        meeting = checks_connection.meet(config, insecure_endpoint=insecure_endpoint)
        checks = (
            *settings_checks(config, open_files=resource.getrlimit(resource.RLIMIT_NOFILE)[0]),
            *meeting.checks,
            *_bucket(meeting, config),
            *local.result(),
        )
    if config.endpoint_url is None and meeting.visit is None and not meeting.has_credentials:
        checks += checks_local.embedded_server()
    return Diagnosis(checks)


def examine_bucket(config: S3Config, *, insecure_endpoint: bool = False) -> Diagnosis:
    """Look at the connection and the bucket only.

    Args:
        config: The settings.
        insecure_endpoint: Accept a plain-http endpoint on another machine.

    Raises:
        SettingsError: No bucket is set.
    """
    config.require_bucket()
    meeting = checks_connection.meet(config, insecure_endpoint=insecure_endpoint)
    return Diagnosis((*meeting.checks, *_bucket(meeting, config)))


def _bucket(meeting: checks_connection.Meeting, config: S3Config) -> tuple[Check, ...]:
    """Look at the bucket, then at how it is set up; close the visit's client."""
    try:
        return (*checks_bucket.checks(meeting.visit, config=config), *checks_setup.checks(meeting.visit))
    finally:
        if meeting.visit is not None:
            meeting.visit.client.close()


def settings_checks(config: S3Config, *, open_files: int) -> tuple[Check, ...]:
    """Check the settings that can be wrong although each value is allowed.

    Args:
        config: The settings.
        open_files: How many files this process may have open; negative when there is no limit.
    """
    try:
        bucket_name = _BUCKET_NAME.ok(config.require_bucket())
    except SettingsError as error:
        bucket_name = _BUCKET_NAME.failed(error)
    return bucket_name, _parallel_uploads(config.max_parallel_uploads, open_files)


def _parallel_uploads(wanted: int, open_files: int) -> Check:
    needed = wanted * _FILES_PER_UPLOAD + _OTHER_FILES
    if 0 <= open_files < needed:
        possible = max(1, (open_files - _OTHER_FILES) // _FILES_PER_UPLOAD)
        return _PARALLEL_UPLOADS.warning(
            f"{wanted} at once may need {needed} open files, and this shell allows {open_files}",
            f"ulimit -n {needed}  # or set S3_MAX_PARALLEL_UPLOADS={possible}",
        )
    return _PARALLEL_UPLOADS.ok(f"{wanted} at once")


__all__ = ["Check", "Diagnosis", "Group", "Status", "examine", "examine_bucket", "settings_checks"]
