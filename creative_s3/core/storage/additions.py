"""Adding one file to the bucket as a new asset: its description, its key, the upload and the proof.

The rules of keys are those for a whole cache (`core.assets.keys`), with HEAD instead of LIST. index.json
is left alone.
"""

from __future__ import annotations

import os
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from creative_s3.core.assets.keys import Claim, Occupant, assign_keys
from creative_s3.core.assets.layout import key_of, object_metadata, object_tags, owner_of
from creative_s3.core.assets.models import KIND_OF_TYPE, Asset, Kind, SemanticMetadata, StoredObject
from creative_s3.core.catalog.catalog import Catalog
from creative_s3.core.catalog.places import catalog_path, existing_catalog, remote_side
from creative_s3.core.costs.costs import measure, request_price, storage_price
from creative_s3.core.costs.price_store import current_book
from creative_s3.core.events import Emit, PhaseStarted, TotalsKnown, ignore
from creative_s3.core.files import local_files
from creative_s3.core.files.checksums import crc64_hex
from creative_s3.core.files.media_types import content_type_of
from creative_s3.core.files.workspace import FileState, LocalFile, Signature
from creative_s3.core.migration.execution import has_changed, proved_object
from creative_s3.core.migration.planning import Operation, Reason
from creative_s3.core.migration.remote import prove_without_checksum
from creative_s3.core.transfers.engine import EngineName, TransferEngine
from creative_s3.core.transfers.flights import MULTIPART_FROM_BYTES, PART_BYTES
from creative_s3.core.transfers.outcomes import Outcome, Upload
from creative_s3.errors import PreconditionFailedError, RefusedError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from decimal import Decimal

    from creative_s3.core.catalog.storing import StoringRun
    from creative_s3.core.s3.connection import Connection
    from creative_s3.core.storage.manager import S3StorageManager

_ROUNDS = 3
"""How often the key is chosen again because another writer took it meanwhile."""


@dataclass(frozen=True, slots=True)
class Description:
    """What the user says of a file.

    Attributes:
        metadata: Its semantic metadata.
        cache_key: Its identity; None takes the file's name without its extension.
        product_slug: The product it belongs to.
        campaign_id: The campaign it was made for.
    """

    metadata: SemanticMetadata
    cache_key: str | None = None
    product_slug: str | None = None
    campaign_id: str | None = None


@dataclass(frozen=True, slots=True)
class Cost:
    """What storing one file costs on AWS.

    Attributes:
        request: The upload, once.
        monthly: A month of storage.
        currency: Of both.
        region: Where.
        as_of: The date of the prices.
    """

    request: Decimal
    monthly: Decimal
    currency: str
    region: str
    as_of: str


