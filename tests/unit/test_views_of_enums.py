"""Every value of every enum that a person can meet goes through the views that show it."""

from __future__ import annotations

import io
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from rich.console import Console

from creative_s3.cli.assets import views_find
from creative_s3.cli.bucket import views as views_bucket
from creative_s3.cli.tiers import views as views_tiers
from creative_s3.cli.views import assets as views_assets
from creative_s3.cli.views import checks as views_checks
from creative_s3.cli.views import discovery as views_discovery
from creative_s3.cli.views import reports as views
from creative_s3.core.assets.models import (
    Asset,
    AssetType,
    Kind,
    ProductCategory,
    Season,
    SemanticMetadata,
    StoredObject,
    VisualStyle,
)
from creative_s3.core.bucket.aspects import Aspect
from creative_s3.core.bucket.changes import Change, Done, Outcome
from creative_s3.core.catalog.asset_rows import AssetRecord
from creative_s3.core.checks.checks import Group, Status
from creative_s3.core.discovery.discovered import Discovery, Found, Standing
from creative_s3.core.index.index import IndexProblem, ProblemKind
from creative_s3.core.library.library import Place, PlacedAsset
from creative_s3.core.migration.planning import MigrationPlan, Operation, Reason
from creative_s3.core.migration.validation import Finding, State, ValidationReport
from creative_s3.core.search.search import Matches
from creative_s3.core.storage.inventory import Amount as Counted
from creative_s3.core.tiers.reasons import briefly, evidence_of, held_because, why
from creative_s3.core.tiers.restoring import Restore, RestoreState
from creative_s3.core.tiers.status import AtRisk, Risk, TierStatus
from creative_s3.core.tiers.tiers import (
    Action,
    Amount,
    Cause,
    Evidence,
    Hold,
    Move,
    Outlook,
    Policy,
    Room,
    TierFile,
)
from creative_s3.core.transfers.outcomes import Proof

if TYPE_CHECKING:
    from enum import Enum

    from rich.console import RenderableType

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


def shown(view: RenderableType) -> str:
    console = Console(file=io.StringIO(), width=200)
    console.print(view)
    return console.file.getvalue()  # type: ignore[attr-defined,no-any-return]


def asset(name: str = "name", metadata: SemanticMetadata | None = None) -> Asset:
    return Asset(name, f"cache/{name}.png", metadata, cache_type=None if metadata else "other")


def tier_file(**more: Any) -> TierFile:  # noqa: ANN401 - any of its fields
    values: dict[str, Any] = {
        "file_path": "cache/name.png",
        "cache_keys": ("name",),
        "key": "prefix/name.png",
        "kind": "background",
        "size_bytes": 10,
        "is_hot": True,
        "is_cold": False,
        "in_cache": True,
        "last_used_at": NOW,
        "evidence": Evidence.ACCESS,
    }
    return TierFile(**{**values, **more})


def move(action: Action, cause: Cause, file: TierFile | None = None) -> Move:
    return Move(file or tier_file(), action, cause, Decimal("0.01"), 0.0, "")


def operation(reason: Reason) -> Operation:
    return Operation(reason, asset(), "prefix/name.png", Path("cache/name.png"), 10, detail="told")


@pytest.mark.parametrize("reason", Reason)
def test_every_reason(reason: Reason) -> None:
    plan = MigrationPlan("bucket", "prefix", (operation(reason),))
    assert str(reason) in shown(views.operations(plan, unchanged=True))
    shown(views.operations(plan))
    views.notices(plan)


@pytest.mark.parametrize("state", State)
@pytest.mark.parametrize("strict", [False, True])
def test_every_state_of_a_validation(state: State, *, strict: bool) -> None:
    report = ValidationReport("bucket", "prefix", (Finding(state, "prefix/name.png", "name", 10, "told"),))
    said = shown(views.validation(report, strict=strict))
    if report.exit_code(strict=strict):
        assert "has the same content" not in said
        assert "all is in" not in said


@pytest.mark.parametrize("kind", ProblemKind)
def test_every_kind_of_problem(kind: ProblemKind) -> None:
    assert "told" in views.problem_sentence(IndexProblem(kind, "products", "name", "told"))


