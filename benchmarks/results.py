"""What was measured, as it is kept in ``results.json``: every run, so that each table can be made again."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from benchmarks.measuring import Cost

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_SCHEMA = 1


@dataclass(frozen=True, slots=True)
class Measured:
    """One work, measured.

    Attributes:
        name: The work.
        title: What the tables call it.
        objects: How many files or objects each run moved or looked at.
        conditions: Versions, machine and time, by name.
        runs: What each contender's runs cost.
        commands: The last command of each contender.
        errors: What went wrong; whoever is named here has no result.
    """

    name: str
    title: str
    objects: int
    conditions: Mapping[str, str]
    runs: dict[str, list[Cost]] = field(default_factory=dict)
    commands: dict[str, str] = field(default_factory=dict)
    errors: dict[str, str] = field(default_factory=dict)


def merge(kept: Mapping[str, Measured], new: Mapping[str, Measured]) -> dict[str, Measured]:
    """Return the kept works with the new ones in their place; a work is replaced as a whole."""
    return {**kept, **new}


def to_json(measured: Mapping[str, Measured]) -> str:
    """Return the text of ``results.json``."""
    works = {name: asdict(work) for name, work in measured.items()}
    return json.dumps({"schema": _SCHEMA, "works": works}, indent=1) + "\n"


def from_json(text: str) -> dict[str, Measured]:
    """Invert `to_json`.

    Raises:
        ValueError: It is of another version.
    """
    document = json.loads(text)
    if document.get("schema") != _SCHEMA:
        raise ValueError(f"results.json has schema {document.get('schema')!r}, not {_SCHEMA}")
    return {name: _measured(work) for name, work in document["works"].items()}


def read(path: Path) -> dict[str, Measured]:
    """Return what is kept there; nothing when there is no file."""
    return from_json(path.read_text(encoding="utf-8")) if path.exists() else {}


def _measured(work: dict[str, Any]) -> Measured:
    runs = {name: [Cost(**cost) for cost in costs] for name, costs in work.pop("runs").items()}
    return Measured(runs=runs, **work)
