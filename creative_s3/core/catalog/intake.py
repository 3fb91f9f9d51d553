"""Taking index.json into the catalog: only what changed since the last time becomes rows; one at a time.

An index that is the file it was costs one stat; one whose time alone changed, a hash more. Otherwise it is
read by `core.catalog.index_reading`. What was taken in is recorded at the end: after a kill the next intake
goes on, and finds most of it done. Two at once would undo each other's rows, so each waits for its turn, and
looks again when it has it.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from creative_s3.core.catalog.database import IN_MEMORY
from creative_s3.core.catalog.index_reading import IndexReading, IntakeReport
from creative_s3.core.catalog.index_state import IndexState, record_intake
from creative_s3.core.events import Emit, PhaseStarted, ignore
from creative_s3.core.files.locks import exclusive
from creative_s3.core.files.workspace import Signature
from creative_s3.core.index.held_files import HeldFile
from creative_s3.core.index.stream import reading
from creative_s3.errors import IndexFileError, TemporaryError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from creative_s3.core.catalog.catalog import Catalog
    from creative_s3.core.files.workspace import Workspace

LOCK_NAME = "settling.lock"
TURN_WAIT_S = 600.0
"""The first intake of a very large index takes minutes."""
_PAUSES_S = (0.2, 0.3, 0.7, 1.5, 3.0)
"""How long each attempt waits for a pause of those who write the index in place."""


@contextmanager
def turn(catalog_path: Path, *, wait_s: float = TURN_WAIT_S) -> Iterator[None]:
    """Be the only one, of all threads and processes, that moves anything between index.json and the catalog.

    Raises:
        LockedError: Another process has its turn for longer than `wait_s` seconds; names its pid and host.
        CreativeS3Error: The lock cannot be made.
    """
    if catalog_path == IN_MEMORY:
        yield
        return
    with exclusive(catalog_path.with_name(LOCK_NAME), wait_s=wait_s):
        yield


def take_in(
    catalog: Catalog, workspace: Workspace, *, emit: Emit = ignore, wait_s: float = TURN_WAIT_S
) -> IntakeReport:
    """Bring the catalog's assets up to date with index.json.

    A missing index changes nothing: it is never read as "everything was deleted".

    Args:
        catalog: The catalog.
        workspace: Where the index is.
        emit: Takes events.
        wait_s: How many seconds to wait for another intake.

    Raises:
        IndexFileError: index.json cannot be read as an index, and nobody is writing it; the catalog stays as
            it was.
        TemporaryError: Others change it faster than it can be read.
        LockedError: Another process takes the index in for longer than `wait_s`.
        CatalogError: The catalog cannot be used.
    """
    if is_taken_in(catalog, workspace):
        return IntakeReport()
    with turn(catalog.path, wait_s=wait_s):
        return take_in_now(catalog, workspace, emit=emit)


def is_taken_in(catalog: Catalog, workspace: Workspace) -> bool:
    """Tell whether the index is missing or the very file that was taken in last; costs one stat."""
    try:
        signature = Signature.of(workspace.index_path.stat())
    except OSError:
        return True
    known = IndexState.of(catalog, workspace)
    return known is not None and known.signature == signature


def take_in_now(catalog: Catalog, workspace: Workspace, *, emit: Emit = ignore) -> IntakeReport:
    """Do what `take_in` does, for a caller that has its `turn`."""
    path = workspace.index_path
    pauses = iter(_PAUSES_S)
    while not is_taken_in(catalog, workspace):
        with reading(path):
            held = HeldFile.open(path)
        with held:
            try:
                return _taken_in(held, catalog, workspace, emit)
            except IndexFileError as error:
                pause_s = next(pauses, None)
                if pause_s is None:
                    raise TemporaryError(
                        "others change the index faster than it can be read",
                        item=str(path),
                        hint="run the same command again when the pipeline writes less",
                    ) from error
                if not held.await_writer(pause_s) and held.is_at(path):
                    raise
    return IntakeReport()


def _taken_in(held: HeldFile, catalog: Catalog, workspace: Workspace, emit: Emit) -> IntakeReport:
    known = IndexState.of(catalog, workspace)
    digest = bytes.fromhex(held.sha256())
    if known and known.sha256 == digest:
        if held.is_untouched():
            record_intake(catalog, workspace, held.signature, digest, products=known.products)
        return IntakeReport()
    emit(PhaseStarted("taking in the index"))
    report, products = IndexReading(catalog, workspace, held).run(known.products if known else b"")
    # What is lost must come back first, or nobody would look for it again.
    if report.is_current and not report.lost:
        record_intake(catalog, workspace, held.signature, digest, products=products)
    return report
