"""One bucket, several machines: the published index gets every entry of each, at every moment."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from creative_s3 import S3Config
from creative_s3.core.published.team import team_history
from creative_s3.core.s3.connection import connect
from creative_s3.core.s3.object_store import ObjectStore
from tests.cli.program import Program

if TYPE_CHECKING:
    from pathlib import Path

    from types_boto3_s3 import S3Client

INDEX_KEY = "creative-assets/metadata/index.json"
ROUNDS, EACH = 2, 3


class Machine:
    """A workspace of its own that works on one campaign."""

    def __init__(self, directory: Path, campaign: str, env: dict[str, str]) -> None:
        self.program = Program(env, directory)
        self.campaign = campaign
        self.entries: dict[str, Any] = {}
        (directory / "cache").mkdir(parents=True)

    def make(self, number: int) -> None:
        """Add some composites to the cache and its index."""
        for one in range(EACH):
            name = f"{self.campaign}-{number}-{one}"
            path = f"cache/{name}.jpg"
            (self.program.cwd / path).write_bytes(name.encode())
            self.entries[name] = {
                "file_path": path,
                "campaign_id": self.campaign,
                "semantic_metadata": {"asset_type": "composite"},
                "created_at": "2026-11-22T12:00:00",
            }
        document = {"semantic_assets": self.entries}
        (self.program.cwd / "cache" / "index.json").write_text(json.dumps(document), encoding="utf-8")


@pytest.fixture
def machines(tmp_path: Path, server_env: dict[str, str], s3: S3Client, bucket: str) -> list[Machine]:
    """Two machines on one bucket that keeps versions."""
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    return [Machine(tmp_path / name, name, server_env) for name in ("spring", "summer")]


def test_two_machines_that_upload_different_campaigns_at_once_lose_no_entry(
    machines: list[Machine],
    s3: S3Client,
    bucket: str,
    server_env: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for number in range(ROUNDS):
        for machine in machines:
            machine.make(number)
        processes = [machine.program.start("migrate", "upload", "--yes") for machine in machines]
        assert [process.wait(90) for process in processes] == [0, 0]
    published = json.loads(s3.get_object(Bucket=bucket, Key=INDEX_KEY)["Body"].read())
    expected = {**machines[0].entries, **machines[1].entries}
    assert len(expected) == 2 * ROUNDS * EACH
    assert set(published["semantic_assets"]) == set(expected)
    for name, entry in published["semantic_assets"].items():
        body = s3.get_object(Bucket=bucket, Key=entry["s3_key"])["Body"].read()
        assert body == name.encode()
    # No version ever lacked what the one before had; together they are the team's history.
    for name, value in server_env.items():
        monkeypatch.setenv(name, value)
    store = ObjectStore(connection=connect(S3Config.from_env()))
    history = team_history(store, prefix="creative-assets", limit=100)
    assert len(history) > ROUNDS
    assert all(version.removed == () and version.problem is None for version in history)
    added = [name for version in history for name in version.added]
    assert sorted(added) == sorted(f"semantic_assets.{name}" for name in expected)
    assert {version.machine for version in history} != {None}
    assert [version.is_first for version in history] == [False] * (len(history) - 1) + [True]


def test_the_teams_history_shows_who_published_what(machines: list[Machine]) -> None:
    for number, machine in enumerate(machines):
        machine.make(number)
        assert machine.program("migrate", "upload", "--yes").code == 0
    told = machines[0].program("migrate", "history", "--team", "--json")
    second, first = told.data["versions"]
    assert [len(second["added"]), len(first["added"])] == [EACH, EACH]
    assert all("summer" in name for name in second["added"])
    seen = machines[1].program("status", "--json").data
    assert [len(version["added"]) for version in seen["team"]] == [EACH, EACH]
    assert seen["cache"]["not_in_bucket"] == 0
    assert [run["command"] for run in seen["runs"]] == ["migrate upload"]
    assert seen["next"] == []
    machines[1].make(7)
    asked = machines[1].program("status")
    assert asked.code == 0
    assert f"{EACH} files not there yet" in asked.out
    assert "migrate upload --dry-run" in asked.err


def test_what_was_published_before_the_bucket_kept_versions_is_read_as_it_was(
    tmp_path: Path, server_env: dict[str, str], s3: S3Client, bucket: str
) -> None:
    machine = Machine(tmp_path / "autumn", "autumn", server_env)
    machine.make(0)
    assert machine.program("migrate", "upload", "--yes").code == 0
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    machine.make(1)
    assert machine.program("migrate", "upload", "--yes").code == 0
    told = machine.program("migrate", "history", "--team", "--json")
    assert told.code == 0, told.out
    assert [len(version["added"]) for version in told.data["versions"]] == [EACH, EACH]
    assert machine.program("status").code == 0


def test_a_retired_asset_is_gone_for_the_team_and_its_object_stays(
    machines: list[Machine], s3: S3Client, bucket: str
) -> None:
    for machine in machines:
        machine.make(0)
        assert machine.program("migrate", "upload", "--yes").code == 0
    name = "spring-0-1"
    assert machines[1].program("assets", "retire", name).code == 2
    taken = machines[1].program("assets", "retire", name, "--yes", "--json").data["entries"]
    assert [one["entry"] for one in taken] == [name]
    # The machine that has the entry uploads again: it stays away, for a third machine too.
    machines[0].make(1)
    assert machines[0].program("migrate", "upload", "--yes").code == 0
    published = json.loads(s3.get_object(Bucket=bucket, Key=INDEX_KEY)["Body"].read())
    assert name not in published["semantic_assets"]
    assert s3.get_object(Bucket=bucket, Key=taken[0]["keys"][0])["Body"].read() == name.encode()
    found = machines[1].program("assets", "discover", "--sync", "--json")
    assert found.code == 0
    index = json.loads((machines[1].program.cwd / "cache" / "index.json").read_bytes())
    assert "spring-0-0" in json.dumps(index)
    assert name not in json.dumps(index)
    assert machines[1].program("assets", "retire", "nothing", "--yes").code == 5