@dataclass(frozen=True, slots=True)
class Addition:
    """What adding the file will do: the plan that is shown and then carried out.

    Attributes:
        operation: The key, the reason and the condition.
        metadata: The user metadata to store, encoded.
        tags: The tags to store.
        content_type: The media type.
        storage_class: S3's own word.
        cost: What it costs on AWS.
        replaced: The object of the same asset, with other content, that would be replaced.
    """

    operation: Operation
    metadata: dict[str, str]
    tags: dict[str, str]
    content_type: str
    storage_class: str
    cost: Cost
    replaced: StoredObject | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return the form of ``--json``."""
        return {
            **self.operation.to_dict(),
            "content_type": self.content_type,
            "storage_class": self.storage_class,
            "crc64nvme": self.operation.crc64nvme,
            "metadata": self.metadata,
            "tags": self.tags,
            "cost": self.cost,
        }


@dataclass(frozen=True, slots=True)
class Added:
    """A file that is in the bucket now, proved.

    Attributes:
        addition: What was carried out; its reason is ``unchanged`` when nothing had to be sent.
        outcome: The engine's; None when nothing was sent.
    """

    addition: Addition
    outcome: Outcome | None

    @property
    def sent(self) -> bool:
        """Whether the file was sent now."""
        return self.outcome is not None and not self.outcome.already_there


class FileAdder:
    """Plans and carries out the upload of one file.

    Args:
        storage: The bucket.
        path: The file.
        asset: What it is; see `describe`.
        prefix: What our keys begin with.
        cache_dir: The pipeline's cache; its catalog remembers key, proof and run if the directory exists.
        run: The run that this is a part of.
        replaces: Whether the same asset's object may be replaced when its content is other.
    """

    def __init__(  # noqa: PLR0913 - each of them is a choice of the caller
        self,
        storage: S3StorageManager,
        path: Path,
        asset: Asset,
        *,
        prefix: str,
        cache_dir: Path,
        run: StoringRun,
        replaces: bool = False,
    ) -> None:
        self._storage = storage
        self._path = path
        self._prefix = prefix
        self._cache_dir = cache_dir
        self._run = run
        self._replaces = replaces
        self.asset = asset

    def plan(self) -> Addition:
        """Read the file and ask who has its key. Sends only HEAD, and GET for an object without checksum.

        Raises:
            RefusedError: The same asset is there with other content and may not be replaced, or the metadata
                is too long.
            ItemError: The file cannot be read.
            CreativeS3Error: A request failed.
        """
        config = self._storage.connection.config
        metadata, tags = object_metadata(self.asset), object_tags(self.asset)
        known, crc64nvme = local_files.read(self._path)
        signature = Signature(known.size_bytes, known.mtime_ns, known.ctime_ns, known.inode)
        seen = _Seen(self._storage, LocalFile(self._path, FileState.PRESENT, signature), crc64nvme)
        claim = Claim(
            cache_key=self.asset.cache_key,
            plain_key=key_of(self.asset, self._prefix),
            content=crc64_hex(crc64nvme),
            assigned_key=self._assigned_key(),
        )
        key = assign_keys([claim], seen.occupant)[claim.cache_key]
        stored = seen.stored(key)
        reason, detail = Reason.NEW, "not in the bucket"
        if stored is not None:
            reason, detail = Reason.CHANGED, "the content differs"
            if seen.crc64nvme_of(key) == crc64nvme:
                reason, detail = Reason.UNCHANGED, "the content is the same"
        if reason is Reason.CHANGED and not self._replaces:
            raise RefusedError(
                f"other content is stored as the asset {self.asset.cache_key}",
                item=key,
                hint="add --replace to replace it, or --cache-key NAME to make this another asset",
            )
        operation = Operation(
            reason=reason,
            asset=self.asset,
            key=key,
            path=self._path,
            size_bytes=known.size_bytes,
            if_match=stored.etag if stored and reason is Reason.CHANGED else None,
            detail=detail,
            crc64nvme=crc64nvme,
        )
        return Addition(
            operation=operation,
            metadata=metadata,
            tags=tags,
            content_type=content_type_of(self._path.name),
            storage_class=config.storage_class,
            replaced=stored if reason is Reason.CHANGED else None,
            cost=_cost(known.size_bytes, config.storage_class, self._storage.connection),
        )

    def add(self, addition: Addition, *, engine: EngineName = "auto", emit: Emit = ignore) -> Added:
        """Carry out the plan; a key that another writer took meanwhile is chosen again.

        What S3 has confirmed is recorded also when Ctrl-C comes before this returns.

        Raises:
            CreativeS3Error: The upload failed.
        """
        for _ in range(_ROUNDS):
            if addition.operation.reason is Reason.UNCHANGED:
                return Added(addition, None)
            outcome = self._upload(addition, engine, emit)
            if outcome.conflict is None:
                if outcome.error is not None:
                    raise outcome.error
                return Added(addition, outcome)
            addition = self.plan()
        raise PreconditionFailedError(
            "another writer keeps changing this object",
            item=addition.operation.key,
            hint="run the same command again when the other writer is done",
        )

    def _upload(self, addition: Addition, engine: EngineName, emit: Emit) -> Outcome:
        operation = addition.operation
        request = Upload(
            path=operation.path,
            key=operation.key,
            size_bytes=operation.size_bytes,
            content_type=addition.content_type,
            storage_class=addition.storage_class,
            metadata=addition.metadata,
            tags=addition.tags,
            if_match=operation.if_match,
        )
        emit(PhaseStarted("uploading"))
        emit(TotalsKnown(1, operation.size_bytes))
        taken = False

        def take(outcome: Outcome) -> None:
            nonlocal taken
            if not taken:
                self._remember(operation, outcome, transfers.requests)
                taken = True

        with (
            TransferEngine(self._storage.connection, engine=engine, emit=emit) as transfers,
            transfers.drained(take),
        ):
            (outcome,) = transfers.upload([request])
            if outcome.error is None:
                take(outcome)
        return outcome

    def _assigned_key(self) -> str | None:
        catalog = existing_catalog(self._storage.connection, prefix=self._prefix, cache_dir=self._cache_dir)
        if catalog is None:
            return None
        with closing(catalog):
            return catalog.assignments().get(self.asset.cache_key)

    def _remember(self, operation: Operation, outcome: Outcome, requests: Mapping[str, int]) -> None:
        """Record key, proof and run, so that the asset keeps its key and the next validation asks less."""
        if not self._cache_dir.is_dir():
            return
        side = remote_side(self._storage.connection, self._prefix)
        with Catalog(catalog_path(self._cache_dir), bucket=side) as catalog, catalog.database.transaction():
            if outcome.stored is not None and outcome.stored.crc64nvme is not None:
                catalog.remember(
                    objects=[proved_object(operation, outcome)],
                    assignments={operation.asset.cache_key: operation.key},
                    origins=[(operation.asset.file_path, outcome.stored.crc64nvme)],
                )
            if has_changed(operation, outcome):
                self._run.add(
                    catalog,
                    operation.key,
                    operation.size_bytes,
                    replaced=operation.if_match is not None,
                    duration_s=outcome.duration_s,
                    requests=requests,
                )


class _Seen:
    """What HEAD says of the keys that come into question; each is asked once."""

    def __init__(self, storage: S3StorageManager, local: LocalFile, crc64nvme: str) -> None:
        self._storage = storage
        self._local = local
        self._crc64nvme = crc64nvme
        self._stored: dict[str, StoredObject | None] = {}

    def stored(self, key: str) -> StoredObject | None:
        """Return the object under `key`."""
        if key not in self._stored:
            stored = self._storage.head(key)
            if stored is not None and stored.crc64nvme is None:
                crc = prove_without_checksum(self._storage, stored, self._local, self._crc64nvme)
                stored = replace(stored, crc64nvme=crc)
            self._stored[key] = stored
        return self._stored[key]

    def crc64nvme_of(self, key: str) -> str | None:
        """Return the checksum of the object's content; None when it cannot be told."""
        stored = self.stored(key)
        return stored.crc64nvme if stored else None

    @property
    def occupant(self) -> Callable[[str], Occupant | None]:
        """Who is under a key, in the form that the rules of keys want."""

        def tell(key: str) -> Occupant | None:
            stored = self.stored(key)
            if stored is None:
                return None
            content = crc64_hex(stored.crc64nvme) if stored.crc64nvme else None
            return Occupant(owner=owner_of(stored.metadata), content=content)

        return tell


