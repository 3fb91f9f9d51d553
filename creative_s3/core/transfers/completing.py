"""The end of an upload in parts: on a condition, or without it where the server takes none."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from creative_s3.core.s3 import objects
from creative_s3.core.s3.conditions import PRECONDITION_FAILED
from creative_s3.core.s3.dialect import REFUSED_STATUS, status_of
from creative_s3.core.transfers.flights import Answer

if TYPE_CHECKING:
    from collections.abc import Mapping

    from creative_s3.core.s3.connection import Connection
    from creative_s3.core.transfers.flights import Flight


def complete(
    connection: Connection,
    flight: Flight,
    upload_id: str,
    *,
    parts: Mapping[int, tuple[str, str]],
    crc64nvme: str,
) -> Answer:
    """Make an object of the parts; return what the server says of it.

    Where the server refuses a condition that is met, it is asked again in another form, or without. The key
    is looked at right before that: then it is all that keeps another writer's object.

    Args:
        connection: Where.
        flight: The upload.
        upload_id: The server's.
        parts: ETag and CRC64NVME of each part by its number.
        crc64nvme: Of the whole content.

    Raises:
        ClientError: The server refused it, or the parts.
    """
    sent: Mapping[str, str] = flight.conditions()
    was_met = False
    while True:
        try:
            answer: Mapping[str, Any] = connection.client.complete_multipart_upload(
                Bucket=connection.bucket,
                Key=flight.key,
                UploadId=upload_id,
                MultipartUpload={
                    "Parts": [
                        {"PartNumber": number, "ETag": etag, "ChecksumCRC64NVME": checksum}
                        for number, (etag, checksum) in sorted(parts.items())
                    ]
                },
                ChecksumCRC64NVME=crc64nvme,
                ChecksumType="FULL_OBJECT",
                MpuObjectSize=flight.size_bytes,
                **sent,
            )
        except ClientError as error:
            if not sent or not _is_met(connection, flight, error):
                raise
            if status_of(error) != PRECONDITION_FAILED:
                connection.conditions.refused_with_parts()
                sent = {}
            elif was_met:  # twice: once may also be another writer who has come and gone in between
                connection.conditions.refuted(flight.replaces, sent)
                sent = connection.conditions.sent(flight.replaces)
            was_met = True
        else:
            return Answer(
                etag=objects.bare_etag(answer.get("ETag")),
                version_id=objects.bare_version(answer.get("VersionId")),
                crc64nvme=objects.whole_crc64nvme(
                    answer.get("ChecksumCRC64NVME"), answer.get("ChecksumType")
                ),
            )


def _is_met(connection: Connection, flight: Flight, error: ClientError) -> bool:
    """Tell whether the server refused an upload whose condition is met."""
    if connection.is_aws or status_of(error) not in {PRECONDITION_FAILED, *REFUSED_STATUS}:
        return False
    seen = objects.head(connection, flight.key)
    return (seen.etag if seen else None) == flight.replaces
