"""What the sample workspace shows: product lines, campaigns, regions, seasons, colours. Values only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from creative_s3.core.sample import art

if TYPE_CHECKING:
    from collections.abc import Mapping

    from creative_s3.core.sample.canvas import Colour

PRODUCT_SIZE = (320, 400)
SCENE_SIZE = (360, 360)
WIDE_SIZE = (480, 270)


@dataclass(frozen=True, slots=True)
class Line:
    """One product line.

    Attributes:
        name: As on the package.
        slug: As in the index.
        category: One of the pipeline's product categories.
        campaign: What its pictures were made for.
        look: How it is painted.
        composites: Season and region of the scene behind it; empty when it is not advertised yet.
    """

    name: str
    slug: str
    category: str
    campaign: str
    look: art.Product
    composites: tuple[str, ...] = ()


SPRING, SUMMER, HOLIDAY = "CleanWaveSpring2025", "summer_2025", "holiday-2025"
LINES = (
    Line(
        "CleanWave Original Liquid Detergent",
        "cleanwave-original-liquid-detergent",
        "laundry_detergent",
        SPRING,
        art.Product("jug", (24, 104, 200), (250, 150, 40), (24, 104, 200)),
        ("spring", "us"),
    ),
    Line(
        "Power Dish Soap",
        "power-dish-soap",
        "dish_soap",
        SUMMER,
        art.Product("squeeze", (60, 180, 90), (245, 245, 245), (40, 150, 70)),
        ("summer", "emea"),
    ),
    Line(
        "Crème Éclat Shampooing",
        "crème-éclat-shampooing",
        "hair_care",
        HOLIDAY,
        art.Product("pump", (236, 172, 186), (196, 146, 84), (190, 90, 120)),
        ("holiday", "emea"),
    ),
    Line(
        "Fresh Mint Toothpaste 75ml",
        "fresh-mint-toothpaste-75ml",
        "oral_care",
        SPRING,
        art.Product("tube", (60, 196, 196), (240, 250, 250), (0, 140, 150)),
        ("fall", "latam"),
    ),
    Line(
        "Ultra Clean",
        "ultra-clean",
        "laundry_detergent",
        SUMMER,
        art.Product("jar", (120, 90, 200), (60, 40, 120), (120, 90, 200)),
    ),
    Line(
        "日本の石けん",
        "日本の石けん",
        "personal_care",
        HOLIDAY,
        art.Product("bar", (250, 226, 196), (206, 60, 70), (206, 60, 70)),
        ("spring", "apac"),
    ),
)
REGIONS = ("us", "latam", "apac", "emea")
SEASONS: Mapping[str, str] = {"spring": "minimal", "summer": "vibrant", "fall": "warm", "holiday": "elegant"}
PALETTES: Mapping[str, tuple[str, ...]] = {
    "spring": ("#8AC4EE", "#FFBED0"),
    "summer": ("#1E78D0", "#3C985A"),
    "fall": ("#EC8630", "#FFD69E"),
    "holiday": ("#0A1238", "#EEF4FF"),
}
GRADIENTS: Mapping[str, tuple[Colour, ...]] = {
    "minimal": ((250, 251, 253), (216, 222, 232)),
    "warm": ((255, 190, 120), (232, 92, 106)),
    "cool": ((120, 210, 235), (70, 100, 200)),
    "vibrant": ((255, 94, 150), (140, 70, 220), (60, 60, 200)),
    "elegant": ((58, 62, 84), (24, 24, 38)),
}
SOLIDS = ("FF6B35", "00aaFF", "2EC4B6", "F7E9D7")
ROOMS: Mapping[str, tuple[str, str, str, art.Room]] = {
    "kitchen": (
        "dish_soap",
        "EMEA",
        "casual",
        art.Room((198, 220, 226), (176, 130, 90), "summer", tiled=True),
    ),
    "laundry room": ("laundry_detergent", "US", "cool", art.Room((206, 214, 236), (148, 158, 180), "spring")),
    "bathroom": (
        "personal_care",
        "APAC",
        "minimal",
        art.Room((226, 236, 230), (198, 188, 176), "fall", tiled=True),
    ),
    "living_room": ("general_cpg", "LATAM", "warm", art.Room((246, 222, 196), (140, 96, 72), "holiday")),
}
RATIOS: Mapping[str, tuple[int, int]] = {"1x1": (400, 400), "9x16": (270, 480), "16x9": WIDE_SIZE}
