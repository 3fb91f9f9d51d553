"""Faults 1, 2 and 5: kill -9 around a PUT, in a multipart upload, in a download: a rerun converges."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from creative_s3.core.transfers.flights import part_count
from tests.faults.programme import Hold, Rule, Way
from tests.faults.workshop import GET, KIB, PART, PUT, SIZE, a_cache, kill
from tests.s3.moving import MIB, MULTIPART, leftovers
from tests.waiting import wait_until

if TYPE_CHECKING:
    from pathlib import Path

    from tests.faults.workshop import Site

MOMENTS = {
    "before": Hold(Way.UP),
    "during": Hold(Way.UP, SIZE // 2),
    "after": Hold(Way.DOWN),
}


@pytest.mark.parametrize("moment", MOMENTS)
def test_an_upload_killed_around_one_put_is_completed_by_a_rerun_that_sends_only_the_rest(
    site: Site, moment: str
) -> None:
    site.proxy.follow(Rule(MOMENTS[moment], PUT, site.cache.key_of("07.png")))
    process = site.program.start("migrate", "upload")
    site.proxy.until_struck()
    site.proxy.until_passed(len(site.cache.plan) - 1, "PutObject")
    kill(process)
    there = site.stored()
    site.proxy.follow()

    again = site.program("migrate", "upload", "--json")

    assert len(there) == len(site.cache.plan) - (moment != "after")
    assert again.code == 0
    assert again.data["uploaded"] == len(site.cache.plan) - len(there)
    assert site.stored() == site.cache.content


def test_an_upload_killed_with_many_puts_under_way_is_completed_by_a_rerun(site: Site) -> None:
    site.proxy.follow(
        *(Rule(MOMENTS[moment], PUT, skip=2, times=3) for moment in MOMENTS),
    )
    process = site.program.start("migrate", "upload")
    site.proxy.until_struck(9)
    kill(process)
    site.proxy.follow()

    assert site.program("migrate", "upload").code == 0

    assert site.stored() == site.cache.content
    assert site.program("migrate", "validate", "--strict").code == 0


@pytest.fixture
def interrupted(site: Site, tmp_path: Path) -> Site:
    """A site where the program was killed amidst a multipart upload."""
    site = site.with_cache(a_cache(tmp_path / "large", 10 * KIB, MULTIPART))
    site.proxy.follow(Rule(Hold(Way.UP, MULTIPART // 20), PART, skip=1))
    process = site.program.start("migrate", "upload")
    site.proxy.until_struck()
    site.proxy.until_passed(1, "UploadPart")
    kill(process)
    site.proxy.follow()
    assert site.unfinished() == [site.cache.key_of("01.png")]
    return site


def test_an_upload_killed_within_a_multipart_upload_is_completed_by_a_rerun(interrupted: Site) -> None:
    assert interrupted.program("migrate", "upload").code == 0

    assert interrupted.stored() == interrupted.cache.content


def test_a_rerun_continues_the_multipart_upload_of_a_killed_run(interrupted: Site) -> None:
    before = len(interrupted.proxy.passed("UploadPart", status=200))

    assert interrupted.program("migrate", "upload").code == 0

    assert interrupted.unfinished() == []
    assert not interrupted.proxy.passed("CreateMultipartUpload")[1:]
    assert len(interrupted.proxy.passed("UploadPart", status=200)) == part_count(MULTIPART)
    assert before >= 1


def test_a_rerun_sends_no_more_than_its_plan_says(site: Site, tmp_path: Path) -> None:
    site = site.with_cache(a_cache(tmp_path / "more", *[SIZE] * 12, *[2 * MIB] * 6, MULTIPART))
    # Three objects arrive and their answers do not: the catalog knows nothing of them.
    site.proxy.follow(Rule(Hold(Way.UP), PART, part=3), Rule(Hold(Way.DOWN), PUT, "*/1[2-4].png"))
    process = site.program.start("migrate", "upload", "--yes")
    site.proxy.until_struck(4)
    kill(process)
    site.proxy.follow()

    done = site.program("migrate", "upload", "--yes", "--json")

    assert done.code == 0
    operations = {"HeadObject": 0} | done.data["bill"]["requests"]
    assert operations["HeadObject"] >= 3
    assert done.data["sent"]["number"] <= done.data["bill"]["number"]


def test_doctor_names_the_multipart_upload_of_a_killed_run(interrupted: Site) -> None:
    checks = interrupted.program("doctor", "--json").data["checks"]

    (found,) = (check for check in checks if check["name"] == "unfinished uploads")
    assert found["detail"].startswith("1 with 8.0 MiB, the oldest 0 min old")


def test_the_multipart_upload_of_a_killed_run_is_removed_on_request(interrupted: Site) -> None:
    removed = interrupted.program("bucket", "uploads", "--abort-older", "0s", "--yes", "--json")

    assert removed.code == 0
    assert removed.data["aborted"] == 1
    assert interrupted.unfinished() == []
    assert interrupted.program("migrate", "upload").code == 0
    assert interrupted.stored() == interrupted.cache.content


@pytest.mark.parametrize("size_bytes", [60 * KIB, MULTIPART], ids=["one request", "ranges"])
def test_a_download_that_is_killed_leaves_the_old_file_and_a_rerun_sweeps_and_completes(
    site: Site, tmp_path: Path, size_bytes: int
) -> None:
    folder = tmp_path / "out" / "x"
    folder.mkdir(parents=True)
    (folder / "1.png").write_bytes(b"old")
    for n in range(3):
        site.s3.put_object(Bucket=site.bucket, Key=f"creative-assets/x/{n}.png", Body=bytes([n]) * size_bytes)
    download = (
        "assets",
        "download",
        "--prefix",
        "creative-assets/x/",
        "--output",
        str(folder.parent),
        "--force",
    )
    site.proxy.follow(Rule(Hold(Way.DOWN, 20 * KIB), GET, "*/1.png"))
    process = site.program.start(*download)
    site.proxy.until_struck()
    wait_until(lambda: leftovers(folder))
    kill(process)
    site.proxy.follow()

    assert (folder / "1.png").read_bytes() == b"old"
    assert leftovers(folder) != []
    assert site.program(*download).code == 0
    assert leftovers(folder) == []
    assert [(folder / f"{n}.png").read_bytes() for n in range(3)] == [
        bytes([n]) * size_bytes for n in range(3)
    ]
