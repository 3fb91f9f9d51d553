"""What has to be right around the tiers before a local file may go: the cache, the bucket, its rules.

Whatever looks wrong here ends a run with exit code 8 and nothing removed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from creative_s3.core.lifecycle.bucket_rules import read_rules
from creative_s3.core.lifecycle.fates import Fates, fates_of
from creative_s3.core.shell_words import quoted
from creative_s3.core.tiers.tiers import Hold, TierPlan
from creative_s3.core.tiers.visibility import Visibility
from creative_s3.errors import (
    AccessDeniedError,
    ItemError,
    NotS3Error,
    RefusedError,
    UnintelligibleError,
    UnsupportedError,
)

if TYPE_CHECKING:
    from collections.abc import Collection

    from creative_s3.core.files.workspace import Workspace
    from creative_s3.core.s3.object_store import ObjectStore

UNREADABLE = "unreadable"
"""The name under which it can be accepted that the bucket's rules may not or cannot be read."""
_UNSEEN = (AccessDeniedError, ItemError, NotS3Error, RefusedError, UnintelligibleError)
"""After these there may be rules; a server that does not know the request has none."""


def check_cache(workspace: Workspace) -> None:
    """Make sure that the cache is there.

    Raises:
        RefusedError: It is missing, or has no index.
    """
    if not workspace.cache_dir.is_dir() or not workspace.index_path.is_file():
        raise RefusedError(
            "the cache directory or its index.json is missing; nothing is read as deleted",
            item=str(workspace.cache_dir),
            hint="check --cache-dir (or CACHE_DIR) and whether the disk is mounted",
        )


def check_visible(workspace: Workspace) -> None:
    """Make sure that it can be told who has files of the cache open.

    Raises:
        RefusedError: It cannot.
    """
    if reason := Visibility.of(workspace.cache_dir).disk:
        raise RefusedError(
            f"nobody can tell who has files in the cache open: {reason}; nothing was removed",
            item=str(workspace.cache_dir),
            hint="if nothing writes there now, say so: creative-s3 tiers manage --assume-closed",
        )


def check_bucket(store: ObjectStore, prefix: str) -> None:
    """Make sure that the bucket holds something under the prefix: an empty one is likely to be another one.

    Raises:
        RefusedError: It holds nothing.
        BucketNotFoundError: It is not there.
        CreativeS3Error: It cannot be listed.
    """
    inside = f"{prefix}/" if prefix else ""
    if next(store.objects(inside), None) is None:
        raise RefusedError(
            "the bucket holds nothing under the prefix; nothing was removed",
            item=f"s3://{store.bucket}/{inside}",
            hint="check --bucket and --prefix (creative-s3 config); if it is new: creative-s3 migrate upload",
        )


def read_fates(store: ObjectStore, accepted: Collection[str] = ()) -> Fates:
    """Read what the bucket's lifecycle rules will do to objects.

    Args:
        store: The bucket.
        accepted: With `UNREADABLE` in it, rules that may not or cannot be read count as none.

    Raises:
        RefusedError: They may not be read, the answer is none of S3's, or they have a part that this version
            does not know.
        CreativeS3Error: The request failed.
    """
    try:
        return fates_of(read_rules(store))
    except _UNSEEN as error:
        if UNREADABLE in accepted:
            return Fates()
        remedy = (
            "see what the server says: creative-s3 lifecycle show"
            if isinstance(error, ItemError | NotS3Error | UnintelligibleError)
            else "allow s3:GetLifecycleConfiguration"
        )
        raise RefusedError(
            f"it cannot be seen whether a lifecycle rule will delete what is in S3 only: {error.message}",
            item=store.bucket,
            hint=f"{remedy}; or, if no rule does: --accept-expiry {UNREADABLE}",
        ) from error
    except UnsupportedError:
        return Fates()  # a server without lifecycle rules deletes nothing by them


def check_expiry(plan: TierPlan) -> None:
    """Refuse a plan with files that are due to go and whose copies in S3 a rule will delete.

    Raises:
        RefusedError: There are some; names the first one's rule.
    """
    if found := plan.held.get(Hold.EXPIRING):
        rule = found[0].detail.partition(",")[0]
        raise RefusedError(
            f"a lifecycle rule will delete the only copy of {len(found):,} files that are due to go"
            f" ({found[0].detail}); nothing was removed",
            item=found[0].key,
            hint="change the rule; or add --keep-expiring to leave these files out; or accept it with"
            f" --accept-expiry {quoted(rule)}",
        )
