"""Connections of the direct engine to one address: made, kept for the next exchange, trusted by certificates.

What goes over one of them is in `wire`.
"""

from __future__ import annotations

import socket
import ssl
import threading
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from botocore import exceptions as boto
from botocore.httpsession import get_cert_path
from urllib3.exceptions import NameResolutionError

from creative_s3.core.transfers.wire import Line
from creative_s3.errors import SettingsError

if TYPE_CHECKING:
    from creative_s3.core.s3.connection import Connection


class Lines:
    """Connections to one address that are kept for the next exchange; any thread may call it.

    Args:
        endpoint_url: Scheme, host and port.
        connect_timeout_s: How long a connection may take.
        read_timeout_s: How long the other side may be silent.
        ca_bundle: A file or folder with the certificates to trust; None for botocore's.
    """

    def __init__(
        self, endpoint_url: str, *, connect_timeout_s: float, read_timeout_s: float, ca_bundle: str | None
    ) -> None:
        parts = urlsplit(endpoint_url)
        self._address = endpoint_url
        self._host = parts.hostname or ""
        self._port = parts.port or (443 if parts.scheme == "https" else 80)
        self._timeouts_s = (connect_timeout_s, read_timeout_s)
        self._tls = _trusting(ca_bundle) if parts.scheme == "https" else None
        self._lock = threading.Lock()
        self._kept: list[Line] = []
        self._is_closed = False

    def take(self) -> Line:
        """Return a connection that nobody else uses.

        Raises:
            BotoCoreError: Nothing answers there.
        """
        while True:
            with self._lock:
                line = self._kept.pop() if self._kept else None
            if line is None:
                return self.new()
            if line.is_fit():
                return line
            line.close()

    def new(self) -> Line:
        """Return a new connection.

        Raises:
            BotoCoreError: Nothing answers there.
        """
        connect_s, read_s = self._timeouts_s
        try:
            connected = socket.create_connection((self._host, self._port), timeout=connect_s)
        except socket.gaierror as error:
            unknown = NameResolutionError(self._host, None, error)  # type: ignore[arg-type]
            raise boto.EndpointConnectionError(endpoint_url=self._address, error=unknown) from error
        except TimeoutError as error:
            raise boto.ConnectTimeoutError(endpoint_url=self._address, error=error) from error
        except OSError as error:
            raise boto.EndpointConnectionError(endpoint_url=self._address, error=error) from error
        try:
            connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self._tls is not None:
                connected = self._tls.wrap_socket(connected, server_hostname=self._host)
            connected.settimeout(read_s)
        except ssl.SSLCertVerificationError as error:
            connected.close()
            raise boto.SSLError(endpoint_url=self._address, error=error) from error
        except OSError as error:
            connected.close()
            raise boto.ConnectionClosedError(endpoint_url=self._address, error=error) from error
        return Line(connected, self._address)

    def give_back(self, line: Line) -> None:
        """Keep a connection whose exchange has ended, if it can be used again."""
        with self._lock:
            if line.is_reusable and not self._is_closed:
                line.rest()
                self._kept.append(line)
                return
        line.close()

    def close(self) -> None:
        """Let go of all that are kept."""
        with self._lock:
            self._is_closed = True
            kept = tuple(self._kept)
            self._kept.clear()
        for line in kept:
            line.close()


def lines_to(connection: Connection, endpoint_url: str) -> Lines:
    """Return connections to an address, with the times and certificates of a connection's own client."""
    config = connection.client.meta.config
    return Lines(
        endpoint_url,
        connect_timeout_s=config.connect_timeout,
        read_timeout_s=config.read_timeout,
        ca_bundle=connection.session.get_config_variable("ca_bundle"),
    )


def _trusting(ca_bundle: str | None) -> ssl.SSLContext:
    where = Path(ca_bundle or str(get_cert_path(verify=True)))
    try:
        if where.is_dir():
            context = ssl.create_default_context(capath=where)
        else:
            context = ssl.create_default_context(cafile=where)
    except OSError as error:
        raise SettingsError(
            f"the certificates to trust cannot be read: {error}", item=str(where), hint="check AWS_CA_BUNDLE"
        ) from error
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context
