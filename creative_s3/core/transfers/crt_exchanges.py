"""Exchanges of the Common Runtime: what their callbacks note and pass on, and who does what they cannot do.

The callbacks come from native threads; an exception there would be lost. Requests are made in `crt`.
"""

from __future__ import annotations

import os
import threading
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Protocol

from awscrt.exceptions import AwsCrtError
from awscrt.s3 import S3ResponseError

from creative_s3.core.transfers.flights import NO_RANGES, PART_BYTES, Answer, Flight, Reply, answer_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from creative_s3.core.transfers.crt_client import CrtCredentials
    from creative_s3.core.transfers.crt_watch import Watch
    from creative_s3.core.transfers.first_answer import FirstAnswer

_NOT_UNDERSTOOD = frozenset(
    {
        "AWS_ERROR_DEST_COPY_TOO_SMALL",  # more than the range that was asked for
        "AWS_ERROR_HTTP_PROTOCOL_ERROR",
        "AWS_ERROR_S3_INVALID_CONTENT_LENGTH_HEADER",
        "AWS_ERROR_S3_INVALID_CONTENT_RANGE_HEADER",
        "AWS_ERROR_S3_MISSING_CONTENT_LENGTH_HEADER",
        "AWS_ERROR_S3_MISSING_CONTENT_RANGE_HEADER",
        "AWS_ERROR_S3_MISSING_ETAG",
    }
)
"""Answers that the Common Runtime does not read: botocore does, or knows what is wrong with them."""
_SLOW_DOWN = "AWS_ERROR_S3_SLOW_DOWN"
_OK = range(200, 300)
_NEW_FILE = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC


class Owner(Protocol):
    """The engine of an exchange.

    Attributes:
        credentials: botocore's.
        first_answer: Looked after.
        is_understood: Whether the server's HTTP is strict enough.
        slowed: The keys whose last try the server answered with 503.
        watch: Ends what does not come on.
    """

    credentials: CrtCredentials
    first_answer: FirstAnswer
    slowed: set[str]
    is_understood: bool
    watch: Watch


class Exchange:
    """One request, which is done in another way where it does not come on.

    Args:
        flight: What is moved.
        owner: The engine.
        otherwise: Begins the flight in another engine; returns what cancels it.

    Attributes:
        moved_at: When it began, or when last something of it came.
        quiet_bytes: How much may move before anything of it is told.
    """

    def __init__(self, flight: Flight, owner: Owner, otherwise: Callable[[], Callable[[], None]]) -> None:
        self._flight = flight
        self._owner = owner
        self._otherwise = otherwise
        self._lock = threading.Lock()
        self._cancel: Callable[[], None] | None = None
        self._is_cancelled = False
        self._is_given_up = False
        self._told = 0
        self._answer: Answer | None = None
        self.moved_at = 0.0
        self.quiet_bytes = flight.size_bytes

    def begin(self, request: Callable[[], Any]) -> Callable[[], None]:
        """Begin; return what cancels whatever is under way.

        Args:
            request: Makes the native request, with the callbacks of the exchange.
        """
        self._owner.first_answer.expect(self._flight.key)
        self._owner.watch.add(self)
        with self._lock:
            self._cancel = request().cancel
        if self._is_given_up:  # its first bytes came at once
            self.give_up()
        return self.cancel

    def cancel(self) -> None:
        """Cancel whatever is under way."""
        with self._lock:
            self._is_cancelled = True
            cancel = self._cancel
        if cancel is not None:
            cancel()

    def give_up(self) -> None:
        """End the request, to do it in another way."""
        self._is_given_up = True
        if self._cancel is not None:
            self._cancel()

    # -- callbacks

    def on_headers(self, headers: Sequence[tuple[str, str]], **_: Any) -> None:  # noqa: ANN401
        """Note the answer."""
        self._owner.first_answer.came()
        self._moved(0)
        self._answer = self._read(headers)

    def on_progress(self, progress: int, **_: Any) -> None:  # noqa: ANN401
        """Count what moved."""
        self._moved(progress)

    def on_done(self, error: BaseException | None = None, **_: Any) -> None:  # noqa: ANN401
        """Tell the end, or go on in another way."""
        self._owner.watch.discard(self)
        self._owner.first_answer.came()
        if _is_not_understood(error):
            self._owner.is_understood = False
            self._is_given_up = True
        if error is not None and self._is_given_up and not self._is_cancelled:
            self._flight.progress(-self._told)
            self._go_on(self._otherwise)
            return
        self._end(error)

    # -- what they have in common

    def _read(self, headers: Sequence[tuple[str, str]]) -> Answer | None:
        return answer_of(headers)

    def _moved(self, count_bytes: int) -> None:
        self.moved_at = self._owner.watch.now()
        self._told += count_bytes
        if count_bytes:
            self._flight.progress(count_bytes)

    def _go_on(self, begin: Callable[[], Callable[[], None]]) -> None:
        """Begin what follows in place of the request that ended."""
        try:
            with self._lock:
                self._cancel = begin()
                is_cancelled = self._is_cancelled
        except Exception as caught:  # noqa: BLE001 - the reply carries it on
            self._end(caught)
            return
        if is_cancelled:
            self.cancel()

    def _end(self, error: BaseException | None) -> None:
        if isinstance(error, AwsCrtError) and error.name.startswith("AWS_AUTH_"):
            error = self._owner.credentials.failure or error
        if isinstance(error, AwsCrtError) and error.name == _SLOW_DOWN:
            self._owner.slowed.add(self._flight.key)
        self._flight.done(Reply(answer=self._answer, error=error))


