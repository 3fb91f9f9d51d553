"""The project's own files say what is true: README, .env.example, the list of command modules."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from typer.main import get_command

import creative_s3
from creative_s3 import __version__
from creative_s3.cli import groups
from creative_s3.cli.app import app
from creative_s3.cli.declare.options import SHORTCUTS_PANEL
from creative_s3.errors import ExitCode
from creative_s3.setting_checks import LOG_LEVELS, STORAGE_CLASSES
from creative_s3.settings import ENVIRONMENT_NAMES, S3Config

if TYPE_CHECKING:
    from collections.abc import Iterator

CHECKOUT = Path(__file__).resolve().parents[2]
README = (CHECKOUT / "README.md").read_text(encoding="utf-8")
ENV_EXAMPLE = (CHECKOUT / ".env.example").read_text(encoding="utf-8")
PAGES = (
    "README.md",
    "CONTRIBUTING.md",
    *(f"docs/{path.name}" for path in sorted((CHECKOUT / "docs").glob("*.md")) if path.stem != "decisions"),
)
COMMANDS, EXIT_CODES, SETTINGS = "docs/commands.md", "docs/exit-codes.md", "docs/settings.md"
MOST_LINES = 200
TRY_IT = "python3 -m venv .venv && .venv/bin/pip install '.[local]' && .venv/bin/creative-s3 demo"
TEST_IT = ".venv/bin/pip install nox && .venv/bin/nox -s tests"


def test_the_command_tables_name_every_command_and_no_other() -> None:
    rows = _rows(COMMANDS)
    named = [_code(row[0]) for row in rows]
    assert len(named) == len(set(named))
    assert set(named) == {path for path, _ in _commands()}


def test_every_shortcut_is_said_to_be_short_for_what_it_is() -> None:
    named = {_code(row[0]): _code(row[1]) for row in _rows(COMMANDS) if row[1].startswith("`")}
    shortcuts = {path: command for path, command in _commands() if _is_shortcut(command)}
    assert named.keys() == shortcuts.keys()
    long_names = dict(_commands())
    for short, long in named.items():
        assert shortcuts[short].help == long_names[long].help


@pytest.mark.parametrize("name", PAGES)
def test_every_command_line_in_the_documentation_names_a_command_that_exists(name: str) -> None:
    known = {path for path, _ in _commands()}
    groups = {path.rpartition(" ")[0] for path in known} | {path.split()[0] for path in known if " " in path}
    for words in re.findall(r"\bcreative-s3((?: [a-z][a-z-]*)+)", "\n".join(_code_in(_text(name)))):
        path, *rest = words.split()
        while path in groups and rest:
            path = f"{path} {rest.pop(0)}"
        assert path in known or (path in groups and not rest), f"creative-s3{words}"


def test_what_takes_the_place_of_older_names_exists_with_its_options() -> None:
    commands = dict(_commands())
    codes = _code_in(_text("docs/coming-from-cli_s3.md"))
    options = set()
    for path, rest in re.findall(r"^creative-s3 ([a-z]+ [a-z]+)(.*)$", "\n".join(codes), flags=re.MULTILINE):
        known = {name for parameter in commands[path].params for name in parameter.opts}
        options |= (named := set(re.findall(r"--[a-z-]+", rest)))
        assert named <= known, path
    assert "--like" in options
    names = re.findall(
        r"^(S3StorageManager|S3MigrationManager|CacheManager)\.(\w+)$", "\n".join(codes), flags=re.MULTILINE
    )
    assert names
    for thing, attribute in names:
        assert hasattr(getattr(creative_s3, thing), attribute), f"{thing}.{attribute}"


def test_the_exit_codes_of_the_documentation_are_those_of_the_program() -> None:
    rows = _rows(EXIT_CODES)
    assert sorted(int(code) for row in rows for code in row[0].split(", ")) == sorted(ExitCode)
    assert all(row[1] for row in rows)


def test_the_settings_of_the_documentation_are_those_of_the_program_with_their_defaults() -> None:
    cells = [cell for row in _rows(SETTINGS) for cell in (row[:2], row[3:]) if cell[0]]
    named = {_code(name): default.strip("`") for name, default in cells}
    assert named == {
        name: _as_written(getattr(S3Config(), field), empty="AWS" if field == "endpoint_url" else "none")
        for field, name in ENVIRONMENT_NAMES.items()
    }


def test_the_first_two_command_lines_of_the_readme_are_the_promised_two() -> None:
    blocks = re.findall(r"^```bash\n(.*?)^```$", README, flags=re.DOTALL | re.MULTILINE)
    assert [block.strip() for block in blocks[:2]] == [TRY_IT, TEST_IT]


@pytest.mark.parametrize("name", PAGES)
def test_every_link_to_a_file_leads_to_one(name: str) -> None:
    folder = (CHECKOUT / name).parent
    targets = re.findall(r"\]\((?!https?:)([^)#]+)(?:#[^)]*)?\)", _text(name))
    assert [target for target in targets if not (folder / target).is_file()] == []


def test_the_readme_is_short_and_leads_to_every_page() -> None:
    assert len(README.splitlines()) <= MOST_LINES
    assert {f"docs/{path.name}" for path in (CHECKOUT / "docs").glob("*.md")} <= set(
        re.findall(r"\]\(([^)#]+)\)", README)
    )


def test_env_example_names_every_setting_once_and_no_other() -> None:
    assert sorted(_assignments()) == sorted(ENVIRONMENT_NAMES.values())


def test_env_example_uncommented_gives_the_defaults(tmp_path: Path) -> None:
    env_file = tmp_path / "all.env"
    env_file.write_text("\n".join(_assignment_lines()), encoding="utf-8")
    assert S3Config.from_env(env_file=env_file) == S3Config()


def test_env_example_as_it_stands_gives_the_defaults() -> None:
    assert S3Config.from_env(env_file=CHECKOUT / ".env.example") == S3Config()


def test_env_example_explains_every_setting_right_above_it() -> None:
    for name in ENVIRONMENT_NAMES.values():
        before = ENV_EXAMPLE[: re.search(rf"^(# )?{name}=", ENV_EXAMPLE, flags=re.MULTILINE).start()]  # type: ignore[union-attr]
        assert before.splitlines()[-1].startswith("# "), name


@pytest.mark.parametrize("allowed", [*STORAGE_CLASSES, *LOG_LEVELS])
def test_env_example_lists_the_allowed_values(allowed: str) -> None:
    assert re.search(rf"\b{allowed}\b", ENV_EXAMPLE)


def test_env_example_has_no_place_for_credentials() -> None:
    assert not [name for name in _assignments() if "AWS" in name or "SECRET" in name]


def test_import_linter_watches_every_command_module() -> None:
    contracts = _pyproject()["tool"]["importlinter"]["contracts"]
    (independent,) = (contract for contract in contracts if contract["type"] == "independence")
    assert set(independent["modules"]) == {
        f"creative_s3.cli.{module.removesuffix('.commands')}" for module in groups.NAMES
    }


def test_the_changelog_tells_of_this_version() -> None:
    changelog = (CHECKOUT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert _pyproject()["project"]["version"] in changelog


def test_the_package_and_the_project_have_one_version() -> None:
    assert _pyproject()["project"]["version"] == __version__


def _commands(parent: Any = None, path: str = "") -> Iterator[tuple[str, Any]]:  # noqa: ANN401 - Typer's own
    """Yield each command that help shows, with its path."""
    group: Any = parent or get_command(app)
    for name, command in group.commands.items():
        if command.hidden:
            continue
        if hasattr(command, "commands"):
            yield from _commands(command, f"{path}{name} ")
        else:
            yield f"{path}{name}", command


def _is_shortcut(command: Any) -> bool:  # noqa: ANN401 - Typer's own
    return bool(command.rich_help_panel == SHORTCUTS_PANEL)


def _rows(name: str) -> list[list[str]]:
    """Return the rows of a page's tables, without their headings."""
    lines = _text(name).splitlines()
    rows = [line for line, after in zip(lines, [*lines[1:], ""], strict=True) if not after.startswith("|---")]
    return [
        [cell.strip().replace("\\|", "|") for cell in re.split(r"(?<!\\)\|", row)[1:-1]]
        for row in rows
        if row.startswith("|") and not row.startswith("|---")
    ]


