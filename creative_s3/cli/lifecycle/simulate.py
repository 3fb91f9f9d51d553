"""`lifecycle simulate`: what lifecycle rules cost or save, on the objects that are there."""

# No "from __future__ import annotations" here: Typer reads the annotations at run time.

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from creative_s3.cli.declare.options import AWS, CACHE, command
from creative_s3.cli.lifecycle.options import RuleOptions, saying_rules, use_of
from creative_s3.cli.output import Report
from creative_s3.cli.run import Run
from creative_s3.cli.text import PROGRAM
from creative_s3.errors import UsageError, WouldOverwriteError

if TYPE_CHECKING:
    from creative_s3.core.lifecycle.bucket_rules import BucketRules
    from creative_s3.core.lifecycle.growth import Growth
    from creative_s3.core.lifecycle.known_use import KnownUse
    from creative_s3.core.lifecycle.outlook import Outlook, RuleSet
    from creative_s3.core.s3.object_store import ObjectStore

_NONE, _PRESENT = "none", "present"
_MONTHS_PER_YEAR = 12


def register(app: typer.Typer) -> None:
    """Add the command to the group."""
    command(
        app,
        "simulate",
        settings=(*AWS, *CACHE),
        examples=(
            (
                "What would archiving after 90 days save in three years?",
                f"{PROGRAM} lifecycle simulate --transition GLACIER:90d --min-size 150KiB",
            ),
            ("Which rules would be best?", f"{PROGRAM} lifecycle simulate --suggest"),
            (
                "Two files of rules, as a page to pass on",
                f"{PROGRAM} lifecycle simulate --compare a.json b.json --report costs.html",
            ),
        ),
    )(simulate)


@saying_rules
def simulate(
    run: Run,
    *,
    options: RuleOptions,
    months: Annotated[
        int, typer.Option("--months", metavar="N", min=1, max=360, help="How many calendar months.")
    ] = 36,
    file: Annotated[
        str | None,
        typer.Option("--file", metavar="FILE", help="Rules of a JSON file, instead of options; - is stdin."),
    ] = None,
    compare: Annotated[
        tuple[str, str] | None,
        typer.Option(
            "--compare",
            metavar="A B",
            help='Two files of rules; also "present" and "none".',
            show_default=False,
        ),
    ] = None,
    growth: Annotated[
        str | None,
        typer.Option(
            "--growth",
            metavar="AMOUNT",
            help="What is stored each month: 5%, 20GiB, or none. By default what the catalog saw.",
        ),
    ] = None,
    reads_per_month: Annotated[
        float | None,
        typer.Option(
            "--reads-per-month",
            metavar="N",
            min=0,
            max=1000,
            help="Reads of every object, instead of what is known.",
        ),
    ] = None,
    suggest: Annotated[
        bool,
        typer.Option("--suggest", help="Also look for the cheapest policy.", show_default=False),
    ] = False,
    as_csv: Annotated[
        bool, typer.Option("--csv", help="Print comma-separated values.", show_default=False)
    ] = False,
    report: Annotated[
        str | None,
        typer.Option("--report", metavar="FILE", help="Write an .html page or an .svg chart, too."),
    ] = None,
) -> Report:
    """Tell what lifecycle rules will cost or save, month by month, on the objects that are there.

    Takes the options of `lifecycle set`, or a file, and holds the rules that the bucket would have against
    those that it has. Without any, the present rules are held against none. Nothing is changed.

    Day by day, as S3 counts: midnight UTC, conflicts, minimum sizes and durations, overheads, transitions,
    old versions and unfinished uploads. Reads of what is in S3 only are those that the catalog saw. Where a
    server has no lifecycle rules, that is told, and the rules are simulated as AWS would carry them out.
    """
    from creative_s3.cli.lifecycle import views_simulation as views
    from creative_s3.core.costs.price_store import current_book
    from creative_s3.core.lifecycle.bucket_rules import read_if_any
    from creative_s3.core.lifecycle.outlook import look_ahead
    from creative_s3.core.storage.manager import S3StorageManager

    if as_csv and run.output.look.json:
        raise UsageError("--csv and --json are two forms of the same", hint="give one of them")
    made = _report_form(report)
    options.check_in_use(for_folders=suggest)
    _check_one_source(options.do_something, file, compare)
    wanted = options.wanted() if options.do_something else None
    store = S3StorageManager(connection=run.connection())
    present, lacks = read_if_any(store)
    rules = options.rules(wanted, run, store) if wanted else None
    use = _use(run, store, reads_per_month)
    before, after = _rule_sets(present, rules, file, compare)
    folders = options.folders(run, store) if suggest else None
    found = look_ahead(
        store,
        before,
        after,
        region=current_book().region(store.connection.region),
        months=months,
        now=datetime.now(UTC),
        use=use,
        growth=_growth(growth, use),
        moves_small_objects=present.moves_small_objects,
        present=present.rules,
        suggest_for=folders,
    )
    if made is not None and report is not None:
        _write_report(run, report, made(found))
    if as_csv:
        run.output_lines_only()
    lines = tuple(found.csv_lines()) if as_csv else _lines(found)
    return Report(
        data={**found.to_dict(), "report": report},
        human=lambda: views.outlook(found),
        lines=lines,
        warnings=(lacks,) if lacks else (),
        next_steps=_next(found),
    )


