"""Local x remote -> plan: what has to be done for each asset, and why. Pure.

A plan is what ``--dry-run`` prints and what apply executes: each operation carries its reason and the
precondition under which it holds.
"""

from __future__ import annotations

import heapq
from collections import Counter
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import cached_property
from typing import TYPE_CHECKING, Any

from creative_s3.core.assets.layout import left_out
from creative_s3.core.files.workspace import FileState
from creative_s3.core.migration.settled import NewAssets, SettledAssets
from creative_s3.core.migration.staleness import is_known, is_only_told, stale
from creative_s3.errors import RefusedError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from creative_s3.core.assets.models import Asset, Kind
    from creative_s3.core.index.index import IndexProblem
    from creative_s3.core.migration.candidates import Candidate
    from creative_s3.core.migration.settled import NewAsset, SettledAsset

MIB = 1024 * 1024
IN_S3_ONLY = "in S3 only"
SAME_CONTENT = "the content is the same"
NOT_IN_BUCKET = "not in the bucket"


class Reason(StrEnum):
    """Why an operation is in the plan."""

    NEW = "new"
    CHANGED = "changed"
    UNCHANGED = "unchanged"
    COLD = "cold"
    MISSING = "missing"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Operation:
    """One thing to do, or not to do, with its reason.

    Attributes:
        reason: New and changed are uploaded; the others are not.
        asset: What it is about.
        key: The key in the bucket.
        path: The local file.
        size_bytes: The file's size, of a cold asset the object's; 0 when it is missing.
        if_match: The ETag of the object to replace; None to create, which fails if an object is there.
        detail: More about the reason, in words.
        shared_with: Cache keys of other assets with the same bytes under the same key.
        crc64nvme: The file's checksum when it is known already.
        replaces_unknown: It would replace content that this machine did not put there, but another one
            perhaps. Needs a yes.
        is_lost: The asset was in S3 only, and its object is gone.
    """

    reason: Reason
    asset: Asset
    key: str
    path: Path
    size_bytes: int
    if_match: str | None = None
    detail: str = ""
    shared_with: tuple[str, ...] = ()
    crc64nvme: str | None = None
    replaces_unknown: bool = False
    is_lost: bool = False

    @property
    def is_upload(self) -> bool:
        """Whether this sends the file."""
        return self.reason in {Reason.NEW, Reason.CHANGED}

    def to_dict(self) -> dict[str, Any]:
        """Return the form of ``migrate plan --output`` and ``--json``."""
        return {
            "reason": str(self.reason),
            "cache_key": self.asset.cache_key,
            "kind": str(self.asset.kind),
            "key": self.key,
            "file_path": self.asset.file_path,
            "size_bytes": self.size_bytes,
            "if_match": self.if_match,
            "replaces_unknown": self.replaces_unknown,
            "detail": self.detail,
            "shared_with": list(self.shared_with),
        }


