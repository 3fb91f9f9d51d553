"""The proof before a local file goes: S3 has this very content, for this asset, readable now and tomorrow.

Everything is asked in this run: what was recorded earlier only says where to look. Nothing is changed here.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from creative_s3.core.assets.layout import owner_of
from creative_s3.core.catalog.catalog import ProvedObject
from creative_s3.core.faults.translation import ends_run, translate
from creative_s3.core.files.workspace import Signature
from creative_s3.core.s3 import told_checksums
from creative_s3.core.s3.objects import ARCHIVE_CLASSES, from_answer, read_back
from creative_s3.core.storage.landing import has_hidden_part
from creative_s3.core.tiers.leaving import LeavingFile, ObjectGoneError, StaysError
from creative_s3.core.tiers.tiers import Hold
from creative_s3.core.transfers.outcomes import Proof
from creative_s3.errors import CreativeS3Error

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from creative_s3.core.assets.models import StoredObject
    from creative_s3.core.catalog.asset_rows import AssetRecord
    from creative_s3.core.catalog.catalog import Catalog
    from creative_s3.core.files.workspace import Workspace
    from creative_s3.core.lifecycle.fates import Fates
    from creative_s3.core.s3.object_store import ObjectStore
    from creative_s3.core.tiers.pins import Pins

_PRODUCTS = "products"
_NOT_FOUND = frozenset({"404", "NoSuchKey", "NotFound"})


@dataclass(frozen=True, slots=True)
class ProvedFile:
    """A local file whose content S3 has, as of now. Close `leaving`.

    Attributes:
        leaving: The file, held open since it was read.
        crc64nvme: Of its content.
        keys: The key of each of its assets: cache key -> key, the most telling first.
        objects: What was proved, for the catalog.
    """

    leaving: LeavingFile
    crc64nvme: str
    keys: Mapping[str, str]
    objects: tuple[ProvedObject, ...]


class Prover:
    """Proves files one by one; any thread.

    Args:
        catalog: Says which assets a file has, and their keys.
        workspace: Where the files are.
        store: The bucket.
        fates: What its lifecycle rules do.
        pins: What has to stay.
        accepted: IDs of rules whose deletions somebody has accepted.
        assume_closed: See `LeavingFile`.
    """

    def __init__(  # noqa: PLR0913 - each of them is a choice of the caller
        self,
        catalog: Catalog,
        workspace: Workspace,
        store: ObjectStore,
        *,
        fates: Fates,
        pins: Pins,
        accepted: Collection[str] = (),
        assume_closed: bool = False,
    ) -> None:
        self._assumes_closed = assume_closed
        self._catalog = catalog
        self._workspace = workspace
        self._store = store
        self._fates = fates
        self._pins = pins
        self._accepted = frozenset(accepted)

    @property
    def bucket(self) -> str:
        """The bucket's name."""
        return self._store.bucket

    def prove(self, file_path: str) -> ProvedFile:
        """Read a file and compare it with the objects of all of its assets.

        Raises:
            StaysError: It is not proved; says why.
            BucketNotFoundError: There is no bucket any more.
            CreativeS3Error: A request failed.
            OSError: The file cannot be read.
        """
        if has_hidden_part(file_path):
            raise StaysError(Hold.HIDDEN)
        keys = self._keys(file_path)
        leaving = LeavingFile(self._workspace, file_path, assume_closed=self._assumes_closed)
        try:
            crc64nvme = leaving.read()
            try:
                objects = tuple(
                    self._prove_object(key, leaving, crc64nvme, owners=keys)
                    for key in dict.fromkeys(keys.values())
                )
            except StaysError as error:
                if error.hold is Hold.CHANGED:  # the next plan will know it, and let another file go
                    read = (file_path, Signature.of(leaving.status), crc64nvme)
                    self._catalog.remember(files=[read])
                raise
        except BaseException:
            leaving.close()
            raise
        return ProvedFile(leaving, crc64nvme, keys, objects)

    def _keys(self, file_path: str) -> Mapping[str, str]:
        """Return the key of every asset of a file.

        Raises:
            StaysError: One of them has none, or is pinned.
        """
        records = sorted(
            self._catalog.assets.with_file(file_path), key=lambda record: record.section == _PRODUCTS
        )
        names = [record.asset.cache_key for record in records]
        if pinned := self._pins.reason(names, (record.asset.campaign_id for record in records)):
            raise StaysError(Hold.PINNED, pinned)
        keys = {
            record.asset.cache_key: key
            for record in records
            if (key := self._catalog.assignment(record.asset.cache_key))
        }
        for record in records:
            if record.asset.cache_key not in keys and not (keys and record.section == _PRODUCTS):
                raise StaysError(Hold.UNPROVED, record.asset.cache_key)
        if not keys:
            raise StaysError(Hold.UNPROVED)
        return keys | _sharing(records, keys)

    def _prove_object(
        self, key: str, leaving: LeavingFile, crc64nvme: str, *, owners: Collection[str]
    ) -> ProvedObject:
        answer = self._head(key)
        stored = from_answer(key, answer)
        self._check_readable(stored, answer)
        owner = owner_of(stored.metadata) or self._recorded_owner(stored)
        if owner is None:
            raise StaysError(Hold.UNPROVED, "the object does not say which asset it is", refuted=key)
        if owner not in owners:
            raise StaysError(Hold.SHARED_OBJECT, owner, refuted=key)
        proof = Proof.CHECKSUM
        if stored.size_bytes != leaving.status.st_size:
            raise self._changed(stored, crc64nvme)
        found = stored.crc64nvme
        self._store.connection.dialect.found_checksum(is_told=found is not None)
        if found is None:
            self._store.count({"GetObject": 1})
            found, proof = read_back(self._store.connection, stored), Proof.READ_BACK
        if found != crc64nvme:
            raise self._changed(stored, crc64nvme)
        if stored.crc64nvme is not None and self._check_told(stored, leaving):
            proof = Proof.READ_BACK
        self._check_stays(stored, answer)
        return ProvedObject(
            key=key,
            size_bytes=stored.size_bytes,
            etag=stored.etag,
            crc64nvme=crc64nvme,
            version_id=stored.version_id,
            storage_class=stored.storage_class,
            owner=owner,
            proof=str(proof),
            proved_at=datetime.now(UTC).isoformat(timespec="seconds"),
        )

    def _check_told(self, stored: StoredObject, leaving: LeavingFile) -> bool:
        """Read an object whose told checksum is not believed; return whether it was read.

        Raises:
            StaysError: It has other content, or nothing tells which.
        """
        connection = self._store.connection
        has_other_md5 = told_checksums.has_other_md5(
            connection, stored, lambda: leaving.md5() == stored.etag.lower()
        )
        found, is_read = told_checksums.checked(
            connection,
            stored,
            is_doubted=has_other_md5,
            count=lambda: self._store.count({"GetObject": 1}),
        )
        if found != stored.crc64nvme:
            said = "the server tells the file's checksum of the object, and gives back other content"
            raise StaysError(Hold.CHANGED, said, refuted=stored.key)
        if has_other_md5:
            connection.dialect.found_etag(is_md5=False)
        return is_read

    def _head(self, key: str) -> Mapping[str, Any]:
        """Ask for the current version: that is what will be fetched."""
        store = self._store
        store.count({"HeadObject": 1})
        try:
            answer: Mapping[str, Any] = store.connection.client.head_object(
                Bucket=store.bucket, Key=key, ChecksumMode="ENABLED"
            )
        except ClientError as error:
            if error.response["Error"]["Code"] in _NOT_FOUND:
                store.missing(key)  # raises when there is not even the bucket
                said = "there is no object under its key any more"
                raise ObjectGoneError(Hold.UNPROVED, said, refuted=key) from error
            raise translate(error, item=key, endpoint_url=store.connection.endpoint_url) from error
        except Exception as error:
            raise translate(error, item=key, endpoint_url=store.connection.endpoint_url) from error
        return answer

    @staticmethod
    def _check_readable(stored: StoredObject, answer: Mapping[str, Any]) -> None:
        # A restored copy can be read, but only until it expires: no place for an only copy.
        if stored.storage_class in ARCHIVE_CLASSES or answer.get("ArchiveStatus"):
            raise StaysError(Hold.ARCHIVED, stored.storage_class, refuted=stored.key)

    def _check_stays(self, stored: StoredObject, answer: Mapping[str, Any]) -> None:
        """Make sure that no rule will delete the object.

        Raises:
            StaysError: One will.
        """
        key, size_bytes = stored.key, stored.size_bytes
        if fate := self._fates.deletion(key, size_bytes, accepted=self._accepted):
            raise StaysError(Hold.EXPIRING, f"{fate.rule}, {fate.when}")
        if perhaps := self._fates.tagged_deletions(key, size_bytes, accepted=self._accepted):
            tags = self._tags(key)
            for fate in perhaps:
                if tags is None or fate.meets(key, size_bytes, tags):
                    raise StaysError(Hold.EXPIRING, f"{fate.rule}, {fate.when}")
        # S3 itself names the rule, also one that came into being since the rules were read.
        named = str(answer.get("Expiration") or "")
        if named and not any(f'rule-id="{rule}"' in named for rule in self._accepted):
            raise StaysError(Hold.EXPIRING, named)

    def _tags(self, key: str) -> Mapping[str, str] | None:
        try:
            return self._store.tags(key)
        except CreativeS3Error as error:
            if ends_run(error):
                raise
            return None  # then they may be anything

    def _recorded_owner(self, stored: StoredObject) -> str | None:
        """Return whose object this is as it was recorded, on a server that keeps no metadata."""
        if not self._store.connection.dialect.drops_metadata:
            return None
        known = self._catalog.object(stored.key)
        return known.owner if known is not None and known.etag == stored.etag != "" else None

    def _changed(self, stored: StoredObject, crc64nvme: str) -> StaysError:
        known = self._catalog.object(stored.key)
        refuted = stored.key if known is not None and known.etag != stored.etag else None
        said = "the object in S3 has other content"
        if refuted and known is not None and known.crc64nvme == crc64nvme:
            said = "somebody has overwritten the object in S3"
        return StaysError(Hold.CHANGED, said, refuted=refuted)


def _sharing(records: Sequence[AssetRecord], keys: Mapping[str, str]) -> dict[str, str]:
    """Return keys for the products that a described asset of the same file stands for."""
    key = next(iter(keys.values()))
    return {record.asset.cache_key: key for record in records if record.asset.cache_key not in keys}
