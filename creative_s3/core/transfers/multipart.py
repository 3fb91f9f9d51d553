"""Large files: multipart uploads of our own, which a later run can continue. Both engines send them this way.

s3transfer's managers keep the upload's ID to themselves and abort what fails; here the ID is recorded as soon
as it is known (`unfinished`), and a rerun keeps the parts that are proved (`resuming`). Each part goes with
its own CRC64NVME, and the completed object is verified by that of the whole file.
"""

from __future__ import annotations

import hashlib
import json
import threading
import time
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from creative_s3.core.concurrency.pool import DaemonPool
from creative_s3.core.faults.table import DOCTOR
from creative_s3.core.faults.translation import translate
from creative_s3.core.files import local_files
from creative_s3.core.s3 import objects
from creative_s3.core.s3.dialect import status_of
from creative_s3.core.transfers import resuming
from creative_s3.core.transfers.completing import complete
from creative_s3.core.transfers.flights import Answer, Flight, Reply, part_bytes_of
from creative_s3.core.transfers.part_body import PartBody, ShortenedError
from creative_s3.core.transfers.unfinished import Begun, Record, Unfinished
from creative_s3.errors import ChecksumMismatchError, TemporaryError, UnsupportedError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from creative_s3.core.s3.connection import Connection
    from creative_s3.core.transfers.resuming import Part, StoredPart

_GRACE_S = 1.5
"""How long a cancelled upload waits for the parts on their way: what arrives after an abort may stay."""
_ABORTS_S = 3.0
_SECOND_S = 1.0
"""S3 tells times in whole seconds."""
_LONGEST_CREATE_S = 400.0
"""All attempts that botocore makes of one request, with their time-outs, take less."""
_GONE = "NoSuchUpload"
_NOT_LISTED = frozenset({400, 403, 404, 405, 501})
"""What servers answer that do not list the parts of an upload, or not to us."""


class StoppedError(BaseException):
    """The upload was cancelled; no ``Exception``, or botocore would send the part again."""


class MultipartSender:
    """Sends files in parts; any thread may use it.

    Args:
        connection: Where to.
        unfinished: Where uploads under way are recorded.
        pass_on: Called with the size of each block before it is sent; it may wait.
    """

    def __init__(
        self,
        connection: Connection,
        *,
        unfinished: Unfinished | None = None,
        pass_on: Callable[[int], None] | None = None,
    ) -> None:
        self.connection = connection
        self.pass_on = pass_on
        self.pool = DaemonPool(connection.config.max_parallel_uploads)
        self._unfinished = unfinished or Unfinished()
        self._doubtful: dict[str, str] = {}

    def put(self, flight: Flight, arguments: Mapping[str, Any]) -> Callable[[], None]:
        """Begin or continue an upload with s3transfer's ``extra_args``; return what cancels it.

        `flight` has the checksums of its parts, `arguments` that of the whole file.
        """
        sending = _Sending(self, flight, arguments)
        self.pool.submit(sending.begin)
        return sending.cancel

    def close(self) -> None:
        """Abort what failed for good, and let the threads end; takes a few seconds at most."""
        aborts = [self.pool.submit(self._clear, *doubtful) for doubtful in self._doubtful.copy().items()]
        deadline = time.monotonic() + _ABORTS_S
        for abort in aborts:
            with suppress(TimeoutError):
                abort.result(max(0.0, deadline - time.monotonic()))
        self.pool.shutdown()

    def take(self, key: str) -> Record | None:
        """Lock the record of a key; None where none can be kept."""
        return self._unfinished.take(self.connection.endpoint_url, self.connection.bucket, key)

    def doubt(self, key: str, upload_id: str) -> None:
        """Abort this upload in the end unless it succeeds after all: its content did not arrive as it is."""
        self._doubtful[key] = upload_id

    def settled(self, key: str) -> None:
        """Forget a doubt: the upload is completed or aborted."""
        self._doubtful.pop(key, None)

    def abort(self, key: str, upload_id: str) -> bool:
        """Abort an upload of ours; return whether it is gone."""
        connection = self.connection
        try:
            connection.client.abort_multipart_upload(Bucket=connection.bucket, Key=key, UploadId=upload_id)
        except ClientError as error:
            return error.response["Error"]["Code"] == _GONE
        except BotoCoreError:
            return False  # it stays then, recorded for the next run
        return True

    def _clear(self, key: str, upload_id: str) -> None:
        if self.abort(key, upload_id) and (record := self.take(key)):
            record.forget()
            record.release()


