"""Shell completion without a shell: what is offered where, what it costs, and that it never disturbs."""

from __future__ import annotations

import json
import shlex
import sqlite3
import subprocess
import sys
from contextlib import closing
from typing import TYPE_CHECKING, NoReturn

import pytest
import shellingham  # type: ignore[import-untyped]

from creative_s3.cli.app import app
from creative_s3.cli.completion import values
from creative_s3.cli.completion.engine import FILES, Answer, complete
from creative_s3.cli.completion.install import current_shell, install
from creative_s3.cli.completion.shells import load_table, script_for
from creative_s3.cli.completion.table import TABLE_PATH, table_of, text_of
from creative_s3.core.assets.models import Asset, AssetType, SemanticMetadata
from creative_s3.core.catalog.asset_rows import AssetRecord
from creative_s3.core.catalog.catalog import Catalog
from creative_s3.core.catalog.places import catalog_path
from creative_s3.errors import UsageError
from tests.cli.probe import environment

if TYPE_CHECKING:
    from pathlib import Path

HEAVY = ("boto3", "botocore", "pydantic", "typer", "rich", "dotenv", "dataclasses", "platformdirs", "ssl")
ASK = "from creative_s3.cli.entry import main; main()"


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A directory with a cache of two assets."""
    fill(tmp_path / "cache", "hero-1", "hero-2")
    return tmp_path


def fill(cache_dir: Path, *cache_keys: str) -> Path:
    cache_dir.mkdir(exist_ok=True)
    with Catalog(catalog_path(cache_dir), bucket="aws|my-bucket|creative-assets") as catalog:
        catalog.assets.put(
            AssetRecord(
                Asset(
                    key,
                    f"cache/{key}.png",
                    SemanticMetadata(AssetType.SOLID_BACKGROUND),
                    campaign_id="spring",
                ),
                "semantic_assets",
                key,
            )
            for key in cache_keys
        )
    return catalog.path


def ask(cwd: Path, line: str, **more: str) -> list[str]:
    """Return the words that bash would be offered."""
    env = environment(_CREATIVE_S3_COMPLETE="bash", _CREATIVE_S3_LINE=line)
    for name in ("CACHE_DIR", "S3_BUCKET_NAME"):
        env.pop(name, None)
    done = subprocess.run(
        [sys.executable, "-c", ASK], env=env | more, cwd=cwd, capture_output=True, text=True, check=True
    )
    assert done.stderr == ""
    return done.stdout.splitlines()[1:]


def offered(*words: str) -> list[str]:
    return [candidate.value for candidate in answer(*words).candidates]


def answer(*words: str) -> Answer:
    return complete(load_table(), words[:-1], words[-1])


def test_the_table_says_what_the_commands_say() -> None:
    again = "write it anew: python -m creative_s3.cli.completion.table"
    assert TABLE_PATH.read_text(encoding="utf-8") == f"{text_of(table_of(app))}\n", again
    assert json.loads(TABLE_PATH.read_text(encoding="utf-8")) == table_of(app)


def test_every_completer_in_the_table_is_there() -> None:
    text = TABLE_PATH.read_text(encoding="utf-8")
    names = {part.split('"')[0] for part in text.split('"completer": "')[1:]}
    assert {"keys", "campaigns"} <= names
    assert all(callable(getattr(values, name)) for name in names)


def test_commands_and_groups_complete() -> None:
    assert offered("asse") == ["assets"]
    assert set(offered("assets", "")) >= {"list", "show", "upload", "download", "stats"}
    assert offered("nonsense", "") == []


def test_options_complete_once_and_without_those_that_are_hidden() -> None:
    assert offered("migrate", "upload", "--dry") == ["--dry-run"]
    assert offered("migrate", "upload", "--dry-run", "--dry") == []
    assert offered("migrate", "upload", "-n", "--dry") == []
    assert offered("assets", "upload", "x", "--tag", "a", "--ta") == ["--tag"]
    assert "--bucket" in offered("assets", "list", "-")
    assert "--bucket" not in offered("assets", "-")
    assert "-q" in offered("assets", "list", "-q")


def test_a_command_without_arguments_offers_its_options_at_once() -> None:
    assert "--json" in offered("config", "")
    assert offered("config", "x") == []


def test_values_of_enumerated_options_complete() -> None:
    assert offered("list", "--asset-type", "ba") == ["background"]
    assert offered("list", "--asset-type=ba") == ["--asset-type=background"]
    assert offered("assets", "upload", "--season", "s") == ["spring", "summer"]
    assert offered("migrate", "upload", "--engine", "") == ["auto", "crt", "classic"]


def test_after_two_dashes_nothing_is_an_option() -> None:
    assert offered("assets", "show", "--", "--js") == []


def test_a_name_that_begins_like_an_option_is_offered_only_where_it_is_none(tmp_path: Path) -> None:
    names = ("--yes", "-n", "plain")
    fill(tmp_path / "cache", *names)
    for command in ("tiers demote ", "assets show ", "tiers demote plain "):
        assert not [word for word in ask(tmp_path, f"creative-s3 {command}") if word.startswith("-")]
    assert "--yes" not in ask(tmp_path, "creative-s3 assets show -")
    assert set(ask(tmp_path, "creative-s3 tiers demote -- ")) == set(names)
    assert ask(tmp_path, "creative-s3 tiers demote -- --") == ["--yes"]


def test_files_are_left_to_the_shell() -> None:
    assert answer("assets", "upload", "") == Answer([], FILES)
    assert answer("assets", "upload", "x", "y") == Answer([])


def test_a_value_is_not_taken_for_a_command_or_an_argument() -> None:
    assert offered("--bucket", "assets", "conf") == ["config"]
    assert answer("assets", "upload", "--tag", "x", "").paths == FILES


def test_keys_already_on_the_line_are_not_offered_again(place: Path) -> None:
    assert ask(place, "creative-s3 assets download he") == ["hero-1", "hero-2"]
    assert ask(place, "creative-s3 assets download hero-1 he") == ["hero-2"]


def test_the_cache_directory_is_found_as_the_program_finds_it(place: Path) -> None:
    line = "creative-s3 assets show other"
    fill(place / "flag", "other-flag")
    fill(place / "environment", "other-environment")
    fill(place / "dotenv", "other-dotenv")
    assert ask(place, line) == []
    (place / ".env").write_text("# settings\nS3_PREFIX=x\nexport CACHE_DIR=dotenv\n")
    assert ask(place, line) == ["other-dotenv"]
    (place / ".env").write_text("D=dotenv\nCACHE_DIR='./${D}'  # quoted\nCACHE_DIR=\"${D}\" # the last one\n")
    assert ask(place, line) == ["other-dotenv"]
    assert ask(place, line, CACHE_DIR="environment") == ["other-environment"]
    flag = "creative-s3 assets show --cache-dir flag other"
    assert ask(place, flag, CACHE_DIR="environment") == ["other-flag"]
    assert ask(place, "creative-s3 assets show --cache-dir $HOME/flag other", HOME=str(place)) == [
        "other-flag"
    ]
    assert ask(place, "creative-s3 assets show --cache-dir ~/flag other", HOME=str(place)) == ["other-flag"]


def test_asking_changes_nothing(place: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    catalog = catalog_path(place / "cache")
    before = (catalog.read_bytes(), sorted(place.rglob("*")))
    assert ask(place, "creative-s3 assets show h") == ["hero-1", "hero-2"]
    assert (catalog.read_bytes(), sorted(place.rglob("*"))) == before
    empty = tmp_path_factory.mktemp("empty")
    (empty / "cache").mkdir()
    assert ask(empty, "creative-s3 assets show h") == []
    assert sorted(empty.rglob("*")) == [empty / "cache"]


def test_a_catalog_that_cannot_answer_gives_nothing(place: Path) -> None:
    path = catalog_path(place / "cache")
    line = "creative-s3 assets show h"
    with closing(sqlite3.connect(path)) as database:
        version = database.execute("PRAGMA user_version").fetchone()[0]
        database.execute("PRAGMA user_version = 999")
    assert ask(place, line) == []
    with closing(sqlite3.connect(path)) as database:
        database.execute(f"PRAGMA user_version = {version}")
        database.execute("BEGIN EXCLUSIVE")
        assert ask(place, line) == []
    assert ask(place, line) == ["hero-1", "hero-2"]
    path.write_bytes(b"no database")
    assert ask(place, line) == []


@pytest.mark.permission_bits
def test_the_catalog_of_a_read_only_cache_is_found(place: Path) -> None:
    read_only = place / "read only"
    read_only.mkdir(mode=0o555)
    path = fill(read_only, "far-away")
    assert read_only not in path.parents
    assert ask(place, "creative-s3 assets show --cache-dir 'read only' far") == ["far-away"]


def test_nothing_heavy_is_loaded_to_answer(place: Path) -> None:
    script = (
        "import os, sys\nfrom creative_s3.cli.completion.shells import answer_shell\n"
        "answer_shell('bash', os.environ, [])\n"
        f"print([name for name in {HEAVY!r} if name in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        env=environment(_CREATIVE_S3_LINE="creative-s3 assets show he"),
        cwd=place,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.splitlines() == ["words", "hero-1", "hero-2"]
    assert done.stderr.splitlines() == ["[]"]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_an_impossible_question_is_answered_with_silence(shell: str, place: Path) -> None:
    for line in ("", "creative-s3", "creative-s3 --", "creative-s3 assets show \udcff", "x y z \\"):
        done = subprocess.run(
            [sys.executable, "-c", ASK, *line.split(" ")[1:]],
            env={**environment(), "_CREATIVE_S3_COMPLETE": shell, "_CREATIVE_S3_LINE": line},
            cwd=place,
            capture_output=True,
            text=True,
            errors="surrogateescape",
            check=False,
        )
        assert done.stderr == ""


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_for_a_shell_can_be_asked_for(shell: str, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", ASK],
        env=environment(_CREATIVE_S3_COMPLETE=f"source_{shell}"),
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert f"_CREATIVE_S3_COMPLETE={shell}" in done.stdout
    assert done.stdout == script_for(shell)


def test_where_no_shell_can_be_told_the_login_shell_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> NoReturn:
        raise shellingham.ShellDetectionFailure

    monkeypatch.setattr(shellingham, "detect_shell", fail)
    assert current_shell({"SHELL": "/usr/bin/fish"}) == "fish"
    with pytest.raises(UsageError, match="no completion for csh"):
        current_shell({"SHELL": "/bin/csh"})
    with pytest.raises(UsageError, match="this shell"):
        current_shell({})


def test_installing_keeps_the_startup_file_and_adds_its_line_once(tmp_path: Path) -> None:
    startup_file = tmp_path / ".bashrc"
    startup_file.write_bytes(b"# mine, caf\xe9\nexport A=1")
    assert install("bash", tmp_path, {}).startup_file == startup_file
    assert install("bash", tmp_path, {}).startup_file is None
    before, line = startup_file.read_bytes().split(b"\nexport A=1\n")
    assert before == b"# mine, caf\xe9"
    assert line == f"source {shlex.quote(str(tmp_path / '.bash_completions/creative-s3.sh'))}\n".encode()


def test_zsh_and_fish_have_their_own_places(tmp_path: Path) -> None:
    dotfiles = tmp_path / "dotfiles"
    dotfiles.mkdir()
    zsh = install("zsh", tmp_path, {"ZDOTDIR": str(dotfiles)})
    assert (zsh.script, zsh.startup_file) == (tmp_path / ".zfunc/_creative-s3", dotfiles / ".zshrc")
    fish = install("fish", tmp_path, {"XDG_CONFIG_HOME": str(dotfiles)})
    assert (fish.script, fish.startup_file) == (dotfiles / "fish/completions/creative-s3.fish", None)


def test_power_shell_is_answered_too(place: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "creative_s3"],
        env=environment(
            _CREATIVE_S3_COMPLETE="complete_powershell",
            _TYPER_COMPLETE_ARGS="creative-s3 assets show he",
            _TYPER_COMPLETE_WORD_TO_COMPLETE="he",
        ),
        cwd=place,
        capture_output=True,
        text=True,
        check=True,
    )
    assert [line.split(":::")[0] for line in done.stdout.splitlines()] == ["hero-1", "hero-2"]


def test_power_shell_is_told_no_name_that_it_would_run_or_take_for_an_option(tmp_path: Path) -> None:
    fill(tmp_path / "cache", "--yes", "$(evil)", "a; evil", "`evil", "a b", "@(evil)", "plain-1")
    done = subprocess.run(
        [sys.executable, "-m", "creative_s3"],
        env=environment(
            _CREATIVE_S3_COMPLETE="complete_powershell",
            _TYPER_COMPLETE_ARGS="creative-s3 assets show ",
            _TYPER_COMPLETE_WORD_TO_COMPLETE="",
        ),
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert [line.split(":::")[0] for line in done.stdout.splitlines()] == ["plain-1"]
