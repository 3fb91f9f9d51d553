"""Writing index.json: changes are merged into what it holds now, and it is replaced whole or not at all.

What others write meanwhile is kept. Our own processes take turns with a lock. The pipeline's older code takes
none: it reads the file, changes its copy and writes that in place. So

- what it wrote before we replace the file is read again and merged;
- what it writes into the old file while we replace it shows in that file, which we still hold open, and is
  merged afterwards;
- a file that it is just writing looks cut off, and is waited for, never replaced.

One thing cannot be guaranteed from here: if it has read the file before we replace it and writes it after,
its copy lacks our changes. Nothing is broken then, and nothing of its own is lost. Whoever keeps a journal of
its changes sees that the file is not the one that was written (`WriteResult.signature`) and writes those that
are missing once more: what is there already is left as it is, and a file that has them all is not touched.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from json import JSONDecoder
from pathlib import Path
from tempfile import TemporaryFile
from typing import TYPE_CHECKING, Any

from creative_s3.core.faults.translation import translate
from creative_s3.core.files.local_files import install_new, install_over, partial_path, sweep_partials
from creative_s3.core.files.locks import exclusive
from creative_s3.core.files.own_files import PRIVATE_DIRECTORY
from creative_s3.core.index.edits import EMPTY_INDEX, IndexEdits
from creative_s3.core.index.entries import SECTIONS, TOP_LEVEL
from creative_s3.core.index.held_files import Draft, HeldFile
from creative_s3.core.index.json_walk import stream_events
from creative_s3.core.index.stream import reading
from creative_s3.errors import IndexFileError, TemporaryError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from creative_s3.core.files.workspace import Signature
    from creative_s3.core.index.edits import Entries, Splice

LOCK_NAME = "index.lock"
"""The lock of everything of ours that writes an index, in our directory beside it."""
LOCK_WAIT_S = 30.0
_PAUSES_S = (0.0, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0)
"""How long to wait before each attempt, when others write faster than we do."""
_SKIMMING = JSONDecoder(parse_int=len, parse_float=len)
"""Checks the syntax and makes nothing of numbers: only the places in the text count here."""


@dataclass(frozen=True, slots=True)
class EntryChange:
    """What is to become of one entry.

    Attributes:
        section: The section's name, empty for the top level.
        name: The entry's name.
        value: The fields to set; those that are not named stay as they are. None removes the entry.
    """

    section: str
    name: str
    value: Mapping[str, Any] | None


@dataclass(frozen=True, slots=True)
class WriteResult:
    """The index as it was left.

    Attributes:
        signature: What tells whether it is still the same file.
        sha256: Of its content, in hexadecimal.
        entries: How many entries it has.
        was_written: False if it held all that before: then it was not touched.
        merged_from: SHA-256 of the one content that the changes were merged into; empty when there was none,
            or several because others were writing.
    """

    signature: Signature
    sha256: str
    entries: int
    was_written: bool
    merged_from: str = ""


def write_changes(
    index_path: Path,
    changes: Iterable[EntryChange] | Mapping[str, Entries],
    *,
    lock_wait_s: float = LOCK_WAIT_S,
) -> WriteResult:
    """Merge changes into an index; a missing one is made. Safe from several threads and processes.

    Memory is needed for the changes and the largest entry, not for the index. A mapping is not copied, so a
    very large one may look its entries up elsewhere.

    Args:
        index_path: The file. If it is a link, the file that it leads to is replaced.
        changes: Changes of which the later one of an entry adds to the earlier; or by section, then by name,
            the fields to set or None.
        lock_wait_s: How long to wait for another process of ours.

    Raises:
        IndexFileError: The file is no index, and nobody is writing it. It was not touched.
        LockedError: Another process of ours writes all the time; names its pid and host.
        TemporaryError: Others changed the file faster than it could be written.
        ItemError: It cannot be written: no permission, no room.
        ValueError: A section is unknown, or a value is no JSON.
    """
    by_section = _by_section(changes)
    with exclusive(index_path.parent / PRIVATE_DIRECTORY / LOCK_NAME, wait_s=lock_wait_s):
        try:
            return _Update(index_path, by_section).run()
        except OSError as error:
            raise translate(error, item=str(index_path)) from error


def _by_section(changes: Iterable[EntryChange] | Mapping[str, Entries]) -> Mapping[str, Entries]:
    grouped: Mapping[str, Entries] = changes if isinstance(changes, Mapping) else _grouped(changes)
    for section in grouped:
        if section != TOP_LEVEL and section not in SECTIONS:
            raise ValueError(f"{section!r} is no section of an index")
    for section in SECTIONS:
        if section in grouped.get(TOP_LEVEL, {}):
            raise ValueError(f"{section!r} is a section of an index, no entry")
    return grouped


def _grouped(changes: Iterable[EntryChange]) -> dict[str, dict[str, Mapping[str, Any] | None]]:
    grouped: dict[str, dict[str, Mapping[str, Any] | None]] = {}
    for change in changes:
        entries = grouped.setdefault(change.section, {})
        value = change.value
        entries[change.name] = None if value is None else {**(entries.get(change.name) or {}), **value}
    return grouped


class _Update:
    """One call, with the lock held."""

    def __init__(self, index_path: Path, changes: Mapping[str, Entries]) -> None:
        self._named = index_path
        self._path = Path(os.path.realpath(index_path))
        self._changes = changes
        self._patience_s = 0.0

    def run(self) -> WriteResult:
        sweep_partials(self._path.parent)
        for pause_s in _PAUSES_S:
            time.sleep(pause_s)
            self._patience_s = 0.2 + 10 * pause_s
            with ExitStack() as files:
                result = self._written(files)
            if result:
                return result
        raise TemporaryError(
            "others change the index faster than it can be written",
            item=str(self._named),
            hint="run the same command again when the pipeline writes less",
        )

    def _written(self, files: ExitStack) -> WriteResult | None:
        """Try once; return None if others were faster, so that it has to be tried again."""
        replaced = self._present(files)
        source = replaced or _empty_index(files, self._path.parent)
        result: WriteResult | None = None
        while True:
            try:
                with Draft(partial_path(self._path), source, like=replaced) as draft:
                    entries = self._apply(draft, source)
                    if source is replaced and not draft.is_different:
                        return self._unchanged(source, entries)
                    made = files.enter_context(draft.finish())
                    if not (source.is_untouched() and self._install(draft.path, replaced)):
                        return result
            except IndexFileError:
                is_written = source.await_writer(self._patience_s)
                if result is None:
                    if not is_written and self._is_still(replaced):
                        raise
                    return None
                if not is_written:
                    return result  # who wrote into the old file never finished that: the new one stays
                continue
            made.note_rename()
            alone = replaced is not None and source is replaced and result is None
            result = WriteResult(
                made.signature,
                draft.sha256(),
                entries,
                was_written=True,
                merged_from=source.sha256() if alone else "",
            )
            if replaced is None or replaced.is_untouched():
                return result
            # Somebody had opened the old file before we replaced it, and writes into it.
            source, replaced = replaced, made
            source.look()

    def _unchanged(self, source: HeldFile, entries: int) -> WriteResult | None:
        result = WriteResult(source.signature, source.sha256(), entries, was_written=False)
        return result if source.is_untouched() and self._is_still(source) else None

    def _apply(self, draft: Draft, source: HeldFile) -> int:
        """Write the draft; return how many entries it has."""
        edits = IndexEdits(self._changes)
        for splice in self._splices(edits, source):
            draft.put(splice.start, splice.end, splice.text)
        return edits.entries

    def _splices(self, edits: IndexEdits, source: HeldFile) -> Iterator[Splice]:
        with reading(self._named):
            yield from edits.splices(stream_events(source.read, sections=SECTIONS, decoder=_SKIMMING))

    def _present(self, files: ExitStack) -> HeldFile | None:
        with reading(self._named):
            try:
                return files.enter_context(HeldFile.open(self._path))
            except FileNotFoundError:
                return None

    def _is_still(self, known: HeldFile | None) -> bool:
        return known.is_at(self._path) if known else not self._path.exists()

    def _install(self, partial: Path, replaced: HeldFile | None) -> bool:
        if replaced is None:
            return install_new(partial, self._path)
        if not replaced.is_at(self._path):
            return False
        install_over(partial, self._path)
        return True


def _empty_index(files: ExitStack, directory: Path) -> HeldFile:
    with TemporaryFile(dir=directory) as file:
        file.write(EMPTY_INDEX)
        file.flush()
        return files.enter_context(HeldFile(os.dup(file.fileno())))
