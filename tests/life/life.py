"""The life: who does what next, by chance; and after each step, whether all is there and all was true."""

from __future__ import annotations

import signal
from collections import Counter, deque
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from tests.life.forking import Ended, Fault
from tests.life.surroundings import full, read_only

if TYPE_CHECKING:
    from collections.abc import Callable
    from random import Random

    from tests.life.bucket import Bucket, Held
    from tests.life.forking import Forker
    from tests.life.workspace import Workspace

MOST_ASSETS = 6
KILLED = -signal.SIGKILL
CODES = frozenset({0, 2, 3, 5, 6, 7, 8, 9, 130, 143, KILLED})
"""How a run of these commands may end; 2 where there is nothing to undo. 1 is a bug."""
LOCKED = 6
REFUSED = 4
"""S3 refuses signatures of a time that is a quarter of an hour away from its own."""
_STEPS_S = (
    -3_000_000_000,
    -31_536_000,
    -86_400,
    -3_600,
    -600,
    -60,
    -2,
    2,
    60,
    600,
    3_600,
    86_400,
    700_000_000,
)
_SURROUNDED = Fault(file_bytes=0)
"""Something that is no fault of the process's own befell it: only what it says is looked at."""
_TOLD = 60
"""So much of what was done is in the message of a failure."""


class Command(NamedTuple):
    """A command line, and what has to be true when it ends with 0."""

    arguments: tuple[str, ...]
    claim: Callable[[Workspace, str], str | None]
    asset: str = ""


