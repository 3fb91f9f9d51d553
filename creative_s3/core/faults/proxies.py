"""Proxies between here and S3, as the environment names them: which one serves, and what is wrong with it.

botocore goes through them. The direct engine does not; the Common Runtime goes through those of the
environment by itself, whatever it is told, so that it is left out where there is any.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit
from urllib.request import getproxies

from botocore.utils import get_environ_proxies

from creative_s3.core.faults.table import PROXY_CREDENTIALS
from creative_s3.core.http.addresses import is_loopback
from creative_s3.errors import CreativeS3Error, SettingsError, TemporaryError

if TYPE_CHECKING:
    from botocore.exceptions import ProxyConnectionError

_SCHEMES = frozenset({"http", "https"})
_WANTS_CREDENTIALS = "407"
_TEMPORARY_FROM = 500
_REFUSAL = re.compile(r"Tunnel connection failed: (\d{3})")


def serves(client: Any) -> bool:  # noqa: ANN401 - boto3's clients have no common type
    """Tell whether a client's requests go through a proxy."""
    given = client.meta.config.proxies
    return bool(get_environ_proxies(client.meta.endpoint_url) if given is None else given)


def for_endpoint(endpoint_url: str | None) -> dict[str, str] | None:
    """Return no proxies for a server on this machine, which they could not reach; None for what is named."""
    return {} if endpoint_url and is_loopback(urlsplit(endpoint_url).hostname or "") else None


def is_any() -> bool:
    """Tell whether the environment names a proxy, be it for other addresses than S3's."""
    return any(name != "no" for name in getproxies())


def check(client: Any) -> None:  # noqa: ANN401 - as above
    """Return when the address of a client's proxy can be used.

    Raises:
        SettingsError: It cannot.
    """
    endpoint_url = str(client.meta.endpoint_url)
    scheme = urlsplit(endpoint_url).scheme
    given = client.meta.config.proxies
    proxy_url = (get_environ_proxies(endpoint_url) if given is None else given).get(scheme)
    if proxy_url and (reason := _fault(proxy_url if "://" in proxy_url else f"http://{proxy_url}")):
        raise SettingsError(
            f"the proxy's address cannot be used: {reason}",
            item=f"{scheme.upper()}_PROXY",
            hint="write it as http://[USER:PASSWORD@]HOST:PORT, with %40 for an @ in a password",
        )


def of_connection(error: ProxyConnectionError) -> CreativeS3Error:
    """Return our error for a proxy that cannot be reached, or does not let a request through."""
    cause = error.kwargs.get("error")
    item = named(str(error.kwargs.get("proxy_url") or ""))
    found = _REFUSAL.search(str(cause))
    if found is None:
        return TemporaryError(
            f"the proxy does not answer: {item}", item=item, hint="check HTTPS_PROXY, HTTP_PROXY and NO_PROXY"
        )
    status = int(found[1])
    if str(status) == _WANTS_CREDENTIALS:
        row = PROXY_CREDENTIALS
        return row.kind(row.message, item=item, hint=row.hint)
    if status >= _TEMPORARY_FROM:
        return TemporaryError(
            f"the proxy cannot reach S3 (HTTP {status})", item=item, hint="run the same command again"
        )
    return SettingsError(
        f"the proxy does not let requests through to S3 (HTTP {status})",
        item=item,
        hint="ask who runs it, or name the endpoint in NO_PROXY",
    )


def named(proxy_url: str) -> str:
    """Return a proxy's address without what it keeps secret."""
    parts = urlsplit(proxy_url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}" if parts.netloc else "the proxy"


def _fault(proxy_url: str) -> str | None:
    parts = urlsplit(proxy_url)
    if parts.scheme not in _SCHEMES:
        return f"{parts.scheme}:// is no http"
    try:
        port = parts.port
    except ValueError:
        return "its port is no number"
    if not parts.hostname or port == 0:
        return "it names no host"
    if not all(unquote(part or "").isascii() for part in (parts.username, parts.password)):
        return "its user or password has characters that are not ASCII, which no request can carry"
    return None
