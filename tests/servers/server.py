"""What a server is for the tests: a name, how to install it, what is in the way, how to run it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

HOME = "TEST_SERVERS"
"""The environment variable that names the directory where `tests.servers.install` put programs."""
ACCESS_KEY = "creativetests"
SECRET_KEY = "creative-tests-secret"  # noqa: S105 - of servers that live for one test
REGION = "us-east-1"


@dataclass(frozen=True, slots=True)
class Running:
    """A server that answers.

    Attributes:
        name: As in `Server`.
        endpoint_url: Where, on loopback.
        access_key: Of its one user.
        secret_key: The same.
        region: What requests are signed for.
        pids: Its processes, for who wants to stop one.
    """

    name: str
    endpoint_url: str
    access_key: str = ACCESS_KEY
    secret_key: str = SECRET_KEY
    region: str = REGION
    pids: tuple[int, ...] = ()

    def environment(self) -> dict[str, str]:
        """Return the settings that lead the program to it."""
        return {
            "AWS_ENDPOINT_URL_S3": self.endpoint_url,
            "AWS_ACCESS_KEY_ID": self.access_key,
            "AWS_SECRET_ACCESS_KEY": self.secret_key,
            "AWS_REGION": self.region,
            "S3_REGION": self.region,
        }


@dataclass(frozen=True, slots=True)
class Server:
    """A server that can be started.

    Attributes:
        name: One word.
        source: Where it comes from, for a reader.
        run: Starts it with its data in a directory, yields it when it answers, and stops it.
        obstacle: Says why it cannot be started here; None when it can.
        install: Puts it into a directory of its own; None where the tests' own requirements bring it.
    """

    name: str
    source: str
    run: Callable[[Path], AbstractContextManager[Running]]
    obstacle: Callable[[], str | None]
    install: Callable[[Path], None] | None = None


def installed(name: str) -> Path:
    """Return the directory where a server was installed, or would be."""
    return Path(os.environ.get(HOME) or "/nonexistent") / name


def missing(name: str, program: str) -> str | None:
    """Say why a program that `install` puts below the server's directory is not there; None when it is."""
    directory = installed(name)
    if (directory / program).exists():
        return None
    reason = directory / "failed.txt"
    if reason.exists():
        return f"{name} could not be installed: {reason.read_text(encoding='utf-8').strip()}"
    return f"{name} is not installed: python -m tests.servers.install DIRECTORY {name}, then {HOME}=DIRECTORY"
