"""Bringing objects to local disk: which ones, and what became of each. The engine moves the bytes."""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from contextlib import nullcontext
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from creative_s3.core.catalog.ledger import Ledger, Moved
from creative_s3.core.catalog.usage import DOWNLOADS
from creative_s3.core.costs.bills import Bill, bill_of
from creative_s3.core.costs.fetching import fetching, fetching_extras
from creative_s3.core.costs.price_store import current_book
from creative_s3.core.costs.pricing import GB, money
from creative_s3.core.events import Emit, Failed, PhaseStarted, Skipped, TotalsKnown, ignore
from creative_s3.core.faults.translation import ends_run
from creative_s3.core.files.local_files import sweep_partials
from creative_s3.core.shell_words import joined, quoted
from creative_s3.core.transfers.engine import EngineName, TransferEngine
from creative_s3.core.transfers.outcomes import Download, Outcome, Proof
from creative_s3.errors import (
    ArchivedError,
    CreativeS3Error,
    ExitCode,
    ObjectNotFoundError,
    UnsafeKeyError,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from creative_s3.core.assets.models import StoredObject
    from creative_s3.core.costs.pricing import RegionPrices
    from creative_s3.core.s3.connection import Connection
    from creative_s3.core.s3.object_store import ObjectStore
    from creative_s3.core.search.finder import Finder
    from creative_s3.core.storage.placement import Destination

_TELLING = frozenset({ExitCode.NOT_FOUND_OR_FORBIDDEN, ExitCode.TEMPORARY, ExitCode.ARCHIVED})
"""Exit codes that say more than "some items failed", where every failure has the same one."""


@dataclass(frozen=True, slots=True)
class Retrieved:
    """An object that is on local disk now, proved.

    Attributes:
        key: The full key.
        path: Where it is.
        size_bytes: Its length.
        already_there: The same content was there, so that nothing was fetched.
        proof: How the content was proved.
        crc64nvme: Of the content, base64; None where it is not known.
    """

    key: str
    path: Path
    size_bytes: int
    already_there: bool
    proof: Proof | None
    crc64nvme: str | None = None


@dataclass(frozen=True, slots=True)
class Miss:
    """An object that is not on local disk now; `error` says why, and its hint what to do."""

    key: str
    error: CreativeS3Error


@dataclass(frozen=True, slots=True)
class Selection:
    """The objects to fetch.

    Attributes:
        objects: What HEAD or LIST said of them, each key once.
        misses: Names that mean no object.
        markers: Keys of "folders", which hold nothing.
    """

    objects: tuple[StoredObject, ...]
    misses: tuple[Miss, ...] = ()
    markers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RetrievalReport:
    """What became of a download.

    Attributes:
        retrieved: What is there now, in the order of the selection.
        misses: What is not.
        markers: Keys of "folders", skipped.
        engine: The transfer engine that was used.
        duration_s: From the first request to the last.
        planned: The bill of fetching the selected objects.
        sent: The bill of what was sent.
    """

    retrieved: tuple[Retrieved, ...]
    misses: tuple[Miss, ...]
    markers: tuple[str, ...]
    engine: str
    duration_s: float
    planned: Bill = field(default_factory=Bill)
    sent: Bill = field(default_factory=Bill)

    @property
    def fetched(self) -> tuple[Retrieved, ...]:
        """What was downloaded, without what was there already."""
        return tuple(item for item in self.retrieved if not item.already_there)

    @property
    def unverified(self) -> int:
        """How many could be compared by size only, because S3 holds no checksum of them."""
        return sum(item.proof is Proof.UNVERIFIABLE for item in self.retrieved)

    @property
    def exit_code(self) -> ExitCode:
        """What the process should end with: 0 only when everything is there and verified."""
        if not self.misses:
            return ExitCode.ITEMS_FAILED if self.unverified else ExitCode.OK
        codes = {miss.error.exit_code for miss in self.misses}
        only = next(iter(codes))
        return only if len(codes) == 1 and only in _TELLING else ExitCode.ITEMS_FAILED

    def to_dict(self) -> dict[str, Any]:
        """Return the form of ``--json``."""
        return {
            "downloaded": len(self.fetched),
            "downloaded_bytes": sum(item.size_bytes for item in self.fetched),
            "already_there": len(self.retrieved) - len(self.fetched),
            "skipped": list(self.markers),
            "objects": self.retrieved,
            "failed": [
                {
                    "key": miss.key,
                    "code": miss.error.code,
                    "message": miss.error.message,
                    "hint": miss.error.hint,
                }
                for miss in self.misses
            ],
            "engine": self.engine,
            "duration_s": round(self.duration_s, 3),
            "bill": self.planned.to_dict(),
            "sent": self.sent.to_dict(),
        }


def select(
    storage: ObjectStore,
    finder: Finder,
    names: Sequence[str],
    *,
    prefix: str | None = None,
    emit: Emit = ignore,
) -> Selection:
    """Find out which objects are meant.

    Args:
        storage: The bucket.
        finder: Knows what a name means.
        names: Keys or other names.
        prefix: Also every object whose key begins so; None for no such objects.
        emit: Takes events.

    Raises:
        ObjectNotFoundError: No key begins with `prefix`.
        CreativeS3Error: The bucket cannot be used at all.
    """
    chosen: dict[str, StoredObject] = {}
    misses: list[Miss] = []
    if names:
        emit(PhaseStarted("looking up"))
        workers = storage.connection.config.max_parallel_uploads
        for name, found in finder.find_all(dict.fromkeys(names), workers=workers):
            if not isinstance(found, CreativeS3Error):
                chosen[found.key] = found
            elif ends_run(found):
                raise found
            else:
                misses.append(Miss(name, found))
    if prefix is not None:
        emit(PhaseStarted("listing the bucket"))
        listed = {stored.key: stored for stored in storage.objects(prefix)}
        if not listed:
            raise ObjectNotFoundError(
                f"no key begins with {prefix}",
                item=f"s3://{storage.bucket}/{prefix}",
                hint="see what is there with `creative-s3 assets list`; --prefix takes how full keys begin",
            )
        chosen = listed | chosen
    markers = tuple(key for key, stored in chosen.items() if key.endswith("/") and not stored.size_bytes)
    objects = tuple(stored for key, stored in chosen.items() if key not in set(markers))
    return Selection(objects, tuple(misses), markers)


def retrieve(  # noqa: C901, PLR0913 - each of them is a choice of the caller
    connection: Connection,
    selection: Selection,
    destination: Destination,
    *,
    replace_files: bool = False,
    engine: EngineName = "auto",
    max_bandwidth: int | None = None,
    ledger: Ledger | None = None,
    looked: Mapping[str, int] | None = None,
    known: Callable[[StoredObject], str | None] = lambda _: None,
    emit: Emit = ignore,
) -> RetrievalReport:
    """Download the selected objects, each proved before its file gets its name.

    Args:
        connection: Where from.
        selection: What.
        destination: Where to.
        replace_files: Whether files with other content may be replaced.
        engine: Which transfer engine.
        max_bandwidth: Bytes per second at most; None for as fast as it goes.
        ledger: Takes down the run; None for nobody.
        looked: Requests that the selection took, by S3 operation name: they are in the bills.
        known: Returns the CRC64NVME that was proved and recorded for this very object; None for nothing.
        emit: Takes events.

    Raises:
        CreativeS3Error: No object can be fetched any more (no valid credentials, for example).
    """
    started = time.monotonic()
    looked = Counter(looked or {})
    prices = current_book().region(connection.region)
    retrieved: dict[str, Retrieved] = {}
    misses = list(selection.misses)
    emit(PhaseStarted("downloading"))
    emit(TotalsKnown(len(selection.objects), sum(stored.size_bytes for stored in selection.objects)))
    for key in selection.markers:
        emit(Skipped(key, "a folder's marker holds nothing"))

    def requests() -> Iterator[Download]:
        for stored in selection.objects:
            try:
                path = destination.path_of(stored.key)
            except UnsafeKeyError as error:
                misses.append(Miss(stored.key, error))
                emit(Failed(stored.key, error.message))
            else:
                proved = known(stored) if stored.crc64nvme is None else None
                yield Download(
                    stored.key,
                    path,
                    stored=stored,
                    replace=replace_files,
                    crc64nvme=proved,
                    below=destination.root,
                )

    place = {stored.key: number for number, stored in enumerate(selection.objects)}

    def report() -> RetrievalReport:
        return RetrievalReport(
            retrieved=tuple(retrieved[key] for key in place if key in retrieved),
            misses=tuple(sorted(misses, key=lambda miss: place.get(miss.key, -1))),
            markers=selection.markers,
            engine=transfers.name,
            duration_s=time.monotonic() - started,
            planned=_planned(selection, looked, prices),
            sent=_sent(selection, retrieved.values(), looked + Counter(transfers.requests), prices),
        )

    with (
        TransferEngine(connection, engine=engine, max_bandwidth=max_bandwidth, emit=emit) as transfers,
        ledger.run(
            "assets download",
            lambda: _moved(report(), looked + Counter(transfers.requests)),
            counts_as=DOWNLOADS,
        )
        if ledger
        else nullcontext(),
        transfers.drained(partial(_take, retrieved)),
    ):
        for outcome in transfers.download(_swept(requests())):
            if outcome.error is None:
                _take(retrieved, outcome)
            elif ends_run(outcome.error):
                raise outcome.error
            else:
                misses.append(_miss(outcome, connection))
    if ledger:
        ledger.brought((item.path, item.crc64nvme) for item in retrieved.values() if item.crc64nvme)
    return report()


def _planned(selection: Selection, looked: Mapping[str, int], prices: RegionPrices) -> Bill:
    """Price what fetching a selection sends, with retrieval and the way out to the internet."""
    requests: defaultdict[str, Counter[str]] = defaultdict(Counter)
    requests["STANDARD"].update(looked)
    for stored in selection.objects:
        # Nothing is fetched of an empty object, so that its checksum has to be asked for.
        looks = 0 if stored.size_bytes else 1
        requests[stored.storage_class].update(fetching(stored.size_bytes, looks=looks))
    sizes = ((stored.storage_class, stored.size_bytes) for stored in selection.objects)
    return bill_of(requests, prices, extras=fetching_extras(sizes, prices))


def _sent(
    selection: Selection, retrieved: Iterable[Retrieved], sent: Mapping[str, int], prices: RegionPrices
) -> Bill:
    """Price what was sent, as requests on the classes of the selected objects."""
    classes = {stored.key: stored.storage_class for stored in selection.objects}
    fetched = [item for item in retrieved if not item.already_there]
    extras = fetching_extras(((classes[item.key], item.size_bytes) for item in fetched), prices)
    return bill_of(_attributed(selection, sent), prices, extras=extras)


def _attributed(selection: Selection, sent: Mapping[str, int]) -> Mapping[str, Mapping[str, int]]:
    """Give requests to the classes that explain them; the rest to STANDARD."""
    left = Counter(sent)
    requests: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for stored in selection.objects:
        for operation, number in fetching(stored.size_bytes).items():
            taken = min(number, left[operation])
            requests[stored.storage_class][operation] += taken
            left[operation] -= taken
    requests["STANDARD"].update(left)
    return requests


def _moved(report: RetrievalReport, requests: Mapping[str, int]) -> Moved:
    return Moved(
        files=len(report.fetched),
        size_bytes=sum(item.size_bytes for item in report.fetched),
        failed=len(report.misses),
        exit_code=report.exit_code,
        requests=requests,
    )


def _swept(requests: Iterator[Download]) -> Iterator[Download]:
    """Remove what a killed run left in each folder before the first file goes there."""
    seen: set[Path] = set()
    for request in requests:
        folder = request.path.parent
        if folder not in seen:
            seen.add(folder)
            if folder.is_dir():
                sweep_partials(folder)
        yield request


def _take(retrieved: dict[str, Retrieved], outcome: Outcome) -> None:
    stored = outcome.stored
    retrieved[outcome.request.key] = Retrieved(
        key=outcome.request.key,
        path=outcome.request.path,
        size_bytes=stored.size_bytes if stored else 0,
        already_there=outcome.already_there,
        proof=outcome.proof,
        crc64nvme=stored.crc64nvme if stored else None,
    )


def _miss(outcome: Outcome, connection: Connection) -> Miss:
    request, error = outcome.request, outcome.error
    if isinstance(error, ArchivedError) and isinstance(request, Download) and request.stored:
        error = archived(outcome.stored or request.stored, connection)
    return Miss(request.key, error or CreativeS3Error("it failed without a reason"))


def archived(stored: StoredObject, connection: Connection) -> ArchivedError:
    """Return the error for an object that has to be restored, with the command, the wait and the price."""
    if 'ongoing-request="true"' in (stored.restore or ""):
        return ArchivedError(
            f"the object is archived ({stored.storage_class}) and being restored",
            item=stored.key,
            hint=f"run the same command again when `creative-s3 assets show {quoted(stored.key)}` "
            "says that it is restored",
        )
    days = "" if stored.storage_class == "INTELLIGENT_TIERING" else "Days=7"
    options = ["--bucket", connection.bucket, "--key", stored.key, "--restore-request", days or "{}"]
    if connection.endpoint_url:
        options += ["--endpoint-url", connection.endpoint_url]
    return ArchivedError(
        f"the object is archived ({stored.storage_class})",
        item=stored.key,
        hint=f"aws s3api restore-object {joined(options)}  # {_restore_terms(stored, connection.region)}",
    )


def _restore_terms(stored: StoredObject, region: str) -> str:
    prices = current_book().region(region)
    options = prices.classes[stored.storage_class].restores if stored.storage_class in prices.classes else {}
    standard = options.get("Standard")
    if standard is None:
        return "then wait until it is there, and run the same command again"
    price = standard.request + standard.per_gb * stored.size_bytes / GB
    return (
        f"wait: {standard.wait}; price: {money(price)} ({prices.currency}, {prices.as_of}, {prices.name}) "
        "and STANDARD storage for the copy; then run the same command again"
    )
