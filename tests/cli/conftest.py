"""Fixtures of the command tests: the program, in a workspace, on a bucket of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.cli.program import Program

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def cli(server_env: dict[str, str], workspace: Path) -> Program:
    """The program in a copy of the sample workspace."""
    return Program(server_env, workspace)


@pytest.fixture
def reference_cli(server_env: dict[str, str], reference_workspace: Path) -> Program:
    """The program in a copy of the workspace that the pipeline's own code wrote."""
    return Program(server_env, reference_workspace)
