"""Tables and decisions on the values of an enum have all of them: what lacks a case will crash one day."""

from __future__ import annotations

import ast
import importlib
import inspect
import pkgutil
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import creative_s3
from creative_s3.core.bucket.changes import Outcome
from creative_s3.core.catalog import state
from creative_s3.core.checks.checks import Group, Status
from creative_s3.core.discovery.discovered import Standing
from creative_s3.core.index.index import ProblemKind
from creative_s3.core.library.library import Place
from creative_s3.core.migration.planning import Reason
from creative_s3.core.migration.validation import State
from creative_s3.core.transfers.outcomes import Proof

if TYPE_CHECKING:
    from collections.abc import Iterator

PACKAGE = Path(creative_s3.__file__).parent

BY_VALUE = {
    "views.reports.PROOF_NAMES": Proof,
    "views.reports._PROBLEM_NAMES": ProblemKind,
    "views.reports._REASON_STYLES": Reason,
    "views.reports._STATE_STYLES": State,
    "views.reports._STATE_NAMES": State,
    "views.assets._ADDITIONS": Reason,
    "views.assets._ADDED": Reason,
    "bucket.views._MARKS": Outcome,
    "views.checks._MARKS": Status,
    "views.checks._HEADINGS": Group,
    "views.discovery._STYLES": Standing,
    "views.discovery._NAMES": Standing,
    "assets.views_find._PLACES": Place,
}
"""The tables of the command line whose keys are the texts of an enum: its views load no enum of the core."""


def table_of(name: str) -> dict[str, Any]:
    module, _, table = name.rpartition(".")
    found: dict[str, Any] = getattr(importlib.import_module(f"creative_s3.cli.{module}"), table)
    return found


PARTIAL = {
    ("core/bucket/notifications.py", "_LISTS"): "EventBridge has no list, and is asked about first",
    ("core/s3/dialect.py", "WARNINGS"): "read with `in`; conditions have words of their own",
    ("core/s3/endpoints.py", "_TABLE"): "AWS has everything, and is asked about first",
    ("core/s3/endpoints.py", "_READ_ONLY"): "the same",
    ("core/lifecycle/effects.py", "STATE_OF"): "read with `get`: delete markers are not counted",
    ("core/s3/object_store.py", "_ORDER_OF"): "read with `get`: others may have any order",
    ("core/tiers/census.py", "_files"): "read with `get`",
    ("core/tiers/status.py", "_risks_of"): "read with `get`",
}
"""The tables that lack members of their enum, and why that harms nothing."""


def modules() -> Iterator[Any]:
    for found in pkgutil.walk_packages([str(PACKAGE)], "creative_s3."):
        if not found.name.endswith("__main__"):
            yield importlib.import_module(found.name)


ENUMS = {
    thing
    for module in modules()
    for thing in vars(module).values()
    if inspect.isclass(thing) and issubclass(thing, Enum) and thing.__module__.startswith("creative_s3.")
}


def sources() -> Iterator[tuple[str, ast.Module, Any]]:
    for path in sorted(PACKAGE.rglob("*.py")):
        if path.name != "__main__.py":
            name = path.relative_to(PACKAGE).as_posix()
            dotted = "creative_s3." + name.removesuffix(".py").replace("/", ".").removesuffix(".__init__")
            yield name, ast.parse(path.read_text(encoding="utf-8")), importlib.import_module(dotted)


def tables(tree: ast.Module) -> Iterator[tuple[str, ast.Dict]]:
    """Yield the dict displays, with the name of what they are assigned to or of the function they are in."""
    for outer in tree.body:
        name = getattr(outer, "name", "") or next(
            (
                target.id
                for target in getattr(outer, "targets", [getattr(outer, "target", None)])
                if isinstance(target, ast.Name)
            ),
            "",
        )
        functions: list[ast.AST] = [one for one in ast.walk(outer) if isinstance(one, ast.FunctionDef)]
        for function in functions or [outer]:
            for node in ast.walk(function):
                if isinstance(node, ast.Dict):
                    yield getattr(function, "name", name), node


def enum_of(keys: list[ast.expr], module: Any) -> type[Enum] | None:  # noqa: ANN401 - any module
    """Return the enum that all keys are members of."""
    owners = {
        key.value.id for key in keys if isinstance(key, ast.Attribute) and isinstance(key.value, ast.Name)
    }
    if not keys or len(owners) != 1 or not all(isinstance(key, ast.Attribute) for key in keys):
        return None
    found = getattr(module, owners.pop(), None)
    return found if inspect.isclass(found) and issubclass(found, Enum) else None


@pytest.mark.parametrize("name", BY_VALUE)
def test_a_table_by_the_texts_of_an_enum_has_all_of_them(name: str) -> None:
    assert set(table_of(name)) == {str(member.value) for member in BY_VALUE[name]}


def test_every_table_by_members_of_an_enum_has_all_of_them() -> None:
    lacking = {}
    for file, tree, module in sources():
        for name, node in tables(tree):
            keys = [key for key in node.keys if key is not None]
            enum = enum_of(keys, module)
            if enum and len(keys) > 1 and len(keys) == len(node.keys):
                there = {key.attr for key in keys if isinstance(key, ast.Attribute)}
                missing = {member.name for member in enum} - there
                if missing and (file, name) not in PARTIAL:
                    lacking[file, name] = missing
    assert lacking == {}


def test_the_command_line_has_no_table_by_texts_of_an_enum_that_is_not_held_against_it() -> None:
    values = {enum: {str(member.value) for member in enum} for enum in ENUMS}
    known = [frozenset(table_of(name)) for name in BY_VALUE]
    unknown = []
    for file, tree, _ in sources():
        for name, node in tables(tree) if file.startswith("cli/views") else ():
            keys = {key.value for key in node.keys if isinstance(key, ast.Constant)}
            if len(keys) < 2 or len(keys) != len(node.keys) or frozenset(keys) in known:
                continue
            unknown += [(file, name, enum.__name__) for enum, texts in values.items() if keys <= texts]
    assert unknown == []


def test_every_match_on_an_enum_or_a_union_of_classes_ends_with_assert_never() -> None:
    open_ended = []
    for file, tree, _ in sources():
        for node in ast.walk(tree):
            if not isinstance(node, ast.Match):
                continue
            patterns = [ast.unparse(case.pattern).split("(")[0].split(".")[0] for case in node.cases[:-1]]
            is_of_ours = all(name[:1].isupper() and name in vars(_module(file)) for name in patterns)
            if is_of_ours and "assert_never" not in ast.unparse(node.cases[-1]):
                open_ended.append((file, ast.unparse(node.subject)))
    assert open_ended == []


def _module(file: str) -> Any:  # noqa: ANN401 - any module
    return importlib.import_module("creative_s3." + file.removesuffix(".py").replace("/", "."))


def test_everything_that_a_catalog_check_counts_has_words() -> None:
    assert table_of("views.discovery._SORTS").keys() == state._COUNTED.keys()  # noqa: SLF001 - our own table
