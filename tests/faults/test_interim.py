"""Interim answers, as proxies give them before the answer itself, are none; but they must come to an end."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from creative_s3.core.s3.object_store import ObjectStore
from creative_s3.core.transfers.engine import Download
from creative_s3.errors import CreativeS3Error
from tests.faults.programme import Reply, Retell, Rule, on
from tests.faults.workshop import COMPLETE, CREATE, GET, HEAD, KIB, PART, PUT, failures
from tests.s3.moving import MULTIPART, a_file, an_upload

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.faults.workshop import Bench, Site

LIST = on("ListObjectsV2")
HINTS = b"HTTP/1.1 103 Early Hints\r\nlink: </style.css>\r\n\r\nHTTP/1.1 102 Processing\r\n\r\n"


def after_hints(reply: Reply) -> Iterator[bytes]:
    yield HINTS + reply.raw


def hints_only(_: Reply) -> Iterator[bytes]:
    yield from [HINTS] * 2000


@pytest.mark.parametrize("engine", ["auto", "classic"])
def test_what_comes_before_the_answer_is_not_the_answer(bench: Bench, tmp_path: Path) -> None:
    paths = [a_file(tmp_path, size, f"f{size}") for size in (0, 40 * KIB, MULTIPART)]
    bench.proxy.follow(Rule(Retell(after_hints), PUT | GET | HEAD | CREATE | PART | COMPLETE | LIST))

    put = bench.put(*(an_upload(path, path.name) for path in paths))
    got = bench.get(*(Download(path.name, tmp_path / "to" / path.name) for path in paths))

    assert not failures(put)
    assert not failures(got)
    assert all((tmp_path / "to" / path.name).read_bytes() == path.read_bytes() for path in paths)
    listed = {one.key for one in ObjectStore(connection=bench.connection).objects()}
    assert listed == {path.name for path in paths}


def test_the_program_does_its_whole_work_behind_such_a_proxy(site: Site) -> None:
    site.proxy.follow(Rule(Retell(after_hints)))

    assert site.program("migrate", "upload", "--yes").code == 0
    assert site.program("migrate", "validate", "--deep").code == 0
    assert site.stored() == site.cache.content


@pytest.mark.parametrize("engine", ["classic"])
def test_interim_answers_without_end_are_an_error(bench: Bench) -> None:
    bench.proxy.follow(Rule(Retell(hints_only, hangs_up=True), LIST))

    with pytest.raises(CreativeS3Error):
        list(ObjectStore(connection=bench.connection).objects())
