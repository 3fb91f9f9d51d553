"""What one run of the transfer engine works with: values only."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from creative_s3.core.files.folders import OpenFolders

if TYPE_CHECKING:
    from collections.abc import Callable

    from creative_s3.core.concurrency.pool import DaemonPool
    from creative_s3.core.events import Emit
    from creative_s3.core.transfers.flights import Engine
    from creative_s3.core.transfers.refusals import Refusals


@dataclass(frozen=True, slots=True)
class Terms:
    """What a run works with.

    Attributes:
        engine: Moves bytes.
        pool: Does what may wait.
        emit: Takes events.
        limit: Jobs begun at once.
        folders: Those that are open; while these are as many as may be, no job is begun.
        carried: How many of them the connections can carry; None for all.
        patience_s: How long one job's temporary failures are tried again.
        clock: Seconds, growing steadily.
        tick: Called by the thread that iterates at least every `TICK_S` while it waits; may raise.
        refusals: Tells what is refused for one object only; None to take each refusal for one of all.
    """

    engine: Engine
    pool: DaemonPool
    emit: Emit
    limit: int
    patience_s: float
    clock: Callable[[], float]
    tick: Callable[[], None] | None = None
    refusals: Refusals | None = None
    carried: int | None = None
    folders: OpenFolders = field(default_factory=OpenFolders)
