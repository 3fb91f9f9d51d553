"""Names with brackets are names: nothing of them is markup, on no screen."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.cli.program import Program


@pytest.mark.parametrize("prefix", ["a[/x]b", "a[x]b", "[bold]"])
def test_a_prefix_with_brackets_is_shown_as_it_is(cli: Program, prefix: str) -> None:
    for command in (("migrate", "upload", "--dry-run"), ("migrate", "plan"), ("migrate", "validate")):
        done = cli(*command, S3_PREFIX=prefix)
        assert done.code in {0, 7}, done.err
    assert f"Key below {prefix}/" in cli("migrate", "plan", S3_PREFIX=prefix).out
