"""The three-way comparison of index, disk and bucket: what matches, differs, is missing, is extra. Pure."""

from __future__ import annotations

import heapq
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from typing import TYPE_CHECKING, Any

from creative_s3.core.files.workspace import FileState
from creative_s3.core.migration.settled import SettledAssets
from creative_s3.core.migration.staleness import is_only_told
from creative_s3.errors import ExitCode

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from creative_s3.core.assets.models import StoredObject
    from creative_s3.core.index.index import IndexProblem
    from creative_s3.core.migration.candidates import Candidate


class State(StrEnum):
    """How an asset stands."""

    MATCHING = "matching"
    """The file and the object have the same content, proved."""
    DIFFERENT = "different"
    """The content differs, or nothing can prove that it is equal."""
    MISSING_IN_S3 = "missing-in-s3"
    """There is a file and no object."""
    ONLY_IN_S3 = "only-in-s3"
    """The index names it, the file is not there, the object is."""
    COLD = "cold"
    """It is recorded as in S3 only, and the object is there."""
    LOST = "lost"
    """It is recorded as in S3 only, and the object is gone."""
    MISSING = "missing"
    """The index names it, and it is neither on disk nor in the bucket."""
    UNREADABLE = "unreadable"
    """The file cannot be read, or S3 tells nothing of its object, so nothing is proved."""
    EXTRA_IN_S3 = "extra-in-s3"
    """An object under the prefix that no asset expects."""


