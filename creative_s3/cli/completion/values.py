"""What options and arguments complete to: functions for ``typer.Option(…, autocompletion=…)``.

They ask the catalog, offline and without writing, and give nothing when it cannot answer at once. Options
whose values are an enum or a `Literal` need none: those values are in the table of commands.
"""

from __future__ import annotations

import os
import re
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from creative_s3.core.search.suggestions import Suggestions

_PATIENCE_S = 0.05
_PLAIN = re.compile(r"\w[\w./:+%=-]*")
"""A word that PowerShell reads as plain text; Typer inserts completions there without quoting them."""
_CATALOG = os.path.join(".creative-s3", "catalog.sqlite3")  # noqa: PTH118 - text in, text out
"""Where a cache's catalog nearly always lies; `core.catalog`, which knows all cases, takes 50 ms to load."""


class Line:
    """What is typed already; the shells' engine hands it to the functions below in place of Typer's context.

    Attributes:
        options: The values of the options given, by their first long name.
        arguments: The values of the arguments given.
    """

    def __init__(self) -> None:
        self.options: dict[str, str] = {}
        self.arguments: list[str] = []


# `ctx` and `incomplete` are names that Typer knows. The first is its context or our `Line`: loading Typer for
# the name of a type would take longer than everything else here.


def campaigns(ctx: Any, incomplete: str) -> list[str]:  # noqa: ANN401 - see above
    """Complete campaigns."""
    return _facet(ctx, "campaign_id", incomplete)


def categories(ctx: Any, incomplete: str) -> list[str]:  # noqa: ANN401 - see above
    """Complete the product categories that assets have."""
    return _facet(ctx, "product_category", incomplete)


def regions(ctx: Any, incomplete: str) -> list[str]:  # noqa: ANN401 - see above
    """Complete the regions that assets suit; not those of AWS."""
    return _facet(ctx, "region", incomplete)


def seasons(ctx: Any, incomplete: str) -> list[str]:  # noqa: ANN401 - see above
    """Complete the seasons that assets suit."""
    return _facet(ctx, "season", incomplete)


def styles(ctx: Any, incomplete: str) -> list[str]:  # noqa: ANN401 - see above
    """Complete the visual styles that assets have."""
    return _facet(ctx, "visual_style", incomplete)


def products(ctx: Any, incomplete: str) -> list[str]:  # noqa: ANN401 - see above
    """Complete product slugs."""
    return _facet(ctx, "product_slug", incomplete)


def tags(ctx: Any, incomplete: str) -> list[str]:  # noqa: ANN401 - see above
    """Complete tags."""
    return _facet(ctx, "tag", incomplete)


def asset_types(ctx: Any, incomplete: str) -> list[str]:  # noqa: ANN401 - see above
    """Complete the asset types that there are, those of plain cache entries among them, and the kinds."""
    return list(dict.fromkeys((*_facet(ctx, "asset_type", incomplete), *_facet(ctx, "kind", incomplete))))


def aspect_ratios(ctx: Any, incomplete: str) -> list[str]:  # noqa: ANN401 - see above
    """Complete the aspect ratios that assets have."""
    return _facet(ctx, "aspect_ratio", incomplete)


def cache_keys(ctx: Any, incomplete: str) -> list[str]:  # noqa: ANN401 - see above
    """Complete the identities of assets, the names that the pipeline gave them."""
    return _ask(ctx, lambda known: known.cache_keys(incomplete))


def keys(ctx: Any, incomplete: str) -> list[str]:  # noqa: ANN401 - see above
    """Complete what commands take as KEY: the identities of assets, and S3 keys."""
    bucket = _setting(ctx, "--bucket", "S3_BUCKET_NAME")
    return _ask(
        ctx,
        lambda known: list(
            dict.fromkeys((*known.cache_keys(incomplete), *known.keys(incomplete, bucket or None)))
        ),
    )


def key_prefixes(ctx: Any, incomplete: str) -> list[str]:  # noqa: ANN401 - see above
    """Complete how S3 keys begin, one folder at a time."""
    bucket = _setting(ctx, "--bucket", "S3_BUCKET_NAME")
    return _ask(ctx, lambda known: known.folders(incomplete, bucket or None))


def buckets(ctx: Any, incomplete: str) -> list[str]:  # noqa: ANN401 - see above
    """Complete the buckets that the catalog knows."""
    return _ask(ctx, lambda known: [name for name in known.buckets() if name.startswith(incomplete)])


def _facet(ctx: Any, name: str, incomplete: str) -> list[str]:  # noqa: ANN401 - see above
    return _ask(ctx, lambda known: known.facet(name, incomplete))


def _ask(ctx: Any, question: Callable[[Suggestions], list[str]]) -> list[str]:  # noqa: ANN401 - see above
    """Ask the catalog; nothing when there is none, or when it cannot answer."""
    from creative_s3.core.catalog.database import Database
    from creative_s3.core.search.suggestions import Suggestions
    from creative_s3.errors import CreativeS3Error

    path = _catalog_of(_setting(ctx, "--cache-dir", "CACHE_DIR") or "cache")
    if path is None:
        return []
    try:
        with closing(Database(path, timeout_s=_PATIENCE_S, read_only=True)) as database:
            found = question(Suggestions(database))
    except CreativeS3Error:
        return []
    return found if isinstance(ctx, Line) else [name for name in found if _PLAIN.fullmatch(name)]


def _catalog_of(cache_dir: str) -> Path | None:
    """Return the path of a cache's catalog; None when there is none."""
    directory = Path(os.path.expandvars(os.path.expanduser(cache_dir)))  # noqa: PTH111 - as a shell would
    path = directory / _CATALOG
    if not os.access(path.parent if path.parent.exists() else directory, os.W_OK):
        if not directory.is_dir():
            return None
        from creative_s3.core.catalog.places import catalog_path

        path = catalog_path(directory, brings=False)
    return path if path.is_file() else None


def _setting(ctx: Any, option: str, variable: str) -> str | None:  # noqa: ANN401 - see above
    """Return a setting as the program would find it: option, environment, ``.env``; None for none."""
    return (
        (ctx.options.get(option) if isinstance(ctx, Line) else _given_to_typer(ctx, option))
        or next((value for name, value in os.environ.items() if name.upper() == variable and value), None)
        or _in_env_file(variable)
    )


def _given_to_typer(context: Any, option: str) -> str | None:  # noqa: ANN401 - see above
    name = f"given_{option.removeprefix('--').replace('-', '_')}"
    while context is not None:
        if context.params.get(name) is not None:
            return str(context.params[name])
        context = context.parent
    return None


def _in_env_file(variable: str) -> str | None:
    """Return a setting's value in ``.env``; what is not plain is left to the reader that knows it all.

    A pipe is left alone: what it gives can be read once, and is the command's.
    """
    path = Path(".env")
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines() if path.is_file() else []
    except (OSError, UnicodeDecodeError):
        return None
    if any(character in line for line in lines for character in "\\$\"'`~"):
        from creative_s3.dotenv import values as env_values
        from creative_s3.errors import SettingsError

        try:
            found = env_values.read(path, {variable}, os.environ).settings.get(variable)
        except SettingsError:
            return None
        return (found.text or None) if found else None
    for line in reversed(lines):
        name, _, value = line.strip().removeprefix("export ").partition("=")
        if name.strip().upper() == variable:
            return value.partition(" #")[0].strip() or None
    return None