def _check_one_source(has_options: bool, file: str | None, compare: tuple[str, str] | None) -> None:
    if sum((has_options, file is not None, bool(compare))) > 1:
        raise UsageError(
            "the rules come from options, from --file or from --compare, not from two of them",
            hint=f"{PROGRAM} lifecycle simulate --help",
        )


def _rule_sets(
    present: "BucketRules", wanted: tuple[Any, ...] | None, file: str | None, compare: tuple[str, str] | None
) -> "tuple[RuleSet, RuleSet]":
    """Return what is held against what."""
    from creative_s3.core.lifecycle.outlook import RuleSet
    from creative_s3.core.lifecycle.rules import merge

    as_it_is = RuleSet("the present rules" if present.rules else "no rules", present.rules)
    if wanted is not None:
        return as_it_is, RuleSet("the new rules", merge(present.rules, wanted))
    if file is not None:
        return as_it_is, _named(file, present)
    if compare:
        return _named(compare[0], present), _named(compare[1], present)
    return RuleSet("no rules", ()), as_it_is


def _named(name: str, present: "BucketRules") -> "RuleSet":
    from creative_s3.cli.lifecycle.change import read_file
    from creative_s3.core.lifecycle.outlook import RuleSet

    if name == _NONE:
        return RuleSet("no rules", ())
    if name == _PRESENT:
        return RuleSet("the present rules", present.rules)
    return RuleSet("standard input" if name == "-" else Path(name).name, read_file(name).rules)


def _use(run: Run, store: "ObjectStore", reads_per_month: float | None) -> "KnownUse":
    from dataclasses import replace

    use = use_of(run, store)
    if reads_per_month is None:
        return use
    return replace(use, everywhere=round(reads_per_month * _MONTHS_PER_YEAR))


def _growth(text: str | None, use: "KnownUse") -> "Growth | None":
    from creative_s3.cli.declare.amounts import size_in_bytes
    from creative_s3.core.lifecycle.growth import growth_of, is_percentage

    if text is None:
        return use.growth
    if text.strip().lower() in {_NONE, "0"}:
        return None
    return growth_of(text, None if is_percentage(text) else size_in_bytes(text, option="--growth"))


def _report_form(report: str | None) -> Any:  # noqa: ANN401 - what turns an outlook into a text, or None
    from creative_s3.cli.lifecycle import simulation_report

    if report is None:
        return None
    forms = {".html": simulation_report.html, ".svg": simulation_report.svg}
    form = forms.get(Path(report).suffix.lower())
    if form is None:
        raise UsageError(
            "a report is an .html page or an .svg chart", item=report, hint="give --report costs.html"
        )
    if Path(report).exists():
        raise WouldOverwriteError(
            "a file of this name is there", item=report, hint="remove it, or give another name"
        )
    return form


def _write_report(run: Run, report: str, text: str) -> None:
    from creative_s3.core.files.output_files import write_new

    if not write_new(Path(report), text):
        raise WouldOverwriteError(
            "a file of this name is there by now", item=report, hint=f"{run.again}  # with another name"
        )


def _lines(found: "Outlook") -> tuple[str, ...]:
    """Return month, bill, bill without, and what is saved so far, for ``--quiet``."""
    from creative_s3.core.costs.pricing import amount_text

    made = found.comparison
    rows = zip(made.after.bills, made.before.bills, made.saved_by_month, strict=True)
    return tuple(
        f"{bill.month.name} {amount_text(bill.total)} {amount_text(other.total)} {amount_text(saved)}"
        for bill, other, saved in rows
    )


def _next(found: "Outlook") -> tuple[str, ...]:
    if not found.suggestions:
        return ()
    return (
        f"{PROGRAM} lifecycle set {found.suggestions[0].options} --dry-run  # the cheapest of the family",
    )