DIFFERENCES = frozenset({State.DIFFERENT, State.MISSING_IN_S3, State.LOST})
WELL = frozenset({State.MATCHING, State.COLD})
"""States that are counted and need no line of their own."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One asset or one object.

    Attributes:
        state: How it stands.
        key: Its key in the bucket.
        cache_key: The asset; None for an extra object.
        size_bytes: Of the file, else of the object.
        detail: What exactly differs, in words.
    """

    state: State
    key: str
    cache_key: str | None
    size_bytes: int
    detail: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Return the ``--json`` form."""
        return {
            "state": str(self.state),
            "key": self.key,
            "cache_key": self.cache_key,
            "size_bytes": self.size_bytes,
            "detail": self.detail,
        }


@dataclass(frozen=True)
class ValidationReport:
    """What a validation found.

    Attributes:
        bucket: The bucket's name.
        prefix: What the keys begin with.
        findings: One for each extra object and for each asset that is not settled, in the order of the keys.
        problems: Index entries that could not be checked.
        unindexed: Files in the cache that no entry names: relative path, size.
        unusable: Things in the cache that are no readable files: relative path, reason.
        include_unindexed: Whether the files that no entry names were compared, too.
        deep: Whether every file was read and held against S3's own checksum.
        requests: What was sent, by operation.
        settled: Assets that are well as recorded: counted only, and listed by `everything`.
    """

    bucket: str
    prefix: str
    findings: tuple[Finding, ...]
    problems: tuple[IndexProblem, ...] = ()
    unindexed: tuple[tuple[str, int], ...] = ()
    unusable: tuple[tuple[str, str], ...] = ()
    include_unindexed: bool = False
    deep: bool = False
    requests: Mapping[str, int] | None = None
    settled: SettledAssets = field(default_factory=SettledAssets)

    @cached_property
    def counts(self) -> Mapping[State, int]:
        """How many findings there are of each state."""
        counted = dict.fromkeys(State, 0)
        for finding in self.findings:
            counted[finding.state] += 1
        counted[State.COLD] += self.settled.cold
        counted[State.MATCHING] += len(self.settled) - self.settled.cold
        return counted

    @cached_property
    def sizes(self) -> Mapping[State, int]:
        """How many bytes the findings of each state have."""
        summed = dict.fromkeys(State, 0)
        for finding in self.findings:
            summed[finding.state] += finding.size_bytes
        for (_, is_cold), (_, size_bytes) in self.settled.totals.items():
            summed[State.COLD if is_cold else State.MATCHING] += size_bytes
        return summed

    def everything(self) -> Iterator[Finding]:
        """Yield a finding for every asset and every extra object, in the order of the keys."""
        well = (
            Finding(
                State.COLD if one.is_cold else State.MATCHING, one.key, one.asset.cache_key, one.size_bytes
            )
            for one in self.settled
        )
        return heapq.merge(self.findings, well, key=_order)

    @property
    def differences(self) -> tuple[Finding, ...]:
        """What is not safely in the bucket."""
        return tuple(finding for finding in self.findings if finding.state in DIFFERENCES)

    @property
    def remarkable(self) -> tuple[Finding, ...]:
        """What is not as it should be, or not expected."""
        return tuple(finding for finding in self.findings if finding.state not in WELL)

    def exit_code(self, *, strict: bool = False) -> ExitCode:
        """Return what the process should end with.

        Args:
            strict: Objects that no asset expects, and assets that are nowhere, count as differences too.
        """
        counts = self.counts
        if self.differences or (strict and (counts[State.EXTRA_IN_S3] or counts[State.MISSING])):
            return ExitCode.DIFFERENT
        is_any_left_out = bool(self.unusable) and self.include_unindexed
        if counts[State.UNREADABLE] or is_any_left_out or any(problem.stops for problem in self.problems):
            return ExitCode.ITEMS_FAILED
        return ExitCode.OK


def compare(candidates: Iterable[Candidate], unclaimed: Iterable[tuple[str, int]]) -> tuple[Finding, ...]:
    """Judge every asset and every object.

    Args:
        candidates: The assets.
        unclaimed: Key and bytes of the objects that may be extra: those that no other asset expects.
    """
    findings: list[Finding] = []
    expected: set[str] = set()
    for candidate in candidates:
        finding = _judge(candidate)
        if finding.state is not State.MISSING:
            expected.add(candidate.key)
        findings.append(finding)
    findings += [
        Finding(State.EXTRA_IN_S3, key, None, size_bytes, "no asset expects it")
        for key, size_bytes in unclaimed
        if key not in expected
    ]
    return tuple(sorted(findings, key=_order))


def _order(finding: Finding) -> bytes:
    return f"{finding.key}\n{finding.cache_key or ''}".encode()


def _judge(candidate: Candidate) -> Finding:
    local, remote = candidate.local, candidate.remote
    if local.state is FileState.MISSING:
        return _judge_missing(candidate)
    if local.state is not FileState.PRESENT:
        return _finding(candidate, State.UNREADABLE, local.reason)
    if remote is None:
        return _finding(candidate, State.MISSING_IN_S3, "there is no object under its key")
    if candidate.crc64nvme is not None and candidate.crc64nvme == candidate.remote_crc64nvme:
        return _finding(candidate, State.MATCHING, "")
    return _finding(candidate, State.DIFFERENT, _difference(candidate, remote))


def _judge_missing(candidate: Candidate) -> Finding:
    if candidate.is_cold:
        return _finding(candidate, State.COLD, "")
    if candidate.is_lost:
        return _finding(candidate, State.LOST, "it was in S3 only, and its object is gone")
    if candidate.remote is None:
        return _finding(candidate, State.MISSING, f"{candidate.local.reason}, and so is the object")
    return _finding(candidate, State.ONLY_IN_S3, candidate.local.reason)


def _difference(candidate: Candidate, remote: StoredObject) -> str:
    local = candidate.local
    if remote.size_bytes != local.size_bytes:
        return f"{local.size_bytes:,} bytes on disk, {remote.size_bytes:,} in the bucket"
    if candidate.remote_crc64nvme is None and is_only_told(candidate):
        return "the server's checksum is not believed, and the object cannot be read to compare"
    if candidate.remote_crc64nvme is None:
        return "the object has no checksum and cannot be read to compare"
    if is_only_told(candidate):
        return "the server tells the file's checksum, and gives back other content"
    return "the same size, other content"


def _finding(candidate: Candidate, state: State, detail: str) -> Finding:
    remote_size = candidate.remote.size_bytes if candidate.remote else 0
    return Finding(
        state=state,
        key=candidate.key,
        cache_key=candidate.asset.cache_key,
        size_bytes=candidate.local.size_bytes or remote_size,
        detail=detail,
    )