@dataclass
class Life:
    """Two workspaces, one bucket, and everybody who touches them.

    Attributes:
        workspaces: Each fills its own assets only; the other one's it knows from the bucket.
        forkers: One for each workspace.
        bucket: Looked at from outside.
        random: Decides everything.
        is_versioned: Whether the bucket keeps what was overwritten.
        small_disks: Which workspaces have a disk of their own, which can be full.
        is_clock_settable: Whether a run's clock can be set.
        done: How often each thing was done, and how it ended.
    """

    workspaces: tuple[Workspace, Workspace]
    forkers: tuple[Forker, Forker]
    bucket: Bucket
    random: Random
    is_versioned: bool
    small_disks: tuple[int, ...] = ()
    is_clock_settable: bool = False
    done: Counter[str] = field(default_factory=Counter)
    _story: deque[str] = field(default_factory=lambda: deque(maxlen=5_000))
    _stored: set[bytes] = field(default_factory=set)
    _number: int = 0

    def begin(self) -> None:
        """Have something in the bucket: else most short lives would end before anything can go."""
        for who in (0, 1):
            for _ in range(3):
                self._make(who)
            self._run_plainly(who, Command(("migrate", "upload", "--yes"), self._is_stored))

    def step(self) -> None:
        """Do one thing, and look at everything."""
        kinds = (
            (self._make, 20),
            (self._move_clock, 6),
            (self._save, 6),
            (self._reload, 3),
            (self._run, 45),
            (self._run_read_only, 5),
            (self._run_on_full_disk, 5 if self.small_disks else 0),
            (self._run_both, 10),
            (self._run_twice, 3),
            (self._run_under_edits, 8),
        )
        (kind,) = self.random.choices([one for one, _ in kinds], [weight for _, weight in kinds])
        kind()
        self._check_nothing_is_lost()

    # -- what the pipelines do

    def _make(self, who: int | None = None) -> str:
        """Have a pipeline make a new asset, or an old one again; return which."""
        who = self._who() if who is None else who
        workspace = self.workspaces[who]
        if len(workspace.made) < MOST_ASSETS and self.random.random() < 0.5:
            key = f"{self.random.choice('xy')}{len(workspace.made)}-{who}"
        else:
            key = self.random.choice(sorted(workspace.made) or [f"x0-{who}"])
        self._number += 1
        content = f"{key}, number {self._number} ".encode() * self.random.choice([1, 1, 50, 2_000])
        if self.random.random() < 0.1 and workspace.made:  # the same bytes as another asset
            content = workspace.made[self.random.choice(sorted(workspace.made))]
        workspace.make(key, content, days=self.random.choice([0, 2, 100, 100, -1]), in_place=self._by_half())
        self._tell(f"{who} makes {key}: {content[:30]!r}")
        return key

    def _move_clock(self) -> None:
        """A file gets another time, as after a step of the clock."""
        workspace = self.workspaces[self._who()]
        paths = sorted((workspace.root / "cache").glob("?/*.png"))
        if paths:
            path, days = self.random.choice(paths), self.random.choice([-400, -0.01, 0.5, 30, 20_000])
            workspace.set_time(path, days)
            self._tell(f"{path} is {days} days old")

    def _save(self) -> None:
        """A pipeline writes what it has in memory, however old."""
        who = self._who()
        self.workspaces[who].save()
        self._tell(f"{who} saves")

    def _reload(self) -> None:
        who = self._who()
        self.workspaces[who].reload()
        self._tell(f"{who} reloads")

    # -- what operators do

    def _run(self) -> None:
        who = self._who()
        command, fault = self._command(who), self._fault()
        self._start(who, who, command, fault)
        self._end(who, who, command, fault)

    def _run_plainly(self, who: int, command: Command) -> None:
        self._start(who, who, command, Fault())
        self._end(who, who, command, Fault())

    def _run_read_only(self) -> None:
        """A command meets a folder that nobody may write in."""
        who = self._who()
        command = self._command(who)
        folders = [path for path in (self.workspaces[who].root / "cache").iterdir() if path.is_dir()]
        folder = self.random.choice(sorted(folders)) if folders else None
        self._tell(f"nobody may write in {folder}")
        with read_only(folder) if folder else nullcontext():
            self._start(who, who, command, Fault())
            self._end(who, who, command, _SURROUNDED)

    def _run_on_full_disk(self) -> None:
        """A command finds so little room, or none at all."""
        who = self.random.choice(self.small_disks)
        command, free_bytes = self._command(who), self.random.choice([0, 0, 4_096, 65_536, 300_000])
        self._tell(f"{free_bytes} bytes are free")
        with full(self.workspaces[who].root, free_bytes):
            self._start(who, who, command, Fault())
            self._end(who, who, command, _SURROUNDED)

    def _run_both(self) -> None:
        """A command in each workspace, at once."""
        commands = [self._command(0), self._command(1)]
        faults = [self._fault(), self._fault()]
        for who in (0, 1):
            self._start(who, who, commands[who], faults[who])
        for who in (0, 1):
            self._end(who, who, commands[who], faults[who], alone=False)

    def _run_twice(self) -> None:
        """Two commands in one workspace, at once."""
        who = self._who()
        commands = [self._command(who), self._command(who)]
        for place in (0, 1):
            self._start(place, who, commands[place], Fault())
        for place in (0, 1):
            self._end(place, who, commands[place], Fault(), alone=False)

    def _run_under_edits(self) -> None:
        """A command, while the pipeline goes on."""
        who = self._who()
        command, fault = self._command(who), self._fault()
        self._start(who, who, command, fault)
        for _ in range(self.random.randrange(1, 4)):
            self._make(who)
        self._end(who, who, command, fault, alone=False)

    def _command(self, who: int) -> Command:
        workspace = self.workspaces[who]
        asset = self.random.choice(sorted(workspace.entries()) or ["none"])
        target = str(workspace.root / "downloads" / f"{self._number}.png")
        commands = (
            (Command(("migrate", "upload", "--yes"), self._is_stored), 30),
            (Command(("migrate", "validate"), self._is_stored), 6),
            (Command(("assets", "discover", "--sync"), self._is_known), 12),
            (Command(("tiers", "demote", asset, "--yes"), self._is_away, asset), 14),
            (
                Command(
                    ("tiers", "manage", "--yes", "--cold-days", "1", "--max-evict", "100%"), _nothing_more
                ),
                8,
            ),
            (Command(("tiers", "promote", asset), self._is_here, asset), 14),
            (Command(("tiers", "undo"), _nothing_more), 6),
            (Command(("catalog", "rebuild"), _nothing_more), 3),
            (Command(("assets", "download", asset, "--output", target), _nothing_more), 4),
        )
        (command,) = self.random.choices([one for one, _ in commands], [weight for _, weight in commands])
        return command

    def _fault(self) -> Fault:
        chance = self.random.random()
        after_s = self.random.uniform(0, 0.5)
        if chance < 0.18:
            return Fault(signal.SIGKILL, after_s)
        if chance < 0.28:
            return Fault(self.random.choice([signal.SIGINT, signal.SIGTERM]), after_s)
        if chance < 0.34:
            return Fault(file_bytes=self.random.choice([0, 4_096, 40_000, 150_000]))
        if chance < 0.42 and self.is_clock_settable:
            return Fault(clock_s=self.random.choice(_STEPS_S), clock_after_s=self.random.choice([0, after_s]))
        return Fault()

    def _start(self, place: int, who: int, command: Command, fault: Fault) -> None:
        self._tell(f"{who} begins {' '.join(command.arguments)} {fault}")
        self.forkers[place].start(self.workspaces[who].root, command.arguments, fault)

    def _end(self, place: int, who: int, command: Command, fault: Fault, *, alone: bool = True) -> None:
        ended = self.forkers[place].end()
        self._tell(f"{who} ends {command.arguments[:2]} with {ended.code}")
        self.done[f"{' '.join(command.arguments[:2])}: {ended.code}"] += 1
        may_end = CODES | {REFUSED} if fault.clock_s else CODES
        self._require(ended.code in may_end, "a run ended as none may", ended)
        # An interruption in a callback of C is told by Python itself, and the run ends all the same.
        is_broken = "Traceback" in ended.err and "Exception ignored in" not in ended.err
        self._require(not is_broken, "a run broke", ended)
        if ended.code == 0 and alone:
            reason = command.claim(self.workspaces[who], command.asset)
            self._require(not reason, f"a 0 that is not true: {reason}", ended)
        is_undisturbed = fault == Fault() and alone
        was_ended = ended.code in {LOCKED, 130, 143, KILLED}
        self._require(not (is_undisturbed and was_ended), "a run that nothing befell was ended", ended)

    # -- what a 0 claims

    def _is_stored(self, workspace: Workspace, _asset: str) -> str | None:
        """Every file that the index names is in the bucket."""
        current = {one.content for one in self.bucket.held() if one.is_current}
        for key, path in workspace.entries().items():
            file = workspace.root / path
            if file.is_file() and file.read_bytes() not in current:
                return f"{key} is not in the bucket"
        return None

    def _is_known(self, workspace: Workspace, _asset: str) -> str | None:
        """Every asset in the bucket is in the index."""
        owners = {one.owner for one in self.bucket.held() if one.is_current}
        return f"not in the index: {unknown}" if (unknown := owners - workspace.entries().keys()) else None

    def _is_away(self, workspace: Workspace, asset: str) -> str | None:
        """The file is gone; that its content is kept, `_check_nothing_is_lost` knows."""
        path = workspace.entries().get(asset)
        return f"{asset} is still here" if path and (workspace.root / path).exists() else None

    def _is_here(self, workspace: Workspace, asset: str) -> str | None:
        """The file is there."""
        path = workspace.entries().get(asset)
        return f"{asset} is not here" if path and not (workspace.root / path).is_file() else None

    # -- what must always be so

    def _check_nothing_is_lost(self) -> None:
        held = self.bucket.held()
        stored = {one.content for one in held}
        for who, workspace in enumerate(self.workspaces):
            here = workspace.contents()
            for key, content in workspace.made.items():
                self._require(
                    content in here or content in stored,
                    f"{key} of {who} is nowhere: {content[:40]!r}; there is {self._traces(key, held)}",
                    about=key,
                )
        if self.is_versioned:
            gone = self._stored - stored
            self._require(not gone, f"the bucket lost versions: {[content[:40] for content in gone]}")
            self._stored = stored

    def _traces(self, key: str, held: list[Held]) -> list[str]:
        """Say what there is of an asset, in the bucket and in each workspace."""
        found = [f"{one.key}: {one.content[:40]!r}" for one in held if one.owner == key]
        paths = (workspace.path_of(key) for workspace in self.workspaces)
        return found + [f"{path}: {path.read_bytes()[:40]!r}" for path in paths if path.exists()]

    def _require(
        self, is_so: object, reason: str, ended: Ended | None = None, *, about: str | None = None
    ) -> None:
        if not is_so:
            said = f"\n{ended.out[-3_000:]}\n{ended.err[-3_000:]}" if ended else ""
            told = [sentence for sentence in self._story if about and about in sentence]
            story = "\n".join([*told[-_TOLD:], "What was done last:", *list(self._story)[-_TOLD:]])
            raise AssertionError(f"{reason}{said}\n\n{story}")

    def _tell(self, sentence: str) -> None:
        self._story.append(sentence)

    def _who(self) -> int:
        return self.random.randrange(2)

    def _by_half(self) -> bool:
        return self.random.random() < 0.5


def _nothing_more(_workspace: Workspace, _asset: str) -> None:
    """A 0 that claims nothing which is not looked at after each step anyhow."""
