"""What the `assets` commands show: reports of the core as rich renderables. Pure.

Keys and addresses are never broken into lines: what the terminal wraps by itself can still be copied whole.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from rich.console import Group
from rich.table import Table
from rich.text import Text

from creative_s3.cli.text import count, duration, printable, size
from creative_s3.cli.views.costs import compared
from creative_s3.core.costs.pricing import money

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from rich.console import Console, ConsoleOptions, RenderableType, RenderResult

    from creative_s3.core.assets.models import Asset
    from creative_s3.core.storage.additions import Added, Addition
    from creative_s3.core.storage.assets import AssetDetails, AssetPage, ListedAsset
    from creative_s3.core.storage.inventory import Inventory
    from creative_s3.core.storage.retrieval import Miss, RetrievalReport

_MOST_FAILURES = 50
_TEMPERATURES = {
    "hot": ("hot: the same content is on local disk", "green"),
    "cold": ("cold: in S3 only", "cyan"),
    "different": ("the local file has other content", "yellow"),
    "unknown": ("not comparable", "yellow"),
}


class Unbroken:
    """Lines that stay whole, however narrow the screen. Alone only: within others they would come first."""

    def __init__(self, lines: Iterable[Text]) -> None:
        self._lines = tuple(lines)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Print the lines from within: what is only yielded here, rich cuts at the edge of the screen."""
        for line in self._lines:
            console.print(line, soft_wrap=True)
        return ()


def addresses(urls: Iterable[str]) -> Unbroken:
    """Show addresses, one a line and nothing else."""
    return Unbroken(Text(url) for url in urls)


def listing(page: AssetPage, where: str) -> Unbroken:
    """Show a listing, the keys last; `where` is the address of what was listed."""
    if not page.entries:
        return Unbroken([Text(f"Nothing is under {printable(where)}")])
    classes = {entry.stored.storage_class for entry in page.entries}
    class_width = max(len(printable(name)) for name in classes) + 2 if len(classes) > 1 else 0
    head = (
        f"{'Kind':<12}{'Size':>10}  {'Modified (UTC)':<18}{'Class' if class_width else '':<{class_width}}Key"
    )
    lines = [Text(head, style="bold")]
    for entry in page.entries:
        lines.append(_listed(entry, class_width))
        if entry.stored.metadata is not None:
            lines.append(Text("", style="dim").append(f"  {_described(entry)}"))
    total = sum(entry.stored.size_bytes for entry in page.entries)
    shared = "" if class_width else f", all {printable(*classes)}"
    summary = f"{count(len(page.entries), 'object')}, {size(total)}{shared}, under {printable(where)}"
    if page.more:
        summary += f"; {'' if page.is_complete else 'at least '}{count(page.more)} more"
    elif not page.is_complete:
        summary += "; there may be more"
    return Unbroken([*lines, Text(summary, style="dim")])


def _listed(entry: ListedAsset, class_width: int) -> Text:
    stored = entry.stored
    shown_class = f"{printable(stored.storage_class):<{class_width}}" if class_width else ""
    line = Text(f"{entry.kind or 'other':<12}", style="" if entry.kind else "yellow")
    line.append(f"{size(stored.size_bytes):>10}  ", style="default")
    line.append(f"{_minute(stored.last_modified):<18}{shown_class}", style="dim")
    return line.append(printable(stored.key), style="default not dim")


def _described(entry: ListedAsset) -> str:
    if entry.asset is not None:
        return " · ".join(f"{name} {printable(value)}" for name, value in _facts(entry.asset))
    if entry.stored.metadata:
        values = (f"{printable(name)}={printable(value)}" for name, value in entry.stored.metadata.items())
        return "not ours: " + ", ".join(values)
    return "no metadata"


def _facts(asset: Asset) -> list[tuple[str, str]]:
    """Return what an asset says of itself, without what it does not say."""
    described = asset.metadata
    facts: list[tuple[str, object]] = [
        ("asset", asset.cache_key),
        ("file", asset.file_path),
        ("product", asset.product_slug),
        ("campaign", asset.campaign_id),
    ]
    if described:
        facts += [
            ("category", described.product_category),
            ("region", described.region),
            ("season", None if described.season == "none" else described.season),
            ("style", described.visual_style),
            ("ratio", described.aspect_ratio),
            ("size", "×".join(map(str, described.dimensions or ()))),  # noqa: RUF001 - a multiplication sign is meant
            ("colours", " ".join(described.color_palette)),
            ("tags", ", ".join(described.tags)),
        ]
    facts.append(("made", asset.created_at))
    return [(name, str(value)) for name, value in facts if value]