def describe(path: Path, description: Description, *, cache_dir: Path, created_at: str) -> Asset:
    """Return the asset that a file becomes.

    A file in the workspace keeps its place. For any other, the place is where the layout would put it in the
    cache directory, so that it can be brought back there.

    Args:
        path: The file.
        description: What the user says of it.
        cache_dir: The pipeline's cache directory; where it is missing there is no workspace.
        created_at: ISO 8601.

    Raises:
        UsageError: The cache key or the file's name is empty, or is no text.
    """
    cache_key = path.stem if description.cache_key is None else description.cache_key
    for value, what in ((cache_key, "--cache-key"), (path.name, "FILE")):
        if not value or not _is_text(value):
            raise UsageError("this is no name in UTF-8", item=what, hint="choose another one")
    kind = KIND_OF_TYPE[description.metadata.asset_type]
    asset = Asset(
        cache_key=cache_key,
        file_path=path.name,
        metadata=description.metadata,
        # As for an indexed asset, whose product nobody names.
        product_slug=description.product_slug or (None if kind is Kind.BACKGROUND else cache_key),
        campaign_id=description.campaign_id,
        created_at=created_at,
    )
    cache, file = (Path(os.path.abspath(given)) for given in (cache_dir, path))  # noqa: PTH100 - keeps links
    if cache.is_dir() and file.is_relative_to(cache.parent) and _is_text(str(file)):
        return replace(asset, file_path=file.relative_to(cache.parent).as_posix())
    folder = PurePosixPath(key_of(asset, "")).parent
    return replace(asset, file_path=str(PurePosixPath(cache.name) / folder / path.name))


def _is_text(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def _cost(size_bytes: int, storage_class: str, connection: Connection) -> Cost:
    prices = current_book().region(connection.region)
    (totals,) = measure(
        [("", size_bytes, True)],
        part_size_bytes=PART_BYTES,
        multipart_threshold_bytes=MULTIPART_FROM_BYTES,
    )
    return Cost(
        request=request_price(totals.requests, storage_class, prices),
        monthly=storage_price(totals.stored, storage_class, prices),
        currency=prices.currency,
        region=prices.name,
        as_of=prices.as_of,
    )
