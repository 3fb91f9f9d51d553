"""What changes lifecycle rules, on moto, which holds them; what is sent is looked at, too."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from typer.testing import CliRunner

from creative_s3.cli.app import app
from creative_s3.cli.run import Run
from creative_s3.core.catalog.catalog import Catalog
from creative_s3.core.catalog.places import catalog_path
from creative_s3.core.storage.manager import S3StorageManager
from creative_s3.errors import RefusedError
from creative_s3.settings import S3Config
from tests.aws.conftest import BUCKET
from tests.cli.odd_server import odd_server

if TYPE_CHECKING:
    from pathlib import Path

    from types_boto3_s3 import S3Client

THEIRS: Any = {
    "ID": "theirs",
    "Status": "Enabled",
    "Filter": {"And": {"Prefix": "logs/", "Tags": [{"Key": "k", "Value": "v"}]}},
    "NoncurrentVersionExpiration": {"NoncurrentDays": 7},
}
SENT: list[dict[str, Any]] = []


@pytest.fixture
def bucket(aws_bucket: S3Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> S3Client:
    """A bucket with somebody's rule, three assets and a log; every PUT of rules is written down."""
    aws_bucket.put_bucket_lifecycle_configuration(Bucket=BUCKET, LifecycleConfiguration={"Rules": [THEIRS]})
    for key, size in (("composites/spring/a.png", 300_000), ("products/b.png", 1_000), ("logs/x", 10)):
        full = key if key.startswith("logs") else f"creative-assets/{key}"
        aws_bucket.put_object(Bucket=BUCKET, Key=full, Body=b"x" * size)
    monkeypatch.setenv("CACHE_DIR", str(tmp_path / "cache"))
    SENT.clear()

    def note(params: dict[str, Any], **_: object) -> None:
        SENT.append(params)

    def with_note(self: Any, *arguments: Any, **options: Any) -> Any:  # noqa: ANN401 - boto3's
        client = session_client(self, *arguments, **options)
        name = "provide-client-params.s3.PutBucketLifecycleConfiguration"
        client.meta.events.register(name, note, unique_id="note")
        return client

    session_client = boto3.Session.client
    monkeypatch.setattr(boto3.Session, "client", with_note)
    return aws_bucket


def run(*arguments: str) -> tuple[int, str, str]:
    done = CliRunner().invoke(app, ["lifecycle", *arguments], env={"COLUMNS": "100"})
    return int(done.exit_code), done.stdout, done.stderr


def ids(client: S3Client) -> list[str]:
    return [rule["ID"] for rule in client.get_bucket_lifecycle_configuration(Bucket=BUCKET)["Rules"]]


def test_set_shows_before_and_after_and_keeps_what_is_not_ours(bucket: S3Client) -> None:
    code, out, err = run("set", "--kind", "composites", "--transition", "GLACIER:90d", "--yes")
    assert code == 0, err
    assert ids(bucket) == ["theirs", "creative-s3:creative-assets/composites/"]
    (sent,) = SENT
    assert sent["LifecycleConfiguration"]["Rules"][0] == THEIRS
    assert sent["TransitionDefaultMinimumObjectSize"] == "all_storage_classes_128K"
    assert "moves them to GLACIER 90 days after they were stored" in err
    assert "1 object, 293.0 KiB, on " in err
    assert "1 rule of the bucket stays as it is" in err
    assert "1 added, 1 as before" in out


def test_setting_the_same_twice_changes_nothing(bucket: S3Client) -> None:
    arguments = ("set", "--transition", "GLACIER:90d", "--abort-uploads", "7d", "--yes")
    assert run(*arguments)[0] == 0
    before = bucket.get_bucket_lifecycle_configuration(Bucket=BUCKET)["Rules"]
    code, out, _ = run(*arguments)
    assert (code, out) == (0, "The rules are that way already: nothing was changed.\n")
    assert len(SENT) == 1
    assert bucket.get_bucket_lifecycle_configuration(Bucket=BUCKET)["Rules"] == before
    assert len(before) == 11


