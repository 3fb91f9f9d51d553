"""Many HEADs at once: what S3 knows of each of many objects, its checksum included. Reads only.

They are asked directly where that can be and where there is enough to ask; botocore does the rest, and says
what was wrong with whatever failed.
"""

from __future__ import annotations

import threading
from contextlib import closing
from queue import SimpleQueue
from types import MappingProxyType
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError

from creative_s3.core.assets.models import StoredObject
from creative_s3.core.concurrency.pool import DaemonPool
from creative_s3.core.http.retry_after import asked_s
from creative_s3.core.s3 import objects
from creative_s3.core.s3.framing import length_of
from creative_s3.core.s3.genuine import ALWAYS_THERE
from creative_s3.core.transfers.choice import chosen, is_ordinary
from creative_s3.core.transfers.direct_requests import DirectRequests
from creative_s3.core.transfers.lines import lines_to
from creative_s3.core.transfers.refusals import Refusals
from creative_s3.errors import AccessDeniedError, CreativeS3Error, ItemError

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Mapping, Sequence

    from creative_s3.core.s3.connection import Connection
    from creative_s3.core.s3.framing import AnswerHead
    from creative_s3.core.s3.tally import RequestTally
    from creative_s3.core.transfers.choice import EngineName
    from creative_s3.core.transfers.direct_requests import Unsigned
    from creative_s3.core.transfers.wire import Line

Answer = StoredObject | CreativeS3Error | None
"""What S3 says of one object: all it knows, why it tells nothing, or that there is none."""

_WORTH_CONNECTIONS = 50
"""Fewer are asked for through the connections that are open already."""
_META = "x-amz-meta-"
_OK = 200
_NOT_FOUND = 404


def heads(
    connection: Connection, keys: Sequence[str], *, engine: EngineName, tally: RequestTally
) -> Generator[tuple[str, Answer]]:
    """Ask for objects, many at once; yield each with its key as its answer comes, in any order.

    Closing the iterator cancels what is under way and waits for nothing.

    Args:
        connection: Where to.
        keys: The objects' keys, each of them once.
        engine: Whatever is not classic asks directly.
        tally: Counts the requests.

    Raises:
        UnsupportedError: CRT was asked for and cannot serve here.
        CreativeS3Error: Something that concerns more than one object; what concerns only one is its answer.
    """
    refusals = Refusals(connection)
    is_direct = chosen(engine, connection) == "crt" and is_ordinary(connection.bucket)
    if is_direct and (len(keys) >= _WORTH_CONNECTIONS or engine == "crt"):
        with closing(_Direct(connection, tally, refusals)) as direct:
            yield from _answers(keys, direct.asked, connection.config.max_parallel_uploads)
    else:
        yield from _answers(
            keys, lambda key: _asked(connection, key, tally, refusals), connection.config.max_parallel_uploads
        )


def _answers(
    keys: Sequence[str], asked: Callable[[str], Answer], workers: int
) -> Generator[tuple[str, Answer]]:
    done: SimpleQueue[tuple[str, Answer, BaseException | None]] = SimpleQueue()
    pool = DaemonPool(min(workers, max(1, len(keys))))
    is_over = threading.Event()

    def ask(key: str) -> None:
        if is_over.is_set():
            return
        try:
            done.put((key, asked(key), None))
        except BaseException as error:  # noqa: BLE001 - raised again where somebody can take it
            done.put((key, None, error))

    left = iter(keys)
    under_way = 0
    try:
        while True:
            while under_way < 2 * workers and (key := next(left, None)) is not None:
                pool.run(ask, key)
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


def _asked(connection: Connection, key: str, tally: RequestTally, refusals: Refusals) -> Answer:
    tally.add("HeadObject")
    try:
        found = objects.head(connection, key)
    except (AccessDeniedError, ItemError) as error:
        return error
    except CreativeS3Error as error:
        ours = refusals.of_item(error, key)
        if isinstance(ours, ItemError) or refusals.is_alone(ours):
            return ours
        raise
    refusals.succeeded()
    return found


class _Direct:
    """Asks over connections of its own; any thread may call it."""

    def __init__(self, connection: Connection, tally: RequestTally, refusals: Refusals) -> None:
        self._connection = connection
        self._tally = tally
        self._refusals = refusals
        self._requests = DirectRequests(connection)
        self._lines = lines_to(connection, self._requests.endpoint_url)
        self._under_way: set[Line] = set()
        self._closed = threading.Event()

    def asked(self, key: str) -> Answer:
        """Ask for one object; where the answer is not as usual, have botocore ask again."""
        request = self._requests.head(key)
        if request is not None:
            self._tally.add("HeadObject")
            try:
                said = self._said(request)
                if said.status == _OK and not ALWAYS_THERE.isdisjoint(said.headers):
                    self._refusals.succeeded()
                    return from_headers(key, said.headers)
            except (BotoCoreError, ValueError):  # an answer that cannot be understood is none
                if self._closed.is_set():
                    return None  # nobody listens any more
            else:
                if said.status == _NOT_FOUND:
                    return None
                if self._closed.wait(asked_s(said.status, said.headers) or 0.0):
                    return None
        return _asked(self._connection, key, self._tally, self._refusals)

    def close(self) -> None:
        """Break off what is under way."""
        self._closed.set()
        for line in tuple(self._under_way):
            line.break_off()
        self._lines.close()

    def _said(self, request: Unsigned) -> AnswerHead:
        line = self._lines.take()
        self._under_way.add(line)
        try:
            if self._closed.is_set():
                line.break_off()
            line.send(self._requests.signed(request))
            said, _ = line.receive(has_body=False)
        except BaseException:
            line.close()
            raise
        finally:
            self._under_way.discard(line)
        self._lines.give_back(line)
        return said


def from_headers(key: str, known: Mapping[str, str]) -> StoredObject:
    """Decode the headers of an answer to HEAD, as `objects.from_answer` decodes what botocore makes of them.

    Args:
        key: The object's key.
        known: The headers by name in lower case.

    Raises:
        ValueError: There is no length.
        NotHttpError: It is no number.
    """
    metadata = {name.removeprefix(_META): value for name, value in known.items() if name.startswith(_META)}
    size_bytes = length_of(known)
    if size_bytes is None:
        raise ValueError("no length")
    return StoredObject(
        key=key,
        size_bytes=size_bytes,
        etag=objects.bare_etag(known.get("etag")),
        last_modified=objects.http_date(known.get("last-modified")),
        storage_class=known.get("x-amz-storage-class") or "STANDARD",
        version_id=objects.bare_version(known.get("x-amz-version-id")),
        crc64nvme=objects.whole_crc64nvme(
            known.get("x-amz-checksum-crc64nvme"), known.get("x-amz-checksum-type")
        ),
        metadata=MappingProxyType(metadata),
        content_type=known.get("content-type"),
        restore=known.get("x-amz-restore"),
    )
