"""Which objects shall get another storage class: named ones, and those that a choice over a listing finds."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING

from creative_s3.core.aws import translate
from creative_s3.core.events import Emit, PhaseStarted, ignore
from creative_s3.core.faults import ends_run
from creative_s3.core.layout import parse_key
from creative_s3.core.lookahead import in_order
from creative_s3.core.migration.remote import published_key
from creative_s3.core.objects import is_archived
from creative_s3.core.slugs import slug_or_unspecified
from creative_s3.core.storage.class_plan import Refused
from creative_s3.errors import (
    AccessDeniedError,
    ArchivedError,
    CreativeS3Error,
    ObjectNotFoundError,
    RefusedError,
    UnsupportedError,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from creative_s3.core.models import Kind, StoredObject
    from creative_s3.core.object_store import ObjectStore
    from creative_s3.core.search.finder import Finder


@dataclass(frozen=True, slots=True)
class Choice:
    """What objects must be to be chosen from a listing; with nothing said, none are.

    Attributes:
        prefix: How their full keys begin; None for all assets' objects.
        kinds: One of these kinds of our layout; empty for any.
        campaigns: One of these campaigns in the key; empty for any.
        larger_than_bytes: Larger than that.
        stored_before: Stored before that time.
    """

    prefix: str | None = None
    kinds: tuple[Kind, ...] = ()
    campaigns: tuple[str, ...] = ()
    larger_than_bytes: int | None = None
    stored_before: datetime | None = None

    def takes(self, stored: StoredObject, our_prefix: str) -> bool:
        """Tell whether an object is chosen; `our_prefix` is what keys of the layout begin with."""
        parts = parse_key(stored.key, our_prefix)
        if parts is None and (self.prefix is None or self.kinds or self.campaigns):
            return False
        campaign = parts.fields.get("campaign") if parts else None
        return (
            (not self.kinds or (parts is not None and parts.kind in self.kinds))
            and (not self.campaigns or campaign in {slug_or_unspecified(name) for name in self.campaigns})
            and (self.larger_than_bytes is None or stored.size_bytes > self.larger_than_bytes)
            and (
                self.stored_before is None
                or (stored.last_modified is not None and stored.last_modified < self.stored_before)
            )
        )


def choose(  # noqa: PLR0913 - what is named, and what is chosen
    store: ObjectStore,
    finder: Finder,
    names: Sequence[str],
    choice: Choice,
    *,
    our_prefix: str,
    emit: Emit = ignore,
) -> tuple[list[StoredObject], dict[str, CreativeS3Error]]:
    """Find the objects that are named and those that are chosen, each once.

    The published index is never among them: every run reads it.

    Args:
        store: The bucket.
        finder: Knows what a name means.
        names: Keys or other names.
        choice: What else; the bucket is listed when it says anything.
        our_prefix: What keys of the layout begin with.
        emit: Takes events.

    Raises:
        ObjectNotFoundError: The choice finds nothing.
        CreativeS3Error: The bucket cannot be used at all.
    """
    found: dict[str, StoredObject] = {}
    misses: dict[str, CreativeS3Error] = {}
    if names:
        emit(PhaseStarted("looking up"))
        workers = store.connection.config.max_parallel_uploads
        for name, one in finder.find_all(dict.fromkeys(names), workers=workers):
            if not isinstance(one, CreativeS3Error):
                found[one.key] = one
            elif ends_run(one):
                raise one
            else:
                misses[name] = one
    index_key = published_key(our_prefix)
    if found.pop(index_key, None):
        misses[index_key] = RefusedError(
            "the published index is read by every run and stays in its class",
            item=index_key,
            hint="name assets, or keys of their objects",
        )
    if choice != Choice():
        emit(PhaseStarted("listing the bucket"))
        below = choice.prefix if choice.prefix is not None else f"{our_prefix}/" if our_prefix else ""
        listed = {
            stored.key: stored
            for stored in store.objects(below)
            if stored.key != index_key and choice.takes(stored, our_prefix)
        }
        if not listed and not found and not misses:
            raise ObjectNotFoundError(
                "no object is like that",
                item=f"s3://{store.bucket}/{below}",
                hint="see what is there with `creative-s3 assets list`",
            )
        found = listed | found
    return list(found.values()), misses


def keeps_versions(store: ObjectStore) -> bool:
    """Tell whether the bucket keeps what is replaced; False also where that may not be asked."""
    store.count({"GetBucketVersioning": 1})
    try:
        answer = store.connection.client.get_bucket_versioning(Bucket=store.bucket)
    except Exception as error:
        ours = translate(error, item=store.bucket, endpoint_url=store.connection.endpoint_url)
        if isinstance(ours, AccessDeniedError | UnsupportedError):
            return False
        raise ours from error
    return bool(answer.get("Status") == "Enabled")


def split_archived(
    store: ObjectStore, objects: Iterable[StoredObject], *, workers: int
) -> tuple[list[StoredObject], list[Refused]]:
    """Separate what can be copied from what has to be restored first; a LIST does not say what was restored.

    Args:
        store: The bucket.
        objects: From LIST or HEAD.
        workers: How many HEADs at once.
    """
    found: dict[str, StoredObject] = {stored.key: stored for stored in objects}
    doubtful = [key for key, stored in found.items() if is_archived(stored) and stored.metadata is None]
    looks = zip(doubtful, in_order(store.head, doubtful, workers=workers), strict=True)
    found |= {key: looked for key, looked in looks if looked is not None}
    ready = [stored for stored in found.values() if not is_archived(stored)]
    return ready, [Refused(one.key, archived(one)) for one in found.values() if is_archived(one)]


def archived(stored: StoredObject) -> ArchivedError:
    """Return the error for an object that has to be restored first."""
    if 'ongoing-request="true"' in (stored.restore or ""):
        return ArchivedError(
            f"it is archived ({stored.storage_class}) and being restored",
            item=stored.key,
            hint="run the same command again when it is restored",
        )
    return ArchivedError(
        f"it is archived ({stored.storage_class}) and has to be restored before it can be copied",
        item=stored.key,
        hint=f"creative-s3 tiers restore {shlex.quote(stored.key)}",
    )
