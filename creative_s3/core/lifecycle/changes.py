"""A change of a bucket's lifecycle rules: planned, looked at, then carried out as planned.

The plan holds the rules before and after, in full. Carrying it out reads the rules again, because S3 has no
condition for this request, and writes nothing when somebody has changed them in between.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from creative_s3.core.faults.translation import translate
from creative_s3.core.lifecycle.bucket_rules import BucketRules, prove, read, write
from creative_s3.core.lifecycle.rules import merge
from creative_s3.errors import RefusedError, TemporaryError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from creative_s3.core.bucket.lifecycle_rules import Rule
    from creative_s3.core.s3.object_store import ObjectStore


@dataclass(frozen=True, slots=True)
class Change:
    """What the rules are, and what they shall be.

    Attributes:
        before: As they were read.
        after: As they shall be, in boto3's form.
        minimum: The bucket's smallest size to move, as it shall be; S3 forgets it if it is not sent back.
    """

    before: BucketRules
    after: tuple[Rule, ...]
    minimum: str | None

    @property
    def is_needed(self) -> bool:
        """Whether anything has to be written."""
        return self.after != self.before.rules or self.minimum != self.before.minimum

    @property
    def added(self) -> tuple[Rule, ...]:
        """Rules that are new."""
        return tuple(rule for rule in self.after if _find(self.before.rules, rule) is None)

    @property
    def replaced(self) -> tuple[tuple[Rule, Rule], ...]:
        """Rules of the same ID, before and after."""
        pairs = ((_find(self.before.rules, rule), rule) for rule in self.after)
        return tuple((old, new) for old, new in pairs if old is not None and old != new)

    @property
    def removed(self) -> tuple[Rule, ...]:
        """Rules that go."""
        return tuple(rule for rule in self.before.rules if _find(self.after, rule) is None)

    @property
    def kept(self) -> int:
        """How many rules stay as they are."""
        return len(self.after) - len(self.added) - len(self.replaced)


def setting(before: BucketRules, ours: Iterable[Rule]) -> Change:
    """Plan to put rules in the place of those with the same ID, or at the end.

    Raises:
        RefusedError: There would be too many.
    """
    return Change(before, merge(before.rules, ours), before.minimum)


def removing(before: BucketRules, ids: Collection[str]) -> Change:
    """Plan to take rules away by their IDs."""
    rules = tuple(rule for rule in before.rules if rule.get("ID") not in ids)
    return Change(before, rules, before.minimum)


def replacing(before: BucketRules, wanted: BucketRules) -> Change:
    """Plan to have exactly these rules; where they name no smallest size, the bucket's own stays."""
    return Change(before, wanted.rules, wanted.minimum or before.minimum)


def carry_out(store: ObjectStore, change: Change) -> None:
    """Write the rules as planned, and ask S3 whether it has them; all other settings of the bucket stay.

    Raises:
        TemporaryError: Somebody has changed the rules since the plan was made; nothing was written.
        UnsupportedError: The server does not carry out these rules; it keeps those it had.
        NotKeptError: The server accepted the change, and has other rules.
        RefusedError: The last rule goes, and what that would do on this server is not known.
        CreativeS3Error: A request failed.
    """
    if not change.is_needed:
        return
    if read(store) != change.before:
        raise TemporaryError(
            "somebody has changed the lifecycle rules in the meantime, so nothing was written",
            item=store.bucket,
            hint="run the command again; it starts from the rules as they are now",
        )
    if change.after:
        write(store, change.after, change.minimum)
    else:
        _remove_all(store)


def _find(rules: Iterable[Rule], wanted: Rule) -> Rule | None:
    """Return the rule of the same ID; one without an ID is only itself."""
    if wanted.get("ID") is None:
        return next((rule for rule in rules if rule == wanted), None)
    return next((rule for rule in rules if rule.get("ID") == wanted["ID"]), None)


def _remove_all(store: ObjectStore) -> None:
    """Remove the last rules. A PUT without rules is not allowed, so this is a DELETE.

    A server that does not know a bucket's part may take a DELETE of it for one of the bucket itself. So where
    the endpoint is not AWS, it goes out only to a server whose answers say that it is one we know.
    """
    connection = store.connection
    if not connection.is_aws and not _is_known(store):
        raise RefusedError(
            "these are the last rules, and this server might take the request that removes them for one that"
            " removes the bucket; nothing was sent",
            item=store.bucket,
            hint="remove them with the server's own tools; or let a harmless rule stay: creative-s3 lifecycle"
            " set --abort-uploads 7d",
        )
    store.count({"DeleteBucketLifecycle": 1})
    try:
        connection.client.delete_bucket_lifecycle(Bucket=store.bucket)
    except Exception as error:
        raise translate(error, item=store.bucket, endpoint_url=connection.endpoint_url) from error
    prove(store, ())


def _is_known(store: ObjectStore) -> bool:
    """Tell whether the server is SeaweedFS, whose DELETE of lifecycle rules is tested with this package."""
    connection = store.connection
    store.count({"HeadBucket": 1})
    try:
        answer = connection.client.head_bucket(Bucket=store.bucket)
    except Exception as error:
        raise translate(error, item=store.bucket, endpoint_url=connection.endpoint_url) from error
    server = str(answer["ResponseMetadata"].get("HTTPHeaders", {}).get("server", ""))
    return server.lower().startswith("seaweedfs")
