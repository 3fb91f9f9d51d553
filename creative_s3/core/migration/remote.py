"""The bucket's side of a plan: a listing, what the catalog proved, and HEADs where that is not enough."""

from __future__ import annotations

import threading
from contextlib import closing, contextmanager
from dataclasses import replace
from tempfile import TemporaryFile
from typing import TYPE_CHECKING

from creative_s3.core.assets.keys import Occupant
from creative_s3.core.assets.layout import owner_of
from creative_s3.core.files.checksums import crc64_hex, crc64nvme_of_file
from creative_s3.core.published.publish import published_keys
from creative_s3.core.s3 import told_checksums
from creative_s3.core.s3.objects import read_back, same_md5
from creative_s3.errors import CreativeS3Error

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
    from pathlib import Path

    from creative_s3.core.assets.models import StoredObject
    from creative_s3.core.catalog.catalog import Catalog, ProvedObject
    from creative_s3.core.files.workspace import LocalFile
    from creative_s3.core.index.index import Reference
    from creative_s3.core.migration.comparison import Comparison
    from creative_s3.core.s3.object_store import ObjectStore
    from creative_s3.core.transfers.choice import EngineName
    from creative_s3.core.transfers.heads import Answer

_PATIENCE_S = 0.2


class RemoteSurvey:
    """What the bucket holds, and what is known of it.

    Args:
        comparison: It has the listing, the published index not in it.
        catalog: Says what we proved; None when nobody's word is taken.
        storage: Who to ask for more.
        published: The published index as listed; None when there is none.
        engine: Which transfer engine sends many HEADs.
    """

    def __init__(
        self,
        comparison: Comparison,
        catalog: Catalog | None,
        storage: ObjectStore,
        published: StoredObject | None = None,
        *,
        engine: EngineName = "auto",
    ) -> None:
        self.storage = storage
        self.published = published
        self._comparison = comparison
        self._catalog = catalog
        self._listed: dict[str, StoredObject | None] = {}
        self._proved: dict[str, ProvedObject | None] = {}
        self._engine = engine
        self._asked: dict[str, StoredObject | None] = {}
        self._refused: dict[str, CreativeS3Error] = {}
        self._contents: dict[str, str | None] = {}
        self._has_published_keys = False
        self._lists_other_etags = False

    def listed(self, key: str) -> StoredObject | None:
        """Return the object under `key` as the listing shows it; None when there is none."""
        if key not in self._listed:
            self._listed[key] = self._comparison.stored(key)
        return self._listed[key]

    def proved(self, key: str) -> ProvedObject | None:
        """Return what the catalog says we proved to be under `key`."""
        if self._catalog is None:
            return None
        if key not in self._proved:
            self._proved[key] = self._catalog.object(key)
        return self._proved[key]

    def is_as_proved(self, key: str) -> bool:
        """Tell whether the listing shows the very object that we proved."""
        listed = self.listed(key)
        proved = self.proved(key) if listed else None
        if listed is None or proved is None:
            return False
        return listed.etag == proved.etag != "" and listed.size_bytes == proved.size_bytes

    @contextmanager
    def asking(self, keys: Collection[str]) -> Iterator[None]:
        """HEAD the keys that the catalog cannot vouch for, many at once, while the body does something else.

        Raises:
            CreativeS3Error: A request failed for a reason that concerns more than its object.
        """
        unknown = [key for key in keys if not self._is_asked(key) and self.listed(key)]
        asking = _Asking(self.storage, unknown, self._engine)
        try:
            yield
            asking.wait()
        finally:
            asking.stop()
        for key, answer in asking.answers.items():
            if isinstance(answer, CreativeS3Error):
                self._refused[key] = answer
            else:
                self._asked[key] = answer

    def refusal(self, key: str) -> CreativeS3Error | None:
        """Return why S3 tells nothing of the object under `key`; None when it does, or was not asked."""
        return self._refused.get(key)

    def _is_asked(self, key: str) -> bool:
        return key in self._asked or key in self._refused

    def stored(self, key: str) -> StoredObject | None:
        """Return the object under `key` as well as it is known; asks S3 at most once."""
        listed = self.listed(key)
        if listed is None:
            return None
        if self.is_as_proved(key) and key not in self._asked:
            return listed
        with self.asking([key]):
            pass
        if refusal := self._refused.get(key):
            raise refusal
        return self._asked[key]

    def read_published_keys(self) -> None:
        """Read which keys the published index gives its entries, once.

        Raises:
            IndexFileError: It is damaged.
            CreativeS3Error: It cannot be read.
        """
        if self.published is None or self._has_published_keys:
            return
        with TemporaryFile() as file:
            if self.storage.read_into(file, self.published.key):
                self._comparison.add_published(published_keys(file, self.published.key))
        self._has_published_keys = True

    def published_key_of(self, reference: Reference) -> str | None:
        """Return the key that the published index gives an entry of ours; None when it gives none."""
        return self._comparison.published_key(reference.section, reference.entry, reference.field)

    def crc64nvme(self, key: str) -> str | None:
        """Return the checksum of the object's content; None when there is no object or it has no checksum."""
        stored = self.stored(key)
        if stored is None:
            return None
        if stored.crc64nvme is None and self.is_as_proved(key):
            proved = self.proved(key)
            return proved.crc64nvme if proved else None
        return stored.crc64nvme or self._contents.get(key)

    def checked_crc64nvme(self, stored: StoredObject, local: LocalFile) -> str | None:
        """Return the checksum of an object of which HEAD told that of a file, as far as it is believed.

        Where the listing, or an ETag that is an MD5, says otherwise, the object is read.

        Returns:
            None when it is not believed and cannot be read.
        """
        connection = self.storage.connection
        listed = self.listed(stored.key)
        etags = {one.etag.lower() for one in (stored, listed) if one is not None} - {""}
        is_other = len(etags) > 1 and not self._lists_other_etags
        try:
            has_other_md5 = told_checksums.has_other_md5(
                connection, stored, lambda: same_md5(stored, local.path)
            )
            found, _ = told_checksums.checked(
                connection,
                stored,
                is_doubted=is_other or has_other_md5,
                count=lambda: self.storage.count({"GetObject": 1}),
            )
        except (CreativeS3Error, OSError):
            return None
        if found == stored.crc64nvme:
            self._lists_other_etags |= is_other
            if has_other_md5:
                connection.dialect.found_etag(is_md5=False)
        return found

    def find_content(self, key: str, files: Iterable[LocalFile]) -> str | None:
        """Return the checksum of an object's content as `crc64nvme` does, and find it out where S3 has none.

        Args:
            key: Of the object.
            files: It is found out only where one of these files is as large as the object.
        """
        stored = self.stored(key)
        if stored is None:
            return None
        if self.crc64nvme(key) is None and key not in self._contents:
            self._contents[key] = content_without_checksum(self.storage, stored, files)
        return self.crc64nvme(key)

    def occupant(self, key: str) -> Occupant | None:
        """Return who is under `key` now."""
        stored = self.stored(key)
        if stored is None:
            return None
        crc = self.crc64nvme(key)
        proved = self.proved(key)
        owner = owner_of(stored.metadata)
        drops_metadata = self.storage.connection.dialect.drops_metadata
        if proved and (stored.metadata is None or (drops_metadata and self.is_as_proved(key))):
            owner = owner or proved.owner
        return Occupant(owner=owner, content=crc64_hex(crc) if crc else None)