@pytest.mark.parametrize("proof", Proof)
def test_every_proof(proof: Proof) -> None:
    assert views.PROOF_NAMES[str(proof)]


@pytest.mark.parametrize("standing", Standing)
def test_every_standing(standing: Standing) -> None:
    amounts = {one: Counted(int(one is standing), 10 * (one is standing)) for one in Standing}
    found = Discovery(
        "bucket", "prefix", amounts, (Found(standing, "prefix/name.png", 10, "STANDARD", ("a",)),)
    )
    said = shown(views_discovery.discovery(found, None))
    if standing not in {Standing.KNOWN, Standing.NEW}:
        assert "This cache knows everything that is in the bucket." not in said


@pytest.mark.parametrize("place", Place)
def test_every_place(place: Place) -> None:
    placed = PlacedAsset(
        AssetRecord(asset(), "", "name"), place, Path("cache/name.png"), 10, "prefix/name.png"
    )
    assert str(place) in shown(views_find.page([placed], Matches(1, is_exact=True)))


@pytest.mark.parametrize("hold", Hold)
def test_every_hold(hold: Hold) -> None:
    assert held_because(tier_file(hold=hold))


@pytest.mark.parametrize("cause", Cause)
@pytest.mark.parametrize("action", Action)
def test_every_cause_of_every_move(action: Action, cause: Cause) -> None:
    one = move(action, cause)
    assert why(one, NOW)
    assert briefly(one, NOW)
    assert shown(views_tiers.asked([one]))


@pytest.mark.parametrize("evidence", Evidence)
def test_every_evidence(evidence: Evidence) -> None:
    assert evidence_of(tier_file(evidence=evidence), NOW)


@pytest.mark.parametrize("risk", Risk)
def test_every_risk(risk: Risk) -> None:
    outlook = Outlook(Amount(), Amount(), 0, Policy(), Room(0, 0))
    at_risk = AtRisk(risk, Amount(1, 10), tier_file(), "told")
    status = TierStatus(NOW, 0, outlook, (), (), (), (at_risk,), is_deep=False)
    assert "name" in shown(views_tiers.status(status))


@pytest.mark.parametrize("state", RestoreState)
@pytest.mark.parametrize("done", [False, True])
def test_every_state_of_a_restore(state: RestoreState, *, done: bool) -> None:
    restore = Restore(
        StoredObject("prefix/name.png", 10, "etag", storage_class="GLACIER"), state, None, "5 h"
    )
    assert "name.png" in shown(views_tiers.restores([restore], {}, 7, done=done))


@pytest.mark.parametrize("outcome", Outcome)
def test_every_outcome_of_a_change(outcome: Outcome) -> None:
    change = Change(Aspect.VERSIONING, None, {"Status": "Enabled"})
    assert shown(views_bucket.results([Done(change, outcome)], []))


@pytest.mark.parametrize("kind", [*AssetType, *ProductCategory, *Season, *VisualStyle])
def test_every_word_of_a_description(kind: Enum) -> None:
    semantic = SemanticMetadata(
        kind if isinstance(kind, AssetType) else AssetType.COMPOSITE,
        product_category=kind if isinstance(kind, ProductCategory) else None,
        season=kind if isinstance(kind, Season) else Season.NONE,
        visual_style=kind if isinstance(kind, VisualStyle) else None,
    )
    made = asset(metadata=semantic)
    assert made.kind in Kind
    record = AssetRecord(made, "semantic_assets", "name")
    placed = PlacedAsset(record, Place.HOT, Path("cache/name.png"), 10, None)
    assert shown(views_find.page([placed], Matches(1, is_exact=True)))


def test_every_status_and_group_of_checks_has_a_mark_and_a_heading() -> None:
    marks, headings = views_checks._MARKS, views_checks._HEADINGS  # noqa: SLF001 - our own tables
    assert [*marks] == [status.value for status in Status]
    assert {*headings} == {group.value for group in Group}
    assert views_assets._ADDED.keys() == views_assets._ADDITIONS.keys()  # noqa: SLF001 - the same
