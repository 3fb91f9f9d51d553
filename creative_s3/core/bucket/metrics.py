"""What CloudWatch counts of a bucket: objects and bytes each day, and requests where they are measured.

Sources: S3 User Guide, "Metrics and dimensions" and "Monitoring metrics with Amazon CloudWatch".
"""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from creative_s3.core.costs.price_store import current_book
from creative_s3.core.faults.translation import translate
from creative_s3.core.s3.connection import cloudwatch_client
from creative_s3.core.s3.endpoints import is_aws
from creative_s3.errors import AccessDeniedError, UnsupportedError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from decimal import Decimal

    from creative_s3.core.s3.connection import Connection

CONFIGURATION = "EntireBucket"
"""The name of the configuration that measures all requests; AWS's own examples use it."""
REQUEST_METRICS = (
    "AllRequests",
    "GetRequests",
    "PutRequests",
    "DeleteRequests",
    "HeadRequests",
    "PostRequests",
    "SelectRequests",
    "ListRequests",
    "BytesDownloaded",
    "BytesUploaded",
    "4xxErrors",
    "5xxErrors",
    "FirstByteLatency",
    "TotalRequestLatency",
)
"""All that one configuration measures; each is billed as a custom metric while it has data."""
SHOWN_REQUESTS = ("AllRequests", "4xxErrors", "5xxErrors", "FirstByteLatency", "TotalRequestLatency")
_LATENCIES = frozenset({"FirstByteLatency", "TotalRequestLatency"})
_DAY_S = 86_400
_QUERIES = 500
_CLASSES: Mapping[str, str] = {
    "Standard": "STANDARD",
    "StandardIA": "STANDARD_IA",
    "OneZoneIA": "ONEZONE_IA",
    "ReducedRedundancy": "REDUCED_REDUNDANCY",
    "GlacierInstantRetrieval": "GLACIER_IR",
    "GlacierIR": "GLACIER_IR",
    "GlacierStaging": "GLACIER",
    "GlacierS3": "GLACIER",
    "Glacier": "GLACIER",
    "DeepArchiveStaging": "DEEP_ARCHIVE",
    "DeepArchiveS3": "DEEP_ARCHIVE",
    "DeepArchive": "DEEP_ARCHIVE",
    "IntelligentTiering": "INTELLIGENT_TIERING",
    "Int": "INTELLIGENT_TIERING",
    "ExpressOneZone": "EXPRESS_ONEZONE",
}
"""What CloudWatch's storage types begin with, and the storage class."""


@dataclass(frozen=True, slots=True)
class Series:
    """One metric, a value a day.

    Attributes:
        name: CloudWatch's own: a storage type for bytes, else a metric.
        points: When the day began, UTC, and the value; the oldest first. A day without data has none.
    """

    name: str
    points: tuple[tuple[datetime, float], ...]

    @property
    def last(self) -> float | None:
        """The newest value; None without any."""
        return self.points[-1][1] if self.points else None

    @property
    def total(self) -> float:
        """All values together."""
        return sum(value for _, value in self.points)

    @property
    def is_overhead(self) -> bool:
        """Whether these bytes are billed and hold no content: minimum sizes and archives' indexes."""
        return self.name.endswith("Overhead")

    @property
    def storage_class(self) -> str:
        """The storage class of a storage type; an unknown type is its own."""
        known = (begins for begins in sorted(_CLASSES, key=len, reverse=True) if self.name.startswith(begins))
        return next((_CLASSES[begins] for begins in known), self.name)

    def by_day(self, days: Sequence[datetime]) -> list[float | None]:
        """Return the values of some days; None for a day without data."""
        known = {moment.date(): value for moment, value in self.points}
        return [known.get(day.date()) for day in days]


