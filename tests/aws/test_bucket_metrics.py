"""`bucket metrics`: CloudWatch's numbers, stubbed: moto takes a metrics configuration for a new bucket."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from botocore.stub import Stubber
from rich.console import Console

from creative_s3 import S3Config
from creative_s3.cli.bucket import views_metrics
from creative_s3.core.bucket import metrics
from creative_s3.core.bucket.metrics import (
    BucketMetrics,
    Series,
    enable,
    measure,
    monthly_price,
    whole_bucket,
)
from creative_s3.core.s3.connection import cloudwatch_client, connect
from creative_s3.errors import UnsupportedError

if TYPE_CHECKING:
    from creative_s3.core.s3.connection import Connection

NOW = datetime(2026, 11, 22, 9, tzinfo=UTC)
MIDNIGHT = datetime(2026, 11, 22, tzinfo=UTC)
BUCKET = "creative-assets-somewhere"


@pytest.fixture
def connection(monkeypatch: pytest.MonkeyPatch) -> Connection:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    return connect(S3Config.from_env(bucket_name=BUCKET))


def listed(name: str, dimension: str, value: str) -> dict[str, Any]:
    return {
        "Namespace": "AWS/S3",
        "MetricName": name,
        "Dimensions": [{"Name": "BucketName", "Value": BUCKET}, {"Name": dimension, "Value": value}],
    }


def days(*values: float) -> dict[str, Any]:
    return {
        "Timestamps": [MIDNIGHT - timedelta(days=len(values) - number) for number in range(len(values))],
        "Values": list(values),
        "StatusCode": "Complete",
    }


def test_the_numbers_are_those_that_cloudwatch_has(
    connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    client: Any = cloudwatch_client(connection)
    monkeypatch.setattr(metrics, "cloudwatch_client", lambda _connection: client)
    known = [
        listed("NumberOfObjects", "StorageType", "AllStorageTypes"),
        listed("BucketSizeBytes", "StorageType", "StandardStorage"),
        listed("BucketSizeBytes", "StorageType", "GlacierObjectOverhead"),
        listed("AllRequests", "FilterId", "EntireBucket"),
        listed("AllRequests", "FilterId", "Another"),
    ]
    with Stubber(client) as watch, Stubber(connection.client) as bucket:
        watch.add_response("list_metrics", {"Metrics": known})
        results = [
            {"Id": "m0", **days(10, 12)},
            {"Id": "m1", **days(1000, 2000)},
            {"Id": "m2", **days(40, 40)},
            {"Id": "m3", **days(7)},
        ]
        watch.add_response("get_metric_data", {"MetricDataResults": results})
        bucket.add_response(
            "list_bucket_metrics_configurations",
            {"MetricsConfigurationList": [{"Id": "some", "Filter": {"Prefix": "x"}}, {"Id": "EntireBucket"}]},
        )
        found = measure(connection, days=14, now=NOW)
    assert len(found.days) == 15
    assert (found.objects.last, found.payload_bytes, found.overhead_bytes) == (12, 2000, 40)
    assert {one.storage_class: one.is_overhead for one in found.storage} == {
        "STANDARD": False,
        "GLACIER": True,
    }
    assert found.requests["AllRequests"].total == 7
    assert set(found.requests) == {"AllRequests"}
    assert found.is_measured


def test_counts_are_summed_and_sizes_and_latencies_averaged() -> None:
    def statistic(key: str) -> str:
        return str(metrics._query("m0", key, BUCKET)["MetricStat"]["Stat"])  # noqa: SLF001 - what is sent

    assert statistic("AllRequests|FilterId|EntireBucket") == "Sum"
    assert statistic("FirstByteLatency|FilterId|EntireBucket") == "Average"
    assert statistic("BucketSizeBytes|StorageType|StandardStorage") == "Average"


def test_enabling_adds_one_configuration_for_all_requests(connection: Connection) -> None:
    with Stubber(connection.client) as bucket:
        bucket.add_response("list_bucket_metrics_configurations", {"IsTruncated": False})
        assert whole_bucket(connection) is None
        bucket.add_response(
            "put_bucket_metrics_configuration",
            {},
            {"Bucket": BUCKET, "Id": "EntireBucket", "MetricsConfiguration": {"Id": "EntireBucket"}},
        )
        assert enable(connection) == "EntireBucket"
    assert monthly_price() == Decimal("4.20")


def test_another_server_is_sent_nothing_that_it_could_take_for_a_new_bucket(
    monkeypatch: pytest.MonkeyPatch, connection: Connection
) -> None:
    assert connection.is_aws
    monkeypatch.setenv("S3_ENDPOINT_URL", "http://127.0.0.1:1")
    other = connect(S3Config.from_env(bucket_name=BUCKET))
    for ask in (whole_bucket, enable, lambda one: measure(one, days=1, now=NOW)):
        with pytest.raises(UnsupportedError, match="nothing was sent"):
            ask(other)


@pytest.mark.parametrize(
    ("values", "bars", "drawn"),
    [
        ([0, 1, 2, 3, 4, 5, 6, 7], 8, "▁▂▃▄▅▆▇█"),
        ([5, 5, 5], 8, "███"),
        ([0, 0], 8, "▁▁"),
        ([None, 8, None, 4], 8, " █ ▅"),
        ([1, 9, 1, 1], 2, "█▁"),
        ([100, 101], 8, "▅█"),
        ([], 8, ""),
    ],
)
def test_a_curve_shows_the_shape_and_the_gaps(values: list[float | None], bars: int, drawn: str) -> None:
    assert views_metrics.curve(values, bars) == drawn


@pytest.mark.parametrize("width", [80, 120])
def test_the_table_fits_the_screen(width: int) -> None:
    shown = tuple(MIDNIGHT - timedelta(days=back) for back in range(90, -1, -1))
    points = tuple((day, 1e12 + number * 1e10) for number, day in enumerate(shown))
    names = ("StandardStorage", "IntelligentTieringFAStorage", "DeepArchiveS3ObjectOverhead")
    found = BucketMetrics(
        bucket="creative-assets",
        days=shown,
        objects=Series("NumberOfObjects", points[-1:]),
        storage=tuple(Series(name, points) for name in names),
        requests={"TotalRequestLatency": Series("TotalRequestLatency", points[-3:])},
        is_measured=True,
    )
    console = Console(width=width, record=True, legacy_windows=False)
    with console.capture() as captured:
        console.print(views_metrics.metrics(found))
    lines = captured.get().splitlines()
    assert max(map(len, lines)) <= width
    assert not any("…" in line for line in lines)
