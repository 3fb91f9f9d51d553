"""A proxy of the tests' own between a client and a real S3 server: it does what a programme says.

It speaks just enough HTTP/1.1 to tell requests apart and forwards their heads unchanged, ``Host`` included,
so that signatures stay valid. It runs in a thread of its own, on a free port of this machine.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from typing import TYPE_CHECKING, Self
from urllib.parse import urlsplit

from tests.faults.messages import Request, read_head
from tests.faults.passage import GONE, EndNowError, Line, Passage, ResetNowError, answer_instead
from tests.faults.programme import Answer, Programme, Rule
from tests.faults.record import WITHIN_S, Passed, Record

if TYPE_CHECKING:
    import ssl
    from asyncio import StreamReader, StreamWriter
    from types import TracebackType

HOST = "127.0.0.1"
_LAST_ROUNDS = 50
_LONGEST_LINE = 1 << 20


class FaultProxy(Record):
    """A proxy before one server, a context manager; any thread may use its methods.

    Args:
        server_url: The server.
        host: The address of this machine where it listens.
        port: Where it listens there; by default any free one.
        tls: What it speaks TLS with.
    """

    def __init__(
        self, server_url: str, *, host: str = HOST, port: int = 0, tls: ssl.SSLContext | None = None
    ) -> None:
        super().__init__()
        self._host, self._wanted_port, self._tls = host, port, tls
        parts = urlsplit(server_url)
        self._server = (parts.hostname or HOST, parts.port or 80)
        self._programme = Programme((), clock=time.monotonic)
        self._port = 0
        self._listens = threading.Event()
        self._loop = asyncio.new_event_loop()
        self._stop = asyncio.Event()
        self._trouble: list[BaseException] = []
        self._thread = threading.Thread(target=self._run, name="fault-proxy", daemon=True)

    @property
    def url(self) -> str:
        """Where clients connect to."""
        return f"{'https' if self._tls else 'http'}://{self._host}:{self._port}"

    def follow(self, *rules: Rule, seed: int = 0) -> None:
        """From now on do this, and nothing of what was said before."""
        self._programme = Programme(rules, clock=time.monotonic, seed=seed)

    def __enter__(self) -> Self:
        """Listen.

        Raises:
            OSError: The address cannot be had.
        """
        self._thread.start()
        assert self._listens.wait(WITHIN_S)
        if not self._port:
            self._thread.join()
            raise self._trouble.pop()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()
        for trouble in self._trouble:
            raise AssertionError("the proxy itself is wrong") from trouble

    # -- the proxy's own thread

    def _run(self) -> None:
        with contextlib.closing(self._loop):
            self._loop.run_until_complete(self._serve())

    async def _serve(self) -> None:
        clients: set[asyncio.Task[None]] = set()
        lines: list[Line] = []

        def ended(task: asyncio.Task[None]) -> None:
            clients.discard(task)
            if not task.cancelled() and (trouble := task.exception()):
                self._trouble.append(trouble)

        def accept(reader: StreamReader, writer: StreamWriter) -> None:
            lines.append(Line(reader, writer))
            task = asyncio.create_task(self._attend(lines[-1]))
            clients.add(task)
            task.add_done_callback(ended)

        try:
            server = await asyncio.start_server(
                accept, self._host, self._wanted_port, limit=_LONGEST_LINE, ssl=self._tls
            )
            self._port = server.sockets[0].getsockname()[1]
        except OSError as error:
            self._trouble.append(error)
            return
        finally:
            self._listens.set()
        await self._stop.wait()
        server.close()
        for _ in range(_LAST_ROUNDS):  # what was just accepted has no task yet, and transports close later
            for task in tuple(clients):
                task.cancel()
            await asyncio.gather(*clients, return_exceptions=True)
            for line in lines:  # one whose client does not read is closing for ever
                line.writer.transport.abort()
            lines.clear()
            await asyncio.sleep(0)
        self._abort_all()
        await asyncio.sleep(0)

    def _abort_all(self) -> None:
        """End every connection that the loop still has, also one that nobody was told of yet."""
        for transport in tuple(
            getattr(self._loop, "_transports", {}).values()
        ):  # a private name of asyncio's
            transport.abort()

    async def _attend(self, client: Line) -> None:
        """Serve one connection of a client, with one connection of its own to the server."""
        server: Line | None = None
        try:
            while (head := await read_head(client.reader)) is not None:
                server = server or Line(*await asyncio.open_connection(*self._server, limit=_LONGEST_LINE))
                if not await self._exchange(Request.of(head), client, server):
                    break
            client.close()
        except EndNowError:
            client.close()
        except (*GONE, ResetNowError, asyncio.CancelledError):
            client.reset()
        finally:
            if server is not None:
                server.reset()

    async def _exchange(self, request: Request, client: Line, server: Line) -> bool:
        """Pass one request and its answer; return whether the connections can be used again."""
        fault = self._programme.fault_for(request)
        passage = Passage(request, fault, self)
        try:
            if not isinstance(fault, Answer) or fault.stored:
                return await passage.run(client, server)
            self.strike()
            passage.status = await answer_instead(fault, request, client)
            return not request.head.is_last
        finally:
            self.add(Passed(request, passage.status, fault))