@dataclass(frozen=True, slots=True)
class BucketMetrics:
    """What CloudWatch says of a bucket.

    Attributes:
        bucket: Its name.
        days: The days looked at, the oldest first.
        objects: How many objects, noncurrent versions and unfinished parts included.
        storage: Bytes by storage type, likewise.
        requests: By metric; empty where requests are not measured.
        is_measured: Whether a configuration measures all requests of the bucket; None if nobody may say.
    """

    bucket: str
    days: tuple[datetime, ...]
    objects: Series
    storage: tuple[Series, ...]
    requests: Mapping[str, Series]
    is_measured: bool | None

    @property
    def payload_bytes(self) -> float:
        """The newest bytes that hold content."""
        return sum(one.last or 0 for one in self.storage if not one.is_overhead)

    @property
    def overhead_bytes(self) -> float:
        """The newest bytes that are billed besides."""
        return sum(one.last or 0 for one in self.storage if one.is_overhead)

    def to_dict(self) -> dict[str, Any]:
        """Return the form of ``--json``; latencies in milliseconds."""
        return {
            "bucket": self.bucket,
            "days": len(self.days),
            "objects": _points(self.objects),
            "payload_bytes": self.payload_bytes,
            "overhead_bytes": self.overhead_bytes,
            "storage": [
                {
                    "storage_type": one.name,
                    "storage_class": one.storage_class,
                    "is_overhead": one.is_overhead,
                    "points": _points(one),
                }
                for one in self.storage
            ],
            "requests": {name: _points(one) for name, one in self.requests.items()},
            "requests_are_measured": self.is_measured,
        }


def measure(connection: Connection, *, days: int, now: datetime) -> BucketMetrics:
    """Ask CloudWatch for the last days of the bucket.

    Args:
        connection: Whose settings name the bucket.
        days: How many.
        now: With time zone.

    Raises:
        UnsupportedError: The settings name another server than AWS.
        CreativeS3Error: CloudWatch cannot be asked; needs ``cloudwatch:ListMetrics`` and
            ``cloudwatch:GetMetricData``.
    """
    bucket = connection.bucket
    midnight = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    shown = tuple(midnight - timedelta(days=back) for back in range(days, -1, -1))
    with closing(cloudwatch_client(connection)) as client:
        if not connection.is_aws and is_aws(client.meta.endpoint_url):
            raise UnsupportedError(
                "CloudWatch is a service of AWS, and the settings name another server; nothing was sent",
                item=connection.endpoint_url,
                hint="count the objects instead: creative-s3 assets stats",
            )
        try:
            there = list(_listed(client, bucket))
            wanted = [*_of_storage(there, bucket), *_of_requests(there, bucket)]
            found = _data(client, bucket, wanted, since=shown[0], until=now)
        except Exception as error:
            ours = translate(error, item=bucket, service="CloudWatch")
            if isinstance(ours, AccessDeniedError):
                ours.hint = "allow cloudwatch:ListMetrics and cloudwatch:GetMetricData to these credentials"
            raise ours from error
    series = {key: Series(name, found.get(key, ())) for key, name, _ in wanted}
    storage = [series[key] for key, _, kind in wanted if kind == "storage"]
    return BucketMetrics(
        bucket=bucket,
        days=shown,
        objects=next((series[key] for key, _, kind in wanted if kind == "objects"), Series("", ())),
        storage=tuple(sorted((one for one in storage if one.points), key=lambda one: one.name)),
        requests={
            name: series[key] for key, name, kind in wanted if kind == "requests" and series[key].points
        },
        is_measured=_is_measured(connection),
    )


def monthly_price() -> Decimal:
    """Return what one configuration costs a month at most, in dollars."""
    fee = current_book().region("us-east-1").fees["request_metrics"]
    return fee.price / fee.per * len(REQUEST_METRICS)


def whole_bucket(connection: Connection) -> str | None:
    """Return the name of the configuration that measures every request; None when there is none.

    Raises:
        UnsupportedError: The settings name another server than AWS.
        CreativeS3Error: The bucket cannot be asked; needs ``s3:GetMetricsConfiguration``.
    """
    _require_aws(connection)
    token: dict[str, str] = {}
    try:
        while True:
            page = connection.client.list_bucket_metrics_configurations(Bucket=connection.bucket, **token)
            for configuration in page.get("MetricsConfigurationList", ()):
                if not configuration.get("Filter"):
                    return str(configuration["Id"])
            if not page.get("IsTruncated"):
                return None
            token = {"ContinuationToken": page["NextContinuationToken"]}
    except Exception as error:
        raise translate(error, item=connection.bucket) from error


def enable(connection: Connection) -> str:
    """Measure every request of the bucket from now on; billed. Return the configuration's name.

    Adds one configuration and leaves all others alone.

    Raises:
        UnsupportedError: The settings name another server than AWS: there this request makes a bucket.
        CreativeS3Error: The request failed; needs ``s3:PutMetricsConfiguration``.
    """
    _require_aws(connection)
    try:
        connection.client.put_bucket_metrics_configuration(
            Bucket=connection.bucket, Id=CONFIGURATION, MetricsConfiguration={"Id": CONFIGURATION}
        )
    except Exception as error:
        raise translate(error, item=connection.bucket) from error
    return CONFIGURATION


