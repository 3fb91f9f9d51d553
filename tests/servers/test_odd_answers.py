"""Servers whose answers cannot be understood: nothing is concluded from them, and one object stops no run."""

from __future__ import annotations

import json
import secrets
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from creative_s3 import S3Config
from creative_s3.core.bucket import configurations
from creative_s3.core.bucket.aspects import Aspect
from creative_s3.core.lifecycle.bucket_rules import is_versioned
from creative_s3.core.lifecycle.rule_files import from_json
from creative_s3.core.s3.connection import connect
from creative_s3.errors import NotKeptError, UnintelligibleError, UnreadableAnswerError, UnsupportedError
from tests.cli.inside import Inside
from tests.s3.a_cache import ACache
from tests.servers.odd import Said, odd_server, refused, without_checksums
from tests.servers.site import client_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from types_boto3_s3 import S3Client

    from tests.servers.odd import Asked, Oddity, OddServer, PassOn
    from tests.servers.server import Running

NAMES = ("a", "b", "c")
LISTING = "<ListBucketResult><Name>b</Name><KeyCount>0</KeyCount></ListBucketResult>"
RULE = "<Rule><ID>gone</ID><Status>Enabled</Status><Expiration><Days>1</Days></Expiration></Rule>"
NONSENSE = {
    "nothing": "",
    "other XML": "<Rule><Rules>x</Rules></Rule>",
    "JSON": "{}",
    "a web page": "<html><body>login</body></html>",
    "rules in another list": f"<LifecycleConfiguration><Rules>{RULE}</Rules></LifecycleConfiguration>",
    "an age in another place": "<LifecycleConfiguration><Rule><Days>1</Days></Rule></LifecycleConfiguration>",
    "an age that is none": f"<LifecycleConfiguration>{RULE.replace('1<', 'x<')}</LifecycleConfiguration>",
}


@dataclass(slots=True)
class Bench:
    """A cache with its bucket on moto, behind a server that answers as it is told; and the program there."""

    cache: ACache
    server: OddServer
    program: Inside
    client: S3Client

    def follow(self, *oddities: Oddity) -> None:
        """Answer so from now on."""
        self.server.oddities = oddities

    def here(self) -> list[str]:
        """Return the assets whose files are here."""
        return [name for name in self.cache.contents if self.cache.path(name).exists()]


@pytest.fixture
def bench(
    start: Callable[[str], Running], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Bench]:
    """Three assets, uploaded while the server answers as S3 does."""
    moto, bucket = start("moto"), f"test-{secrets.token_hex(6)}"
    home = tmp_path / "home"
    home.mkdir()
    with odd_server(moto.endpoint_url) as server, closing(client_of(moto)) as client:
        client.create_bucket(Bucket=bucket)
        settings = {**moto.environment(), "AWS_ENDPOINT_URL_S3": server.url, "S3_BUCKET_NAME": bucket}
        env = {**settings, "HOME": str(home), "AWS_CONFIG_FILE": str(home / "none")}
        for name, value in env.items():
            monkeypatch.setenv(name, value)
        cache = ACache(tmp_path / "studio", connect(S3Config.from_env(None)))
        for name in NAMES:
            cache.add(name)
        cache.upload()
        yield Bench(cache, server, Inside(env, cache.root), client)


def answering(subresource: str, said: Said) -> Oddity:
    def answer(asked: Asked, pass_on: PassOn) -> Said:
        return said if asked.method == "GET" and subresource in asked.query else pass_on(asked)

    return answer


@pytest.mark.parametrize("what", NONSENSE)
def test_rules_that_cannot_be_understood_keep_every_file_here(bench: Bench, what: str) -> None:
    bench.follow(answering("lifecycle", Said(200, {}, NONSENSE[what].encode())))

    refused_run = bench.program("tiers", "demote", *NAMES, "--yes", "--json")

    assert refused_run.code == 8, refused_run.out
    assert "--accept-expiry unreadable" in refused_run.envelope["error"]["hint"]
    assert bench.here() == list(NAMES)
    accepted = bench.program("tiers", "demote", "a", "--yes", "--accept-expiry", "unreadable", "--json")
    assert (accepted.code, bench.here()) == (0, ["b", "c"])


@pytest.mark.parametrize(
    "said",
    [
        refused(501, "NotImplemented"),
        refused(405, "MethodNotAllowed"),
        refused(404, "NoSuchKey"),
        Said(200, {}, LISTING.encode()),
    ],
)
def test_a_server_that_does_not_know_the_request_has_no_rules(bench: Bench, said: Said) -> None:
    bench.follow(answering("lifecycle", said), answering("versioning", said))

    assert bench.program("tiers", "demote", *NAMES, "--yes", "--json").code == 0
    assert bench.here() == []


@pytest.mark.parametrize(
    "command", [("lifecycle", "show"), ("bucket", "apply", "--only", "versioning", "-y")]
)
def test_a_request_that_a_server_takes_for_an_object_is_named(bench: Bench, command: tuple[str, ...]) -> None:
    bench.follow(
        answering("lifecycle", refused(404, "NoSuchKey")), answering("versioning", refused(404, "NoSuchKey"))
    )

    done = bench.program(*command, "--json")

    assert done.code == 4, done.out
    assert "does not know the request GetBucket" in done.out
    assert "the object does not exist" not in done.out