@dataclass(frozen=True)
class MigrationPlan:
    """Everything that an upload would do, in the order of the keys.

    Attributes:
        bucket: The bucket's name; None when the plan was made without one.
        prefix: What the keys begin with.
        operations: What is to be done, what cannot be done, and what had to be looked at to know that it need
            not: one for each key, and one for each asset that has no usable file.
        problems: Index entries that were set aside.
        unindexed: Files in the cache that no entry names: path relative to the workspace, size in bytes.
        unusable: Things in the cache that are no readable files: path relative to the workspace, reason.
        compared: Whether the bucket was asked; otherwise everything counts as new.
        include_unindexed: Whether files that no entry names are in it.
        published_etag: Of the published index as it was listed; None when there was none.
        settled: Assets about which nothing is to be done: counted only, and listed by `everything`.
        new: Assets that are simply sent: counted only, too, and also listed by `uploads`.
        looked: The requests that making it took, by S3 operation name: they belong to its price.
        unfinished: How many uploads in parts to this place were begun by an earlier run and may go on.
    """

    bucket: str | None
    prefix: str
    operations: tuple[Operation, ...]
    problems: tuple[IndexProblem, ...] = ()
    unindexed: tuple[tuple[str, int], ...] = ()
    unusable: tuple[tuple[str, str], ...] = ()
    compared: bool = True
    include_unindexed: bool = False
    published_etag: str | None = None
    settled: SettledAssets = field(default_factory=SettledAssets)
    new: NewAssets = field(default_factory=NewAssets)
    looked: Mapping[str, int] = field(default_factory=dict)
    unfinished: int = 0

    @property
    def leftovers(self) -> tuple[tuple[str, str], ...]:
        """Return what was wanted and is in no operation: the unusable things, where unindexed files count."""
        return self.unusable if self.include_unindexed else ()

    @property
    def stops(self) -> bool:
        """Whether an upload cannot do all that it is meant to: entries or files that cannot be used."""
        return bool(
            self.counts[Reason.REFUSED] or self.leftovers or any(problem.stops for problem in self.problems)
        )

    def everything(self) -> Iterator[Operation]:
        """Yield an operation for every asset in the order of the keys; most of them come from the catalog."""
        return heapq.merge(
            self.operations,
            (_settled(one) for one in self.settled),
            (_new(one) for one in self.new),
            key=_order,
        )

    def remarkable(self) -> Iterator[Operation]:
        """Yield what `everything` does without the settled assets."""
        return heapq.merge(self.operations, (_new(one) for one in self.new), key=_order)

    @property
    def total_operations(self) -> int:
        """How many `everything` yields."""
        return len(self.operations) + len(self.settled) + len(self.new)

    def uploads(self) -> Iterator[Operation]:
        """Yield the operations that send a file, in the order of the keys.

        An asset that was taken out of the index or got another key since the plan was made is left out.
        """
        return (operation for operation in self.remarkable() if operation.is_upload)

    @cached_property
    def _judged_uploads(self) -> tuple[Operation, ...]:
        return tuple(operation for operation in self.operations if operation.is_upload)

    @cached_property
    def replacing_unknown(self) -> tuple[Operation, ...]:
        """The uploads that would replace content which this machine did not put there."""
        return tuple(operation for operation in self._judged_uploads if operation.replaces_unknown)

    @cached_property
    def lost(self) -> tuple[Operation, ...]:
        """The assets that were in S3 only, and whose objects are gone."""
        return tuple(operation for operation in self.operations if operation.is_lost)

    @cached_property
    def counts(self) -> Mapping[Reason, int]:
        """How many operations there are for each reason."""
        counted = Counter(operation.reason for operation in self.operations)
        counted[Reason.NEW] += len(self.new)
        counted[Reason.COLD] += self.settled.cold
        counted[Reason.UNCHANGED] += len(self.settled) - self.settled.cold
        return {reason: counted.get(reason, 0) for reason in Reason}

    @property
    def total_files(self) -> int:
        """How many files would be sent."""
        return len(self._judged_uploads) + len(self.new)

    @property
    def total_size_bytes(self) -> int:
        """How many bytes would be sent."""
        return sum(operation.size_bytes for operation in self._judged_uploads) + self.new.size_bytes

    @property
    def total_size_mb(self) -> float:
        """How many MiB (2^20 bytes) would be sent."""
        return self.total_size_bytes / MIB

    def by_kind(self, *, uploads_only: bool = False) -> Mapping[Kind, tuple[int, int]]:
        """Return the files and their bytes for each kind of asset, without the missing and the refused."""
        counted = [self.new.totals] if uploads_only else [self.new.totals, self.settled.totals]
        amounts = [(kind, *amount) for totals in counted for (kind, _), amount in totals.items()]
        amounts += [
            (operation.asset.kind, 1, operation.size_bytes)
            for operation in (self._judged_uploads if uploads_only else self.operations)
            if operation.reason not in {Reason.MISSING, Reason.REFUSED}
        ]
        sums: dict[Kind, tuple[int, int]] = {}
        for kind, more_files, more_bytes in amounts:
            files, size_bytes = sums.get(kind, (0, 0))
            sums[kind] = (files + more_files, size_bytes + more_bytes)
        return sums