def test_a_size_goes_out_as_s3_takes_it_and_moto_which_drops_it_is_told(
    bucket: S3Client,  # noqa: ARG001 - the bucket
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("creative_s3.core.lifecycle.bucket_rules.PROOF_LIMIT_S", 0)
    code, _, err = run(
        "set", "--under", "logs/", "--expire", "30d", "--min-size", "128KiB", "--name", "x", "-y"
    )
    assert (code, "has others" in err) == (7, True)
    assert SENT[0]["LifecycleConfiguration"]["Rules"][1] == {
        "ID": "x",
        "Status": "Enabled",
        "Filter": {"And": {"Prefix": "logs/", "ObjectSizeGreaterThan": 131_071}},
        "Expiration": {"Days": 30},
    }


def test_without_a_terminal_and_without_yes_nothing_is_set(bucket: S3Client) -> None:
    code, _, err = run("set", "--under", "logs/", "--expire", "30d")
    assert code == 2
    assert "S3 will delete 1 object (10 B)" in err
    assert "--yes" in err
    assert ids(bucket) == ["theirs"]


def test_a_dry_run_prints_the_plan_and_sends_nothing(bucket: S3Client) -> None:
    code, out, _ = run("set", "--transition", "GLACIER:90d", "--dry-run", "--json")
    plan = json.loads(out)["data"]
    assert code == 0
    assert plan["changed"] is False
    assert [rule["ID"] for rule in plan["before"]] == ["theirs"]
    assert len(plan["after"]) == 6
    assert sum(effect["objects"] for effect in plan["effects"]) == 1
    assert {finding["code"] for finding in plan["findings"]} == {"small-stay"}
    assert ids(bucket) == ["theirs"]
    assert SENT == []


def test_an_expiration_of_the_only_copy_is_refused_unless_accepted_by_name(
    bucket: S3Client, tmp_path: Path
) -> None:
    (tmp_path / "cache").mkdir()
    key = "creative-assets/composites/spring/a.png"
    side = f"aws|{BUCKET}|creative-assets"
    with (
        Catalog(catalog_path(tmp_path / "cache"), bucket=side) as catalog,
        catalog.database.transaction() as database,
    ):
        database.execute("INSERT INTO assigned VALUES (?, 'a', ?)", (side, key))
        database.execute(
            "INSERT INTO asset (section, entry, field, source, cache_key, file_path, kind, asset_type,"
            " slug_is_derived, is_cold) VALUES ('semantic_assets', 'a', 'f', 's', 'a', 'cache/a.png',"
            " 'composite', 'composite', 0, 1)"
        )
    arguments = ("set", "--kind", "composites", "--expire", "365d", "--name", "old", "--yes")
    code, _, err = run(*arguments)
    assert code == 8
    assert "the only copy of 1 asset without" in err
    assert "--accept-expiry old" in err
    assert ids(bucket) == ["theirs"]
    assert run(*arguments, "--dry-run")[0] == 8
    storage = S3StorageManager(S3Config.from_env(None, bucket_name=BUCKET, cache_dir=tmp_path / "cache"))
    with pytest.raises(RefusedError, match="the only copy of 1 asset without") as caught:
        storage.setup_lifecycle_policy(None, 365)  # the library judges as the command does
    assert ids(bucket) == ["theirs"]
    assert run(*arguments, "--accept-expiry", "old")[0] == 0
    assert ids(bucket) == ["theirs", "old"]
    assert storage.setup_lifecycle_policy(None, 365, accept_expiry=[str(caught.value.item)]).changed


def test_remove_takes_one_rule_and_no_other(bucket: S3Client) -> None:
    run(
        "set",
        "--kind",
        "composites",
        "--transition",
        "GLACIER:90d",
        "--abort-uploads",
        "7d",
        "--name",
        "mine",
        "-y",
    )
    assert ids(bucket) == ["theirs", "mine", "mine#uploads"]
    assert run("remove", "min", "--yes")[0] == 5
    code, out, err = run("remove", "mine", "--yes")
    assert code == 0, err
    assert "2 removed, 1 as before" in out
    assert ids(bucket) == ["theirs"]


def test_removing_the_last_rules_leaves_a_bucket_without_any(bucket: S3Client) -> None:
    assert run("remove", "theirs", "--yes")[0] == 0
    assert run("show") == (0, "The bucket has no lifecycle rules.\n", "")
    assert len(bucket.list_objects_v2(Bucket=BUCKET)["Contents"]) == 3


def test_all_of_ours_go_by_their_common_name(bucket: S3Client) -> None:
    run("set", "--transition", "GLACIER:90d", "--yes")
    assert len(ids(bucket)) == 6
    assert run("remove", "creative-s3", "--yes")[0] == 0
    assert ids(bucket) == ["theirs"]


def test_what_is_exported_can_be_imported_again(bucket: S3Client, tmp_path: Path) -> None:
    file = str(tmp_path / "rules.json")
    assert run("export", file)[0] == 0
    assert run("export", file)[0] == 3
    assert json.loads((tmp_path / "rules.json").read_text())["Rules"] == [THEIRS]
    assert "already" in run("import", file, "--yes")[1]
    run("set", "--transition", "GLACIER:90d", "--yes")
    assert run("import", file, "--yes")[1].startswith("The rules are that way already")
    code, out, _ = run("import", file, "--replace", "--yes")
    assert code == 0
    assert "5 removed, 1 as before" in out
    assert ids(bucket) == ["theirs"]
    assert json.loads(run("export", "-", "-q")[1])["Rules"] == [THEIRS]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("{", "no JSON"),
        ("[1]", "a rule is an object"),
        ('{"Rules": [], "More": 1}', "holds no lifecycle rules"),
        ('[{"Status": "On", "Filter": {}, "Expiration": {"Days": 1}}]', "Enabled or Disabled"),
        ('[{"Status": "Enabled", "Filter": {}}]', "does nothing"),
        ('[{"Status": "Enabled", "Expiration": {"Days": 1}}]', "has a Filter"),
        ('[{"Status": "Enabled", "Filter": {}, "Expire": {}}]', "no part Expire"),
        ('[{"Status": "Enabled", "Filter": {}, "Expiration": {"Date": "soon"}}]', "no date"),
    ],
)
def test_a_file_that_holds_no_rules_is_refused(
    bucket: S3Client, tmp_path: Path, text: str, reason: str
) -> None:
    (tmp_path / "rules.json").write_text(text)
    code, _, err = run("import", str(tmp_path / "rules.json"), "--yes")
    assert code == 2
    assert reason in " ".join(err.split())
    assert ids(bucket) == ["theirs"]


