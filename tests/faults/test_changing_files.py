"""Fault 8: files that are edited while they are sent: sent again, or reported as changed; never trusted."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from creative_s3.errors import FileChangedError
from tests.faults.programme import Hold, Retell, Rule, Way, on
from tests.faults.workshop import KIB, PART, PUT
from tests.s3.moving import MIB, MULTIPART, a_file, an_upload, only

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.faults.programme import Reply
    from tests.faults.proxy import FaultProxy
    from tests.faults.workshop import Bench, Site


def edited(path: Path) -> None:
    """Change content, keep the size, and put the modification time back."""
    status = path.stat()
    with path.open("r+b") as file:
        file.seek(-10, os.SEEK_END)
        file.write(os.urandom(10))
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def grown(path: Path) -> None:
    with path.open("ab") as file:
        file.write(b"more")


def shrunk(path: Path) -> None:
    os.truncate(path, path.stat().st_size - 100)


def at_each(proxy: FaultProxy, change: Callable[[], None], *, most: int) -> Callable[[], None]:
    """Return a tick that makes the change while a request is held, at most so many times."""
    done = 0

    def tick() -> None:
        nonlocal done
        if proxy.struck > done:
            done += 1
            if done <= most:
                change()
            proxy.release(done)

    return tick


@pytest.mark.parametrize("size_bytes", [60 * KIB, MULTIPART], ids=["one request", "parts"])
def test_a_file_edited_in_secret_while_it_is_sent_is_sent_again(
    bench: Bench, tmp_path: Path, size_bytes: int
) -> None:
    path = a_file(tmp_path, size_bytes)
    bench.proxy.follow(Rule(Hold(Way.UP, 20 * KIB), PUT | PART, times=1))

    tick = at_each(bench.proxy, lambda: edited(path), most=1)
    outcome = only(bench.put(an_upload(path), tick=tick))

    assert bench.proxy.struck == 1
    assert outcome.error is None
    assert outcome.attempts == 2
    assert bench.stored() == {"k/asset.png": path.read_bytes()}
    assert bench.unfinished() == []


@pytest.mark.parametrize("size_bytes", [60 * KIB, 4 * MIB], ids=["from memory", "read while it is sent"])
def test_a_file_edited_at_every_try_is_reported_as_changed(
    bench: Bench, tmp_path: Path, size_bytes: int
) -> None:
    path = a_file(tmp_path, size_bytes)
    bench.proxy.follow(Rule(Hold(Way.UP, 20 * KIB), PUT))

    tick = at_each(bench.proxy, lambda: edited(path), most=9)
    outcome = only(bench.put(an_upload(path), tick=tick))

    assert isinstance(outcome.error, FileChangedError)
    assert outcome.error.item == str(path)
    assert outcome.attempts == 4
    assert outcome.proof is None


@pytest.mark.parametrize("change", [grown, shrunk])
@pytest.mark.parametrize("size_bytes", [60 * KIB, MULTIPART], ids=["one request", "parts"])
def test_a_file_that_grows_or_shrinks_while_it_is_sent_is_reported_as_changed(
    bench: Bench, tmp_path: Path, size_bytes: int, change: Callable[[Path], None]
) -> None:
    path = a_file(tmp_path, size_bytes)
    bench.proxy.follow(Rule(Hold(Way.UP, 20 * KIB), PUT | PART, times=1))

    tick = at_each(bench.proxy, lambda: change(path), most=1)
    outcome = only(bench.put(an_upload(path), tick=tick))

    assert isinstance(outcome.error, FileChangedError)
    assert outcome.error.item == str(path)
    assert outcome.proof is None
    assert bench.unfinished() == []


def test_the_program_names_the_file_that_grew_ends_with_3_and_a_rerun_sends_it(site: Site) -> None:
    key = site.cache.key_of("04.png")
    site.proxy.follow(Rule(Hold(Way.UP, 20 * KIB), PUT, key, times=1))
    process = site.program.start("migrate", "upload")
    site.proxy.until_struck()
    grown(site.cache.plan[key])
    site.proxy.release()

    assert process.wait(60) == 3
    rest = {other: content for other, content in site.cache.content.items() if other != key}
    assert rest.items() <= site.stored().items()
    again = site.program("migrate", "upload", "--yes", "--json")
    assert again.code == 0
    assert again.data["uploaded"] == 1
    assert site.stored() == site.cache.content


@pytest.mark.parametrize("words", [("migrate", "upload", "--yes"), ("migrate", "validate")])
def test_what_the_pipeline_registers_while_the_bucket_is_listed_ends_no_run(
    site: Site, words: tuple[str, ...]
) -> None:
    assert site.program("migrate", "upload", "--yes").code == 0
    register = (
        "from creative_s3 import *; from pathlib import Path;"
        "Path('cache/late.png').write_bytes(b'late'); m = S3CacheManager('cache');"
        "m.register_semantic_asset('late', 'cache/late.png', SemanticMetadata(AssetType.COMPOSITE),"
        " upload_to_s3=False); m.close()"
    )

    def tell(reply: Reply) -> Iterator[bytes]:
        site.program.run_python(register)
        assert site.program("assets", "find").code == 0  # it takes the index in
        yield reply.raw

    site.proxy.follow(Rule(Retell(tell), on("ListObjectsV2"), times=1))

    done = site.program(*words, "--json")

    assert site.proxy.struck == 1
    assert done.code == (0 if "upload" in words else 7), done.out
    assert site.program("migrate", "upload", "--yes").code == 0
    assert site.program("migrate", "validate").code == 0
