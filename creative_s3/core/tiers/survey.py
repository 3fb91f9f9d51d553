"""The survey of the tiers: what the catalog, the disk and the pins say of every file. Reads only.

It makes a value for each file, for who names files or wants all of them. `tiers.census` counts instead.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from operator import attrgetter
from typing import TYPE_CHECKING

from creative_s3.core.lifecycle.fates import Fates
from creative_s3.core.tiers.cache_walk import is_regular, look, walk
from creative_s3.core.tiers.facts import CHANGED, PLACES, USES, Facts, Place
from creative_s3.core.tiers.movements import Movements
from creative_s3.core.tiers.open_files import open_files
from creative_s3.core.tiers.pins import read_pins
from creative_s3.core.tiers.tiers import Room, TierFile, first_recent_day
from creative_s3.errors import ObjectNotFoundError

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Collection, Iterable
    from datetime import datetime

    from creative_s3.core.catalog.catalog import Catalog
    from creative_s3.core.files.workspace import Workspace


@dataclass(frozen=True, slots=True)
class TierSurvey:
    """Every file that the catalog names, and how much room there is.

    Attributes:
        files: By path.
        room: The whole cache directory and its disk.
        unindexed_bytes: Files in the cache directory that no asset names.
        now: When it was made.
    """

    files: tuple[TierFile, ...]
    room: Room
    unindexed_bytes: int
    now: datetime


def survey_tiers(  # noqa: PLR0913 - each of them is a choice of the caller
    catalog: Catalog,
    workspace: Workspace,
    *,
    now: datetime,
    fates: Fates | None = None,
    accepted: Collection[str] = (),
    hides: Callable[[os.stat_result], bool] = lambda _: False,
) -> TierSurvey:
    """Look at everything.

    Args:
        catalog: Up to date with index.json.
        workspace: Where.
        now: With time zone.
        fates: What the bucket's lifecycle rules do; None when that is not known here.
        accepted: IDs of rules whose deletions shall not hold a file back.
        hides: Tells whether somebody may have a file open unseen.

    Raises:
        RefusedError: The list of pins cannot be read.
        CatalogError: The catalog cannot be used.
    """
    database = catalog.database
    facts = Facts(
        inside=f"{workspace.cache_dir.name}/",
        fates=fates or Fates(),
        accepted=accepted,
        pins=read_pins(workspace.cache_dir),
        opened=open_files(),
        hides=hides,
        uses={row[0]: row[1:] for row in database.rows(USES, (first_recent_day(now),))},
        returns=Movements(database).returns(),
        changed={row[0]: row[1:] for row in database.rows(CHANGED.format(assets="asset"), (catalog.bucket,))},
    )
    grouped: dict[str, list[Place]] = {}
    for row in map(Place._make, database.rows(PLACES, (catalog.bucket,))):
        grouped.setdefault(row.file_path, []).append(row)
    on_disk = dict(walk(workspace))
    walked = {file_path.rpartition("/")[0] for file_path in on_disk}
    named = 0
    files: list[TierFile] = []
    for file_path, places in grouped.items():
        status = on_disk.get(file_path)
        is_walked = status is not None
        if status is None:
            # A name that its folder does not list may still be the file's: with another case, say.
            if not (all(place.is_cold for place in places) and file_path.rpartition("/")[0] in walked):
                status = look(f"{workspace.root}/{file_path}")
        elif is_regular(status):
            named += status.st_size
        files.append(facts.file(places, status, is_walked=is_walked))
    files.sort(key=attrgetter("file_path"))
    used = sum(status.st_size for status in on_disk.values() if is_regular(status))
    return TierSurvey(
        files=tuple(files),
        room=Room(used, shutil.disk_usage(workspace.cache_dir).free),
        unindexed_bytes=used - named,
        now=now,
    )


def measure_room(workspace: Workspace) -> Room:
    """Return how much the cache directory holds, and how much its disk has left."""
    used = sum(status.st_size for _, status in walk(workspace) if is_regular(status))
    return Room(used, shutil.disk_usage(workspace.cache_dir).free)


def find_files(names: Iterable[str], files: Iterable[TierFile]) -> tuple[TierFile, ...]:
    """Return the files that names mean, each once: cache keys, keys of objects, or paths.

    Raises:
        ObjectNotFoundError: A name means none.
    """
    every = tuple(files)
    by_name = {file.file_path: file for file in every}
    by_name |= {file.key: file for file in every if file.key is not None}
    by_name |= {cache_key: file for file in every for cache_key in file.cache_keys}
    found: dict[str, TierFile] = {}
    for name in names:
        if name not in by_name:
            raise ObjectNotFoundError(
                "there is no asset of this name", item=name, hint="see what there is: creative-s3 assets find"
            )
        found.setdefault(by_name[name].file_path, by_name[name])
    return tuple(found.values())
