"""Which path leads to which object, and which behaviour of a distribution answers it."""

from __future__ import annotations

import pytest

from creative_s3.core.cdn.distributions import Behavior, Distribution, Origin
from creative_s3.core.cdn.planning import NotServedError, batches, tag_item
from creative_s3.errors import UsageError

BUCKET = "creative-assets"
DOMAIN = f"{BUCKET}.s3.us-east-1.amazonaws.com"


def distribution(*behaviors: Behavior, origins: tuple[Origin, ...] = ()) -> Distribution:
    return Distribution(
        id="E1",
        arn="arn:aws:cloudfront::123456789012:distribution/E1",
        status="Deployed",
        enabled=True,
        domain_name="d1.cloudfront.net",
        aliases=("*.example.com", "cdn.example.com"),
        origins=origins or (Origin("s3", DOMAIN, "/p"), Origin("app", "app.example.com")),
        behaviors=(*behaviors, Behavior("*", "s3")),
    )


@pytest.mark.parametrize(
    ("pattern", "path", "is_served"),
    [
        ("*", "/a/b.png", True),
        ("/images/*", "/images/a.png", True),
        ("images/*.jpg", "/images/a/b.jpg", True),
        ("images/*.jpg", "/images/a.jpg.png", False),
        ("/a?.png", "/ab.png", True),
        ("/a?.png", "/a.png", False),
        ("/A/*", "/a/x", False),
        ("/a.png", "/aXpng", False),
        ("*.gif", "/deep/er.gif", True),
    ],
)
def test_a_pattern_matches_as_cloudfront_has_it(pattern: str, path: str, is_served: bool) -> None:  # noqa: FBT001 - a case
    assert Behavior(pattern, "s3").serves(path) is is_served


def test_a_keys_path_is_without_the_origin_path() -> None:
    assert distribution().path_of("p/products/ü.png", BUCKET) == "/products/%C3%BC.png"
    for key in ("products/a.png", "p", "pp/a.png"):
        with pytest.raises(NotServedError):
            distribution().path_of(key, BUCKET)


def test_a_path_that_another_origin_answers_leads_to_no_object() -> None:
    api = distribution(Behavior("/api/*", "app"))
    assert api.path_of("p/a.png", BUCKET) == "/a.png"
    with pytest.raises(NotServedError, match="no path of the distribution"):
        api.path_of("p/api/a.png", BUCKET)


def test_of_several_origins_in_the_bucket_the_one_that_answers_counts() -> None:
    origins = (Origin("new", DOMAIN, "/new"), Origin("s3", f"{BUCKET}.s3.amazonaws.com"))
    found = distribution(Behavior("/fresh/*", "new"), origins=origins)
    assert found.path_of("new/fresh/a.png", BUCKET) == "/fresh/a.png"
    assert found.path_of("new/old.png", BUCKET) == "/new/old.png"


def test_an_origin_is_the_bucket_by_its_whole_name() -> None:
    assert Origin("x", DOMAIN).is_bucket(BUCKET)
    assert not Origin("x", f"my-{DOMAIN}").is_bucket(BUCKET)
    assert not Origin("x", f"{BUCKET}.s3.example.com").is_bucket(BUCKET)
    assert Origin("x", f"{BUCKET}.s3-website-us-east-1.amazonaws.com").is_website


def test_the_address_is_the_first_alias_that_is_one() -> None:
    assert distribution().host == "cdn.example.com"


def test_batches_keep_within_the_quota_and_lose_nothing() -> None:
    paths = [f"/{number}" for number in range(7)] + [f"/{number}/*" for number in range(5)] + ["#tag*"]
    made = list(batches(paths, path_limit=3, wildcard_limit=2))
    assert sorted(path for batch in made for path in batch) == sorted(paths)
    for batch in made:
        wildcards = [path for path in batch if path.endswith("*") and path != "#tag*"]
        assert len(wildcards) <= 2
        assert len(batch) - len(wildcards) <= 3


@pytest.mark.parametrize("tag", ["", "#", "two words", "a,b", "ü", "x" * 257])
def test_what_can_be_no_cache_tag_is_refused(tag: str) -> None:
    with pytest.raises(UsageError, match="no cache tag"):
        tag_item(tag)