class Fetch(Exchange):
    """A download: where more comes than the object has, it ends."""

    def on_headers(self, headers: Sequence[tuple[str, str]], status_code: int = 200, **_: Any) -> None:  # noqa: ANN401
        """Note the answer."""
        super().on_headers(headers)
        if status_code in _OK and _lengths(headers) != [str(self._flight.size_bytes)]:
            self.give_up()

    def _moved(self, count_bytes: int) -> None:
        super()._moved(count_bytes)
        if self._told > self._flight.size_bytes:
            self.give_up()


class Whole(Fetch):
    """A download in one request; no byte is written behind the object's end."""

    _descriptor: int | None = None
    _trouble: OSError | None = None

    def on_body(self, chunk: bytes, offset: int, **_: Any) -> None:  # noqa: ANN401
        """Write what came."""
        self.moved_at = self._owner.watch.now()
        if self._is_given_up or self._is_cancelled:
            return
        if offset + len(chunk) > self._flight.size_bytes:
            self.give_up()
            return
        try:
            if self._descriptor is None:
                self._descriptor = os.open(self._flight.path, _NEW_FILE, 0o666)
            while chunk:
                written = os.pwrite(self._descriptor, chunk, offset)
                chunk, offset = chunk[written:], offset + written
        except OSError as error:
            self._trouble = error
            self.cancel()

    def on_done(self, error: BaseException | None = None, **details: Any) -> None:  # noqa: ANN401
        """Tell the end, or go on in another way."""
        if self._descriptor is not None:
            os.close(self._descriptor)
        super().on_done(self._trouble or error, **details)


class Ranges(Fetch):
    """A download by ranges: an answer to one of them says nothing of the object's checksum."""

    def __init__(
        self,
        flight: Flight,
        owner: Owner,
        otherwise: Callable[[], Callable[[], None]],
        looked: Answer | None,
    ) -> None:
        super().__init__(flight, owner, otherwise)
        self.quiet_bytes = min(flight.size_bytes, PART_BYTES)
        self._looked = looked

    def on_done(self, error: BaseException | None = None, **details: Any) -> None:  # noqa: ANN401
        """Tell the end, or go on in another way: botocore finds out whether the whole is sent."""
        if isinstance(error, S3ResponseError) and error.status_code in NO_RANGES:
            self._is_given_up = True
        super().on_done(error, **details)

    def _read(self, headers: Sequence[tuple[str, str]]) -> Answer | None:
        return self._looked or replace(answer_of(headers), crc64nvme=None, is_telling=False)


class Look(Exchange):
    """A HEAD before a download of which the checksum has to be asked for first.

    Args:
        flight: What is moved.
        owner: The engine.
        otherwise: Begins the download in another engine; returns what cancels it.
        then: Begins the download with what was answered; returns what cancels it.
    """

    def __init__(
        self,
        flight: Flight,
        owner: Owner,
        otherwise: Callable[[], Callable[[], None]],
        then: Callable[[Answer | None], Callable[[], None]],
    ) -> None:
        super().__init__(flight, owner, otherwise)
        self.quiet_bytes = 0
        self._then = then

    def on_done(self, error: BaseException | None = None, **details: Any) -> None:  # noqa: ANN401
        """Tell the end, or go on in another way."""
        if error is not None:
            super().on_done(error, **details)
            return
        self._owner.watch.discard(self)
        self._go_on(lambda: self._then(self._answer))


def _is_not_understood(error: BaseException | None) -> bool:
    if isinstance(error, S3ResponseError):
        return error.status_code in _OK
    return isinstance(error, AwsCrtError) and error.name in _NOT_UNDERSTOOD


def _lengths(headers: Sequence[tuple[str, str]]) -> list[str]:
    return [value.strip() for name, value in headers if name.lower() == "content-length"]
