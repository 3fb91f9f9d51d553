"""HTTP over connections that are kept, against a server that says exactly what it is told to say."""

from __future__ import annotations

import contextlib
import datetime as dt
import ipaddress
import re
import socket
import ssl
import threading
from typing import TYPE_CHECKING

import pytest
from botocore import exceptions as boto
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from hypothesis import given, settings
from hypothesis import strategies as st

from creative_s3.core.transfers.lines import Lines
from creative_s3.core.transfers.wire import BLOCK_BYTES
from creative_s3.errors import SettingsError
from tests.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from creative_s3.core.s3.framing import AnswerHead
    from creative_s3.core.transfers.wire import Line

BODY = b"(here the server reads the request's body)"
FINE = b"HTTP/1.1 200 X\r\nContent-Length: 0\r\n\r\n"
DRIPS = b"(here the server sends a byte now and then until the other side leaves)"
ASK = b"GET / HTTP/1.1\r\nhost: h\r\n\r\n"


class Teller:
    """A server that sends prepared pieces after each request's head, one connection after the other.

    Attributes:
        connections: How many came.
    """

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._tls = tls
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{self._listening.getsockname()[1]}"
        self.connections = 0
        self.script: list[Sequence[bytes]] = []
        self.hangs_up_after = 1_000
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._listening.accept()
                self.connections += 1
                with contextlib.suppress(OSError), self._secured(connection) as secured:
                    self._talk(secured)

    def _secured(self, connection: socket.socket) -> socket.socket:
        return self._tls.wrap_socket(connection, server_side=True) if self._tls else connection

    def _talk(self, connection: socket.socket) -> None:
        for _ in range(self.hangs_up_after):
            asked = b""
            while b"\r\n\r\n" not in asked:
                received = connection.recv(65536)
                if not received:
                    return
                asked += received
            for piece in self.script.pop(0):
                if piece is BODY:
                    self._read_body(connection, asked)
                elif piece is DRIPS:
                    self._drip(connection)
                else:
                    connection.sendall(piece)
            if not self.script:
                break
        with contextlib.suppress(OSError):
            connection.shutdown(socket.SHUT_WR)
            connection.close()

    @staticmethod
    def _drip(connection: socket.socket) -> None:
        connection.settimeout(0.02)
        while True:
            with contextlib.suppress(TimeoutError):
                if not connection.recv(1):
                    return
            connection.sendall(b"x")

    @staticmethod
    def _read_body(connection: socket.socket, asked: bytes) -> None:
        head, _, body = asked.partition(b"\r\n\r\n")
        left = int(re.findall(rb"content-length: (\d+)", head)[0]) - len(body)
        while left:
            left -= len(connection.recv(min(left, 65536)))

    def close(self) -> None:
        # Closing alone does not wake a thread that waits in accept.
        with contextlib.suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        self._thread.join(10)


@contextlib.contextmanager
def told(*answers: Sequence[bytes] | bytes, tls: ssl.SSLContext | None = None) -> Iterator[Teller]:
    teller = Teller(tls)
    teller.script = [[answer] if isinstance(answer, bytes) else answer for answer in answers]
    try:
        yield teller
    finally:
        teller.close()


def lines_to(url: str, *, read_timeout_s: float = 10, ca_bundle: str | None = None) -> Lines:
    return Lines(url, connect_timeout_s=10, read_timeout_s=read_timeout_s, ca_bundle=ca_bundle)


def asked(line: Line, *, has_body: bool = True) -> tuple[AnswerHead, bytes]:
    line.send(ASK)
    head, pieces = line.receive(has_body=has_body)
    return head, b"".join(bytes(piece) for piece in pieces)


@contextlib.contextmanager
def only_line(url: str, **how: float) -> Iterator[tuple[Line, Lines]]:
    lines = lines_to(url, **how)  # type: ignore[arg-type]
    line = lines.take()
    try:
        yield line, lines
    finally:
        line.close()
        lines.close()


def cut(data: bytes, places: list[int]) -> list[bytes]:
    marks = sorted({place % (len(data) + 1) for place in places})
    return [
        piece
        for begin, end in zip([0, *marks], [*marks, len(data)], strict=True)
        if (piece := data[begin:end])
    ]