class _Sending:
    """One file on its way in parts; everything but `cancel` runs in the sender's threads."""

    def __init__(self, sender: MultipartSender, flight: Flight, arguments: Mapping[str, Any]) -> None:
        self._sender = sender
        self._client = sender.connection.client
        self._flight = flight
        self._crc64nvme: str = arguments["ChecksumCRC64NVME"]
        self._created_with = {name: arguments[name] for name in arguments if name != "ChecksumCRC64NVME"}
        self._names = {"Bucket": sender.connection.bucket, "Key": flight.key}
        self._part_bytes = part_bytes_of(flight.size_bytes)
        self._record: Record | None = None
        self._lost_from: float | None = None
        self._ahead_s = 0.0  # the server's clock before ours
        self._upload_id: str | None = None
        self._done: dict[int, tuple[str, str]] = {}
        self._lock = threading.Lock()
        self._left = 0
        self._error: BaseException | None = None
        self._is_complete = False
        self._is_stopped = False
        self._is_over = False

    def cancel(self) -> None:
        """Send nothing more, and end soon; what arrived is kept for another run. Any thread may call it."""
        self._is_stopped = True
        late = threading.Timer(_GRACE_S, self._end)
        late.daemon = True
        late.start()

    def begin(self) -> None:
        """Find out what is to be sent, and send it."""
        try:
            self._go_on()
            parts = resuming.parts_of(self._flight.size_bytes, self._part_bytes, self._flight.part_crc64nvmes)
            self._record = self._sender.take(self._flight.key)
            self._resume(parts)
            if self._upload_id is None and not self._is_complete:
                self._create()
            missing = [part for part in parts if part.number not in self._done and not self._is_complete]
        except BaseException as error:  # noqa: BLE001 - the reply carries it on
            self._error = error
            self._end()
            return
        self._left = len(missing)
        for part in missing:
            self._sender.pool.submit(self._send, part)
        if not missing:
            self._end()

    # -- what is there already

    def _resume(self, parts: tuple[Part, ...]) -> None:
        """Go on with the upload that the record names, if it is still the same and some of it can be kept."""
        begun = self._record.read() if self._record else None
        if begun is None:
            return
        if begun.upload_id is None:
            self._lost_from = begun.asked_at
            return
        is_same = begun == self._begun(begun.upload_id, begun.asked_at)
        try:
            stored = {
                part.number: part
                for part in resuming.stored_parts(self._sender.connection, self._flight.key, begun.upload_id)
            }
        except ClientError as error:
            if error.response["Error"]["Code"] == _GONE:
                self._is_complete = is_same and self._is_stored()
                return
            if status_of(error) not in _NOT_LISTED:
                raise
            stored = {}  # the server lists no parts, so none can be kept
            is_same = False
        if is_same:
            for part in resuming.kept(parts, stored, partial(resuming.md5_in, self._flight.path)):
                self._go_on()
                self._keep(part, parts[part.number - 1])
            if self._done or not stored:
                self._upload_id = begun.upload_id
                return
        self._sender.abort(self._flight.key, begun.upload_id)

    def _keep(self, stored: StoredPart, part: Part) -> None:
        self._done[part.number] = (stored.etag, part.crc64nvme)
        self._flight.progress(part.size_bytes)

    def _begun(self, upload_id: str | None, asked_at: float) -> Begun:
        told = json.dumps(self._created_with, sort_keys=True).encode()
        return Begun(
            key=self._flight.key,
            upload_id=upload_id,
            part_bytes=self._part_bytes,
            size_bytes=self._flight.size_bytes,
            created_with=hashlib.sha256(told).hexdigest(),
            asked_at=asked_at,
        )

    def _create(self) -> None:
        asked_at = time.time()
        self._note(self._begun(None, self._lost_from or asked_at))
        answer = self._client.create_multipart_upload(
            **self._names, **self._created_with, ChecksumAlgorithm="CRC64NVME", ChecksumType="FULL_OBJECT"
        )
        if answer["ResponseMetadata"].get("RetryAttempts"):
            self._lost_from = self._lost_from or asked_at  # an answer may have been lost, and its ID with it
        if there := objects.http_date(answer["ResponseMetadata"].get("HTTPHeaders", {}).get("date")):
            self._ahead_s = there.timestamp() - time.time()
        upload_id = answer.get("UploadId")
        if not upload_id:
            raise UnsupportedError(
                "the server knows no multipart uploads", item=self._flight.key, hint=DOCTOR
            )
        with self._lock:
            if not self._is_over:
                self._upload_id = upload_id
        if self._upload_id is None:  # cancelled, and nobody waits for this answer any more
            self._sender.abort(self._flight.key, upload_id)
            raise StoppedError
        self._note(self._begun(self._upload_id, asked_at))

    def _note(self, begun: Begun) -> None:
        if self._record is not None:
            self._record.write(begun)

    # -- sending

    def _send(self, part: Part) -> None:
        try:
            if self._error is None and not self._is_stopped:
                with PartBody(
                    self._flight.path,
                    part.start,
                    part.size_bytes,
                    progress=self._flight.progress,
                    pass_on=self._pass,
                ) as body:
                    answer = self._client.upload_part(
                        **self._names,
                        UploadId=self._upload_id,
                        PartNumber=part.number,
                        Body=body,
                        ContentLength=part.size_bytes,
                        ChecksumCRC64NVME=part.crc64nvme,
                    )
                self._done[part.number] = (answer.get("ETag") or "", part.crc64nvme)
        except ShortenedError:
            self._error = self._error or local_files.changed(self._flight.path)
        except BaseException as error:  # noqa: BLE001 - the reply carries it on
            self._error = self._error or error
        with self._lock:
            self._left -= 1
            is_last = not self._left
        if is_last:
            self._end()

    def _pass(self, size_bytes: int) -> None:
        self._go_on()
        if self._sender.pass_on is not None:
            self._sender.pass_on(size_bytes)

    def _go_on(self) -> None:
        if self._is_stopped:
            raise StoppedError

    # -- the end

    def _end(self) -> None:
        """Complete or abort the upload, once, and say how it went."""
        with self._lock:
            if self._is_over:
                return
            self._is_over = True
        try:
            if self._is_stopped:
                self._error = self._error or StoppedError()
            if self._error is None and not self._is_complete:
                self._complete()
        except BaseException as error:  # noqa: BLE001 - the reply carries it on
            self._error = error
        try:
            self._clear()
        finally:
            if self._record is not None:
                self._record.release()
            self._flight.done(Reply(answer=self._flight.answer, error=self._error))

    def _complete(self) -> None:
        assert self._upload_id is not None  # noqa: S101 - parts were sent
        try:
            self._flight.answer = complete(
                self._sender.connection,
                self._flight,
                self._upload_id,
                parts=self._done,
                crc64nvme=self._crc64nvme,
            )
        except ClientError as error:
            if error.response["Error"]["Code"] != _GONE or not self._is_stored():
                raise

    def _is_stored(self) -> bool:
        """Find out whether the upload is gone because it was completed, and only the answer was lost."""
        connection = self._sender.connection
        seen = objects.head(connection, self._flight.key)
        if seen is None or seen.size_bytes != self._flight.size_bytes:
            return False
        if (seen.crc64nvme or objects.read_back(connection, seen)) != self._crc64nvme:
            return False
        self._flight.answer = Answer(seen.etag, seen.version_id, seen.crc64nvme)
        return True

    def _clear(self) -> None:
        """Leave nothing behind but what another try or another run can go on with."""
        if self._error is None:
            if self._lost_from is not None:
                self._abort_lost(self._lost_from)
        elif self._may_go_on(self._error):
            return
        elif self._upload_id is not None and not self._sender.abort(self._flight.key, self._upload_id):
            return  # recorded as it is, the next run tries again
        self._sender.settled(self._flight.key)
        if self._record is not None:
            self._record.forget()

    def _may_go_on(self, error: BaseException) -> bool:
        if self._record is None:
            return False
        if self._is_stopped:  # what arrived is kept; an upload of nothing is not
            return self._upload_id is not None and bool(self._done)
        try:
            ours = translate(error)
        except BaseException:  # noqa: BLE001 - a bug, which the reply carries on
            return False
        if isinstance(ours, ChecksumMismatchError) and self._upload_id is not None:
            self._sender.doubt(self._flight.key, self._upload_id)
            return len(self._done) < len(self._flight.part_crc64nvmes)  # a part was refused, not the whole
        return isinstance(ours, TemporaryError)

    def _abort_lost(self, lost_from: float) -> None:
        """Abort what a request of ours created whose answer, and the ID in it, never came.

        Only now that the object is stored: nobody else can complete an upload of this key any more without
        replacing what is there.
        """
        with suppress(ClientError, BotoCoreError):  # it stays then, and doctor tells of it
            for upload_id in resuming.empty_uploads(
                self._sender.connection,
                self._flight.key,
                since=lost_from + self._ahead_s - _SECOND_S,
                until=lost_from + self._ahead_s + _LONGEST_CREATE_S,
            ):
                self._sender.abort(self._flight.key, upload_id)