def ignoring_changes(asked: Asked, pass_on: PassOn) -> Said:
    """Accept every change of a configuration, and make none."""
    return Said(200) if asked.method in {"PUT", "DELETE"} and "lifecycle" in asked.query else pass_on(asked)


def test_rules_that_a_server_accepts_and_does_not_keep_are_told(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("creative_s3.core.lifecycle.bucket_rules.PROOF_LIMIT_S", 0)
    wanted = ("lifecycle", "set", "--expire", "400d", "--accept-expiry", "creative-s3", "--yes", "--json")
    bench.follow(ignoring_changes)
    ignored = bench.program(*wanted)
    assert (ignored.code, ignored.envelope["error"]["code"]) == (7, "not-kept"), ignored.out
    with pytest.raises(NotKeptError):
        bench.cache.store.setup_lifecycle_policy(90, None)

    bench.follow()
    kept = bench.program(*wanted)
    assert (kept.code, kept.data["changed"]) == (0, True), kept.out
    bench.follow(ignoring_changes)
    removed = bench.program("lifecycle", "remove", "creative-s3", "--yes", "--json")
    assert removed.code in {7, 8}, removed.out  # the last rules go to a known server alone


def test_a_date_without_a_zone_is_one_of_utc() -> None:
    rule = {"Status": "Enabled", "Filter": {"Prefix": ""}, "Expiration": {"Date": "2031-01-01"}}
    (read,) = from_json(json.dumps([rule]), name="x").rules
    assert read["Expiration"]["Date"] == datetime(2031, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize("body", ["", "<Rule/>", "{}"])
def test_an_answer_about_versions_or_tags_that_is_none_says_nothing(bench: Bench, body: str) -> None:
    said = Said(200, {}, body.encode())
    bench.follow(answering("versioning", said), answering("tagging", said), answering("policy", said))

    assert is_versioned(bench.cache.store) is None
    with pytest.raises(UnreadableAnswerError, match="GetObjectTagging"):
        bench.cache.store.tags(bench.cache.key("a"))
    for aspect in (Aspect.VERSIONING, Aspect.POLICY):
        with pytest.raises(UnintelligibleError):
            configurations.read(bench.cache.connection, aspect)


def test_a_listing_in_the_place_of_a_configuration_means_that_there_is_none(bench: Bench) -> None:
    said = Said(200, {}, LISTING.encode())
    bench.follow(answering("versioning", said), answering("policy", said))

    for aspect in (Aspect.VERSIONING, Aspect.POLICY):
        with pytest.raises(UnsupportedError) as caught:
            configurations.read(bench.cache.connection, aspect)
        assert not isinstance(caught.value, UnintelligibleError)


PAGE = Said(200, {"content-type": "text/html"}, b"<html>login</html>")


def of_object(bench: Bench, name: str, said: Said, *methods: str) -> Oddity:
    """Answer so to questions for one asset's object."""
    key = bench.cache.key(name)

    def answer(asked: Asked, pass_on: PassOn) -> Said:
        is_meant = asked.method in methods and asked.is_object and key in asked.target
        return said if is_meant else pass_on(asked)

    return answer


@pytest.mark.parametrize("said", [PAGE, Said(200)], ids=["a page", "nothing"])
def test_an_object_that_is_answered_oddly_stays_and_the_others_go(bench: Bench, said: Said) -> None:
    bench.follow(without_checksums, of_object(bench, "b", said, "GET"))

    done = bench.program("tiers", "demote", *NAMES, "--yes", "--json")

    assert (done.code, bench.here()) == (3, ["b"]), done.out
    assert done.data["demoted"] == 2


@pytest.mark.parametrize(
    "said", [PAGE, Said(200), Said(405), Said(501)], ids=["a page", "nothing", "405", "501"]
)
def test_an_object_whose_head_is_answered_oddly_is_left_out_and_the_others_are_found(
    bench: Bench, said: Said, tmp_path: Path
) -> None:
    bench.follow(of_object(bench, "b", said, "HEAD"))
    bench.client.delete_object(
        Bucket=bench.cache.connection.bucket, Key="creative-assets/metadata/index.json"
    )
    second = tmp_path / "second"
    (second / "cache").mkdir(parents=True)

    done = Inside(bench.program.env, second)("assets", "discover", "--sync", "--json")

    assert done.code == 3, done.out
    index = (second / "cache" / "index.json").read_text(encoding="utf-8")
    assert [name for name in NAMES if f'"{name}"' in index] == ["a", "c"]


def test_a_server_that_ceases_to_answer_as_s3_ends_the_run(bench: Bench) -> None:
    for number in range(40):
        bench.cache.add(f"more-{number}")
    bench.cache.upload()
    bench.follow(
        lambda asked, pass_on: PAGE if asked.method in {"GET", "HEAD"} and asked.is_object else pass_on(asked)
    )

    done = bench.program("tiers", "demote", *bench.cache.contents, "--yes", "--json")

    assert done.code == 4, done.out
    assert done.envelope["error"]["code"] == "not-s3"
    assert bench.here() == list(bench.cache.contents)