@settings(max_examples=40)
@given(
    st.binary(max_size=2_000),
    st.sampled_from(["length", "chunked", "to the end"]),
    st.lists(st.integers(0, 10_000), max_size=6),
    st.lists(st.integers(1, 700), min_size=1, max_size=6),
)
def test_a_body_is_the_same_however_it_comes(
    content: bytes, framing: str, places: list[int], chunk_sizes: list[int]
) -> None:
    if framing == "length":
        head, body = f"Content-Length: {len(content)}\r\n", content
    elif framing == "chunked":
        head, body, rest = "Transfer-Encoding: Chunked\r\n", b"", content
        while rest:
            size = chunk_sizes[len(rest) % len(chunk_sizes)]
            body += b"%X;name=value\r\n%s\r\n" % (len(rest[:size]), rest[:size])
            rest = rest[size:]
        body += b"0\r\nx-trailer: one\r\n\r\n"
    else:
        head, body = "", content
    answer = f'HTTP/1.1 200 Fine\r\nETag: "e"\r\n{head}\r\n'.encode() + body

    with told(cut(answer, places)) as teller, only_line(teller.url) as (line, _):
        said, received = asked(line)

    assert (said.status, said.headers["etag"], received) == (200, '"e"', content)


def test_a_connection_is_used_again_and_again() -> None:
    answers = [b"HTTP/1.1 %d X\r\ncontent-length: 2\r\n\r\nab" % status for status in (200, 404, 200)]
    with told(*answers) as teller:
        lines = lines_to(teller.url)
        statuses = []
        for _ in answers:
            line = lines.take()
            statuses.append(asked(line)[0].status)
            lines.give_back(line)
        lines.close()

        assert statuses == [200, 404, 200]
        assert teller.connections == 1


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 X\r\nConnection: close\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.0 200 X\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 X\r\n\r\nto the end",
        b"HTTP/1.1 200 X\r\nContent-Length: 1\r\n\r\ntoo much",
    ],
)
def test_a_connection_that_ends_or_is_out_of_step_is_not_used_again(answer: bytes) -> None:
    with told(answer) as teller, only_line(teller.url) as (line, _):
        assert asked(line)[0].status == 200
        assert not line.is_reusable


def test_a_head_alone_and_an_interim_answer() -> None:
    interim = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 X\r\nContent-Length: 900\r\n\r\n"
    with told(interim, b"HTTP/1.1 204 X\r\n\r\n") as teller, only_line(teller.url) as (line, _):
        assert asked(line, has_body=False)[1] == b""
        assert line.is_reusable
        assert asked(line)[1] == b""
        assert line.is_reusable


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 X\nETag: e\nContent-Length: 2\n\nab",
        b"HTTP/1.1 200 X\nETag: e\r\nContent-Length: 2\n\r\nab",
        b"HTTP/1.1 200\r\netag:e\r\ncontent-length:2\r\n\r\nab",
        b"HTTP/1.1 200 X\r\nETag:\r\n e\r\nContent-Length: 2\r\n\r\nab",
        b"HTTP/1.1 200 X\r\nETag : e\r\nContent-Length: 2, 2\r\nContent-Length: 2\r\n\r\nab",
        b"HTTP/1.1 200 X\r\nETag: e\r\nTransfer-Encoding: CHUNKED\r\n\r\n2 ;a=b\r\nab\r\n0;last\r\n\r\n",
        b"HTTP/1.1 200 X\r\nETag: e\r\nTransfer-Encoding: identity, chunked\n\n2\nab\n0\nx-trailer: 1\n\n",
        b"HTTP/1.1 200 X\r\nETag: e\r\nTransfer-Encoding: identity\r\nContent-Length: 2\r\n\r\nab",
        b"HTTP/1.1 200 X\r\nETag: e\r\nX-Long: " + b"a" * 60_000 + b"\r\nContent-Length: 2\r\n\r\nab",
        b"HTTP/1.1 102 X\r\nETag: no\r\n\r\n" * 9
        + b"HTTP/1.1 200 \r\nETag: e\r\nContent-Length: 2\r\n\r\nab",
    ],
)
def test_an_answer_is_read_as_widely_as_botocore_reads(answer: bytes) -> None:
    with told(answer) as teller, only_line(teller.url) as (line, _):
        head, body = asked(line)

        assert (head.status, head.headers["etag"], body) == (200, "e", b"ab")
        assert line.is_reusable


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 X\r\nTransfer-Encoding: chunked\r\nContent-Length: 9\r\n\r\n2\r\nab\r\n0\r\n\r\n",
        b"HTTP/1.1 200 X\r\nConnection: keep-alive, Close\r\nContent-Length: 2\r\n\r\nab",
        b"HTTP/1.1 200 X\nConnection: close\n\nab",
    ],
)
def test_after_an_answer_that_is_the_last_or_doubtful_a_connection_is_not_used(answer: bytes) -> None:
    with told(answer) as teller, only_line(teller.url) as (line, _):
        assert asked(line)[1] == b"ab"
        assert not line.is_reusable


