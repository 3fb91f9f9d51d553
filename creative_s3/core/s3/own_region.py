"""The bucket of the settings is asked in the region of the settings, and nowhere else.

botocore follows a bucket to its region silently. Presigned addresses, and what the direct engine and the
Common Runtime send, would still be signed for the wrong region, which AWS refuses, and the prices would be
wrong, too. So S3's answer becomes the error that names the region. Other buckets are followed: a replica's.
"""

from __future__ import annotations

from typing import Any


def stay(client: Any, bucket: str | None) -> None:  # noqa: ANN401 - boto3's clients have no common type
    """Let a client not follow `bucket` to another region."""

    def as_if_followed(context: dict[str, Any], **_: Any) -> None:  # noqa: ANN401 - botocore's signature
        redirect = context.get("s3_redirect", {})
        if redirect.get("bucket") == bucket:
            redirect["redirected"] = True

    client.meta.events.register("before-call.s3", as_if_followed, unique_id="creative-s3-own-region")
