"""Which names a new bucket may have (S3 User Guide, "General purpose bucket naming rules"). Pure."""

from __future__ import annotations

import ipaddress

from creative_s3.errors import SettingsError

_PREFIXES = ("xn--", "sthree-", "amzn-s3-demo-")
_SUFFIXES = ("-s3alias", "--ol-s3", ".mrap", "--x-s3", "--table-s3")
_NAMESPACE = "-an"
_SHORTEST, _LONGEST = 3, 63
_ALLOWED = frozenset("abcdefghijklmnopqrstuvwxyz0123456789.-")


def check_new_name(name: str) -> None:
    """Return when S3 takes a name for a new bucket.

    Raises:
        SettingsError: It breaks a rule; says which.
    """
    problem = _problem(name)
    if problem:
        raise SettingsError(
            f"S3 takes no bucket of this name: it {problem}",
            item=name,
            hint="3 to 63 lowercase letters, digits and hyphens, a letter or digit at both ends",
        )


def _problem(name: str) -> str | None:
    begins = next((word for word in _PREFIXES if name.startswith(word)), None)
    ends = next((word for word in _SUFFIXES if name.endswith(word)), None)
    edges = name[:1].isalnum() and name[-1:].isalnum() and ".." not in name
    problems = (
        (
            not _SHORTEST <= len(name) <= _LONGEST,
            f"has {len(name)} characters; 3 to 63 are allowed",
        ),
        (not _ALLOWED.issuperset(name), "has other characters than a-z, 0-9, dots and hyphens"),
        (not edges, "must begin and end with a letter or digit, without two dots in a row"),
        (begins is not None, f"begins with {begins}, which S3 keeps for itself"),
        (ends is not None, f"ends with {ends}, which S3 keeps for itself"),
        (name.endswith(_NAMESPACE), f"ends with {_NAMESPACE}: that is for an account's own namespace"),
        (_is_address(name), "looks like an IP address"),
    )
    return next((said for is_so, said in problems if is_so), None)


def _is_address(name: str) -> bool:
    try:
        ipaddress.IPv4Address(name)
    except ValueError:
        return False
    return True


def has_dots(name: str) -> bool:
    """Tell whether TLS and Transfer Acceleration will have trouble with a name."""
    return "." in name
