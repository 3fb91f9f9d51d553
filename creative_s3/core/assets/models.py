"""The values everything else speaks in: enums, metadata, assets, stored objects. No I/O, no decisions.

The enumerations hold the values that the pipeline writes into ``index.json``. A pipeline newer than this
package may write others; except for the asset type, which decides where an object lives, such values are
carried as text.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

LARGEST_SIDE = 2**63 - 1
"""SQLite holds no larger number."""

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime


class AssetType(StrEnum):
    """What an asset is; decides the first parts of its key."""

    PRODUCT_TRANSPARENT = "product_transparent"
    PRODUCT_ORIGINAL = "product_original"
    SCENE_BACKGROUND = "scene_background"
    CONTEXTUAL_BACKGROUND = "contextual_background"
    GRADIENT_BACKGROUND = "gradient_background"
    SOLID_BACKGROUND = "solid_background"
    COMPOSITE = "composite"


class ProductCategory(StrEnum):
    """The product categories the pipeline knows."""

    LAUNDRY_DETERGENT = "laundry_detergent"
    DISH_SOAP = "dish_soap"
    HAIR_CARE = "hair_care"
    ORAL_CARE = "oral_care"
    PERSONAL_CARE = "personal_care"
    GENERAL_CPG = "general_cpg"


class Season(StrEnum):
    """The season a background suits; ``none`` suits all."""

    SPRING = "spring"
    SUMMER = "summer"
    FALL = "fall"
    WINTER = "winter"
    HOLIDAY = "holiday"
    BACK_TO_SCHOOL = "back_to_school"
    NONE = "none"


class VisualStyle(StrEnum):
    """The look of a background."""

    MINIMAL = "minimal"
    VIBRANT = "vibrant"
    ELEGANT = "elegant"
    WARM = "warm"
    COOL = "cool"
    PROFESSIONAL = "professional"
    CASUAL = "casual"


class Kind(StrEnum):
    """The coarse sort of asset that reports group by and `--asset-type` selects."""

    PRODUCT = "product"
    BACKGROUND = "background"
    COMPOSITE = "composite"
    CACHE = "cache"
    UNSORTED = "unsorted"


KIND_OF_TYPE: Mapping[AssetType, Kind] = MappingProxyType(
    {
        AssetType.PRODUCT_TRANSPARENT: Kind.PRODUCT,
        AssetType.PRODUCT_ORIGINAL: Kind.PRODUCT,
        AssetType.SCENE_BACKGROUND: Kind.BACKGROUND,
        AssetType.CONTEXTUAL_BACKGROUND: Kind.BACKGROUND,
        AssetType.GRADIENT_BACKGROUND: Kind.BACKGROUND,
        AssetType.SOLID_BACKGROUND: Kind.BACKGROUND,
        AssetType.COMPOSITE: Kind.COMPOSITE,
    }
)


@dataclass(frozen=True, slots=True)
class SemanticMetadata:
    """What an asset shows and suits, as the pipeline describes it.

    Attributes:
        asset_type: Decides the layout.
        product_category: An enum member, or the text of a category this version does not know.
        region: For example ``US`` or ``EMEA``.
        visual_style: An enum member, or unknown text.
        season: An enum member, or unknown text.
        color_palette: Colours as the pipeline writes them, ``#RRGGBB``.
        tags: Free words.
        dimensions: Width and height in pixels.
        aspect_ratio: For example ``16x9``.
    """

    asset_type: AssetType
    product_category: ProductCategory | str | None = None
    region: str | None = None
    visual_style: VisualStyle | str | None = None
    season: Season | str = Season.NONE
    color_palette: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    dimensions: tuple[int, int] | None = None
    aspect_ratio: str | None = None

    def __post_init__(self) -> None:
        # The pipeline passes lists, and None for no season; equal metadata must be equal values.
        object.__setattr__(self, "season", self.season or Season.NONE)
        object.__setattr__(self, "color_palette", tuple(self.color_palette or ()))
        object.__setattr__(self, "tags", tuple(self.tags or ()))
        if self.dimensions is not None:
            width, height = self.dimensions
            object.__setattr__(self, "dimensions", (int(width), int(height)))
            if not 0 <= min(self.dimensions) <= max(self.dimensions) <= LARGEST_SIDE:
                raise ValueError("dimensions are two whole numbers from 0 up to 2**63 - 1")

    def to_dict(self) -> dict[str, Any]:
        """Return the form the pipeline writes into ``index.json``."""
        return {
            "asset_type": str(self.asset_type),
            "product_category": str(self.product_category) if self.product_category else None,
            "region": self.region,
            "visual_style": str(self.visual_style) if self.visual_style else None,
            "season": str(self.season),
            "color_palette": list(self.color_palette),
            "tags": list(self.tags),
            "dimensions": list(self.dimensions) if self.dimensions else None,
            "aspect_ratio": self.aspect_ratio,
        }


@dataclass(frozen=True, slots=True)
class Asset:
    """One creative file with the identity and the description that the index gives it.

    Attributes:
        cache_key: The identity. For a products entry without a semantic asset, derived from its slug.
        file_path: The file, relative to the workspace, with ``/`` separators. Never leads outside.
        metadata: The semantic description; None for a plain cache entry or an unindexed file.
        cache_type: For a plain cache entry, its ``type`` (``text_overlay``, ``layout`` …).
        product_slug: The product it belongs to, in the pipeline's own spelling.
        campaign_id: The campaign that made it.
        created_at: The index's own text, ISO 8601.
        last_used: The index's own text, ISO 8601.
        also_known_as: Other cache keys that name the same file under the same key.
        indexed: False for a file that no index entry names.
    """

    cache_key: str
    file_path: str
    metadata: SemanticMetadata | None = None
    cache_type: str | None = None
    product_slug: str | None = None
    campaign_id: str | None = None
    created_at: str | None = None
    last_used: str | None = None
    also_known_as: tuple[str, ...] = ()
    indexed: bool = True

    @property
    def kind(self) -> Kind:
        """The coarse sort of this asset."""
        if not self.indexed:
            return Kind.UNSORTED
        return KIND_OF_TYPE[self.metadata.asset_type] if self.metadata else Kind.CACHE

    @property
    def asset_type(self) -> str:
        """The asset type, or the cache entry's type, as text."""
        if self.metadata:
            return str(self.metadata.asset_type)
        return self.cache_type or ("unsorted" if not self.indexed else "unspecified")


@dataclass(frozen=True, slots=True)
class StoredObject:
    """An object as S3 reports it, by LIST or by HEAD.

    Attributes:
        key: The full key, decoded.
        size_bytes: The object's length.
        etag: Without quotes; an opaque version token, not a checksum.
        last_modified: With time zone; None when the server did not say.
        storage_class: S3's own word; ``STANDARD`` when the server leaves it out.
        version_id: None in an unversioned bucket, and always None from a LIST.
        crc64nvme: Base64 of the full-object CRC64NVME; None from a LIST, or when the object has none.
        metadata: User metadata as stored (still encoded); None from a LIST.
        content_type: None from a LIST.
        restore: The ``x-amz-restore`` header of an archived object that is being or was restored.
    """

    key: str
    size_bytes: int
    etag: str
    last_modified: datetime | None = None
    storage_class: str = "STANDARD"
    version_id: str | None = None
    crc64nvme: str | None = None
    metadata: Mapping[str, str] | None = field(default=None, compare=False)
    content_type: str | None = None
    restore: str | None = None