def test_rules_that_changed_in_the_meantime_are_not_written_over(
    bucket: S3Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def meanwhile(*_: object, **__: object) -> None:
        other: Any = {**THEIRS, "ID": "newer"}
        bucket.put_bucket_lifecycle_configuration(Bucket=BUCKET, LifecycleConfiguration={"Rules": [other]})

    monkeypatch.setattr(Run, "confirm", meanwhile)
    code, _, err = run("set", "--transition", "GLACIER:90d")
    assert code == 9
    assert "somebody has changed" in err
    assert ids(bucket) == ["newer"]


def test_old_versions_and_unfinished_uploads_are_counted(bucket: S3Client) -> None:
    bucket.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
    for content in (b"1", b"22", b"333"):
        bucket.put_object(Bucket=BUCKET, Key="creative-assets/products/v", Body=content)
    upload = bucket.create_multipart_upload(Bucket=BUCKET, Key="creative-assets/products/u")["UploadId"]
    bucket.upload_part(
        Bucket=BUCKET, Key="creative-assets/products/u", UploadId=upload, PartNumber=1, Body=b"12345"
    )
    out = run(
        "set", "--kind", "products", "--noncurrent-expire", "30d", "--abort-uploads", "7d", "-n", "--json"
    )[1]
    effects = json.loads(out)["data"]["effects"]
    assert [(one["action"], one["objects"], one["size_bytes"]) for one in effects] == [
        ("noncurrent-expire", 2, 3),
        ("abort-uploads", 1, 5),
    ]


def test_another_server_is_never_asked_to_remove_the_last_rules(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    rules = (
        "<LifecycleConfiguration><Rule><ID>theirs</ID><Status>Enabled</Status><Filter><Prefix>a</Prefix></Filter>"
        "<Expiration><Days>9</Days></Expiration></Rule></LifecycleConfiguration>"
    )
    with odd_server(200, rules) as server:
        code, _, err = run("remove", "theirs", "--yes", "--bucket", BUCKET, "--endpoint-url", server.url)
        assert code == 8, err
        assert "nothing was sent" in err
        assert {line.split()[0] for line in server.asked} == {"GET", "HEAD"}
