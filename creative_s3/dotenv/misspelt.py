"""Names that look like settings and are none: a setting that is misspelt must not be ignored in silence."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

_SLIP = 0.88
"""How alike, from 0 to 1, two names are when one is the other with a letter or two wrong."""
_ALIKE = 0.75
_OUR_BEGINNINGS = ("S3_", "CLOUDFRONT_")
_OF_OTHERS = ("ACCESS_KEY", "SECRET")
"""Other programs keep credentials under S3_ names; ours come from AWS's own chain."""


@dataclass(frozen=True, slots=True)
class Misspelt:
    """A name that is no setting, beside the one that was probably meant.

    Attributes:
        name: As it is set.
        place: Where: the environment, or a file and a line.
        meant: The setting that it resembles, which is set nowhere.
        is_slip: Whether it is that name but for a letter or two. Otherwise it may well be another program's.
    """

    name: str
    place: str
    meant: str
    is_slip: bool


def misspelt(
    environment: Collection[str], file: Mapping[str, str], not_set: Collection[str]
) -> tuple[Misspelt, ...]:
    """Return what looks like a setting.

    Args:
        environment: Names of environment variables that are no settings. Only those that begin as ours do are
            looked at: an environment is shared by many programs.
        file: The names in the env file that are no settings, with their places.
        not_set: The settings that have no value yet, in capitals.
    """
    import difflib  # noqa: PLC0415 - most runs need no comparison

    places = {name: "the environment" for name in environment if name.upper().startswith(_OUR_BEGINNINGS)}
    found = []
    for name, place in (*places.items(), *file.items()):
        capitals = name.upper()
        at_least = _ALIKE if capitals.startswith(_OUR_BEGINNINGS) else _SLIP
        if any(word in capitals for word in _OF_OTHERS):
            continue
        for meant in difflib.get_close_matches(capitals, not_set, 1, at_least):
            alike = difflib.SequenceMatcher(None, meant, capitals).ratio()
            found.append(Misspelt(name, place, meant, alike >= _SLIP))
    return tuple(found)
