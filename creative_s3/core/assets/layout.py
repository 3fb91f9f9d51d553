"""The layout: asset to key, key to parts, and the metadata and tags that let an object rebuild its asset.

Pure. What is in a bucket, and which asset wins a contested key, is decided elsewhere (`core.assets.keys`).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import lru_cache
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import quote, unquote

from creative_s3.core.assets.models import (
    KIND_OF_TYPE,
    Asset,
    AssetType,
    Kind,
    ProductCategory,
    Season,
    SemanticMetadata,
    VisualStyle,
)
from creative_s3.core.assets.slugs import slug, slug_leaf, slug_or_unspecified, split_extension
from creative_s3.errors import RefusedError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

E = TypeVar("E", bound=StrEnum)

KEY_LIMIT_BYTES = 1024
_SUFFIX_ROOM_BYTES = 24
"""What a plain key leaves free, so that any suffix of a contested key fits (see `core.assets.keys`)."""
METADATA_LIMIT_BYTES = 2048
TAG_LIMIT = 10
TAG_VALUE_LIMIT = 256
PUBLISHED_INDEX = "metadata/index.json"
TAG_PUNCTUATION = frozenset(" +-=._:/@")
_WORDS = 4096
"""How many texts are remembered with what they become: most assets share theirs with others."""
_METADATA_SAFE = "/:,+=@#()!*'&;$"
_UNRESERVED = r"A-Za-z0-9_.~\-"
"""What `quote` never encodes."""
_METADATA_PLAIN = re.compile(f"[{_UNRESERVED}{re.escape(_METADATA_SAFE)}]*", re.ASCII)
_DROPPABLE = ("color-palette", "dimensions", "tags")
_DIMENSIONS = re.compile(r"([0-9]{1,18})x([0-9]{1,18})")

_FOLDERS: Mapping[AssetType, tuple[str, ...]] = {
    AssetType.PRODUCT_TRANSPARENT: ("products", "transparent", "{category}", "{slug}"),
    AssetType.PRODUCT_ORIGINAL: ("products", "original", "{category}", "{slug}"),
    AssetType.SCENE_BACKGROUND: ("backgrounds", "scene", "{region}", "{season}"),
    AssetType.CONTEXTUAL_BACKGROUND: ("backgrounds", "contextual", "{category}", "{region}", "{season}"),
    AssetType.GRADIENT_BACKGROUND: ("backgrounds", "gradient", "{style}"),
    AssetType.SOLID_BACKGROUND: ("backgrounds", "solid", "{color}"),
    AssetType.COMPOSITE: ("composites", "{campaign}", "{slug}", "{ratio}"),
}
_CACHE_FOLDER = ("cache", "{type}", "{campaign}")
_CACHE_PATTERN = "/".join(_CACHE_FOLDER)
_UNSORTED = "unsorted"
_PATTERNS = {asset_type: "/".join(folder) for asset_type, folder in _FOLDERS.items()}
_NAMES = {
    asset_type: tuple(part[1:-1] for part in folder if part.startswith("{"))
    for asset_type, folder in _FOLDERS.items()
}
ASSET_FOLDERS = (*dict.fromkeys(folder[0] for folder in _FOLDERS.values()), _CACHE_FOLDER[0], _UNSORTED)
"""The folders right under the prefix that hold assets; the published index is in none of them."""


@dataclass(frozen=True, slots=True)
class KeyParts:
    """A key taken apart.

    Attributes:
        kind: The coarse sort.
        asset_type: None for a cache entry or an unsorted file.
        fields: The variable parts by name (``category``, ``slug``, ``region``, ``season``, ``style``,
            ``color``, ``campaign``, ``ratio``, ``type``), each slugged as it stands in the key.
        leaf: The last part; for an unsorted file, its whole relative path.
    """

    kind: Kind
    asset_type: AssetType | None
    fields: Mapping[str, str]
    leaf: str


def parts_of(asset: Asset) -> KeyParts:
    """Return the parts that the layout gives `asset`, before any clash is settled."""
    if not asset.indexed:
        path = PurePosixPath(asset.file_path)
        # Unindexed files lie in the cache directory, so their path begins with its name, which says nothing.
        leaf = "/".join([*(slug(part) for part in path.parts[1:-1]), slug_leaf(path.name)])
        return KeyParts(Kind.UNSORTED, None, {}, leaf)
    leaf = slug_leaf(_file_name(asset.file_path))
    if asset.metadata is None:
        fields = {
            "type": slug_or_unspecified(asset.cache_type),
            "campaign": slug_or_unspecified(asset.campaign_id),
        }
        return KeyParts(Kind.CACHE, None, fields, leaf)
    metadata = asset.metadata
    values = {
        "category": metadata.product_category,
        "slug": asset.product_slug,
        "region": metadata.region,
        "season": metadata.season,
        "style": metadata.visual_style,
        "color": metadata.color_palette[0] if metadata.color_palette else None,
        "campaign": asset.campaign_id,
        "ratio": metadata.aspect_ratio,
    }
    fields = {name: slug_or_unspecified(values[name]) for name in _NAMES[metadata.asset_type]}
    return KeyParts(KIND_OF_TYPE[metadata.asset_type], metadata.asset_type, fields, leaf)


def format_parts(parts: KeyParts, prefix: str) -> str:
    """Return the key for `parts` under `prefix`.

    Raises:
        RefusedError: The key would be longer than S3 allows even after shortening.
    """
    if parts.kind is Kind.UNSORTED:
        folder = _UNSORTED
    else:
        pattern = _PATTERNS[parts.asset_type] if parts.asset_type else _CACHE_PATTERN
        folder = pattern.format_map(parts.fields)
    start = f"{prefix}/" if prefix else ""
    key = f"{start}{folder}/{parts.leaf}"
    if _fits(key):
        return key
    # Only a deep unsorted path or a very long prefix gets here: the single parts are already short.
    shortened = f"{start}{folder}/{slug_leaf(parts.leaf.replace('/', '-'))}"
    if parts.kind is Kind.UNSORTED and _fits(shortened):
        return shortened
    raise RefusedError(
        "the key would be longer than 1,024 bytes", item=key[:200], hint="choose a shorter S3_PREFIX"
    )


def key_of(asset: Asset, prefix: str) -> str:
    """Return the plain key of `asset`: the one it has when no other asset wants it."""
    return format_parts(parts_of(asset), prefix)


def parse_key(key: str, prefix: str) -> KeyParts | None:
    """Take a key apart; None when it is not of this layout. Inverts `format_parts`."""
    if prefix:
        if not key.startswith(prefix + "/"):
            return None
        key = key[len(prefix) + 1 :]
    parts = key.split("/")
    if any(part in {"", ".", ".."} for part in parts):
        return None
    if parts[0] == _UNSORTED and len(parts) > 1:
        return KeyParts(Kind.UNSORTED, None, {}, "/".join(parts[1:]))
    for asset_type, folder in ((None, _CACHE_FOLDER), *_FOLDERS.items()):
        if len(parts) == len(folder) + 1 and all(
            part == pattern or pattern.startswith("{") for part, pattern in zip(parts, folder, strict=False)
        ):
            fields = {
                pattern[1:-1]: part
                for part, pattern in zip(parts, folder, strict=False)
                if pattern.startswith("{")
            }
            kind = KIND_OF_TYPE[asset_type] if asset_type else Kind.CACHE
            return KeyParts(kind, asset_type, fields, parts[-1])
    return None


def suffixed(key: str, suffix: str) -> str:
    """Return a plain `key` with ``-{suffix}`` before the extension of its leaf."""
    folder, slash, leaf = key.rpartition("/")
    stem, extension = split_extension(leaf)
    return f"{folder}{slash}{stem}-{suffix}{extension}"


def object_metadata(asset: Asset) -> dict[str, str]:
    """Return the user metadata to store: percent-encoded UTF-8, at most 2 KB.

    The palette, the dimensions and the tags are left out, in this order, as far as the rest would not fit.

    Raises:
        RefusedError: What identifies the asset alone is over the limit.
    """
    encoded = _encoded(asset)
    for name in _DROPPABLE:
        if _weight(encoded) <= METADATA_LIMIT_BYTES:
            break
        encoded.pop(name, None)
    if _weight(encoded) > METADATA_LIMIT_BYTES:
        raise RefusedError(
            f"its metadata has {_weight(encoded):,} bytes and S3 takes {METADATA_LIMIT_BYTES:,}",
            item=asset.cache_key[:200],
            hint="shorten its cache_key, campaign_id or file_path in index.json",
        )
    return encoded


def left_out(asset: Asset) -> tuple[str, ...]:
    """Return the names of the metadata that `object_metadata` leaves out because they do not fit.

    Raises:
        RefusedError: What identifies the asset alone is over the limit.
    """
    encoded = _encoded(asset)
    if _weight(encoded) <= METADATA_LIMIT_BYTES:
        return ()
    stored = object_metadata(asset)
    return tuple(name for name in encoded if name not in stored)


def asset_of(key: str, metadata: Mapping[str, str], prefix: str) -> Asset | None:
    """Rebuild the asset from a key and the user metadata stored with it; None when they do not say enough.

    Inverts `key_of` and `object_metadata`, for assets whose metadata fitted. Anybody may have written the
    metadata: a file path that leads outside the workspace says nothing.
    """
    parts = parse_key(key, prefix)
    values = {name.lower(): value for name, value in metadata.items()}

    def text(name: str) -> str | None:
        return decode_text(values[name]) if values.get(name) else None

    cache_key, file_path = text("cache-key"), text("file-path")
    if parts is None or cache_key is None or file_path is None or not _is_inside(file_path):
        return None
    asset = Asset(
        cache_key=cache_key,
        file_path=file_path,
        product_slug=text("product-slug"),
        campaign_id=text("campaign-id"),
        created_at=text("created-at"),
        indexed=parts.kind is not Kind.UNSORTED,
    )
    if parts.asset_type is None:
        declared = text("asset-type") if parts.kind is Kind.CACHE else None
        return replace(asset, cache_type=None if declared == "unspecified" else declared)
    semantic = SemanticMetadata(
        asset_type=parts.asset_type,
        product_category=known(ProductCategory, text("product-category")),
        region=text("region"),
        visual_style=known(VisualStyle, text("visual-style")),
        season=known(Season, text("season")) or Season.NONE,
        color_palette=_split(values.get("color-palette")),
        tags=_split(values.get("tags")),
        dimensions=_dimensions(values.get("dimensions", "")),
        aspect_ratio=text("aspect-ratio"),
    )
    return replace(asset, metadata=semantic)


def owner_of(metadata: Mapping[str, str] | None) -> str | None:
    """Return the cache key that an object says it belongs to; None for an object that is not ours."""
    # Some servers give the names back with capitals.
    value = next((value for name, value in (metadata or {}).items() if name.lower() == "cache-key"), None)
    return decode_text(value) if value else None


def object_tags(asset: Asset) -> dict[str, str]:
    """Return the object's tags, at most 10, in characters that every AWS service takes."""
    semantic = asset.metadata
    values: dict[str, str | None] = {
        "asset-type": asset.asset_type,
        "campaign": asset.campaign_id,
        "region": semantic.region if semantic else None,
        "season": str(semantic.season) if semantic else None,
        "product-category": str(semantic.product_category or "") if semantic else None,
        "product": asset.product_slug,
        "visual-style": str(semantic.visual_style or "") if semantic else None,
        "aspect-ratio": semantic.aspect_ratio if semantic else None,
    }
    return {name: _tag_value(value) for name, value in values.items() if value}