def details(shown: AssetDetails, bucket: str, *, picture: RenderableType | None = None) -> RenderableType:
    """Show everything that is known of one object, above a picture of it if there is one."""
    lines = Unbroken(_detail_lines(shown, bucket))
    return Group(lines, Text(), picture) if picture is not None else lines


def several_details(several: Iterable[AssetDetails], bucket: str) -> Unbroken:
    """Show everything that is known of some objects, one after the other."""
    blocks = ([*_detail_lines(shown, bucket), Text()] for shown in several)
    return Unbroken([line for block in blocks for line in block][:-1])


def _detail_lines(shown: AssetDetails, bucket: str) -> Iterator[Text]:
    listed, stored = shown.listed, shown.listed.stored
    kind = f"{listed.kind} ({listed.asset_type})" if listed.kind else "other: not of our layout"
    rows: list[tuple[str, str | Text | None]] = [
        ("key", stored.key),
        ("address", f"s3://{bucket}/{stored.key}"),
        ("kind", kind),
        ("bytes", f"{size(stored.size_bytes)} ({stored.size_bytes:,} bytes)"),
        ("content type", stored.content_type),
        ("storage class", stored.storage_class),
        ("modified", _second(stored.last_modified)),
        ("CRC64NVME", stored.crc64nvme or Text("none in S3", style="yellow")),
        ("ETag", stored.etag),
        ("version", stored.version_id),
        ("archive", Text("restore it before reading", style="yellow") if shown.archived else None),
        ("restore", stored.restore),
    ]
    if listed.asset:
        rows += _facts(listed.asset)
    elif stored.metadata:
        rows += [(f"metadata {name}", value) for name, value in stored.metadata.items()]
    rows += [("S3 tags", _tags(shown)), ("local file", _local(shown)), ("proved", _proved(shown))]
    filled = [(name, value) for name, value in rows if value]
    width = max(len(printable(name)) for name, _ in filled) + 2
    for name, value in filled:
        yield Text(f"{printable(name):<{width}}", style="bold").append_text(
            value if isinstance(value, Text) else Text(printable(value), style="not bold")
        )


def _tags(shown: AssetDetails) -> str | Text:
    if shown.tags is None:
        return Text(f"not readable: {printable(shown.tags_problem)}", style="not bold yellow")
    return ", ".join(f"{name}={value}" for name, value in shown.tags.items()) or "none"


def _local(shown: AssetDetails) -> Text | None:
    if shown.local is None:
        return None
    words, style = _TEMPERATURES[shown.local.temperature]
    if shown.local.temperature == "unknown" and shown.local.file.reason:
        words = shown.local.file.reason
    text = Text(printable(shown.local.file.path), style="not bold")
    return text.append(f"  {printable(words)}", style=style)


def _proved(shown: AssetDetails) -> str | Text:
    if shown.proved is None:
        return Text("not from here", style="not bold dim")
    return f"{shown.proved.proved_at} by {shown.proved.proof}"


def retrieval(report: RetrievalReport, *, alone: bool) -> RenderableType:
    """Show what a download brought, and what it did not with the remedy."""
    parts: list[RenderableType] = []
    if alone and report.retrieved:
        (item,) = report.retrieved
        what = f"{printable(item.path)} ({size(item.size_bytes)})"
        if report.unverified:
            return Unbroken([Text(f"! Downloaded, only its size compared: {what}", style="yellow")])
        verb = "Already there with the same content:" if item.already_there else "Downloaded and verified:"
        return Unbroken([_done(f"{verb} {what}")])
    fetched = report.fetched
    if fetched or not report.misses:
        total = sum(item.size_bytes for item in fetched)
        parts.append(
            _done(
                f"{count(len(fetched), 'object')} downloaded{'' if report.unverified else ' and verified'}, "
                f"{size(total)} "
                f"in {duration(report.duration_s)}"
            )
        )
    if there := len(report.retrieved) - len(fetched):
        parts.append(_done(f"{count(there, 'object')} already there with the same content"))
    if report.markers:
        parts.append(
            Text(f"· {count(len(report.markers), 'folder marker')} skipped: they hold nothing", style="dim")
        )
    if report.sent.number:
        parts.append(compared(report.sent, report.planned))
    if report.misses:
        parts += [
            Text(f"✗ {count(len(report.misses), 'object')} failed", style="red"),
            _failures(report.misses),
        ]
    return Group(*parts)


