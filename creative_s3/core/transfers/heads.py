"""Many HEADs at once: what S3 knows of each of many objects, its checksum included. Reads only.

The Common Runtime asks where it can serve and where there is enough to ask; botocore does the rest, and says
what was wrong with whatever failed.
"""

from __future__ import annotations

import threading
from contextlib import suppress
from queue import SimpleQueue
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from awscrt.s3 import S3RequestType

from creative_s3.core import objects
from creative_s3.core.models import StoredObject
from creative_s3.core.pool import DaemonPool
from creative_s3.core.transfers.choice import chosen
from creative_s3.core.transfers.crt_client import CrtCredentials, crt_client
from creative_s3.core.transfers.crt_serializer import LeanSerializer
from creative_s3.errors import AccessDeniedError, CreativeS3Error, ItemError

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Sequence

    from creative_s3.core.aws import Connection
    from creative_s3.core.transfers.choice import EngineName
    from creative_s3.core.transfers.flights import RequestTally

Answer = StoredObject | CreativeS3Error | None
"""What S3 says of one object: all it knows, why it tells nothing, or that there is none."""

_WORTH_A_CLIENT = 50
"""Fewer are asked for through the connections that are open already."""
_MOST_UNDER_WAY = 200
_META = "x-amz-meta-"
_NOT_FOUND = 404


def heads(
    connection: Connection, keys: Sequence[str], *, engine: EngineName, tally: RequestTally
) -> Generator[tuple[str, Answer]]:
    """Ask for objects, many at once; yield each with its key as its answer comes, in any order.

    Closing the iterator cancels what is under way and waits for nothing.

    Args:
        connection: Where to.
        keys: The objects' keys, each of them once.
        engine: ``auto`` is CRT where it can serve, else classic.
        tally: Counts the requests.

    Raises:
        UnsupportedError: CRT was asked for and cannot serve here.
        CreativeS3Error: Something that concerns more than one object; what concerns only one is its answer.
    """
    native = chosen(engine, connection) == "crt"
    if native and (len(keys) >= _WORTH_A_CLIENT or engine == "crt"):
        return _by_crt(connection, keys, tally)
    return _by_botocore(connection, keys, tally)


def _by_botocore(
    connection: Connection, keys: Sequence[str], tally: RequestTally
) -> Generator[tuple[str, Answer]]:
    done: SimpleQueue[tuple[str, Answer, BaseException | None]] = SimpleQueue()
    workers = connection.config.max_parallel_uploads
    pool = DaemonPool(min(workers, max(1, len(keys))))
    is_over = threading.Event()

    def ask(key: str) -> None:
        if is_over.is_set():
            return
        try:
            done.put((key, _asked(connection, key, tally), None))
        except BaseException as error:  # noqa: BLE001 - raised again where somebody can take it
            done.put((key, None, error))

    left = iter(keys)
    under_way = 0
    try:
        while True:
            while under_way < 2 * workers and (key := next(left, None)) is not None:
                pool.submit(ask, key)
                under_way += 1
            if not under_way:
                return
            key, answer, error = done.get()
            under_way -= 1
            if error is not None:
                raise error
            yield key, answer
    finally:
        is_over.set()
        pool.shutdown()


def _asked(connection: Connection, key: str, tally: RequestTally) -> Answer:
    tally.add("HeadObject")
    try:
        return objects.head(connection, key)
    except (AccessDeniedError, ItemError) as error:
        return error


def _by_crt(
    connection: Connection, keys: Sequence[str], tally: RequestTally
) -> Generator[tuple[str, Answer]]:
    client = crt_client(connection, CrtCredentials(connection))
    serializer = LeanSerializer(connection)
    done: SimpleQueue[_Look] = SimpleQueue()
    under_way: dict[str, Callable[[], None]] = {}
    left = iter(keys)
    try:
        while True:
            while len(under_way) < _MOST_UNDER_WAY and (key := next(left, None)) is not None:
                look = _Look(key, done)
                tally.add("HeadObject")
                under_way[key] = client.make_request(
                    type=S3RequestType.DEFAULT,
                    operation_name="HeadObject",
                    request=serializer.request("head_object", key, {"ChecksumMode": "ENABLED"}),
                    on_headers=look.on_headers,
                    on_done=look.on_done,
                ).cancel
            if not under_way:
                return
            look = done.get()
            del under_way[look.key]
            if look.stored is not None or look.is_missing:
                yield look.key, look.stored
            else:  # botocore has attempts of its own, and the words for what is wrong
                yield look.key, _asked(connection, look.key, tally)
    finally:
        for cancel in under_way.values():
            cancel()


class _Look:
    """One object that is asked for. Its callbacks come from native threads."""

    __slots__ = ("_done", "_headers", "_status", "is_missing", "key", "stored")

    def __init__(self, key: str, done: SimpleQueue[_Look]) -> None:
        self.key = key
        self.stored: StoredObject | None = None
        self.is_missing = False
        self._done = done
        self._status = 0
        self._headers: Iterable[tuple[str, str]] = ()

    def on_headers(self, status_code: int, headers: Iterable[tuple[str, str]], **_: Any) -> None:  # noqa: ANN401
        self._status, self._headers = status_code, headers

    def on_done(self, error: BaseException | None = None, **_: Any) -> None:  # noqa: ANN401
        if error is None:
            with suppress(ValueError):  # an answer that cannot be understood is none
                self.stored = from_headers(self.key, self._headers)
        else:
            self.is_missing = self._status == _NOT_FOUND
        self._done.put(self)


def from_headers(key: str, headers: Iterable[tuple[str, str]]) -> StoredObject:
    """Decode the headers of an answer to HEAD, as `objects.from_answer` decodes what botocore makes of them.

    Raises:
        ValueError: There is no length.
    """
    known: dict[str, str] = {}
    metadata: dict[str, str] = {}
    for name, text in headers:
        lower = name.lower()
        # botocore reads headers as HTTP once defined them (RFC 7230, section 3.2.4): as Latin-1.
        value = text if text.isascii() else text.encode().decode("latin-1")
        if lower.startswith(_META):
            metadata[lower.removeprefix(_META)] = value
        else:
            known[lower] = value
    is_full = known.get("x-amz-checksum-type", "FULL_OBJECT") == "FULL_OBJECT"
    return StoredObject(
        key=key,
        size_bytes=int(known.get("content-length", "")),
        etag=objects.bare_etag(known.get("etag")),
        last_modified=objects.http_date(known.get("last-modified")),
        storage_class=known.get("x-amz-storage-class") or "STANDARD",
        version_id=objects.bare_version(known.get("x-amz-version-id")),
        crc64nvme=known.get("x-amz-checksum-crc64nvme") if is_full else None,
        metadata=MappingProxyType(metadata),
        content_type=known.get("content-type"),
        restore=known.get("x-amz-restore"),
    )