def known(enum: type[E], value: str | None) -> E | str | None:
    """Return the enum's member for `value`; the text itself when it is none; None for nothing."""
    if not value:
        return None
    try:
        return enum(value)
    except ValueError:
        return value


def _file_name(path: str) -> str:
    name = path.rpartition("/")[2]
    return name if name not in {"", "."} else PurePosixPath(path).name


def _encoded(asset: Asset) -> dict[str, str]:
    """Return all metadata of `asset`, whether it fits or not."""
    semantic = asset.metadata
    values: dict[str, str | None] = {
        "cache-key": asset.cache_key,
        "asset-type": asset.asset_type,
        "product-slug": asset.product_slug,
        "campaign-id": asset.campaign_id,
        "file-path": asset.file_path,
        "created-at": asset.created_at,
    }
    if semantic:
        values |= {
            "product-category": semantic.product_category,
            "region": semantic.region,
            "season": semantic.season,
            "visual-style": semantic.visual_style,
            "aspect-ratio": semantic.aspect_ratio,
        }
    encoded = {name: encode_text(value) for name, value in values.items() if value}
    if semantic:
        lists = {
            "tags": ",".join([_encode_word(tag, "/:") for tag in semantic.tags]),
            "color-palette": ",".join([_encode_word(color, "#") for color in semantic.color_palette]),
            "dimensions": "x".join(map(str, semantic.dimensions or ())),
        }
        encoded |= {name: value for name, value in lists.items() if value}
    return encoded