def _failures(misses: Sequence[Miss]) -> RenderableType:
    """Show failures grouped by their reason, each with its remedy."""
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    table.add_column("Key", overflow="fold", ratio=1)
    table.add_column("Why, and what to do", overflow="fold", ratio=1)
    for miss in misses[:_MOST_FAILURES]:
        why = Text(printable(miss.error.message))
        if miss.error.hint:
            why.append(f"\n→ {printable(miss.error.hint)}", style="dim")
        table.add_row(Text(printable(miss.key)), why)
    if len(misses) <= _MOST_FAILURES:
        return table
    rest = Text(f"and {count(len(misses) - _MOST_FAILURES)} more; --json names all of them", style="dim")
    return Group(table, rest)


# By the values of `core.migration.planning.Reason`.
_ADDITIONS = {
    "new": ("create it", "not bold green"),
    "changed": ("replace the object of the same asset", "not bold yellow"),
    "unchanged": ("nothing: the same content is there", "not bold dim"),
    "cold": ("nothing: it is in S3 only", "not bold dim"),
    "missing": ("nothing: the file is not there", "not bold yellow"),
    "refused": ("nothing: it is refused", "not bold red"),
}
_ADDED = {
    "new": "Uploaded and verified:",
    "changed": "Replaced and verified:",
    "unchanged": "Already there with the same content:",
    "cold": "In S3 only, and not sent:",
    "missing": "The file is not there:",
    "refused": "Refused, and not sent:",
}


def addition(plan: Addition, bucket: str) -> Unbroken:
    """Show what an upload of one file would do."""
    operation, cost = plan.operation, plan.cost
    words, style = _ADDITIONS[str(operation.reason)]
    what = Text(words, style=style)
    price = f"{money(cost.request)} once, {money(cost.monthly)} a month (AWS {cost.region}, {cost.as_of})"
    rows: list[tuple[str, Text]] = [
        ("would", what),
        ("key", Text(printable(operation.key), style="not bold")),
        ("address", Text(f"s3://{bucket}/{printable(operation.key)}", style="not bold")),
        ("bytes", Text(f"{size(operation.size_bytes)}, {plan.content_type}", style="not bold")),
        ("storage class", Text(plan.storage_class, style="not bold")),
        ("metadata", _pairs(plan.metadata)),
        ("tags", _pairs(plan.tags)),
        ("price", Text(price, style="not bold")),
    ]
    return Unbroken(Text(f"{name:<15}", style="bold").append_text(value) for name, value in rows)


def added(result: Added) -> Unbroken:
    """Show what an upload of one file did."""
    operation = result.addition.operation
    reason = str(operation.reason) if result.sent else "unchanged"
    return Unbroken([_done(f"{_ADDED[reason]} {printable(operation.key)} ({size(operation.size_bytes)})")])


def inventory(counted: Inventory, where: str) -> RenderableType:
    """Show what there is by kind, class and place."""
    if not counted.sorts:
        return Text(f"Nothing is under {printable(where)}", overflow="fold")
    classes = counted.classes if len(counted.classes) > 1 else ()
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    table.add_column("Kind", no_wrap=True)
    names = ["Objects", "In S3", *classes, *(["Files", "On disk"] if counted.local is not None else [])]
    for name in names:
        table.add_column(printable(name), justify="right", no_wrap=True)
    for sort in (*counted.sorts, None):
        stored = counted.stored(sort=sort)
        cells = [count(stored.count), size(stored.size_bytes)]
        cells += [size(counted.stored(sort=sort, storage_class=name).size_bytes) for name in classes]
        if counted.local is not None:
            on_disk = counted.on_disk(sort)
            cells += [count(on_disk.count), size(on_disk.size_bytes)]
        if sort is None:
            table.add_section()
        table.add_row(sort or "total", *cells, style="" if sort else "bold")
    shared = f", all {printable(counted.classes[0])}" if len(counted.classes) == 1 else ""
    return Group(table, Text(f"{printable(where)}{shared}", style="dim", overflow="fold"))


def _done(text: str) -> Text:
    return Text("✓ ", style="green").append(text, style="default")


def _pairs(values: dict[str, str]) -> Text:
    shown = ", ".join(f"{printable(name)}={printable(value)}" for name, value in values.items())
    return Text(shown or "none", style="not bold")


def _minute(time: datetime | None) -> str:
    return time.astimezone(UTC).strftime("%Y-%m-%d %H:%M") if time else "-"


def _second(time: datetime | None) -> str | None:
    return time.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC") if time else None
