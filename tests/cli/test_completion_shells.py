"""Completion in real shells: keys are typed into a terminal, and the line that results is looked at."""

from __future__ import annotations

from pathlib import Path

import pytest

from creative_s3.core.assets.models import Asset, AssetType, SemanticMetadata
from creative_s3.core.catalog.asset_rows import AssetRecord
from creative_s3.core.catalog.catalog import Catalog
from creative_s3.core.catalog.places import catalog_path
from tests.cli.shells import SHELLS, TAB, Home, Shell

KEYS = (
    "hero shot 01",
    "it's here",
    "product:soap:transparent",
    "cost $5 `now` *",
    "été-日本",
    "wow!key",
    'say "cheese"',
    "back\\slash",
    "$(touch evil)",
    "~tilde",
    "#sharp",
    "naïve; touch evil",
    "-dash",
    "ends with '",
    "loud!",
    "new\nline",
    "spring-a",
    "spring-b",
)
LOAD = {
    "bash": ('eval "$(_CREATIVE_S3_COMPLETE=source_bash creative-s3)"',),
    "zsh": (
        "autoload -Uz compinit; compinit -u",
        'eval "$(_CREATIVE_S3_COMPLETE=source_zsh creative-s3)"',
    ),
    "fish": ("_CREATIVE_S3_COMPLETE=source_fish creative-s3 | source",),
}
BASH_COMPLETION = Path("/usr/share/bash-completion/bash_completion")
S3_KEY = "creative-assets/backgrounds/solid/ff0000/red.png"


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home")


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A directory with a cache of assets with all kinds of names."""
    place = tmp_path / "work place"
    fill(place / "cache", *KEYS)
    fill(place / "other cache", "elsewhere")
    (place / "soap.png").write_bytes(b"png")
    return place


def fill(cache_dir: Path, *cache_keys: str) -> None:
    cache_dir.mkdir(parents=True)
    with Catalog(catalog_path(cache_dir), bucket="aws|my-bucket|creative-assets") as catalog:
        catalog.assets.put(
            AssetRecord(
                Asset(
                    key,
                    f"cache/{number}.png",
                    SemanticMetadata(AssetType.SOLID_BACKGROUND, region="Nord Süd", tags=("hot:pink",)),
                    campaign_id="spring_2025",
                ),
                "semantic_assets",
                key,
            )
            for number, key in enumerate(cache_keys)
        )
        catalog.remember(assignments={cache_keys[0]: S3_KEY})


@pytest.fixture(params=SHELLS)
def shell_name(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture
def shell(shell_name: str, home: Home, place: Path) -> Shell:
    """A shell that completes."""
    home.prepare(shell_name, *LOAD[shell_name])
    return Shell(shell_name, home, place)


def test_commands_options_and_values_complete(shell: Shell) -> None:
    with shell:
        assert shell.complete(f"creative-s3 ass{TAB}upl{TAB}") == ["creative-s3", "assets", "upload"]
        assert shell.complete(f"creative-s3 assets upload --seas{TAB}back{TAB}") == [
            *("creative-s3", "assets", "upload", "--season", "back_to_school")
        ]
        assert shell.complete(f"creative-s3 migrate upload --engine=cl{TAB}") == [
            *("creative-s3", "migrate", "upload", "--engine=classic")
        ]


@pytest.mark.parametrize(
    ("typed", "key"),
    [
        ("hero", "hero shot 01"),
        (r"hero\ sh", "hero shot 01"),
        ('"hero sh', "hero shot 01"),
        ("'hero sh", "hero shot 01"),
        ("it", "it's here"),
        ('"it', "it's here"),
        ("prod", "product:soap:transparent"),
        ("product:s", "product:soap:transparent"),
        ("product:soap:", "product:soap:transparent"),
        ('"product:soap:t', "product:soap:transparent"),
        ("cost", "cost $5 `now` *"),
        ('"cost', "cost $5 `now` *"),
        ("'cost", "cost $5 `now` *"),
        ("ét", "été-日本"),
        ("wow", "wow!key"),
        ('"wow', "wow!key"),
        ("say", 'say "cheese"'),
        ('"say', 'say "cheese"'),
        ("'say", 'say "cheese"'),
        ("'ends", "ends with '"),
        ('"loud', "loud!"),
        ("back", "back\\slash"),
        ('"back', "back\\slash"),
        ("'back", "back\\slash"),
        (r"\~", "~tilde"),
        (r"\#", "#sharp"),
        ("naï", "naïve; touch evil"),
        ("creative-assets/b", S3_KEY),
    ],
)
def test_keys_complete_however_they_are_spelled_and_quoted(shell: Shell, typed: str, key: str) -> None:
    with shell:
        assert shell.complete(f"creative-s3 assets show {typed}{TAB}") == [
            "creative-s3",
            "assets",
            "show",
            key,
        ]


def test_a_name_that_looks_like_a_command_is_never_run(shell: Shell, place: Path) -> None:
    with shell:
        assert shell.complete(rf"creative-s3 assets show \$\({TAB}")[-1] == "$(touch evil)"
        assert shell.complete(f"creative-s3 assets show '$(t{TAB}")[-1] == "$(touch evil)"
        shell.type(f"creative-s3 assets show {TAB}{TAB}")
        shell.wait_for("tilde")
    assert not (place / "evil").exists()


def test_values_of_the_catalog_complete_after_an_equals_sign_too(shell: Shell) -> None:
    with shell:
        assert (
            shell.complete(f"creative-s3 assets upload x --campaign=spr{TAB}")[-1] == "--campaign=spring_2025"
        )
        assert shell.complete(f"creative-s3 assets upload x --region no{TAB}")[-1] == "Nord Süd"
        assert shell.complete(f"creative-s3 assets upload x --region=No{TAB}")[-1] == "--region=Nord Süd"
        assert shell.complete(f"creative-s3 assets upload x --tag hot:{TAB}")[-1] == "hot:pink"


def test_what_several_keys_share_is_inserted_and_nothing_more(shell: Shell) -> None:
    with shell:
        assert shell.complete(f"creative-s3 assets show sp{TAB}")[-1] in {"spring-", "spring-a"}


def test_the_cache_directory_on_the_line_counts(shell: Shell) -> None:
    with shell:
        line = f"creative-s3 assets show --cache-dir 'other cache' el{TAB}"
        assert shell.complete(line)[-1] == "elsewhere"
        assert shell.complete(f"creative-s3 --cache-dir=other\\ cache assets show el{TAB}")[-1] == "elsewhere"
        assert shell.complete(f"creative-s3 assets show el{TAB}")[-1] == "el"


def test_files_and_directories_complete_where_they_belong(shell: Shell) -> None:
    with shell:
        assert shell.complete(f"creative-s3 assets upload soa{TAB}")[-1] == "soap.png"
        assert shell.complete(f"creative-s3 assets show --cache-dir ca{TAB}")[-1].rstrip("/") == "cache"
        assert shell.complete(f"creative-s3 assets show --cache-dir=ot{TAB}")[-1].rstrip("/") == (
            "--cache-dir=other cache"
        )
        assert shell.complete(f"creative-s3 assets show soa{TAB}")[-1] == "soa"


def test_output_goes_to_files_and_not_to_keys(shell: Shell) -> None:
    with shell:
        assert shell.complete(f"creative-s3 assets list > soa{TAB}") == ["creative-s3", "assets", "list"]


def test_folders_of_keys_complete_one_by_one(shell: Shell) -> None:
    with shell:
        line = f"creative-s3 assets download --prefix cr{TAB}b{TAB}s{TAB}"
        assert shell.complete(line)[-1] == "creative-assets/backgrounds/solid/"


def test_installed_once_completion_works_in_every_new_shell(
    shell_name: str, home: Home, place: Path, tmp_path: Path
) -> None:
    home.prepare(shell_name)
    for _ in range(2):
        with Shell(shell_name, home, tmp_path) as before:
            before.type("creative-s3 --install-completion\r")
            before.wait_for("opened from now on")
    with Shell(shell_name, home, place) as after:
        assert after.complete(f"creative-s3 assets show hero{TAB}")[-1] == "hero shot 01"
    if shell_name != "fish":
        startup_file = home.path / f".{shell_name}rc"
        assert startup_file.read_text().count("creative-s3.sh" if shell_name == "bash" else ".zfunc") == 1


@pytest.mark.skipif(not BASH_COMPLETION.exists(), reason="needs the package bash-completion")
def test_it_gets_along_with_the_package_bash_completion(home: Home, place: Path) -> None:
    home.prepare("bash", f". {BASH_COMPLETION}", *LOAD["bash"])
    with Shell("bash", home, place) as shell:
        assert shell.complete(f"creative-s3 assets show product:s{TAB}")[-1] == "product:soap:transparent"
        assert shell.complete(f"sudo creative-s3 assets show hero{TAB}")[-1] == "hero shot 01"