def encode_text(value: str) -> str:
    """Return text as it is stored in an object's metadata: percent-encoded UTF-8."""
    text = str(value)
    return text if _METADATA_PLAIN.fullmatch(text) else _encode_word(text, _METADATA_SAFE)


@lru_cache(_WORDS)
def _encode_word(text: str, safe: str) -> str:
    return quote(text, safe=safe, errors="surrogatepass")


def decode_text(value: str) -> str:
    """Return the text that `encode_text` encoded."""
    return unquote(value, errors="replace")


def _dimensions(text: str) -> tuple[int, int] | None:
    found = _DIMENSIONS.fullmatch(text)
    return (int(found[1]), int(found[2])) if found else None


def _is_inside(file_path: str) -> bool:
    # Also not on a system where backslashes separate folders.
    path = PurePosixPath(file_path.replace("\\", "/"))
    return not path.is_absolute() and ".." not in path.parts and "\x00" not in file_path


def _fits(key: str) -> bool:
    return len(key.encode()) + _SUFFIX_ROOM_BYTES <= KEY_LIMIT_BYTES


def _split(value: str | None) -> tuple[str, ...]:
    return tuple(decode_text(part) for part in value.split(",")) if value else ()


def _weight(metadata: Mapping[str, str]) -> int:
    """Count as S3 does: the bytes of names and values (S3 User Guide, "User-defined object metadata")."""
    return sum(map(len, metadata)) + sum(map(len, metadata.values()))


