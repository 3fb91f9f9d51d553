"""The project's chores, each in a virtual environment of its own: ``nox`` runs tests, lint and types.

What the tools check, and how strictly, is in pyproject.toml; nothing here repeats it.
"""

from __future__ import annotations

import tempfile
import zipfile
from pathlib import Path

import nox

nox.needs_version = ">=2026.1"
nox.options.sessions = ["tests", "lint", "types"]
nox.options.reuse_venv = "yes"
nox.options.error_on_missing_interpreters = True

PROJECT = nox.project.load_toml("pyproject.toml")
WORKERS = ("--numprocesses=4",)
"""Tests mostly wait for servers and processes: two of them keep one core busy."""
SURROUNDINGS = {"PYTHONDONTWRITEBYTECODE": None}
"""Tests start the program a thousand times: it is compiled once, whatever the surroundings say."""
PACKED = (
    "creative_s3/py.typed",
    "creative_s3/core/costs/data/prices.json",
    "creative_s3/cli/completion/table.json",
    "creative_s3/cli/completion/scripts/creative-s3.bash",
    "creative_s3/cli/completion/scripts/creative-s3.zsh",
    "creative_s3/cli/completion/scripts/creative-s3.fish",
)
"""Files besides the modules that the wheel must hold."""


@nox.session
def tests(session: nox.Session) -> None:
    """Run the tests; arguments after -- go to pytest."""
    session.install("--editable", ".", *_group("test"))
    session.run("pytest", *WORKERS, *session.posargs, env={**SURROUNDINGS, **_servers(session, "localstack")})


@nox.session(python=nox.project.python_versions(PROJECT))
def versions(session: nox.Session) -> None:
    """Run the tests on each Python that the package names; ``nox -s versions-3.13`` on one of them."""
    tests(session)


@nox.session
def long(session: nox.Session) -> None:
    """Run what takes too long for every day: 10,000 steps of two random lives, 300 kills, every lie."""
    session.install("--editable", ".", *_group("test"))
    session.run(
        "pytest",
        *WORKERS,
        "--timeout=7200",
        "tests/s3/test_tiers_machine.py",
        "tests/s3/test_tiers_killed.py",
        "tests/life/test_life.py",
        "tests/faults/test_connections.py",
        "tests/faults/test_lies.py",
        "tests/servers/test_odd_servers.py",
        "tests/as_aws/test_refusals.py",
        "tests/cli/test_absurd_values.py",
        "tests/cli/test_foreign_catalogs.py",
        *session.posargs,
        env=SURROUNDINGS
        | {
            "TIER_STEPS": "10000",
            "TIER_KILLS": "300",
            "LIFE_STEPS": "10000",
            "CRT_STALLS": "1",
            "ABSURD_VALUES": "all",
            "EVERY_LIE": "1",
            "EVERY_ODDITY": "1",
        },
    )


@nox.session
def servers(session: nox.Session) -> None:
    """Try the program on every other S3 server that can be had here, and write docs/servers.md of it."""
    session.install("--editable", ".", *_group("test"))
    there = _servers(session)
    with tempfile.TemporaryDirectory() as found:
        session.run(
            "pytest",
            "--numprocesses=2",
            "--dist=loadgroup",
            "--timeout=600",
            "tests/servers/test_starting.py",
            "tests/servers/test_conformance.py",
            *session.posargs,
            env={**SURROUNDINGS, **there, "TEST_SERVERS_RUN": "all", "TEST_SERVERS_FOUND": found},
            success_codes=[0, 1],
        )
        session.run("python", "-m", "tests.servers.matrix", found, "docs/servers.md")


@nox.session
def lint(session: nox.Session) -> None:
    """Check the style, the format and who imports whom."""
    session.install(*_group("lint"))
    session.run("ruff", "check")
    session.run("ruff", "format", "--check")
    session.run("lint-imports", "--no-logo")


@nox.session
def types(session: nox.Session) -> None:
    """Check the types."""
    session.install(".", *_group("types"))
    session.run("mypy")


@nox.session(reuse_venv=False)
def smoke(session: nox.Session) -> None:
    """Build the wheel, install it as a user would, and run what a user runs first."""
    with tempfile.TemporaryDirectory() as name:
        home = Path(name)
        session.install(f"{_wheel(session, home / 'wheel')}[local]")
        # Away from the checkout, so that only the wheel can be imported, and from the user's own files.
        session.chdir(home)
        session.env.update(HOME=name, XDG_DATA_HOME=f"{name}/data", XDG_STATE_HOME=f"{name}/state")
        session.run("creative-s3", "--version")
        session.run("creative-s3", "--help", silent=True)
        server, demo = f"--dir={home / 'server'}", f"--dir={home / 'demo'}"
        try:
            session.run("creative-s3", "local", "up", server)
            session.run("creative-s3", "demo", demo)
        finally:
            session.run("creative-s3", "demo", "--clean", demo)
            session.run("creative-s3", "local", "down", server)


@nox.session
def minimums(session: nox.Session) -> None:
    """Run the tests with the oldest versions that the package says it works with."""
    oldest = [requirement.replace(">=", "==") for requirement in PROJECT["project"]["dependencies"]]
    session.install("--editable", ".", *oldest, *_group("test"))
    session.run("pytest", *WORKERS, *session.posargs, env=SURROUNDINGS)


@nox.session
def bench(session: nox.Session) -> None:
    """Measure against s5cmd, rclone and aws-cli; after -- as you like: --quick, --only NAME, --rounds N."""
    session.install(".[local]", *_group("bench"))
    session.run("python", "-m", "benchmarks", *session.posargs)


def _group(name: str) -> list[str]:
    return list(nox.project.dependency_groups(PROJECT, name))


def _servers(session: nox.Session, *names: str) -> dict[str, str]:
    """Install other S3 servers, each beside our own packages; return what tells the tests where they are."""
    home = str(Path(session.cache_dir).absolute() / "servers")
    session.run("python", "-m", "tests.servers.install", home, *names)
    return {"TEST_SERVERS": home}


def _wheel(session: nox.Session, directory: Path) -> Path:
    """Build the wheel and look at what is in it."""
    session.run("python", "-m", "pip", "wheel", "--quiet", "--no-deps", f"--wheel-dir={directory}", ".")
    (wheel,) = directory.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    missing = [name for name in PACKED if name not in names]
    stray = [name for name in names if not name.startswith(("creative_s3/", "creative_s3-"))]
    if missing or stray:
        session.error(f"the wheel lacks {missing} and should not hold {stray}")
    return wheel