class _Asking:
    """Asks for objects in a thread that never keeps the process alive."""

    def __init__(self, storage: ObjectStore, keys: Sequence[str], engine: EngineName) -> None:
        self.answers: dict[str, Answer] = {}
        self._storage = storage
        self._keys = keys
        self._engine = engine
        self._is_stopped = False
        self._trouble: BaseException | None = None
        self._thread = threading.Thread(target=self._ask, name="asking", daemon=True)
        if keys:
            self._thread.start()

    def wait(self) -> None:
        """Wait for all answers.

        Raises:
            CreativeS3Error: A request failed for a reason that concerns more than its object.
        """
        while self._thread.is_alive():
            self._thread.join(_PATIENCE_S)  # a signal is taken in between
        if self._trouble is not None:
            raise self._trouble

    def stop(self) -> None:
        """Let the thread end after the answer that it waits for."""
        self._is_stopped = True

    def _ask(self) -> None:
        from creative_s3.core.transfers.heads import heads  # noqa: PLC0415 - the engines, for who needs them

        store = self._storage
        try:
            with closing(
                heads(store.connection, self._keys, engine=self._engine, tally=store.tally)
            ) as answers:
                for key, answer in answers:
                    self.answers[key] = answer
                    if self._is_stopped:
                        return
        except BaseException as error:  # noqa: BLE001 - `wait` raises it where somebody can take it
            self._trouble = error


def prove_without_checksum(
    storage: ObjectStore, stored: StoredObject, local: LocalFile, crc: str
) -> str | None:
    """Find out the content of an object that has no CRC64NVME, as far as a file may have the same.

    Returns:
        The CRC64NVME of its content; None when it differs in size or cannot be read (archived, for example).
    """
    return content_without_checksum(storage, stored, [local], lambda _: crc)


def tells_md5_of(stored: StoredObject, local: LocalFile) -> bool:
    """Tell whether nothing but its ETag says of an object that it has a file's content."""
    try:
        is_alike = stored.crc64nvme is None and stored.size_bytes == local.size_bytes
        return is_alike and same_md5(stored, local.path)
    except OSError:
        return False


def content_without_checksum(
    storage: ObjectStore,
    stored: StoredObject,
    files: Iterable[LocalFile],
    crc_of: Callable[[Path], str] = crc64nvme_of_file,
) -> str | None:
    """Find out the content of an object that has no CRC64NVME: by an MD5 ETag, else by reading it.

    A server off AWS is believed its ETag once it has shown that it stores what it confirms.

    Args:
        storage: Where it is.
        stored: The object.
        files: Those that may have its content.
        crc_of: Returns the CRC64NVME of a file.

    Returns:
        The CRC64NVME of its content; None when no file is as large, or when it cannot be read (archived, for
        example).
    """
    alike = [file for file in files if file.size_bytes == stored.size_bytes]
    if not alike:
        return None
    try:
        for file in alike:
            if not storage.connection.dialect.not_stored and same_md5(stored, file.path):
                found, _ = told_checksums.checked(
                    storage.connection,
                    replace(stored, crc64nvme=crc_of(file.path)),
                    count=lambda: storage.count({"GetObject": 1}),
                )
                return found
        storage.count({"GetObject": 1})
        return read_back(storage.connection, stored)
    except (CreativeS3Error, OSError):
        return None
