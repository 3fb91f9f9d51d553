"""What a compatible server refuses to be sent: new checksums, conditions, tags; and how to do without.

A server that ignores what it does not know is none of this module's business (see `core.s3.conditions`).
One that answers 400, 405 or 501 to it is recognised by what it answers to requests that can store nothing,
and what it refuses is left out of every request from then on, for a week. Content-MD5 stands in for the
checksum: S3 has had it from the beginning (AWS: "PutObject"), and the server refuses a body that arrives
otherwise.
"""

from __future__ import annotations

import base64
import secrets
import threading
import time
from contextlib import contextmanager
from contextvars import ContextVar
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError
from botocore.utils import conditionally_calculate_md5

from creative_s3.core.s3.endpoints import is_aws
from creative_s3.core.s3.server_memory import ServerMemory

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path


class Refusal(StrEnum):
    """What a server may refuse."""

    CHECKSUMS = "checksums"
    CONDITIONS = "conditions"
    """To create: If-None-Match."""
    REPLACING = "replacing"
    """To replace: If-Match."""
    TAGS = "tags"


WARNINGS: Mapping[Refusal, str] = {
    Refusal.CHECKSUMS: "this server takes no CRC64NVME: Content-MD5 guards what is sent, and ETags prove it",
    Refusal.TAGS: "this server takes no tags with an object: objects are stored without theirs",
}
"""What a report says of it; `core.s3.conditions` has the words about conditions."""

_NO_METADATA = "this server keeps no metadata: its objects do not say which assets they are"
_FACT = "refuses"
_DROPS = "drops_metadata"
WRONG_MD5 = base64.b64encode(bytes(16)).decode()
WRONG_DIGEST = frozenset({"BadDigest", "InvalidDigest", "XAmzContentSHA256Mismatch"})
REFUSED_STATUS = frozenset({400, 405, 501})
"""What a server answers to something that it does not take."""
_KEY_ROOM = 900
_ASKS: Mapping[Refusal, Mapping[str, str]] = {
    Refusal.CHECKSUMS: {"ChecksumCRC64NVME": "AAAAAAAAAAA="},
    Refusal.CONDITIONS: {"IfNoneMatch": "*"},
    Refusal.REPLACING: {"IfMatch": f'"{"0" * 32}"'},
    Refusal.TAGS: {"Tagging": "a=b"},
}
_STORES = "stores"
_NOT_STORED = "not_stored"
_MOST_NOT_STORED = 1000
"""So many objects are remembered by name; a server with more is not believed until all is forgotten."""
_OTHER_ETAGS = "makes_other_etags"
_NO_CHECKSUMS = "tells_no_checksums"
_NOT_MET = frozenset({"PreconditionFailed", "412", "NoSuchKey", "404"})
_TAKEN: Mapping[Refusal, frozenset[str]] = {
    refusal: WRONG_DIGEST | (_NOT_MET if refusal is Refusal.REPLACING else frozenset()) for refusal in _ASKS
}
"""What a server answers that has read what it was asked with: there is no object that could be replaced."""
_CHECKSUMS = ("ChecksumAlgorithm", "ChecksumType", "ChecksumCRC64NVME", "ChecksumMode", "MpuObjectSize")
_WRITES = ("PutObject", "CompleteMultipartUpload")
_WITH_BODY = ("PutObject", "UploadPart")
_asking: ContextVar[frozenset[Refusal] | None] = ContextVar("creative_s3_dialect_asking", default=None)
"""What the questions of this thread leave out; the requests of all others go as ever."""
_CONCERNED = (*_WITH_BODY, "CreateMultipartUpload", "CompleteMultipartUpload", "GetObject", "HeadObject")


