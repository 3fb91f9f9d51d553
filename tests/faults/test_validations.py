"""Faults 27 and 38 while a validation asks for objects: one is denied, a signal comes, the server fails."""

from __future__ import annotations

import shutil
import signal
from typing import TYPE_CHECKING

import pytest

from tests.faults.programme import Answer, Hold, Rule, Way
from tests.faults.running import STARTUP_S, Running
from tests.faults.workshop import HEAD

if TYPE_CHECKING:
    from tests.faults.workshop import Site

DEEP = ("migrate", "validate", "--deep")


@pytest.fixture
def forgotten(site: Site) -> Site:
    """Everything is in the bucket, and this machine knows nothing of it: each object is asked for."""
    assert site.program("migrate", "upload").code == 0
    shutil.rmtree(site.cache.directory / "cache" / ".creative-s3")
    return site


@pytest.mark.parametrize("engine", ["crt", "classic"])
def test_an_object_that_may_not_be_looked_at_is_one_finding_and_the_rest_is_proved(
    forgotten: Site, engine: str
) -> None:
    denied = forgotten.cache.key_of("03.png")
    forgotten.proxy.follow(Rule(Answer(403, "AccessDenied"), HEAD, denied))

    result = forgotten.program(*DEEP, "--json", "--engine", engine)

    assert result.code == 3
    (finding,) = (one for one in result.data["findings"] if one["state"] != "extra-in-s3")
    assert (finding["key"], finding["state"]) == (denied, "unreadable")
    assert "denies access" in finding["detail"]
    assert result.data["counts"]["matching"] == len(forgotten.cache.plan) - 1


def test_a_plan_leaves_an_asset_alone_of_which_the_object_may_not_be_looked_at(forgotten: Site) -> None:
    before = forgotten.stored()
    forgotten.proxy.follow(Rule(Answer(403, "AccessDenied"), HEAD, forgotten.cache.key_of("03.png")))

    result = forgotten.program("migrate", "upload", "--yes", "--json")

    assert result.code == 3
    assert result.data["uploaded"] == 0
    assert forgotten.stored() == before


@pytest.mark.parametrize("engine", ["crt", "classic"])
def test_a_server_that_fails_for_all_ends_the_validation(forgotten: Site, engine: str) -> None:
    forgotten.proxy.follow(Rule(Answer(500, "InternalError"), HEAD))

    assert forgotten.program(*DEEP, "--engine", engine).code == 9


@pytest.mark.parametrize("engine", ["crt", "classic"])
def test_a_signal_while_objects_are_asked_for_ends_it_at_once(forgotten: Site, engine: str) -> None:
    forgotten.proxy.follow(Rule(Hold(Way.UP), HEAD))
    validation = Running(forgotten.program, *DEEP, "--engine", engine)
    try:
        forgotten.proxy.until_struck()
        validation.stop(signal.SIGINT)
        ended, took_s = validation.end()
    finally:
        validation.process.kill()

    assert ended == 130
    assert took_s < STARTUP_S
