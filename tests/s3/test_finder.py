"""Which object a name means, and what it costs to find out."""

from __future__ import annotations

from collections import Counter
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from creative_s3.core.catalog.catalog import Catalog
from creative_s3.core.catalog.intake import take_in
from creative_s3.core.catalog.places import catalog_path, remote_side
from creative_s3.core.files.workspace import Workspace
from creative_s3.core.search.finder import Finder
from creative_s3.errors import CreativeS3Error, ObjectNotFoundError, UnsafeKeyError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from types_boto3_s3 import S3Client

    from creative_s3.core.storage.manager import S3StorageManager

PREFIX = "creative-assets"
KEY = f"{PREFIX}/backgrounds/solid/ff0000/red.png"
OTHER = f"{PREFIX}/backgrounds/solid/00ff00/green.png"


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    (tmp_path / "cache").mkdir()
    return tmp_path / "cache"


@pytest.fixture
def finder(storage: S3StorageManager, cache: Path, s3: S3Client, bucket: str) -> Finder:
    for key in (KEY, OTHER, "elsewhere.png"):
        s3.put_object(Bucket=bucket, Key=key, Body=key.encode())
    return Finder(storage, prefix=PREFIX, cache_dir=cache)


def assign(storage: S3StorageManager, cache: Path, assignments: dict[str, str]) -> None:
    with Catalog(catalog_path(cache), bucket=remote_side(storage.connection, PREFIX)) as catalog:
        catalog.remember(assignments=assignments)


@contextmanager
def requests(storage: S3StorageManager) -> Iterator[Counter[str]]:
    """Count what is sent."""
    sent: Counter[str] = Counter()

    def note(model: Any, **_: object) -> None:  # noqa: ANN401 - botocore's own
        sent[model.name] += 1

    events = storage.connection.client.meta.events
    events.register("before-call.s3", note)
    try:
        yield sent
    finally:
        events.unregister("before-call.s3", note)


def test_a_name_that_the_catalog_knows_costs_one_request(
    finder: Finder, storage: S3StorageManager, cache: Path
) -> None:
    assign(storage, cache, {"red": KEY})
    with requests(storage) as sent:
        assert finder.find("red").key == KEY
        assert sent == {"HeadObject": 1}


def test_a_whole_key_costs_one_request_and_is_never_read_as_the_name_of_another_asset(
    finder: Finder, storage: S3StorageManager, cache: Path
) -> None:
    assign(storage, cache, {KEY: OTHER})
    with requests(storage) as sent:
        assert finder.find(KEY).key == KEY
        assert sent == {"HeadObject": 1}


@pytest.mark.parametrize("name", ["elsewhere.png", KEY.removeprefix(f"{PREFIX}/")])
def test_other_keys_are_found_without_a_catalog_and_make_none(finder: Finder, cache: Path, name: str) -> None:
    assert finder.find(name).key.endswith(name)
    assert list(cache.iterdir()) == []


def test_an_asset_whose_object_is_gone_is_named_with_the_key_that_it_had(
    finder: Finder, storage: S3StorageManager, cache: Path
) -> None:
    assign(storage, cache, {"gone": f"{PREFIX}/gone.png"})
    with pytest.raises(ObjectNotFoundError, match="was stored under this key") as caught:
        finder.find("gone")
    assert caught.value.item == f"{PREFIX}/gone.png"


def test_an_asset_that_was_never_stored_is_known_as_one(
    finder: Finder, storage: S3StorageManager, cache: Path
) -> None:
    entry = '{"file_path": "cache/new.png", "metadata": {"type": "layout"}}'
    (cache / "index.json").write_text(f'{{"cache_entries": {{"new": {entry}}}}}')
    with Catalog(catalog_path(cache), bucket=remote_side(storage.connection, PREFIX)) as catalog:
        take_in(catalog, Workspace(cache))
    with pytest.raises(ObjectNotFoundError, match="this asset has no object") as caught:
        finder.find("new")
    assert caught.value.hint
    assert "migrate plan" in caught.value.hint
    with pytest.raises(ObjectNotFoundError, match="no asset of this name"):
        finder.find("newer")


def test_the_published_index_is_read_once_for_all_names_that_nothing_else_knows(
    finder: Finder, storage: S3StorageManager, s3: S3Client, bucket: str
) -> None:
    entry = b'{"file_path": "cache/red.png", "metadata": {"type": "layout"}, "s3_key": "%s"}' % KEY.encode()
    index = b'{"cache_entries": {"red": %s}}' % entry
    s3.put_object(Bucket=bucket, Key=f"{PREFIX}/metadata/index.json", Body=index)
    with requests(storage) as sent:
        found = dict(finder.find_all(["red", "no", "nor this"], workers=3))
        assert sent["GetObject"] == 1
    red = found.pop("red")
    assert not isinstance(red, CreativeS3Error)
    assert red.key == KEY
    assert all(isinstance(error, ObjectNotFoundError) for error in found.values())


@pytest.mark.parametrize("name", ["caf\udce9", "", "x" * 2000])
def test_names_that_can_be_no_key_mean_nothing(finder: Finder, name: str) -> None:
    with pytest.raises(ObjectNotFoundError):
        finder.find(name)


def test_a_name_that_clients_read_as_a_path_is_refused(finder: Finder) -> None:
    with pytest.raises(UnsafeKeyError):
        finder.find("../x")