def _code(cell: str) -> str:
    (text,) = re.findall(r"^`([^`]+)`$", cell)
    return str(text)


def _text(name: str) -> str:
    return (CHECKOUT / name).read_text(encoding="utf-8")


def _code_in(text: str) -> list[str]:
    """Return the lines of a page's shell blocks and its inline code."""
    blocks = re.findall(r"^```bash\n(.*?)^```$", text, flags=re.DOTALL | re.MULTILINE)
    prose = re.sub(r"^```.*?^```$", "", text, flags=re.DOTALL | re.MULTILINE)
    return [line for block in blocks for line in block.splitlines()] + re.findall(r"`([^`\n]+)`", prose)


def _assignment_lines() -> list[str]:
    return re.findall(r"^(?:# )?([A-Z][A-Z0-9_]*=.*)$", ENV_EXAMPLE, flags=re.MULTILINE)


def _assignments() -> list[str]:
    return [line.partition("=")[0] for line in _assignment_lines()]


def _as_written(value: object, *, empty: str) -> str:
    if value is None:
        return empty
    return str(value).lower() if isinstance(value, bool) else str(value)


def _pyproject() -> dict[str, Any]:
    return tomllib.loads((CHECKOUT / "pyproject.toml").read_text(encoding="utf-8"))


def test_the_architecture_names_what_is_there() -> None:
    page = _text("docs/architecture.md")
    named = set(re.findall(r"`(creative_s3/[\w/]+\.\w+|creative_s3/[\w/]+/|tests/\w+|benchmarks/)`", page))
    assert len(named) > 40
    assert not {name for name in named if not (CHECKOUT / name).exists()}
    packages = {path.name for path in (CHECKOUT / "creative_s3" / "core").iterdir() if path.is_dir()}
    rooms = page.partition("## One upload")[0]
    assert not {name for name in packages - {"__pycache__"} if f" {name}/" not in rooms}
