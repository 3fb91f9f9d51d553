"""Invalidation planning: which paths CloudFront has to be told, written as it wants them. Pure.

Rules: CloudFront Developer Guide, "What you need to know when invalidating files". The request itself is in
``core.cdn.invalidations``.
"""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING

from creative_s3.errors import ItemError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

PATH_LIMIT = 3_000
"""Paths without a wildcard that may be in progress for a distribution at the same time."""
WILDCARD_LIMIT = 15
"""Paths with a wildcard likewise."""
PATH_LIMIT_CHARACTERS = 4_000
_UNSAFE = frozenset(' <>"#{}|\\^[]`')
"""RFC 1738, 2.2, without the percent sign; the tilde, unsafe there too, cannot be invalidated at all."""
_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")
_SHOWN_CHARACTERS = 200
_TAG_CHARACTERS = 256


def invalidation_paths(paths: Iterable[str]) -> tuple[str, ...]:
    """Return the paths to send: each once, and none that a wildcard of the same call covers.

    A path is what a viewer asks for, so without the distribution's origin path. A missing first slash is
    added. What must be percent-encoded is, nothing else; ``%XX`` is taken for encoded already. ``*`` at the
    end is a wildcard.

    Raises:
        UsageError: There is none, or too many; one has a ``*`` elsewhere, a ``~``, or over 4,000 characters.
    """
    chosen = distinct_paths(paths)
    single, covering = split(chosen)
    for some, limit, what in ((single, PATH_LIMIT, "paths"), (covering, WILDCARD_LIMIT, "wildcards")):
        if len(some) > limit:
            raise UsageError(
                f"{len(some):,} {what}, and CloudFront takes {limit:,} at the same time",
                item=some[limit],
                hint="use fewer, wider wildcards such as /products/*",
            )
    return chosen


def distinct_paths(paths: Iterable[str]) -> tuple[str, ...]:
    """Return what `invalidation_paths` does, however many there are.

    Raises:
        UsageError: There is none, or one cannot be invalidated.
    """
    if isinstance(paths, str | bytes):
        raise UsageError("this is one path, not a list of them", item=str(paths), hint='give ["/products/*"]')
    every = dict.fromkeys(map(_normalised, paths))
    if not every:
        raise UsageError("there is no path to invalidate", item="paths", hint='for example ["/products/*"]')
    wildcards = [path for path in every if path.endswith("*")]
    covering = [
        path
        for path in wildcards
        if not any(path != other and path.startswith(other[:-1]) for other in wildcards)
    ]
    single = [
        path
        for path in every
        if not path.endswith("*") and not any(path.startswith(wildcard[:-1]) for wildcard in covering)
    ]
    wanted = {*single, *covering}
    return tuple(path for path in every if path in wanted)


def split(paths: Iterable[str]) -> tuple[list[str], list[str]]:
    """Return the paths without and with a wildcard, which the quota counts apart; a tag is without."""
    single: list[str] = []
    wildcards: list[str] = []
    for path in paths:
        (wildcards if path.endswith("*") and not path.startswith("#") else single).append(path)
    return single, wildcards


def batches(
    paths: Sequence[str], *, path_limit: int = PATH_LIMIT, wildcard_limit: int = WILDCARD_LIMIT
) -> Iterator[tuple[str, ...]]:
    """Yield the paths in as few requests as the quota allows, each of which may be in progress alone."""
    single, wildcards = split(paths)
    while single or wildcards:
        yield (*single[:path_limit], *wildcards[:wildcard_limit])
        single, wildcards = single[path_limit:], wildcards[wildcard_limit:]


def path_of_key(key: str, origin_path: str = "") -> str:
    """Return the path by which viewers ask for an object: every ``%`` of its key is text.

    Args:
        key: The full key.
        origin_path: What CloudFront puts before a viewer's path, such as ``/creative-assets``.

    Raises:
        UsageError: The path cannot be invalidated.
        NotServedError: The key is not below the origin path, so that no viewer can ask for it.
    """
    inside = origin_path.strip("/")
    if inside and not key.startswith(f"{inside}/"):
        raise NotServedError(
            "the key is not below the distribution's origin path, so nobody can ask for it",
            item=key,
            hint=f"the origin path is /{inside}",
        )
    bare = key[len(inside) + 1 :] if inside else key
    return _normalised("/" + bare.replace("%", "%25").replace("?", "%3F").replace("*", "%2A"))


def tag_item(tag: str) -> str:
    """Return a cache tag as an invalidation names it: ``#product:soap``.

    Raises:
        UsageError: It is none that CloudFront could know: 1 to 256 visible ASCII characters without a comma.
    """
    bare = tag.removeprefix("#")
    if not 0 < len(bare) <= _TAG_CHARACTERS or not all("!" <= one <= "~" and one != "," for one in bare):
        raise UsageError(
            "this is no cache tag: 1 to 256 visible ASCII characters without a comma",
            item=tag[:_SHOWN_CHARACTERS],
            hint="give several as --tags one --tags other",
        )
    return f"#{bare}"


class NotServedError(ItemError):
    """No viewer of the distribution can ask for an object."""

    code = "not-served"


def caller_reference(paths: Sequence[str], token: str) -> str:
    """Return the name of a request: CloudFront carries out a repeated one of the same name only once."""
    named = "\n".join([token, *paths]).encode()
    return f"creative-s3-{hashlib.sha256(named).hexdigest()[:40]}"


def _normalised(path: object) -> str:
    if not isinstance(path, str) or not path:
        raise UsageError("a path is text", item=repr(path)[:_SHOWN_CHARACTERS], hint='such as "/products/*"')
    if path.startswith("#"):
        raise _refused(path, "'#' begins a cache tag, not a path", "write %23 if the path begins so")
    if "~" in path or "%7e" in path.lower():
        raise _refused(
            path, "CloudFront cannot invalidate a path with '~'", "invalidate its folder: /folder/*"
        )
    if "*" in path[:-1]:
        raise _refused(
            path, "'*' stands for the rest of a path and can only be its end", "write %2A for a star"
        )
    written = _ESCAPE.sub("%25", path if path.startswith("/") else f"/{path}")
    try:
        encoded = "".join(map(_encoded, written))
    except UnicodeEncodeError:
        raise _refused(repr(path), "the path is no text in UTF-8", "give it percent-encoded") from None
    if len(encoded) > PATH_LIMIT_CHARACTERS:
        raise _refused(
            path, f"the path is longer than {PATH_LIMIT_CHARACTERS:,} characters", "use a wildcard"
        )
    return encoded


def _encoded(character: str) -> str:
    if "!" <= character <= "~" and character not in _UNSAFE:
        return character
    return "".join(f"%{byte:02X}" for byte in character.encode())


def _refused(path: str, message: str, hint: str) -> UsageError:
    return UsageError(message, item=path[:_SHOWN_CHARACTERS], hint=hint)
