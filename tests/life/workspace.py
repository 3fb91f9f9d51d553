"""A workspace and the older pipeline that fills it, which rewrites its index in place from memory."""

from __future__ import annotations

import json
import os
import time
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

DAY_S = 86_400


@dataclass(slots=True)
class Workspace:
    """One of them.

    Attributes:
        root: The workspace.
        made: What its own pipeline wrote last: cache key -> content.
        memory: The index as the pipeline has it in memory.
    """

    root: Path
    made: dict[str, bytes] = field(default_factory=dict)
    memory: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.index.parent.mkdir(parents=True)
        self.save()

    @property
    def index(self) -> Path:
        return self.root / "cache" / "index.json"

    def path_of(self, cache_key: str) -> Path:
        """Return where the pipeline puts an asset's file."""
        return self.root / "cache" / cache_key[0] / f"{cache_key}.png"

    def make(self, cache_key: str, content: bytes, *, days: float, in_place: bool) -> None:
        """Write a file, new or again, with a time of writing that is so many days ago, and save the index."""
        path = self.path_of(cache_key)
        path.parent.mkdir(parents=True, exist_ok=True)
        target = path if in_place else path.with_name(f"{path.name}.tmp")
        target.write_bytes(content)
        self.set_time(target, days)
        target.replace(path)
        self.made[cache_key] = content
        then = (datetime.now() - timedelta(days=days)).isoformat()  # noqa: DTZ005 - as the pipeline writes it
        self.memory.setdefault("semantic_assets", {})[cache_key] = {
            "cache_key": cache_key,
            "file_path": path.relative_to(self.root).as_posix(),
            "semantic_metadata": {"asset_type": "scene_background", "region": "US", "season": "fall"},
            "campaign_id": "autumn",
            "created_at": then,
            "last_used": then,
        }
        self.save()

    def save(self) -> None:
        """Rewrite the file from memory, in place: whoever reads meanwhile sees half of it."""
        with self.index.open("w", encoding="utf-8") as file:
            json.dump(self.memory, file, indent=2)

    def reload(self) -> None:
        """Read the file, as a pipeline does that is started anew."""
        self.memory = json.loads(self.index.read_text(encoding="utf-8"))

    def entries(self) -> dict[str, str]:
        """Return what the index names now: cache key -> path."""
        document = json.loads(self.index.read_text(encoding="utf-8"))
        return {key: one["file_path"] for key, one in document.get("semantic_assets", {}).items()}

    def contents(self) -> set[bytes]:
        """Return the content of every file, those on their way out among them."""
        paths = (path for path in (self.root / "cache").rglob("*") if path.parent.name != ".creative-s3")
        return {path.read_bytes() for path in paths if path.is_file() and not path.is_symlink()}

    @staticmethod
    def set_time(path: Path, days: float) -> None:
        """Have a file written so many days ago; negative is in time to come."""
        then = time.time() - days * DAY_S
        os.utime(path, (then, then))