class Dialect:
    """What one server refuses; any thread may use it.

    Args:
        endpoint_url: The server; AWS refuses nothing and is never asked.
        directory: Where it is remembered; by default in the user's state directory.
        clock: Seconds since 1970.

    Attributes:
        reading_back: Held while one object is read to see whether the server stores what it confirms.
    """

    def __init__(
        self,
        endpoint_url: str | None,
        *,
        directory: Path | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._is_aws = is_aws(endpoint_url)
        self._memory = ServerMemory(endpoint_url, directory=directory, clock=clock)
        self._lock = threading.Lock()
        self._is_asked = False
        self._refuses: frozenset[Refusal] | None = None
        self._drops: bool | None = None
        self._makes_other_etags: bool | None = None
        self._tells_no_checksums: bool | None = None
        self._stores: bool | None = None
        self._not_stored: frozenset[str] | None = None
        self.reading_back = threading.Lock()

    @property
    def refuses(self) -> frozenset[Refusal]:
        """What the server is known to refuse."""
        if self._refuses is None:
            known = None if self._is_aws else self._memory.recall(_FACT)
            names = {str(name) for name in known} if isinstance(known, list) else set()
            self._refuses = frozenset(refusal for refusal in Refusal if refusal in names)
        return self._refuses

    @property
    def drops_metadata(self) -> bool:
        """Whether the server was seen to keep none of an object's metadata."""
        if self._drops is None:
            self._drops = not self._is_aws and self._memory.recall(_DROPS) is True
        return self._drops

    def found_metadata(self, sent: Mapping[str, str], found: Mapping[str, str] | None) -> None:
        """Take note of what came back of an object's metadata, right after it was stored."""
        drops = bool(sent) and not found
        if sent and not self._is_aws and drops != self.drops_metadata:
            self._drops = drops
            self._memory.remember(_DROPS, drops)

    @property
    def makes_other_etags(self) -> bool:
        """Whether the server was seen to make ETags that look like the content's MD5 and are not."""
        if self._makes_other_etags is None:
            self._makes_other_etags = not self._is_aws and self._memory.recall(_OTHER_ETAGS) is True
        return self._makes_other_etags

    def found_etag(self, *, is_md5: bool) -> None:
        """Take note of an ETag in the form of an MD5, of content that was proved without it."""
        if not self._is_aws and is_md5 == self.makes_other_etags:
            self._makes_other_etags = not is_md5
            self._memory.remember(_OTHER_ETAGS, not is_md5)

    @property
    def tells_no_checksums(self) -> bool:
        """Whether the server was seen to leave the CRC64NVME out of what it tells of an object."""
        if self._tells_no_checksums is None:
            self._tells_no_checksums = not self._is_aws and self._memory.recall(_NO_CHECKSUMS) is True
        return self._tells_no_checksums

    def found_checksum(self, *, is_told: bool) -> None:
        """Take note of what the server told of an object that was sent with its checksum."""
        if not self._is_aws and is_told == self.tells_no_checksums:
            self._tells_no_checksums = not is_told
            self._memory.remember(_NO_CHECKSUMS, not is_told)

    @property
    def is_known_to_store(self) -> bool:
        """Whether what the server confirmed was read back once."""
        if self._stores is None:
            self._stores = self._is_aws or self._memory.recall(_STORES) is True
        return self._stores and not self.not_stored

    @property
    def not_stored(self) -> frozenset[str]:
        """Objects, as bucket and key, that the server confirmed and did not give back.

        While there is one, no checksum that the server tells is taken for a proof.
        """
        if self._not_stored is None:
            known = None if self._is_aws else self._memory.recall(_NOT_STORED)
            self._not_stored = (
                frozenset(str(one) for one in known) if isinstance(known, list) else frozenset()
            )
        return self._not_stored

    def found_not_stored(self, bucket: str, key: str) -> None:
        """Take note of an object that was confirmed, and read back as something else or not at all."""
        with self._lock:
            if not self._is_aws and len(self.not_stored) < _MOST_NOT_STORED:
                self._keep_not_stored(self.not_stored | {f"{bucket}/{key}"})

    def found_stored(self, bucket: str = "", key: str = "") -> None:
        """Take note of an object that was read back as it was sent; it speaks for itself first of all."""
        with self._lock:
            if f"{bucket}/{key}" in self.not_stored and len(self.not_stored) < _MOST_NOT_STORED:
                self._keep_not_stored(self.not_stored - {f"{bucket}/{key}"})
        if not self.not_stored and not self.is_known_to_store:
            self._stores = True
            self._memory.remember(_STORES, True)  # noqa: FBT003 - the fact's value

    def _keep_not_stored(self, objects: frozenset[str]) -> None:
        if objects != self.not_stored:
            self._not_stored = objects
            self._memory.remember(_NOT_STORED, sorted(objects))

    def warning(self) -> str | None:
        """Return what a report must say of objects that are stored here; None for nothing."""
        said = [WARNINGS[one] for one in Refusal if one in self.refuses and one in WARNINGS]
        return "; ".join([*said, *([_NO_METADATA] if self.drops_metadata else [])]) or None

    def adapt(self, client: Any) -> None:  # noqa: ANN401 - boto3's clients have no common type
        """Leave out of a client's requests what the server refuses."""
        if self._is_aws:
            return
        for operation in _CONCERNED:
            events, name = client.meta.events, f"creative-s3-dialect-{operation}"
            events.register_first(f"before-parameter-build.s3.{operation}", self._leave_out, unique_id=name)
            events.register_first(f"before-call.s3.{operation}", self._guard, unique_id=f"{name}-body")
        client.meta.events.register_first(
            "before-call.s3.GetObject", _judge_ourselves, unique_id="creative-s3-dialect-crc64nvme"
        )

    def learn(self, client: Any, bucket: str, key: str, error: BaseException | None) -> bool:  # noqa: ANN401 - as above
        """Find out what a request was refused for; return whether that is known now and was not before.

        The questions are writes of nothing with a wrong Content-MD5 under a new key, at most once in a run.
        The first of them has nothing else: whoever does not refuse it for its digest is asked no more, and
        has an empty object that stands for nothing.

        Args:
            client: A client that `adapt` has adapted.
            bucket: The bucket's name.
            key: What the new key begins with.
            error: What the request failed with, as a library raised it.
        """
        if self._is_aws or status_of(error) not in REFUSED_STATUS:
            return False
        with self._lock:
            if self._is_asked:
                return bool(self.refuses)
            self._is_asked = True
            try:
                refused = self._ask(client, bucket, f"{key[:_KEY_ROOM]}.creative-s3-{secrets.token_hex(8)}")
            except (BotoCoreError, OSError):
                return False  # asked again in the next run
            if not refused - self.refuses:
                return False
            self._refuses = self.refuses | refused
            self._memory.remember(_FACT, sorted(self._refuses))
            return True

    def _ask(self, client: Any, bucket: str, key: str) -> frozenset[Refusal]:  # noqa: ANN401 - as above
        with _leaving_out(frozenset(Refusal)):
            if _answer(client, bucket, key, {}) not in WRONG_DIGEST:
                return frozenset()
        found = set()
        for refusal, asks in _ASKS.items():
            with _leaving_out(frozenset(Refusal) - {refusal}):
                if _answer(client, bucket, key, asks) not in _TAKEN[refusal]:
                    found.add(refusal)
        return frozenset(found)

    def _left_out(self) -> frozenset[Refusal]:
        asking = _asking.get()
        return self.refuses if asking is None else asking

    # -- in botocore's way

    def _leave_out(self, params: dict[str, Any], model: Any, **_: Any) -> None:  # noqa: ANN401 - botocore's
        refuses = self._left_out()
        if Refusal.CHECKSUMS in refuses:
            for name in _CHECKSUMS:
                params.pop(name, None)
            if parts := params.get("MultipartUpload", {}).get("Parts"):
                kept = [{name: part[name] for name in ("PartNumber", "ETag")} for part in parts]
                params["MultipartUpload"] = {"Parts": kept}
        if Refusal.CONDITIONS in refuses and model.name in _WRITES:
            params.pop("IfNoneMatch", None)
        if Refusal.REPLACING in refuses and model.name in _WRITES:
            params.pop("IfMatch", None)
        if Refusal.TAGS in refuses:
            params.pop("Tagging", None)

    def _guard(self, params: dict[str, Any], model: Any, context: dict[str, Any], **_: Any) -> None:  # noqa: ANN401 - the same
        if Refusal.CHECKSUMS not in self._left_out():
            return
        context.pop("checksum", None)  # botocore's own CRC32
        params["headers"].pop("x-amz-sdk-checksum-algorithm", None)
        if model.name in _WITH_BODY and "Content-MD5" not in params["headers"]:
            conditionally_calculate_md5(params)


def _judge_ourselves(context: dict[str, Any], **_: Any) -> None:  # noqa: ANN401 - botocore's
    """Keep botocore from comparing a CRC64NVME, which we do: it takes a malformed one for other content."""
    algorithms = context.get("checksum", {}).get("response_algorithms")
    if algorithms:
        context["checksum"]["response_algorithms"] = [one for one in algorithms if one != "crc64nvme"]


@contextmanager
def _leaving_out(what: frozenset[Refusal]) -> Iterator[None]:
    before = _asking.set(what)
    try:
        yield
    finally:
        _asking.reset(before)


def _answer(client: Any, bucket: str, key: str, asks: Mapping[str, str]) -> str:  # noqa: ANN401 - as above
    """Return the code of the answer to a write of nothing with a wrong digest."""
    try:
        client.put_object(Bucket=bucket, Key=key, Body=b"", ContentMD5=WRONG_MD5, **asks)
    except ClientError as error:
        return str(error.response["Error"]["Code"])
    return ""


def status_of(error: BaseException | None) -> int:
    """Return the HTTP status of an error of botocore or of the Common Runtime; 0 when it has none."""
    if isinstance(error, ClientError):
        return int(error.response["ResponseMetadata"].get("HTTPStatusCode") or 0)
    return int(getattr(error, "status_code", 0) or 0)
