"""Which objects shall get another storage class: named ones, and those that a choice over a listing finds."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from creative_s3.core.assets.layout import published_key
from creative_s3.core.classes.plan import Refused
from creative_s3.core.concurrency.lookahead import in_order
from creative_s3.core.events import Emit, PhaseStarted, ignore
from creative_s3.core.faults.translation import ends_run, translate
from creative_s3.core.s3.objects import is_archived
from creative_s3.core.shell_words import quoted
from creative_s3.errors import (
    AccessDeniedError,
    ArchivedError,
    CreativeS3Error,
    ObjectNotFoundError,
    RefusedError,
    UnsupportedError,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from creative_s3.core.assets.models import StoredObject
    from creative_s3.core.catalog.catalog import Catalog
    from creative_s3.core.s3.object_store import ObjectStore
    from creative_s3.core.search.finder import Finder


@dataclass(frozen=True, slots=True)
class Choice:
    """Which objects shall get another class.

    Attributes:
        names: Keys, cache keys or other names.
        keys: Assets' objects: full key -> the asset's cache key.
        prefix: Also every object whose full key begins so; None for no such ones.
    """

    names: tuple[str, ...] = ()
    keys: Mapping[str, str] = field(default_factory=dict)
    prefix: str | None = None


def choice_of(catalog: Catalog | None, cache_keys: Sequence[str], prefix: str | None) -> Choice:
    """Return the choice of assets by what their catalog knows of their keys, and close it.

    Those whose key it does not know are looked up by name.
    """
    if catalog is None:
        return Choice(tuple(cache_keys), prefix=prefix)
    with closing(catalog):
        assigned = catalog.assignments_of(cache_keys)
    names = tuple(cache_key for cache_key in cache_keys if cache_key not in assigned)
    return Choice(names, {key: cache_key for cache_key, key in assigned.items()}, prefix)


def choose(
    store: ObjectStore, finder: Finder, choice: Choice, *, our_prefix: str, emit: Emit = ignore
) -> tuple[list[StoredObject], dict[str, CreativeS3Error]]:
    """Find the objects that are chosen, each once, and the names that mean none.

    The published index is never among them: every run reads it.

    Args:
        store: The bucket.
        finder: Knows what a name means.
        choice: Names are asked for one by one, the rest is found by listing.
        our_prefix: What keys of the layout begin with.
        emit: Takes events.

    Raises:
        ObjectNotFoundError: There is nothing that is chosen.
        CreativeS3Error: The bucket cannot be used at all.
    """
    found: dict[str, StoredObject] = {}
    misses: dict[str, CreativeS3Error] = {}
    if choice.names:
        emit(PhaseStarted("looking up"))
        workers = store.connection.config.max_parallel_uploads
        for name, one in finder.find_all(dict.fromkeys(choice.names), workers=workers):
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
    if choice.keys or choice.prefix is not None:
        emit(PhaseStarted("listing the bucket"))
    listed: dict[str, StoredObject] = {}
    if choice.prefix is not None:
        listed |= {stored.key: stored for stored in store.objects(choice.prefix) if stored.key != index_key}
    if choice.keys:
        below = f"{our_prefix}/" if our_prefix else ""
        listed |= {stored.key: stored for stored in store.objects(below) if stored.key in choice.keys}
        misses |= {
            cache_key: _gone(cache_key, key) for key, cache_key in choice.keys.items() if key not in listed
        }
    if not listed and not found and not misses:
        raise ObjectNotFoundError(
            "no object is like that",
            item=f"s3://{store.bucket}/{choice.prefix or our_prefix}",
            hint="see what is there with `creative-s3 assets list`",
        )
    return list((listed | found).values()), misses


def _gone(cache_key: str, key: str) -> ObjectNotFoundError:
    return ObjectNotFoundError(
        f"the object of the asset {cache_key} is gone",
        item=key,
        hint="see what is there: creative-s3 assets discover",
    )


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
        hint=f"creative-s3 tiers restore {quoted(stored.key)}",
    )
