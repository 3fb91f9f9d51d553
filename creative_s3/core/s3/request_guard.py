"""Holds back every request that the server at the other end could take for another one.

It sits in each client of `core.s3.connection`, right before the network: no command has to think of it.
On AWS's own addresses it does nothing. What may be sent is decided in `core.s3.endpoints`.
"""

from __future__ import annotations

import json
import threading
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qsl, urlsplit
from xml.etree import ElementTree as ET

from creative_s3.core.s3.endpoints import (
    NAMES,
    Capability,
    Provider,
    is_aws,
    may_send,
    once_read,
    provider_of,
    supports,
)
from creative_s3.errors import UnsupportedError

if TYPE_CHECKING:
    from collections.abc import Callable

_ROOTS: Final = {
    "cors": "CORSConfiguration",
    "encryption": "ServerSideEncryptionConfiguration",
    "lifecycle": "LifecycleConfiguration",
    "tagging": "Tagging",
    "versioning": "VersioningConfiguration",
}
"""How S3's answers begin."""
_NONE: Final = {
    "cors": "NoSuchCORSConfiguration",
    "encryption": "ServerSideEncryptionConfigurationNotFoundError",
    "lifecycle": "NoSuchLifecycleConfiguration",
    "policy": "NoSuchBucketPolicy",
    "tagging": "NoSuchTagSet",
}
"""What S3 says where there is no such configuration (AWS: "Error responses")."""
_HARMLESS: Final = frozenset({"x-id"})
"""Parameters that say nothing but the operation's name."""


class RequestGuard:
    """Knows one endpoint, and holds back what it could misread. Any thread may use it.

    Args:
        endpoint_url: The server; None for AWS.
        ask: Returns the Server header of the endpoint, sending one harmless request.
    """

    def __init__(self, endpoint_url: str | None, ask: Callable[[], str]) -> None:
        self._endpoint_url = endpoint_url
        self._ask = ask
        self._lock = threading.Lock()
        self._read: frozenset[str] = frozenset()
        self._provider = Provider.AWS if is_aws(endpoint_url) else None

    @property
    def provider(self) -> Provider:
        """Who runs the endpoint; the first time, a server that is not AWS is asked.

        Raises:
            CreativeS3Error: It does not answer.
        """
        with self._lock:
            if self._provider is None:
                self._provider = provider_of(self._ask())
            return self._provider

    def protect(self, client: Any) -> None:  # noqa: ANN401 - boto3's clients have no common type
        """Watch over all that a client sends."""
        if self._provider is not Provider.AWS:
            client.meta.events.register("before-send.s3", self._before_send)
            client.meta.events.register("before-parse.s3", self._before_parse)

    def require(self, capability: Capability) -> None:
        """Return when the endpoint has an API.

        Raises:
            UnsupportedError: It is not known to have it; nothing was sent.
            CreativeS3Error: The server does not answer.
        """
        if not supports(self.provider, capability):
            raise UnsupportedError(
                f"{NAMES[capability]}: not supported by this endpoint, so nothing was sent",
                item=self._endpoint_url,
                hint="creative-s3 bucket check  # says what this server has",
            )

    def check(self, method: str, url: str) -> None:
        """Return when a request may be sent.

        Raises:
            UnsupportedError: The server could take it for another one.
            CreativeS3Error: The server does not answer.
        """
        if method in {"GET", "HEAD", "OPTIONS"}:
            return
        parts = urlsplit(url)
        bucket, _, key = parts.path.removeprefix("/").partition("/")
        level = "object" if key else "bucket" if bucket else "service"
        names = frozenset(name for name, _ in parse_qsl(parts.query, keep_blank_values=True)) - _HARMLESS
        if not names and (level, method) in {("object", "PUT"), ("object", "DELETE"), ("bucket", "PUT")}:
            return  # the plain requests, which all servers have
        if not may_send(self.provider, level, method, names, read=self._read):
            what = f"{method} ?{'&'.join(sorted(names))}" if names else method
            raise UnsupportedError(
                f"{what} of {'an object' if level == 'object' else f'a {level}'}: not supported by this"
                " endpoint, which could take it for another request; nothing was sent",
                item=self._endpoint_url,
                hint="creative-s3 bucket check  # says what this server has",
            )

    def _before_send(self, request: Any, **_: Any) -> None:  # noqa: ANN401 - botocore's signature
        self.check(request.method, request.url)

    def _before_parse(self, operation_model: Any, response_dict: Any, **_: Any) -> None:  # noqa: ANN401 - the same
        """Remember what the server answered as S3 does."""
        method, uri = operation_model.http["method"], operation_model.http["requestUri"]
        name = urlsplit(uri).query
        if method == "GET" and "{Key" not in uri and name in once_read():
            body = response_dict["body"]
            if isinstance(body, bytes) and _is_genuine(name, int(response_dict["status_code"]), body):
                with self._lock:
                    self._read |= {name}


def _is_genuine(name: str, status: int, body: bytes) -> bool:
    """Tell whether an answer to the question for a subresource is S3's own."""
    if name == "policy" and status == 200:  # noqa: PLR2004 - HTTP's own
        try:
            return "Statement" in json.loads(body)
        except (ValueError, TypeError):
            return False
    try:
        root = ET.fromstring(body)  # noqa: S314 - from the server we chose
    except ET.ParseError:
        return False
    if status == 200:  # noqa: PLR2004 - HTTP's own
        return root.tag.rpartition("}")[2] == _ROOTS.get(name)
    code = next((child.text for child in root.iter() if child.tag.rpartition("}")[2] == "Code"), None)
    return code is not None and code == _NONE.get(name)