def make_operations(candidates: Iterable[Candidate]) -> tuple[Operation, ...]:
    """Decide what to do for each candidate; assets that share a key become one operation."""
    operations: dict[str, Operation] = {}
    idle: list[Operation] = []
    # A file on disk speaks for its key before a cold asset that shares it.
    for candidate in sorted(candidates, key=lambda one: (one.is_cold, one.asset.cache_key.encode())):
        operation = _decide(candidate)
        if operation.reason in {Reason.MISSING, Reason.REFUSED}:
            idle.append(operation)
        elif first := operations.get(operation.key):
            operations[operation.key] = _shared(first, operation)
        else:
            operations[operation.key] = operation
    return tuple(sorted([*operations.values(), *idle], key=_order))


def _decide(candidate: Candidate) -> Operation:
    local, remote = candidate.local, candidate.remote
    if local.state is FileState.MISSING:
        if candidate.is_cold:
            size_bytes = remote.size_bytes if remote else candidate.cold_bytes
            return replace(_operation(candidate, Reason.COLD, IN_S3_ONLY), size_bytes=size_bytes)
        detail = f"{local.reason}; the bucket has it" if remote else local.reason
        if candidate.is_lost:
            detail = "it was in S3 only, and its object is gone"
        return _operation(candidate, Reason.MISSING, detail)
    if local.state is not FileState.PRESENT:
        return _operation(candidate, Reason.REFUSED, local.reason)
    return _decide_for_file(candidate)


def _decide_for_file(candidate: Candidate) -> Operation:
    """Decide for an asset whose file can be read."""
    remote = candidate.remote
    try:
        without = left_out(candidate.asset)
    except RefusedError as error:
        return _operation(candidate, Reason.REFUSED, error.message)
    if remote and candidate.crc64nvme is not None and candidate.crc64nvme == candidate.remote_crc64nvme:
        return _operation(candidate, Reason.UNCHANGED, SAME_CONTENT)
    if why := stale(candidate):
        return _operation(candidate, Reason.REFUSED, why)
    reason, detail = _why_upload(candidate)
    if without:
        detail += f"; over 2 KB of metadata, so without its {', '.join(without)}"
    return _operation(candidate, reason, detail, remote.etag if remote else None)


def _why_upload(candidate: Candidate) -> tuple[Reason, str]:
    if candidate.remote is None:
        return Reason.NEW, NOT_IN_BUCKET
    if is_only_told(candidate):
        return Reason.CHANGED, "the server tells the file's checksum, and does not give back its content"
    if candidate.remote_crc64nvme is None:
        return Reason.CHANGED, "the object has no checksum to compare"
    if not is_known(candidate):
        return Reason.CHANGED, "the content differs, and this machine did not put the object there"
    return Reason.CHANGED, "the content differs"


def _operation(candidate: Candidate, reason: Reason, detail: str, if_match: str | None = None) -> Operation:
    return Operation(
        reason=reason,
        asset=candidate.asset,
        key=candidate.key,
        path=candidate.local.path,
        size_bytes=candidate.local.size_bytes,
        if_match=if_match,
        detail=detail,
        crc64nvme=candidate.crc64nvme,
        replaces_unknown=reason is Reason.CHANGED and not is_known(candidate),
        is_lost=candidate.is_lost,
    )


def _settled(one: SettledAsset) -> Operation:
    return Operation(
        reason=Reason.COLD if one.is_cold else Reason.UNCHANGED,
        asset=one.asset,
        key=one.key,
        path=one.path,
        size_bytes=one.size_bytes,
        detail=IN_S3_ONLY if one.is_cold else SAME_CONTENT,
        crc64nvme=None if one.is_cold else one.crc64nvme,
    )


def _new(one: NewAsset) -> Operation:
    return Operation(
        reason=Reason.NEW,
        asset=one.asset,
        key=one.key,
        path=one.path,
        size_bytes=one.size_bytes,
        detail=NOT_IN_BUCKET,
    )


def _order(operation: Operation) -> bytes:
    return operation.key.encode()


def _shared(first: Operation, second: Operation) -> Operation:
    return replace(
        first,
        shared_with=(*first.shared_with, second.asset.cache_key),
        crc64nvme=first.crc64nvme or second.crc64nvme,
    )
