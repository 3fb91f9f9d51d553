"""Which files are older copies of what the bucket has, not edited here, and never go over it. Pure.

What a file was when it was last sent or brought here is on record (`catalog.origin`). Where it is not, as in
a catalog that was made anew, a file that was written before the object was stored is taken for an older copy.
"""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from creative_s3.core.assets.layout import owner_of

if TYPE_CHECKING:
    from creative_s3.core.migration.candidates import Candidate

_NOT_EDITED = "the bucket has newer content; the file here has not changed since it was sent or brought here"
_OLDER = "the bucket has newer content, and it is not known from what the file here was made"


def stale(candidate: Candidate) -> str:
    """Say why the file here is an older copy, and how to take what the bucket has; empty when it is none."""
    remote, local_crc = candidate.remote, candidate.crc64nvme
    if remote is None or local_crc is None or is_only_told(candidate):
        return ""
    owner = owner_of(remote.metadata)
    if owner is not None and owner not in {candidate.asset.cache_key, *candidate.asset.also_known_as}:
        return ""
    if candidate.origin_crc64nvme is not None:
        return _told(_NOT_EDITED, candidate) if local_crc == candidate.origin_crc64nvme else ""
    if candidate.is_as_proved:
        return ""
    if local_crc == candidate.proved_crc64nvme:
        return _told(_NOT_EDITED, candidate)
    return _told(_OLDER, candidate) if candidate.local.is_older_than(remote.last_modified) else ""


def is_known(candidate: Candidate) -> bool:
    """Tell whether the object has what the file here was made from, or what was proved from here."""
    if is_only_told(candidate):
        return True
    if candidate.origin_crc64nvme is not None:
        return candidate.remote_crc64nvme == candidate.origin_crc64nvme
    return candidate.is_as_proved


def is_only_told(candidate: Candidate) -> bool:
    """Tell whether the server tells the file's checksum of an object with other content: a failed upload."""
    told = candidate.remote.crc64nvme if candidate.remote else None
    return told is not None and told == candidate.crc64nvme != candidate.remote_crc64nvme


def _told(why: str, candidate: Candidate) -> str:
    path = str(candidate.local.path)
    take = shlex.join(["creative-s3", "assets", "download", candidate.key, "--output", path, "--force"])
    return f"{why}. To take it: {take}"
