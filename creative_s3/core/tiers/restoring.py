"""Restoring archived objects: S3 makes a readable copy for some days, after some hours, for some money.

The object stays in its class. Nothing here touches local files.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from creative_s3.core.concurrency.lookahead import in_order
from creative_s3.core.costs.price_store import current_book
from creative_s3.core.costs.pricing import GB
from creative_s3.core.faults.translation import translate
from creative_s3.core.s3.objects import is_archived
from creative_s3.errors import CreativeS3Error, ItemError, TemporaryError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from decimal import Decimal

    from creative_s3.core.assets.models import StoredObject
    from creative_s3.core.costs.pricing import RestorePrice
    from creative_s3.core.s3.object_store import ObjectStore

OPTIONS = {"standard": "Standard", "bulk": "Bulk", "expedited": "Expedited"}
"""The retrieval options by the names that people type."""
POLL_S = 60.0
_UNDER_WAY = "RestoreAlreadyInProgress"
_TIERING = "INTELLIGENT_TIERING"


class RestoreState(StrEnum):
    """How one object stands."""

    NEEDED = "needed"
    """It is archived, and nobody is restoring it."""
    UNDER_WAY = "under-way"
    """S3 is restoring it."""
    READABLE = "readable"
    """It can be read now."""


@dataclass(frozen=True, slots=True)
class Restore:
    """What restoring one object takes.

    Attributes:
        stored: The object.
        state: How it stands.
        price: Of the restore in dollars, without the copy's storage; None where it is not known.
        wait: How long it takes, in words.
    """

    stored: StoredObject
    state: RestoreState
    price: Decimal | None
    wait: str


@dataclass(frozen=True, slots=True)
class RestoreResult:
    """What became of one request; `error` says why it failed."""

    restore: Restore
    error: CreativeS3Error | None = None


def plan_restores(
    store: ObjectStore, keys: Iterable[str], *, option: str
) -> tuple[list[Restore], dict[str, CreativeS3Error]]:
    """Find out what restoring objects takes; changes nothing.

    Args:
        store: The bucket.
        keys: Of the objects.
        option: One of `OPTIONS`.

    Returns:
        What each takes, and by key why others cannot be restored.

    Raises:
        UsageError: There is no such option.
    """
    if option not in OPTIONS:
        raise UsageError("there is no such retrieval option", item=option, hint=f"use {', '.join(OPTIONS)}")
    found: list[Restore] = []
    errors: dict[str, CreativeS3Error] = {}

    def look(key: str) -> tuple[str, Restore | CreativeS3Error]:
        try:
            stored = store.head(key)
            if stored is None:
                raise store.missing(key)
            return key, _restore_of(stored, option, store.connection.region)
        except CreativeS3Error as error:
            return key, error

    for key, one in in_order(look, keys, workers=store.connection.config.max_parallel_uploads):
        if isinstance(one, CreativeS3Error):
            errors[key] = one
        else:
            found.append(one)
    return found, errors


def request_restores(
    store: ObjectStore, restores: Sequence[Restore], *, days: int, option: str
) -> list[RestoreResult]:
    """Ask S3 to restore objects; those that need nothing are left.

    Args:
        store: The bucket.
        restores: From `plan_restores`.
        days: How long the readable copies stay.
        option: One of `OPTIONS`.
    """

    def request(restore: Restore) -> RestoreResult:
        if restore.state is not RestoreState.NEEDED:
            return RestoreResult(restore)
        terms: dict[str, Any] = {"GlacierJobParameters": {"Tier": OPTIONS[option]}}
        if restore.stored.storage_class != _TIERING:  # which moves the object itself, for good
            terms["Days"] = days
        store.count({"RestoreObject": 1})
        try:
            store.connection.client.restore_object(
                Bucket=store.bucket, Key=restore.stored.key, RestoreRequest=terms
            )
        except (ClientError, BotoCoreError) as error:
            if _UNDER_WAY in str(error):
                return RestoreResult(restore)
            return RestoreResult(
                restore,
                translate(error, item=restore.stored.key, endpoint_url=store.connection.endpoint_url),
            )
        return RestoreResult(restore)

    return list(in_order(request, restores, workers=store.connection.config.max_parallel_uploads))


def await_restores(
    store: ObjectStore,
    keys: Iterable[str],
    *,
    poll_s: float = POLL_S,
    note: Callable[[int], object] = lambda _: None,
    sleep: Callable[[float], object] = time.sleep,
) -> list[str]:
    """Wait until objects can be read; return those that are gone meanwhile.

    Args:
        store: The bucket.
        keys: Of the objects.
        poll_s: How long to wait between two looks.
        note: Told how many are left, before each wait.
        sleep: Waits.
    """
    waiting, gone = list(keys), []
    while True:
        left = []
        for key in waiting:
            try:
                stored = store.head(key)
            except TemporaryError:
                left.append(key)
                continue
            if stored is None:
                gone.append(key)
            elif is_archived(stored):
                left.append(key)
        if not left:
            return gone
        waiting = left
        note(len(left))
        sleep(poll_s)


def _restore_of(stored: StoredObject, option: str, region: str) -> Restore:
    terms = _terms(stored, option, region)
    price = terms.request + terms.per_gb * stored.size_bytes / GB if terms else None
    wait = terms.wait if terms else "until S3 has it"
    if not is_archived(stored):
        return Restore(stored, RestoreState.READABLE, None, "at once")
    if 'ongoing-request="true"' in (stored.restore or ""):
        return Restore(stored, RestoreState.UNDER_WAY, None, wait)
    if terms is None and stored.storage_class != _TIERING:
        raise ItemError(
            f"{stored.storage_class} has no {option} restore",
            item=stored.key,
            hint="use --tier standard or --tier bulk",
        )
    return Restore(stored, RestoreState.NEEDED, price, wait)


def _terms(stored: StoredObject, option: str, region: str) -> RestorePrice | None:
    classes = current_book().region(region).classes
    if stored.storage_class not in classes:
        return None
    return classes[stored.storage_class].restores.get(OPTIONS[option])