@pytest.mark.parametrize(
    "before",
    [
        b"",
        b"HTTP/1.1 200 X\r\nETag: ",
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 X\r\nA: ",
        b"HTTP/1.1 200 X\r\n\r\n",
        b"HTTP/1.1 200 X\r\nContent-Length: 100000\r\n\r\n",
        b"HTTP/1.1 200 X\r\nTransfer-Encoding: chunked\r\n\r\nfffff\r\n",
        b"HTTP/1.1 200 X\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n",
    ],
)
def test_an_answer_that_only_drips_ends(before: bytes) -> None:
    with (
        told([before, DRIPS]) as teller,
        only_line(teller.url, read_timeout_s=0.3) as (line, _),
        pytest.raises(boto.HTTPClientError),
    ):
        asked(line)


def test_a_server_that_only_drinks_drops_of_a_body_ends_it() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        with only_line(f"http://127.0.0.1:{listening.getsockname()[1]}", read_timeout_s=0.3) as (line, _):
            sipping, _ = listening.accept()
            is_over = threading.Event()

            def sip() -> None:
                while not is_over.wait(0.02):
                    sipping.recv(64)

            thread = threading.Thread(target=sip)
            thread.start()
            with pytest.raises(boto.ReadTimeoutError):
                line.send(ASK, [bytes(BLOCK_BYTES)] * 100)
            is_over.set()
            thread.join()
            sipping.close()


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 100 X\r\n\r\n" * 100 + FINE,
        b"HTTP/1.1 2_0 X\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 +20 X\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/2 200\r\nContent-Length: 0\r\n\r\n",
        b"\r\nHTTP/1.1 200 X\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 X\r\n: no name\r\n\r\n",
        b"HTTP/1.1 200 X\r\n folded\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 X\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nabc",
        b"HTTP/1.1 200 X\r\nContent-Length: +2\r\n\r\nab",
        b"HTTP/1.1 200 X\r\nContent-Length: 1_0\r\n\r\nabababababab",
        b"HTTP/1.1 200 X\r\nContent-Length: \r\n\r\n",
        b"HTTP/1.1 200 X\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        b"HTTP/1.1 200 X\r\nTransfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n",
        b"HTTP/1.1 200 X\r\nTransfer-Encoding: chunked\r\n\r\n0x2\r\nab\r\n0\r\n\r\n",
        b"HTTP/1.1 200 X\r\nTransfer-Encoding: chunked\r\n\r\n-2\r\nab\r\n0\r\n\r\n",
        b"HTTP/1.1 200 X\r\nTransfer-Encoding: chunked\r\n\r\n\xff\r\nab\r\n0\r\n\r\n",
        b"HTTP/1.1 200 X\r\nTransfer-Encoding: chunked\r\n\r\n2;" + b"a" * 90_000,
        b"HTTP/1.1 200 X\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n" + b"a: b\r\n" * 20_000,
        b"SSH-2.0-OpenSSH\r\n\r\n",
        b"HTTP/1.1 two X\r\n\r\n",
        b"HTTP/1.1 200 X\r\nno colon\r\n\r\n",
        b"HTTP/1.1 200 X\r\nContent-Length: -1\r\n\r\n",
        b"HTTP/1.1 200 X\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 200 X\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nab\r\n0\r\n\r\n",
        b"HTTP/1.1 200 X\r\n" + b"a: b\r\n" * 20_000,
        b"HTTP/1.1 200 X\r\nContent-Le",
        b"HTTP/1.1 200 X\r\nContent-Length: 9\r\n\r\nshort",
        b"",
    ],
)
def test_what_is_no_answer_is_an_error(answer: bytes) -> None:
    with (
        told([answer] if answer else []) as teller,
        only_line(teller.url) as (line, _),
        pytest.raises(boto.HTTPClientError),
    ):
        asked(line)


def test_a_refusal_that_comes_early_ends_the_sending_and_is_read() -> None:
    def blocks() -> Iterator[bytes]:
        for _ in range(1_000):
            taken.append(1)
            yield bytes(BLOCK_BYTES)

    taken: list[int] = []
    refusal = b"HTTP/1.1 412 X\r\nContent-Length: 5\r\n\r\nafter"
    with told(refusal) as teller, only_line(teller.url) as (line, _):
        line.send(ASK, blocks())
        head, pieces = line.receive(has_body=True)

        assert head.status == 412
        assert line.short_body(pieces) == b"after"
        assert len(taken) < 1_000
        assert not line.is_reusable


def a_put() -> tuple[bytes, list[bytes]]:
    return b"PUT / HTTP/1.1\r\ncontent-length: %d\r\n\r\n" % (3 * BLOCK_BYTES), [bytes(BLOCK_BYTES)] * 3


def after_an_answer(line: Line, blocks: list[bytes]) -> Iterator[bytes]:
    yield blocks[0]
    wait_until(lambda: line.has_answered or not line.is_fit())
    yield from blocks[1:]


