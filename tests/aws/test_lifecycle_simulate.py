"""`lifecycle simulate` on moto: options, files, forms of output, and screens of two widths."""

from __future__ import annotations

import csv
import io
import json
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

import pytest
from typer.testing import CliRunner

from creative_s3.cli.app import app
from creative_s3.core.lifecycle.outlook import csv_line
from tests.aws.conftest import BUCKET

if TYPE_CHECKING:
    from pathlib import Path

    from types_boto3_s3 import S3Client

LOGS: Any = {
    "ID": "logs",
    "Status": "Enabled",
    "Filter": {"Prefix": "logs/"},
    "Expiration": {"Days": 30},
}


@pytest.fixture
def bucket(aws_bucket: S3Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> S3Client:
    aws_bucket.put_bucket_lifecycle_configuration(Bucket=BUCKET, LifecycleConfiguration={"Rules": [LOGS]})
    aws_bucket.put_object(Bucket=BUCKET, Key="creative-assets/composites/spring/a.png", Body=b"x" * 3_000_000)
    aws_bucket.put_object(Bucket=BUCKET, Key="creative-assets/products/b.png", Body=b"x" * 1_000)
    aws_bucket.put_object(Bucket=BUCKET, Key="logs/x", Body=b"x" * 10)
    monkeypatch.setenv("CACHE_DIR", str(tmp_path / "cache"))
    return aws_bucket


def run(*arguments: str, columns: int = 80) -> tuple[int, str, str]:
    done = CliRunner().invoke(app, ["lifecycle", "simulate", *arguments], env={"COLUMNS": str(columns)})
    return int(done.exit_code), done.stdout, done.stderr


def data(*arguments: str) -> dict[str, Any]:
    code, out, err = run(*arguments, "--json")
    assert code == 0, out + err
    found: dict[str, Any] = json.loads(out)["data"]
    return found


def test_options_are_held_against_the_present_rules_and_nothing_is_changed(bucket: S3Client) -> None:
    found = data("--transition", "GLACIER:0d", "--months", "12")
    assert (found["before"]["rules"], found["after"]["rules"]) == ("the present rules", "the new rules")
    assert len(found["after"]["months"]) == len(found["saved_by_month"]) == 12
    moved = [
        month["classes"].get("GLACIER", {}).get("moved_objects", 0) for month in found["after"]["months"]
    ]
    assert sum(moved) == 1
    assert found["after"]["once"] == "0.00003"
    assert sum(month["deleted_objects"] for month in found["after"]["months"]) == 1
    rules = bucket.get_bucket_lifecycle_configuration(Bucket=BUCKET)["Rules"]
    assert [rule["ID"] for rule in rules] == ["logs"]


def test_the_bill_of_a_whole_month_is_that_of_the_price_book(bucket: S3Client) -> None:  # noqa: ARG001
    second = data("--months", "2", "--compare", "none", "present")["before"]["months"][1]
    gb = 3_001_010 / 2**30
    assert float(second["total"]) == pytest.approx(gb * 0.023, rel=1e-6)


def test_without_options_the_present_rules_are_held_against_none(bucket: S3Client) -> None:  # noqa: ARG001
    found = data("--months", "3")
    assert found["before"]["rules"] == "no rules"
    assert found["after"]["rules"] == "the present rules"
    assert float(found["saved"]) > 0


def test_files_are_compared(bucket: S3Client, tmp_path: Path) -> None:  # noqa: ARG001 - the bucket
    move = {"ID": "m", "Status": "Enabled", "Filter": {"Prefix": ""}}
    for name, days in (("a", 30), ("b", 300)):
        rules = [{**move, "Transitions": [{"Days": days, "StorageClass": "GLACIER_IR"}]}]
        (tmp_path / f"{name}.json").write_text(json.dumps({"Rules": rules}))
    found = data("--compare", str(tmp_path / "a.json"), str(tmp_path / "b.json"), "--months", "24")
    assert float(found["before"]["total"]) < float(found["after"]["total"])
    alone = data("--file", str(tmp_path / "a.json"), "--months", "24")
    assert alone["after"]["total"] == found["before"]["total"]


def test_the_cheapest_policies_are_suggested_and_none_deletes(bucket: S3Client) -> None:
    for number in range(5):
        key = f"creative-assets/products/{number}"
        bucket.put_object(Bucket=BUCKET, Key=key, Body=b"x" * 9_000_000)
    found = data("--suggest")
    totals = [float(one["total"]) for one in found["suggestions"]]
    assert totals == sorted(totals)
    assert totals[-1] < float(found["after"]["total"])
    assert all("expire" not in one["options"] for one in found["suggestions"])
    assert {one["needs_restore"] for one in found["suggestions"]} == {True, False}
    options = found["suggestions"][0]["options"].split()
    assert float(data(*options)["after"]["total"]) == totals[0]


def test_csv_adds_up_to_the_total(bucket: S3Client) -> None:  # noqa: ARG001 - the bucket
    code, out, _ = run("--transition", "GLACIER_IR:5d", "--csv", "--months", "6")
    rows = list(csv.DictReader(io.StringIO(out)))
    assert code == 0
    total = sum(float(row["total"]) for row in rows if row["rules"] == "the new rules")
    found = data("--transition", "GLACIER_IR:5d", "--months", "6")
    assert total == pytest.approx(float(found["after"]["total"]), abs=1e-10)


def test_csv_has_no_formulas_and_names_can_be_read_back(
    bucket: S3Client,  # noqa: ARG001 - the bucket
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    names = [
        "=cmd|'C calc'!A0.json",
        "+1.json",
        "-2.json",
        "@SUM(1).json",
        "'=1.json",
        " =1.json",
    ]
    (tmp_path / "plain.json").write_text(json.dumps({"Rules": []}))
    for name in names:
        (tmp_path / name).write_text(json.dumps({"Rules": []}))
        code, out, err = run("--csv", "--months", "1", "--compare", "plain.json", f"./{name}")
        assert code == 0, err
        cells = {row["rules"] for row in csv.DictReader(io.StringIO(out))}
        assert not [cell for cell in cells if cell.lstrip()[:1] in set("=+-@")]
        assert {cell.removeprefix("'") for cell in cells} & {name, f"./{name}"}


@pytest.mark.parametrize("text", ["=1+1", "+1", "-x", "@x", "\tx", "\rx", "\nx", "'x", "''x", "  =1", "＝1"])  # noqa: RUF001 - as it is meant
def test_a_text_that_begins_like_a_formula_has_an_apostrophe_before_it(text: str) -> None:
    (row,) = csv.reader(io.StringIO(csv_line((text, "plain", -1.5, "-1.5", 3)), newline=""))
    assert row == [f"'{text}", "plain", "-1.5", "-1.5", "3"]


def test_reports_are_whole_documents_and_replace_nothing(bucket: S3Client, tmp_path: Path) -> None:  # noqa: ARG001
    page, chart = tmp_path / "costs.html", tmp_path / "costs.svg"
    assert run("--report", str(page), "--suggest")[0] == 0
    assert "<svg" in page.read_text()
    assert "Month by month" in page.read_text()
    assert run("--report", str(chart))[0] == 0
    assert ET.fromstring(chart.read_text()).tag.endswith("svg")  # noqa: S314 - our own
    before = chart.read_bytes()
    assert run("--report", str(chart))[0] == 3
    assert chart.read_bytes() == before
    assert run("--report", "costs.pdf")[0] == 2


@pytest.mark.parametrize("growth", ["none", "7GiB", "200GiB", "9000GiB"])
def test_a_chart_has_its_lines_below_its_highest_tick_and_ticks_that_people_count_in(
    bucket: S3Client,  # noqa: ARG001 - the bucket
    tmp_path: Path,
    growth: str,
) -> None:
    chart = tmp_path / "costs.svg"
    assert run("--transition", "GLACIER_IR:30d", "--growth", growth, "--report", str(chart))[0] == 0
    drawing = ET.fromstring(chart.read_text())  # noqa: S314 - our own
    space = "{http://www.w3.org/2000/svg}"
    grid = [float(line.get("y1", "")) for line in drawing.iter(f"{space}line") if line.get("class") == "grid"]
    points = [
        point.split(",")
        for line in drawing.iter(f"{space}polyline")
        for point in line.get("points", "").split()
    ]
    assert len(points) == 2 * 37
    assert all(min(grid) <= float(y) <= max(grid) for _, y in points)
    assert min(float(y) for _, y in points) < min(grid) + 150  # they use the height that there is
    ticks = [text.text or "" for text in drawing.iter(f"{space}text") if text.get("text-anchor") == "end"]
    assert 3 <= len(ticks) <= 6
    assert {tick.strip("$0,.")[:1] for tick in ticks[1:2]} <= {"1", "2", "5"}


@pytest.mark.parametrize("columns", [80, 120])
def test_the_screen_fits_its_width(bucket: S3Client, columns: int) -> None:  # noqa: ARG001 - the bucket
    code, out, _ = run(
        "--transition",
        "GLACIER_IR:30d",
        "--transition",
        "DEEP_ARCHIVE:200d",
        "--growth",
        "3%",
        columns=columns,
    )
    assert code == 0
    assert max(len(line.rstrip()) for line in out.splitlines()) <= columns
    assert "█" in out
    assert len([line for line in out.splitlines() if line.startswith("20")]) == 36
    assert "Growth: 3 % a month" in out


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("--transition", "GLACIER:9d", "--file", "x.json"), "not from two of them"),
        (("--file", "x.json"), "cannot be read"),
        (("--csv", "--json"), "two forms of the same"),
        (("--growth", "lots"), "no size"),
    ],
)
def test_what_contradicts_itself_is_refused(
    bucket: S3Client,  # noqa: ARG001 - the bucket
    arguments: tuple[str, ...],
    reason: str,
) -> None:
    code, out, err = run(*arguments)
    assert code == 2
    assert reason in " ".join((out + err).split())
