"""`lifecycle prices`: the price book on the screen, refreshed from a file, refused, used, and set back."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.cli.inside import Inside
from tests.unit.offers import deep_archive_offer, s3_offer, transfer_offer

if TYPE_CHECKING:
    from pathlib import Path

REGION = "eu-central-1"


@pytest.fixture
def cli(tmp_path: Path) -> Inside:
    return Inside({"XDG_DATA_HOME": str(tmp_path / "data"), "S3_REGION": REGION}, tmp_path)


def offers(directory: Path, *, get: str = "0.0000005000") -> list[str]:
    """Write offer files whose GET price is another one; return the options that name them."""
    options = []
    for name, make in (("s3", s3_offer), ("deep", deep_archive_offer), ("out", transfer_offer)):
        offer = make(REGION)
        for sku, product in offer["products"].items():
            if product["attributes"]["usagetype"].endswith("-Requests-Tier2"):
                (term,) = offer["terms"]["OnDemand"][sku].values()
                (dimension,) = term["priceDimensions"].values()
                dimension["pricePerUnit"]["USD"] = get
        path = directory / f"{name}.json"
        path.write_text(json.dumps(offer), encoding="utf-8")
        options += ["--from", str(path)]
    return options


def test_it_shows_region_date_source_and_what_is_assumed(cli: Inside) -> None:
    result = cli("lifecycle", "prices")
    assert result.code == 0
    assert "eu-central-1   prices of 2026-09-29, bundled, USD" in result.out
    assert "AWS Price List offer files of 2026" in result.out
    for text in ("0.0245", "0.00405", "+40 KB", "128.0 KiB", "Assumed: ", "GB is 2^30 bytes"):
        assert text in result.out


def test_scripts_get_every_price_by_name(cli: Inside) -> None:
    data = cli("lifecycle", "prices", "--json").data
    assert data["prices"]["STANDARD.gb_month.from_0_gb"] == "0.0245"
    assert data["prices"]["fee.invalidation_path.per_1"] == "0.005"
    lines = dict(line.split(" ") for line in cli("lifecycle", "prices", "-q").out.splitlines())
    assert lines == data["prices"]


def test_a_refresh_is_stored_used_and_taken_back(cli: Inside, tmp_path: Path) -> None:
    result = cli("lifecycle", "prices", "--refresh", *offers(tmp_path))
    assert result.code == 0, result.err
    assert "get_per_1000.STANDARD" in result.out
    assert "lifecycle prices --reset" in result.err
    again = cli("lifecycle", "prices", "--json").data
    assert (again["prices_as_of"], again["refreshed"]) == ("2026-10-15", True)
    assert again["prices"]["STANDARD.get"] == "0.0000005"
    estimate = cli("migrate", "estimate", "--json")
    assert estimate.code != 0 or estimate.data["estimate"]["prices_as_of"] == "2026-10-15"
    assert cli("lifecycle", "prices", "--reset", "--json").data["dropped"] == [REGION]
    assert cli("lifecycle", "prices", "--json").data["prices_as_of"] == "2026-09-29"


def test_a_dry_run_stores_nothing(cli: Inside, tmp_path: Path) -> None:
    result = cli("lifecycle", "prices", "--refresh", "--dry-run", *offers(tmp_path), "--json")
    changed = {change["figure"] for change in result.data["refresh"]["changes"]}
    assert "get_per_1000.STANDARD" in changed
    assert not (tmp_path / "data").exists()


def test_an_implausible_price_is_named_and_refused_unless_forced(cli: Inside, tmp_path: Path) -> None:
    options = offers(tmp_path, get="0.0000100000")
    result = cli("lifecycle", "prices", "--refresh", *options)
    assert result.code == 8
    assert "get_per_1000.STANDARD" in result.err
    assert "--force" in result.err
    assert not (tmp_path / "data").exists()
    assert cli("lifecycle", "prices", "--refresh", "--force", *options).code == 0


def test_without_credentials_it_says_so(cli: Inside) -> None:
    result = cli("lifecycle", "prices", "--refresh")
    assert result.code == 4
    assert "credentials" in result.err


@pytest.mark.parametrize("options", [("--from", "x.json"), ("--refresh", "--reset")])
def test_options_that_make_no_sense_together_are_usage_errors(cli: Inside, options: tuple[str, ...]) -> None:
    assert cli("lifecycle", "prices", *options).code == 2


def test_a_file_that_is_no_price_list_is_named(cli: Inside, tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text("{}", encoding="utf-8")
    result = cli("lifecycle", "prices", "--refresh", "--from", "x.json")
    assert result.code == 4
    assert "x.json" in result.err
