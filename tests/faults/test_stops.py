"""Fault 38: Ctrl-C once and twice, SIGTERM, SIGHUP, a closed pipe, in the middle of real transfers."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from creative_s3.core.transfers.flights import part_count
from tests.faults.programme import Hold, Rule, Way
from tests.faults.running import DRAIN_S, STARTUP_S, Running
from tests.faults.workshop import GET, KIB, PART, PUT, a_cache
from tests.s3.moving import MULTIPART, leftovers

if TYPE_CHECKING:
    from pathlib import Path

from tests.faults.workshop import Site


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)]
)
def test_a_signal_ends_an_upload_soon_and_the_same_command_sends_only_the_rest(
    site: Site, running: list[Running], number: signal.Signals, code: int
) -> None:
    site.proxy.follow(Rule(Hold(Way.UP, 10 * KIB), PUT, skip=5))
    upload = Running(site.program, "migrate", "upload")
    running.append(upload)
    site.proxy.until_struck(len(site.cache.plan) - 5)
    site.proxy.until_passed(5, "PutObject")
    upload.stop(number)

    ended, took_s = upload.end()

    assert ended == code
    assert took_s < DRAIN_S + STARTUP_S
    assert "→ creative-s3 migrate upload  # goes on where this stopped" in upload.said
    assert len(site.stored()) == 5
    site.proxy.follow()
    again = site.program("migrate", "upload", "--json")
    assert again.code == 0
    assert again.data["uploaded"] == len(site.cache.plan) - 5
    # What was proved was recorded. Answers that were on their way from the proxy to the program when the
    # signal came are asked for, and nothing else is.
    assert len(site.proxy.passed("HeadObject")) <= 5
    assert site.stored() == site.cache.content


@pytest.mark.parametrize(
    ("engine", "number"),
    [("crt", signal.SIGINT), ("classic", signal.SIGTERM), ("auto", signal.SIGHUP)],
)
def test_a_signal_within_a_multipart_upload_keeps_its_finished_parts(
    site: Site, running: list[Running], tmp_path: Path, engine: str, number: signal.Signals
) -> None:
    site = site.with_cache(a_cache(tmp_path / "large", MULTIPART))
    site.proxy.follow(Rule(Hold(Way.UP, MULTIPART // 20), PART, skip=1, times=1))
    upload = Running(site.program, "migrate", "upload", "--engine", engine)
    running.append(upload)
    site.proxy.until_struck()
    site.proxy.until_passed(2, "UploadPart")
    upload.stop(number)

    ended, took_s = upload.end()

    assert ended == {signal.SIGINT: 130, signal.SIGTERM: 143, signal.SIGHUP: 129}[number]
    assert took_s < DRAIN_S + STARTUP_S
    assert "goes on where this stopped" in upload.said
    assert site.stored() == {}
    assert site.unfinished() == [site.cache.key_of("00.png")]
    site.proxy.follow()
    arrived = len(site.proxy.passed("UploadPart", status=200))
    assert arrived >= 2
    assert site.program("migrate", "upload").code == 0
    assert len(site.proxy.passed("UploadPart", status=200)) == part_count(MULTIPART)
    assert len(site.proxy.passed("CreateMultipartUpload")) == 1
    assert site.stored() == site.cache.content
    assert site.unfinished() == []


def test_a_second_ctrl_c_leaves_at_once_and_nothing_is_lost(site: Site, running: list[Running]) -> None:
    site.proxy.follow(Rule(Hold(Way.DOWN), PUT, skip=5))
    upload = Running(site.program, "migrate", "upload")
    running.append(upload)
    site.proxy.until_struck(len(site.cache.plan) - 5)
    upload.stop(signal.SIGINT)
    upload.process.send_signal(signal.SIGINT)

    ended, took_s = upload.end()

    assert ended == 130
    assert took_s < STARTUP_S
    assert "Nothing is lost" in upload.said
    assert "Still busy" not in upload.said  # it did not sit out the time that draining has
    site.proxy.follow()
    assert site.program("migrate", "upload").code == 0
    assert site.stored() == site.cache.content


def test_a_signal_within_a_download_leaves_the_old_file_and_no_partial_one(
    site: Site, running: list[Running], tmp_path: Path
) -> None:
    site.s3.put_object(Bucket=site.bucket, Key="creative-assets/x.png", Body=bytes(60 * KIB))
    target = tmp_path / "out" / "x.png"
    target.parent.mkdir()
    target.write_bytes(b"old")
    site.proxy.follow(Rule(Hold(Way.DOWN, 20 * KIB), GET))
    download = Running(site.program, "assets", "download", "x.png", "--output", str(target), "--force")
    running.append(download)
    site.proxy.until_struck()
    download.stop(signal.SIGINT)

    ended, took_s = download.end()

    assert ended == 130
    assert took_s < DRAIN_S + STARTUP_S
    assert target.read_bytes() == b"old"
    assert leftovers(target.parent) == []


def test_an_upload_whose_reader_has_left_stores_everything_and_ends_silently_with_141(site: Site) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        [sys.executable, "-m", "creative_s3", "migrate", "upload", "--json"],
        env=dict(site.program.env),
        cwd=site.program.cwd,
        stdout=writer,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    os.close(writer)

    assert done.returncode == 141
    assert done.stderr == ""
    assert site.stored() == site.cache.content
