"""One request on its way to the server and its answer on the way back, with what a fault does to them."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.faults.messages import Head, Request, answer_has_body, body, read_head, status_of
from tests.faults.programme import (
    Answer,
    Fault,
    Flip,
    Hold,
    LoseAnswer,
    Reply,
    Reset,
    Retell,
    Slow,
    Truncate,
    Way,
)

if TYPE_CHECKING:
    from asyncio import StreamReader, StreamWriter
    from collections.abc import AsyncIterator

    from tests.faults.record import Record

GONE = (EOFError, OSError)
_POLL_S = 0.02
_SLICES_PER_S = 20


class ResetNowError(Exception):
    """Both connections are to be reset."""


class EndNowError(Exception):
    """Both connections are to be closed as if all were well."""


@dataclass(frozen=True, slots=True)
class Line:
    """One connection."""

    reader: StreamReader
    writer: StreamWriter

    @property
    def is_gone(self) -> bool:
        """Whether the other side is known to have left."""
        return self.reader.at_eof() or self.reader.exception() is not None

    async def write(self, data: bytes) -> None:
        """Send, and wait while the other side does not take it."""
        self.writer.write(data)
        await self.writer.drain()

    def close(self) -> None:
        """End it properly, after everything was sent."""
        self.writer.close()

    def cut(self) -> None:
        """End it as a program does that is killed: what was sent arrives, and TLS says nothing."""
        known: socket.socket | None = self.writer.get_extra_info("socket")
        if known is not None:
            known.shutdown(socket.SHUT_RDWR)

    def reset(self) -> None:
        """End it at once; the other side sees a reset."""
        known: socket.socket | None = self.writer.get_extra_info("socket")
        if known is not None and known.fileno() >= 0:
            with contextlib.suppress(OSError):
                known.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()


async def answer_instead(fault: Answer, request: Request, client: Line) -> int:
    """Take a request that the server never sees, and answer it; return the status."""
    await _invite(client, request.head)
    async for _ in body(client.reader, request.head):
        pass
    await client.write(_answer(fault, request))
    return fault.status


class Passage:
    """A request that is passed on.

    Attributes:
        status: What the client was told; None where it was told nothing, or not all of it.
    """

    def __init__(self, request: Request, fault: Fault | None, record: Record) -> None:
        self.status: int | None = None
        self._request = request
        self._fault = fault
        self._record = record

    async def run(self, client: Line, server: Line) -> bool:
        """Pass everything; return whether the connections can be used again.

        Raises:
            ResetNowError: The fault wants it.
            EndNowError: The fault wants it.
            EOFError: One side hung up.
            OSError: One side broke off.
        """
        await self._stop_before(Way.UP, client)
        upwards = asyncio.create_task(self._send(client, server))
        try:
            head = await _answer_of(server, upwards)
            was_read = upwards.done()
            await self._stop_before(Way.DOWN, client)
            if isinstance(self._fault, LoseAnswer):
                self._record.strike()
                raise ResetNowError
            await self._return(head, client, server)
            await upwards
        finally:
            upwards.cancel()
            with contextlib.suppress(asyncio.CancelledError, *GONE, ResetNowError):
                await upwards
        return was_read and not head.is_last and not self._request.head.is_last

    async def _send(self, client: Line, server: Line) -> None:
        """Pass the request; where the server answers early and hangs up, only read the rest of it."""
        head = self._request.head
        await server.write(head.without("expect").raw)
        await _invite(client, head)
        listens = True
        async for piece in self._treated(body(client.reader, head), Way.UP, client):
            if listens:
                try:
                    await server.write(piece)
                except OSError:
                    listens = False

    async def _return(self, head: Head, client: Line, server: Line) -> None:
        """Pass the answer, or another one in its place."""
        has_body = answer_has_body(self._request.method, head)
        pieces = body(server.reader, head, until_close=head.field("content-length") is None)
        if isinstance(self._fault, Retell):
            await self._retell(self._fault, head, pieces if has_body else None, client)
            return
        if isinstance(self._fault, Answer):
            if has_body:
                async for _ in pieces:
                    pass
            self._record.strike()
            await client.write(_answer(self._fault, self._request))
            self.status = self._fault.status
            return
        await client.write(head.raw)
        if has_body:
            async for piece in self._treated(pieces, Way.DOWN, client):
                await client.write(piece)
        self.status = status_of(head)

    async def _retell(
        self, fault: Retell, head: Head, pieces: AsyncIterator[tuple[bytes, bool]] | None, client: Line
    ) -> None:
        content = bytearray()
        if pieces is not None:
            async for piece, is_content in pieces:
                content += piece if is_content else b""
        self._record.strike()
        client.writer.transport.set_write_buffer_limits(high=0)  # what was written has left
        for told in fault.tell(Reply(head, bytes(content))):
            await client.write(told)
            if fault.pause_s:
                await asyncio.sleep(fault.pause_s)
        self.status = status_of(head)
        if fault.rudely:
            client.cut()
            raise ResetNowError
        if fault.hangs_up:
            raise EndNowError

    # -- what the fault does to a body

    async def _stop_before(self, way: Way, client: Line) -> None:
        """Carry out what happens before the first byte goes `way`."""
        match self._fault:
            case (Hold(on_way, 0) | Reset(on_way, 0)) as fault if on_way is way:
                await self._interrupt(fault, client)

    async def _treated(
        self, pieces: AsyncIterator[tuple[bytes, bool]], way: Way, client: Line
    ) -> AsyncIterator[bytes]:
        """Pass a body's pieces on as the fault lets them."""
        passed = 0
        async for piece, is_content in pieces:
            if not is_content:
                yield piece
                continue
            ends = passed + len(piece)
            match self._fault:
                case Flip(on_way, at_byte) if on_way is way and passed <= at_byte < ends:
                    self._record.strike()
                    yield _flipped(piece, at_byte - passed)
                case (Hold(on_way, after) | Reset(on_way, after)) as fault if (
                    on_way is way and passed < after <= ends
                ):
                    yield piece[: after - passed]
                    await self._interrupt(fault, client)
                    yield piece[after - passed :]
                case Truncate(after) as fault if way is Way.DOWN and passed <= after < ends:
                    yield piece[: after - passed]
                    await self._interrupt(fault, client)
                case Slow(on_way, bytes_per_s) if on_way is way:
                    step = max(1, bytes_per_s // _SLICES_PER_S)
                    for start in range(0, len(piece), step):
                        yield piece[start : start + step]
                        await asyncio.sleep(1 / _SLICES_PER_S)
                case _:
                    yield piece
            passed = ends

    async def _interrupt(self, fault: Hold | Reset | Truncate, client: Line) -> None:
        number = self._record.strike()
        match fault:
            case Reset():
                raise ResetNowError
            case Truncate():
                raise EndNowError
        while not self._record.is_released(number):
            if client.is_gone:
                raise EOFError("the client is gone")
            await asyncio.sleep(_POLL_S)


async def _invite(client: Line, head: Head) -> None:
    """Ask for the body, where the client waits to be asked."""
    if head.field("expect"):
        await client.write(b"HTTP/1.1 100 Continue\r\n\r\n")


async def _answer_of(server: Line, upwards: asyncio.Task[None]) -> Head:
    """Wait for the answer's head; where the request cannot be passed whole, there is none."""
    reading = asyncio.create_task(read_head(server.reader))
    try:
        await asyncio.wait({upwards, reading}, return_when=asyncio.FIRST_COMPLETED)
        if upwards.done():
            upwards.result()
        head = await reading
    finally:
        reading.cancel()
        with contextlib.suppress(asyncio.CancelledError, *GONE):
            await reading
    if head is None:
        raise EOFError("the server hung up")
    return head


def _flipped(piece: bytes, place: int) -> bytes:
    return b"".join((piece[:place], bytes((piece[place] ^ 1,)), piece[place + 1 :]))


def _answer(fault: Answer, request: Request) -> bytes:
    """Return an S3 error as it comes over the wire; its body comes with a status 200, too."""
    elements = f"<Code>{fault.code}</Code><Message>{fault.message}</Message>{fault.elements}"
    text = f"<Error>{elements}</Error>"
    content = b"" if request.method == "HEAD" else f'<?xml version="1.0" encoding="UTF-8"?>\n{text}'.encode()
    told = (("Content-Type", "application/xml"), ("Content-Length", str(len(content))))
    fields = (*told, *fault.headers)
    return Head(f"HTTP/1.1 {fault.status} Injected", fields).raw + content