def _require_aws(connection: Connection) -> None:
    if not connection.is_aws:
        raise UnsupportedError(
            "request metrics are AWS's, and the settings name another server; nothing was sent",
            item=connection.endpoint_url,
            hint="unset S3_ENDPOINT_URL for a bucket on AWS",
        )


def _is_measured(connection: Connection) -> bool | None:
    try:
        return whole_bucket(connection) is not None
    except (AccessDeniedError, UnsupportedError):
        return None


Query = tuple[str, str, str]
"""The metric with its dimensions as a text, what it is called, and what it is about."""


def _listed(client: Any, bucket: str) -> Iterator[dict[str, Any]]:  # noqa: ANN401 - boto3's clients
    pages = client.get_paginator("list_metrics").paginate(
        Namespace="AWS/S3", Dimensions=[{"Name": "BucketName", "Value": bucket}]
    )
    for page in pages:
        yield from page["Metrics"]


def _of_storage(there: Iterable[Mapping[str, Any]], bucket: str) -> list[Query]:
    found = []
    for metric in there:
        dimensions = _dimensions(metric)
        sort = dimensions.get("StorageType")
        if dimensions.get("BucketName") != bucket or sort is None:
            continue
        if metric["MetricName"] == "NumberOfObjects":
            found.append((f"NumberOfObjects|StorageType|{sort}", "NumberOfObjects", "objects"))
        elif metric["MetricName"] == "BucketSizeBytes":
            found.append((f"BucketSizeBytes|StorageType|{sort}", sort, "storage"))
    return list(dict.fromkeys(found))


def _of_requests(there: Iterable[Mapping[str, Any]], bucket: str) -> list[Query]:
    """Choose one configuration's metrics: ours, else the one with the first name."""
    filters = sorted(
        {
            identity
            for metric in there
            if (dimensions := _dimensions(metric)).get("BucketName") == bucket
            and (identity := dimensions.get("FilterId")) is not None
        },
        key=lambda name: (name != CONFIGURATION, name),
    )
    if not filters:
        return []
    return [(f"{name}|FilterId|{filters[0]}", name, "requests") for name in SHOWN_REQUESTS]


def _dimensions(metric: Mapping[str, Any]) -> dict[str, str]:
    return {one["Name"]: one["Value"] for one in metric.get("Dimensions", ())}


def _data(
    client: Any,  # noqa: ANN401 - boto3's clients
    bucket: str,
    wanted: Sequence[Query],
    *,
    since: datetime,
    until: datetime,
) -> dict[str, tuple[tuple[datetime, float], ...]]:
    points: dict[str, list[tuple[datetime, float]]] = {}
    for first in range(0, len(wanted), _QUERIES):
        some = wanted[first : first + _QUERIES]
        queries = [_query(f"m{number}", key, bucket) for number, (key, _, _) in enumerate(some)]
        pages = client.get_paginator("get_metric_data").paginate(
            MetricDataQueries=queries, StartTime=since, EndTime=until, ScanBy="TimestampAscending"
        )
        for page in pages:
            for result in page["MetricDataResults"]:
                key = some[int(result["Id"][1:])][0]
                times = (moment.astimezone(UTC) for moment in result["Timestamps"])
                points.setdefault(key, []).extend(zip(times, result["Values"], strict=True))
    return {key: tuple(sorted(found)) for key, found in points.items()}


def _query(name: str, key: str, bucket: str) -> dict[str, Any]:
    metric, dimension, value = key.split("|", 2)
    is_count = dimension == "FilterId" and metric not in _LATENCIES
    return {
        "Id": name,
        "MetricStat": {
            "Metric": {
                "Namespace": "AWS/S3",
                "MetricName": metric,
                "Dimensions": [
                    {"Name": "BucketName", "Value": bucket},
                    {"Name": dimension, "Value": value},
                ],
            },
            "Period": _DAY_S,
            "Stat": "Sum" if is_count else "Average",
        },
    }


def _points(series: Series) -> list[dict[str, Any]]:
    return [{"day": f"{moment:%Y-%m-%d}", "value": value} for moment, value in series.points]