@lru_cache(_WORDS)
def _tag_value(value: str) -> str:
    usable = all(
        (character.isascii() and character.isalnum()) or character in TAG_PUNCTUATION for character in value
    )
    return (value if usable and value == value.strip() else slug(value))[:TAG_VALUE_LIMIT].rstrip()


def folders_of(name: str) -> tuple[str, ...]:
    """Return the folders under the prefix that hold a sort of asset: a kind, a type, or a folder's name.

    ``composite`` and ``composites`` are the same; ``product_original`` is ``products/original``. Empty when
    there is no such sort.
    """
    if name in set(AssetType):
        folder = _FOLDERS[AssetType(name)]
        return ("/".join(part for part in folder if not part.startswith("{")),)
    return tuple(folder for folder in ASSET_FOLDERS if name in {folder, folder.removesuffix("s")})


def campaign_folders(campaign_id: str, cache_types: Iterable[str] = ()) -> tuple[str, ...]:
    """Return the folders under the prefix that hold a campaign's assets.

    Args:
        campaign_id: As in the index; it is slugged.
        cache_types: The folders that there are under ``cache``, one for each type of cache entry.
    """
    name = slug_or_unspecified(campaign_id)
    return (f"composites/{name}", *(f"cache/{cache_type}/{name}" for cache_type in sorted(cache_types)))


def published_key(prefix: str) -> str:
    """Return the key of the published index."""
    return f"{prefix}/{PUBLISHED_INDEX}" if prefix else PUBLISHED_INDEX
