"""Addresses of servers: whether one can be used, and whether content would cross a network unprotected."""

from __future__ import annotations

import ipaddress
import ssl
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from creative_s3.errors import SettingsError

if TYPE_CHECKING:
    import botocore.session


def unusable(problem: str, *, is_ours: bool) -> SettingsError:
    """Return the error for an address; `is_ours` tells whether it is from S3_ENDPOINT_URL."""
    return SettingsError(
        f"the endpoint cannot be used: {problem}",
        item="S3_ENDPOINT_URL" if is_ours else "AWS_ENDPOINT_URL_S3, AWS_ENDPOINT_URL or the profile",
        hint="write it as http://HOST[:PORT] or https://HOST[:PORT]",
    )


def check(address: str, ca_bundle: str | None, *, is_ours: bool) -> None:
    """Look at what would otherwise be blamed on the network.

    Args:
        address: Of the server.
        ca_bundle: A file or folder of certificates, from AWS_CA_BUNDLE or the profile.
        is_ours: As for `unusable`.

    Raises:
        SettingsError: The address is none, or the certificates cannot be read.
    """
    try:
        parts = urlsplit(address)
        is_usable = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_usable = False
    if not is_usable:
        raise unusable("it is no http or https address with a port from 1 to 65535", is_ours=is_ours)
    if parts.scheme == "https" and ca_bundle and not Path(ca_bundle).is_dir():
        _check_certificates(ca_bundle)


def is_insecure(endpoint_url: str) -> bool:
    """Tell whether `endpoint_url` is plain http to another machine."""
    parts = urlsplit(endpoint_url)
    return parts.scheme == "http" and not is_loopback(parts.hostname or "")


def is_loopback(host: str) -> bool:
    """Tell whether a host is this machine."""
    if host == "localhost" or host.endswith(".localhost"):  # RFC 6761: always this machine
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def check_profile(session: botocore.session.Session) -> None:
    """Return when what the AWS profile says of addressing can be read.

    Raises:
        SettingsError: It cannot.
    """
    if not isinstance(session.get_scoped_config().get("s3", {}), dict):
        raise SettingsError(
            "the setting s3 of the AWS profile has a value, and should have settings below it",
            item="s3",
            hint="write `s3 =`, and below it indented lines such as `addressing_style = path`",
        )


def _check_certificates(path: str) -> None:
    try:
        ssl.create_default_context(cafile=path)
    except ssl.SSLError:
        reason = "it has no certificate that can be read"
    except OSError as error:
        reason = (error.strerror or "it cannot be read").lower()
    else:
        return
    raise SettingsError(
        f"the file of trusted certificates cannot be used: {path}: {reason}",
        item="AWS_CA_BUNDLE",
        hint="name a file of certificates in PEM form, or unset AWS_CA_BUNDLE",
    )
