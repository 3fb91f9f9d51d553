"""Sending invalidations: paid once, queued while the quota is full, awaited.

moto knows neither the quota nor repetitions, and never completes: botocore's stubber answers here.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from botocore.stub import Stubber

from creative_s3 import S3Config
from creative_s3.core.catalog.catalog import Catalog
from creative_s3.core.cdn.cdn import Cdn
from creative_s3.core.cdn.planning import PATH_LIMIT, WILDCARD_LIMIT
from creative_s3.core.cdn.sending import PATIENCE_S, POLL_S, Sender
from creative_s3.core.events import PhaseStarted
from creative_s3.core.s3.connection import connect
from creative_s3.errors import AccessDeniedError, ItemError, TemporaryError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from creative_s3.core.events import Event
    from creative_s3.core.s3.connection import Connection

DISTRIBUTION = "E2EXAMPLE1234"
NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
BUCKET = "creative-assets-somewhere"
CONFIG: dict[str, Any] = {
    "CallerReference": "x",
    "Comment": "",
    "Enabled": True,
    "Origins": {
        "Quantity": 1,
        "Items": [
            {
                "Id": "s3",
                "DomainName": f"{BUCKET}.s3.us-east-1.amazonaws.com",
                "OriginPath": "/creative-assets",
            }
        ],
    },
    "DefaultCacheBehavior": {"TargetOriginId": "s3", "ViewerProtocolPolicy": "https-only"},
}


class Told:
    """CloudFront as it answers here, and a clock that moves only while somebody waits."""

    def __init__(self, connection: Connection, catalog: Catalog) -> None:
        self.cdn = Cdn(connection, catalog, distribution_id=DISTRIBUTION)
        self.catalog = catalog
        client: Any = self.cdn.cloudfront._client  # noqa: SLF001 - botocore's own seam for answers
        self.stub = Stubber(client)
        self.stub.activate()
        self.phases: list[str] = []
        self.waited_s = 0.0

    @property
    def sender(self) -> Sender:
        return Sender(
            self.cdn.cloudfront, self.catalog, emit=self._emit, sleep=self._sleep, clock=lambda: self.waited_s
        )

    def knows_distribution(self, **config: object) -> None:
        answer = {
            "Id": DISTRIBUTION,
            "ARN": f"arn:aws:cloudfront::123456789012:distribution/{DISTRIBUTION}",
            "Status": "Deployed",
            "LastModifiedTime": NOW,
            "InProgressInvalidationBatches": 0,
            "DomainName": "d111111abcdef8.cloudfront.net",
            "DistributionConfig": {**CONFIG, **config},
        }
        self.stub.add_response("get_distribution", {"Distribution": answer}, {"Id": DISTRIBUTION})

    def knows_month(self, *paths: int, is_asked: bool = True) -> None:
        """This distribution alone, with invalidations of so many paths."""
        empty = {"Marker": "", "MaxItems": 100, "IsTruncated": False}
        summary = {"Id": DISTRIBUTION}
        self.stub.add_response(
            "list_distributions",
            {"DistributionList": {**empty, "Quantity": 1, "Items": [_summary(summary)]}},
        )
        items = [
            {"Id": f"I{number}", "CreateTime": datetime.now(UTC), "Status": "Completed"}
            for number in range(len(paths))
        ]
        old = {"Id": "OLD", "CreateTime": NOW - timedelta(days=400), "Status": "Completed"}
        self.stub.add_response(
            "list_invalidations",
            {"InvalidationList": {**empty, "Quantity": len(items) + 1, "Items": [*items, old]}},
        )
        for number, some in enumerate(paths if is_asked else ()):
            self.stub.add_response(
                "get_invalidation", _invalidation(f"I{number}", [f"/{n}" for n in range(some)])
            )

    def takes(self, name: str, paths: list[str] | None = None) -> None:
        self.stub.add_response(
            "create_invalidation", {"Location": "x", **_invalidation(name, paths or ["/x"])}
        )

    def refuses(self, code: str, status: int) -> None:
        self.stub.add_client_error("create_invalidation", code, http_status_code=status)

    def says(self, name: str, status: str) -> None:
        self.stub.add_response("get_invalidation", _invalidation(name, ["/x"], status))

    def _sleep(self, seconds: float) -> None:
        self.waited_s += seconds

    def _emit(self, event: Event) -> None:
        if isinstance(event, PhaseStarted):
            self.phases.append(event.name)


def _summary(known: dict[str, Any]) -> dict[str, Any]:
    nothing = {"Quantity": 0}
    return {
        **known,
        "ARN": "arn",
        "Status": "Deployed",
        "LastModifiedTime": NOW,
        "DomainName": "d.cloudfront.net",
        "Aliases": nothing,
        "Origins": {"Quantity": 1, "Items": [{"Id": "s3", "DomainName": "x"}]},
        "DefaultCacheBehavior": {"TargetOriginId": "s3", "ViewerProtocolPolicy": "https-only"},
        "CacheBehaviors": nothing,
        "CustomErrorResponses": nothing,
        "Comment": "",
        "PriceClass": "PriceClass_All",
        "Enabled": True,
        "ViewerCertificate": {},
        "Restrictions": {"GeoRestriction": {"RestrictionType": "none", "Quantity": 0}},
        "WebACLId": "",
        "HttpVersion": "http2",
        "IsIPV6Enabled": True,
        "Staging": False,
    }


def _invalidation(name: str, paths: list[str], status: str = "InProgress") -> dict[str, Any]:
    batch = {"Paths": {"Quantity": len(paths), "Items": paths}, "CallerReference": "x"}
    return {"Invalidation": {"Id": name, "Status": status, "CreateTime": NOW, "InvalidationBatch": batch}}


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Told]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("S3_BUCKET_NAME", BUCKET)
    connection = connect(S3Config.from_env())
    with Catalog(tmp_path / "catalog.sqlite3", bucket="side") as catalog:
        made = Told(connection, catalog)
        yield made
        made.stub.assert_no_pending_responses()
        made.cdn.cloudfront.close()


@pytest.fixture
def upload(told: Told) -> Callable[..., int]:
    """Record a run that replaced some keys and stored others anew."""

    def recorded(*replaced: str, new: tuple[str, ...] = ()) -> int:
        run = told.catalog.runs.begin("migrate upload", NOW)
        changes = [*((key, True) for key in replaced), *((key, False) for key in new)]
        told.catalog.runs.add_changes(run, [(f"creative-assets/{key}", was) for key, was in changes])
        return run

    return recorded


def test_a_run_is_told_exactly_what_it_replaced(told: Told, upload: Callable[..., int]) -> None:
    run = upload("products/a b.png", "metadata/index.json", new=("products/new.png",))
    told.knows_distribution()
    told.knows_month(3, 5)
    made = told.cdn.propose_changed([run])
    assert made.paths == ("/metadata/index.json", "/products/a%20b.png")
    assert made.tariff.free == 992
    assert made.price == 0
    with_new = told.cdn.propose_changed([run], include_new=True)
    assert "/products/new.png" in with_new.paths


def test_a_retry_after_a_lost_answer_has_the_same_reference_and_is_not_paid_again(
    told: Told, upload: Callable[..., int]
) -> None:
    upload("products/a.png")
    told.knows_distribution()
    told.knows_month()
    made = told.cdn.propose_changed()
    told.stub.add_client_error("create_invalidation", "InternalError", http_status_code=500)
    with pytest.raises(TemporaryError):
        told.sender.send(made)
    # Meanwhile another run replaced something: the first request goes out as it was.
    upload("products/b.png")
    again = told.cdn.propose_changed()
    assert again.resumed
    assert [one.paths for one in again.requests] == [("/products/a.png",), ("/products/b.png",)]
    assert again.requests[0].reference == made.requests[0].reference
    told.takes("I1")
    told.takes("I2")
    told.sender.send(again)
    assert told.cdn.propose_changed().requests == ()
    assert told.catalog.runs.unannounced() == []


def test_a_run_that_cloudfront_was_told_of_is_not_sent_again(told: Told, upload: Callable[..., int]) -> None:
    run = upload("products/a.png")
    told.knows_distribution()
    told.knows_month()
    told.takes("I1")
    told.sender.send(told.cdn.propose_changed([run]))
    assert told.cdn.propose_changed([run]).requests == ()
    assert told.cdn.propose_changed().requests == ()


def test_a_call_that_broke_off_is_taken_up_and_one_that_was_done_is_not(told: Told) -> None:
    told.knows_month()
    made = told.cdn.propose_paths(["/a", "/b/*"])
    told.refuses("AccessDenied", 403)
    with pytest.raises(AccessDeniedError, match="CloudFront denies access"):
        told.sender.send(made)
    again = told.cdn.propose_paths(["/b/*", "/a"])
    assert again.requests[0].reference == made.requests[0].reference
    told.takes("I1")
    told.sender.send(again)
    assert told.cdn.propose_paths(["/a", "/b/*"]).requests[0].reference != made.requests[0].reference


def test_a_full_quota_is_waited_for(told: Told) -> None:
    told.knows_month()
    made = told.cdn.propose_paths(["/a"])
    told.refuses("TooManyInvalidationsInProgress", 400)
    told.refuses("TooManyInvalidationsInProgress", 400)
    told.takes("I1")
    (accepted,) = told.sender.send(made)
    assert accepted.sent.id == "I1"
    assert told.waited_s == 2 * POLL_S
    assert "waiting for room: the distribution's quota is full" in told.phases


def test_a_quota_that_stays_full_ends_the_command_and_loses_nothing(told: Told) -> None:
    told.knows_month()
    made = told.cdn.propose_paths(["/a"])
    for _ in range(int(PATIENCE_S / POLL_S) + 1):
        told.refuses("TooManyInvalidationsInProgress", 400)
    with pytest.raises(TemporaryError, match="for an hour already"):
        told.sender.send(made)
    assert told.cdn.propose_paths(["/a"]).resumed


def test_more_than_the_quota_goes_out_in_turns(told: Told) -> None:
    told.knows_month()
    paths = [f"/{number}" for number in range(PATH_LIMIT + 1)]
    wildcards = [f"/w{number}/*" for number in range(WILDCARD_LIMIT)]
    made = told.cdn.propose_paths([*paths, *wildcards])
    assert [len(one.paths) for one in made.requests] == [PATH_LIMIT + WILDCARD_LIMIT, 1]
    told.takes("I1")
    told.says("I1", "InProgress")
    told.says("I1", "Completed")
    told.takes("I2")
    assert [one.sent.id for one in told.sender.send(made)] == ["I1", "I2"]
    assert told.waited_s == POLL_S


def test_waiting_ends_when_every_edge_is_done(told: Told) -> None:
    told.knows_month()
    told.takes("I1")
    sent = told.sender.send(told.cdn.propose_paths(["/a"]))
    told.says("I1", "InProgress")
    told.says("I1", "Completed")
    (done,) = told.sender.wait(sent)
    assert done.sent.is_completed
    assert told.phases[-1] == "0 of 1 invalidations completed"


def test_what_cloudfront_will_never_take_is_not_tried_again(told: Told, upload: Callable[..., int]) -> None:
    upload("products/a.png")
    told.knows_distribution()
    told.knows_month()
    told.refuses("InvalidArgument", 400)
    with pytest.raises(ItemError):
        told.sender.send(told.cdn.propose_changed())
    assert not told.cdn.propose_changed().resumed
    assert [change.key for change in told.catalog.runs.unannounced()] == ["creative-assets/products/a.png"]


def test_a_key_with_a_tilde_is_named_and_stays_to_be_told(told: Told, upload: Callable[..., int]) -> None:
    upload("products/a~b.png", "products/c.png")
    told.knows_distribution()
    told.knows_month()
    made = told.cdn.propose_changed()
    assert [one.key for one in made.refused] == ["creative-assets/products/a~b.png"]
    assert made.paths == ("/products/c.png",)
    told.takes("I1")
    told.sender.send(made)
    assert [change.key for change in told.catalog.runs.unannounced()] == ["creative-assets/products/a~b.png"]


def test_of_a_run_that_was_told_in_part_only_the_rest_is_sent(told: Told, upload: Callable[..., int]) -> None:
    run = upload("products/a~b.png", "products/c.png")
    told.knows_distribution()
    told.knows_month()
    told.takes("I1")
    told.sender.send(told.cdn.propose_changed([run]))
    again = told.cdn.propose_changed([run])
    assert again.requests == ()
    assert [one.key for one in again.refused] == ["creative-assets/products/a~b.png"]


def test_another_distribution_is_told_too(told: Told, upload: Callable[..., int]) -> None:
    run = upload("products/a.png")
    told.knows_distribution()
    told.knows_month()
    told.takes("I1")
    told.sender.send(told.cdn.propose_changed([run]))
    told.cdn.distribution_id = "E2OTHER"
    (request,) = told.cdn.propose_changed([run]).requests
    assert (request.distribution, request.paths) == ("E2OTHER", ("/products/a.png",))


def test_what_broke_off_long_ago_is_still_sent(told: Told, upload: Callable[..., int]) -> None:
    upload("products/a.png")
    told.knows_distribution()
    told.knows_month()
    made = told.cdn.propose_changed()
    with told.catalog.database.transaction():
        told.catalog.announcements.plan(made.requests, NOW - timedelta(days=400))
        told.catalog.runs.announce(made.changes, made.token)
    (again,) = told.cdn.propose_changed().requests
    assert again.reference == made.requests[0].reference


def test_what_the_month_has_used_is_asked_for_once(told: Told) -> None:
    told.knows_month(600, 400)
    assert told.cdn.month.free_left == 0
    later = Cdn(told.cdn.connection, told.catalog, distribution_id=DISTRIBUTION)
    later.cloudfront = told.cdn.cloudfront
    told.knows_month(600, 400, is_asked=False)
    assert later.month.used == 1_000


def test_paths_beyond_the_free_ones_are_priced_and_folders_save_them(
    told: Told, upload: Callable[..., int]
) -> None:
    upload(*(f"products/{number}.png" for number in range(600)))
    told.knows_distribution()
    told.knows_month(900)
    made = told.cdn.propose_changed()
    assert made.paths == ("/products/*",)
    assert made.price == 0
    exact = told.cdn.propose_changed(exact=True)
    assert (len(exact.paths), str(exact.price)) == (600, "2.500")


def test_without_leave_to_list_the_price_is_the_highest_possible(told: Told) -> None:
    told.stub.add_client_error("list_distributions", "AccessDenied", http_status_code=403)
    made = told.cdn.propose_paths(["/a"])
    assert str(made.price) == "0.005"
    assert told.cdn.month.problem


def test_tags_need_a_distribution_that_knows_them(told: Told) -> None:
    told.knows_distribution(CacheTagConfig={"HeaderName": "x-amz-meta-campaign-id"})
    told.knows_month()
    made = told.cdn.propose_paths([], ["spring_2025", "#summer"])
    assert made.paths == ("#spring_2025", "#summer")
    with pytest.raises(UsageError, match="no cache tag"):
        told.cdn.propose_paths([], ["two words"])