def test_an_interim_answer_does_not_end_the_sending() -> None:
    with told([b"HTTP/1.1 100 Continue\r\n\r\n", BODY, FINE]) as teller, only_line(teller.url) as (line, _):
        head, blocks = a_put()
        line.send(head, after_an_answer(line, blocks))
        assert line.has_sent_all
        assert line.receive(has_body=True)[0].status == 200
        assert line.is_reusable


def test_a_success_that_comes_before_the_whole_body_was_sent_is_told_apart() -> None:
    with told(FINE) as teller, only_line(teller.url) as (line, _):
        head, blocks = a_put()
        line.send(head, after_an_answer(line, blocks))
        assert line.receive(has_body=True)[0].status == 200
        assert not line.has_sent_all
        assert not line.is_reusable


def test_an_error_that_does_not_end_is_read_as_far_as_it_is_needed() -> None:
    endless = b"HTTP/1.1 500 X\r\n\r\n" + bytes(5 << 20)
    with told(endless) as teller, only_line(teller.url) as (line, _):
        line.send(ASK)
        _, pieces = line.receive(has_body=True)

        assert len(line.short_body(pieces)) < 2 << 20
        assert not line.is_reusable


def test_silence_and_breaking_off_are_errors() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        with only_line(url, read_timeout_s=0.1) as (line, _), pytest.raises(boto.ReadTimeoutError):
            asked(line)
        with only_line(url, read_timeout_s=60) as (line, _):
            threading.Timer(0.1, line.break_off).start()
            with pytest.raises(boto.ConnectionClosedError):
                asked(line)


def test_nobody_there_and_no_such_name_are_told_apart() -> None:
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]
    with pytest.raises(boto.EndpointConnectionError) as refused:
        lines_to(f"http://127.0.0.1:{port}").take()
    with pytest.raises(boto.EndpointConnectionError) as unknown:
        lines_to("http://no-such-host.invalid").take()
    assert isinstance(refused.value.kwargs["error"], ConnectionRefusedError)
    assert type(unknown.value.kwargs["error"]).__name__ == "NameResolutionError"


def test_a_kept_connection_on_which_the_server_hung_up_is_not_taken() -> None:
    answer = b"HTTP/1.1 200 X\r\nContent-Length: 0\r\n\r\n"
    with told(answer, answer) as teller:
        teller.hangs_up_after = 1
        lines = lines_to(teller.url)
        for _ in range(2):
            line = lines.take()
            assert asked(line)[0].status == 200
            lines.give_back(line)
            wait_until(lambda: not line.is_fit())  # noqa: B023 - while it is this one
        lines.close()
        assert teller.connections == 2


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file with a key and a certificate for 127.0.0.1 that nobody vouches for."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "a test")])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False
        )
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "both.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(private + made.public_bytes(serialization.Encoding.PEM))
    return path


def test_tls_carries_the_same_and_trusts_only_whom_it_is_told_to_trust(certificate: Path) -> None:
    served = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    served.load_cert_chain(certificate)
    content = bytes(range(256)) * 3_000
    answer = b"HTTP/1.1 200 X\r\nContent-Length: %d\r\n\r\n" % len(content) + content
    with told(answer, answer, tls=served) as teller:
        with pytest.raises(boto.SSLError):
            lines_to(teller.url).take()
        lines = lines_to(teller.url, ca_bundle=str(certificate))
        for _ in range(2):
            line = lines.take()
            assert asked(line)[1] == content
            lines.give_back(line)
        lines.close()


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_what_tls_says_by_itself_is_no_answer(certificate: Path, version: ssl.TLSVersion) -> None:
    served = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    served.load_cert_chain(certificate)
    served.minimum_version = served.maximum_version = version
    with told([BODY, FINE], [BODY, FINE], tls=served) as teller:
        lines = lines_to(teller.url, ca_bundle=str(certificate))
        for _ in range(2):
            line = lines.take()
            line.send(*a_put())
            assert line.has_sent_all
            assert line.receive(has_body=True)[0].status == 200
            lines.give_back(line)
        lines.close()
        assert teller.connections == 1


def test_certificates_may_be_a_folder_and_must_be_there(certificate: Path, tmp_path: Path) -> None:
    lines_to("https://127.0.0.1:9", ca_bundle=str(certificate.parent)).close()
    with pytest.raises(SettingsError, match="certificates"):
        lines_to("https://127.0.0.1:9", ca_bundle=str(tmp_path / "none.pem"))


def test_what_waits_over_tls_can_be_broken_off(certificate: Path) -> None:
    served = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    served.load_cert_chain(certificate)
    with told([], [], tls=served) as teller:
        lines = lines_to(teller.url, ca_bundle=str(certificate), read_timeout_s=60)
        line = lines.take()
        threading.Timer(0.2, line.break_off).start()
        with pytest.raises(boto.HTTPClientError):
            asked(line)
        line.close()
