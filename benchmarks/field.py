"""The field in which the contenders run: files made, buckets fresh, work looked at after each run."""

from __future__ import annotations

import contextlib
import filecmp
import functools
import itertools
import shlex
import shutil
import sys
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import boto3
from botocore.config import Config

from benchmarks import contenders, standin
from benchmarks.contenders import ASSETS, PREFIX, Task
from benchmarks.data import Files, Workspace, link_tree, make_workspace
from benchmarks.measuring import Cost, Finished, run
from benchmarks.million import make_million
from benchmarks.results import Measured
from benchmarks.rounds import turns
from benchmarks.works import OURS, Kind, Work

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from benchmarks.server import Server

_SAMPLES = 20
_WORTH_DELETING_BYTES = 100 << 20
_MOST_READ = 1.01
"""Listed keys that a plan may read, to each that there is."""


class NotDoneError(RuntimeError):
    """A command ended with 0 and did not do its work."""


@dataclass(slots=True)
class _Set:
    """A set of files, and the bucket that has them all as far as there is one."""

    workspace: Workspace
    full_bucket: str | None = None


@dataclass(slots=True)
class Field:
    """Where the works are measured.

    Attributes:
        server: All contenders talk to it.
        place: For files, in memory.
        rounds: How many, unless a work says less.
        conditions: Under which all is measured.
        say: Takes a line of progress.
    """

    server: Server
    place: Path
    rounds: int
    conditions: Mapping[str, str]
    say: Callable[[str], None]
    _numbers: itertools.count[int] = field(default_factory=itertools.count)

    def measure(self, works: Sequence[Work], done: Callable[[Measured], None]) -> None:
        """Measure the works, those of one set of files after each other; `done` takes each as it ends."""
        for files, group in itertools.groupby(works, key=lambda work: work.files):
            same = tuple(group)
            try:
                if same[0].kind is Kind.PLAN:
                    self._measure_plans(files, same, done)
                else:
                    self._measure_set(files, same, done)
            except RuntimeError as error:
                # Nobody could run: what is needed before the first run is missing.
                for work in same:
                    failed = dict.fromkeys(work.contenders, f"before any run: {error}")
                    done(Measured(work.name, work.title, files.count, self.conditions, errors=failed))

    def _measure_set(self, files: Files, works: tuple[Work, ...], done: Callable[[Measured], None]) -> None:
        self.say(f"making {files.label}")
        these = _Set(make_workspace(self.place / "workspace", files))
        try:
            link_tree(these.workspace, PREFIX)
            for number, work in enumerate(works):
                is_needed_later = any(later.kind is not Kind.UPLOAD for later in works[number + 1 :])
                if work.kind is not Kind.UPLOAD and these.full_bucket is None:
                    self._fill(these, work)
                done(self._measure(work, functools.partial(self._turn, these, is_needed_later)))
        finally:
            shutil.rmtree(these.workspace.root)
            # Many small objects take long to delete and little memory to keep; the server goes at the end.
            if these.full_bucket and files.count * files.size_bytes > _WORTH_DELETING_BYTES:
                self.server.delete_bucket(these.full_bucket)

    def _measure_plans(self, files: Files, works: tuple[Work, ...], done: Callable[[Measured], None]) -> None:
        listing = standin.Listing(size_bytes=files.size_bytes)
        with standin.listing_server(listing) as url:
            self.say(f"making an index of {files.count:,} assets")
            root = self.place / "workspace"
            try:
                side = f"{url}|{standin.FULL}|{PREFIX}"
                made = make_million(root, files.count, files.size_bytes, remote_side=side, prefix=PREFIX)
                listing.keys = made.keys.read_text(encoding="ascii").splitlines()
                for work in works:
                    done(self._measure(work, functools.partial(self._plan, listing, made, url)))
            finally:
                shutil.rmtree(root, ignore_errors=True)

    def _measure(self, work: Work, turn: Callable[[Work, str, bool], tuple[Cost, str]]) -> Measured:
        """Let everybody take turns; whoever fails once is out."""
        measured = Measured(work.name, work.title, work.files.count, self.conditions)
        for number, name in turns(work, self.rounds):
            if name in measured.errors:
                continue
            is_last = number == min(self.rounds, work.rounds or self.rounds)
            try:
                cost, command = turn(work, name, is_last)
            except RuntimeError as error:
                measured.errors[name] = str(error)
                measured.runs.pop(name, None)
                self.say(f"{work.name}  round {number}  {name}: ERROR: {error}")
                continue
            measured.runs.setdefault(name, []).append(cost)
            measured.commands[name] = command
            self.say(
                f"{work.name}  round {number}  {name:12} {cost.wall_s:7.2f} s"
                f"  CPU {cost.cpu_s:6.2f} s, server {cost.server_cpu_s:6.2f} s"
                f"  {cost.peak_bytes / (1 << 20):6.0f} MiB"
            )
        return measured

    def _turn(
        self,
        these: _Set,
        is_needed_later: bool,  # noqa: FBT001 - bound by partial
        work: Work,
        name: str,
        is_last: bool,  # noqa: FBT001 - the round is the last one
    ) -> tuple[Cost, str]:
        is_upload = work.kind is Kind.UPLOAD
        bucket = self._new_bucket() if is_upload else these.full_bucket
        if bucket is None:
            raise RuntimeError(f"there is no bucket with {work.files.label}")
        if is_upload and name == OURS:
            these.workspace.forget()
        output = self.place / "output"
        task = self._task(work, bucket, these.workspace, output)
        is_kept = False
        try:
            finished, command = self._run(name, task)
            if work.kind in {Kind.UPLOAD, Kind.RERUN}:
                self._check_bucket(task, name)
            if work.kind is Kind.DOWNLOAD:
                _check_files(output, these.workspace, work.files)
            if is_upload and is_needed_later and is_last and name == OURS:
                these.full_bucket, is_kept = bucket, True
        finally:
            shutil.rmtree(output, ignore_errors=True)
            if is_upload and not is_kept:
                self.server.delete_bucket(bucket)
        return finished.cost, command

    def _plan(
        self,
        listing: standin.Listing,
        made: Workspace,
        url: str,
        work: Work,
        name: str,
        _is_last: bool,  # noqa: FBT001 - every round is the same
    ) -> tuple[Cost, str]:
        bucket = "empty" if work.is_empty else standin.FULL
        task = Task(work, url, bucket, made.cache, made.tree, made.root)
        listing.given, listing.refused = 0, []
        finished, command = self._run(name, task)
        wanted = 0 if work.is_empty else work.files.count
        # Where two ranges of a listing meet, one of them reads the rest of its page for nothing.
        if not wanted <= listing.given <= wanted * _MOST_READ:
            raise NotDoneError(f"it took {listing.given:,} of {wanted:,} listed keys")
        return finished.cost, command

    def _run(self, name: str, task: Task) -> tuple[Finished, str]:
        command = contenders.command(name, task)
        self.server.settle()
        before = self.server.cpu_s()
        finished = run(command, self.server.environment)
        cost = replace(finished.cost, server_cpu_s=self.server.cpu_s() - before)
        if why := contenders.idleness(name, task, finished):
            raise NotDoneError(f"{shlex.join(command)}: {why}")
        return replace(finished, cost=cost), self._shown(command, task.endpoint_url)

    def _fill(self, these: _Set, work: Work) -> None:
        """Upload the set once, unmeasured, for works that need it in a bucket."""
        bucket = self._new_bucket()
        self.say(f"filling a bucket with {work.files.label}")
        these.workspace.forget()
        upload = Work("fill", Kind.UPLOAD, work.files, "", (OURS,))
        task = self._task(upload, bucket, these.workspace, self.place)
        self._run(OURS, task)
        self._check_bucket(task, OURS)
        these.full_bucket = bucket

    def _task(self, work: Work, bucket: str, workspace: Workspace, output: Path) -> Task:
        return Task(work, self.server.endpoint_url, bucket, workspace.cache, workspace.tree, output)

    def _new_bucket(self) -> str:
        name = f"benchmark-{next(self._numbers)}"
        self.server.make_bucket(name)
        return name

    def _check_bucket(self, task: Task, name: str) -> None:
        files = task.work.files
        wanted = (files.count, files.count * files.size_bytes)
        if (found := self.server.totals(task.bucket, ASSETS)) != wanted:
            raise NotDoneError(f"objects and bytes in the bucket: {found}, not {wanted}")
        if name == OURS:
            self._check_object(task)

    def _check_object(self, task: Task) -> None:
        """Look whether one of our objects has what we say each has: a whole checksum, metadata, tags."""
        environment = self.server.environment
        client = boto3.client(
            "s3",
            endpoint_url=self.server.endpoint_url,
            region_name=environment["AWS_REGION"],
            aws_access_key_id=environment["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=environment["AWS_SECRET_ACCESS_KEY"],
            config=Config(s3={"addressing_style": "path"}),
        )
        with contextlib.closing(client):
            key = client.list_objects_v2(Bucket=task.bucket, Prefix=ASSETS, MaxKeys=1)["Contents"][0]["Key"]
            found = client.head_object(Bucket=task.bucket, Key=key, ChecksumMode="ENABLED")
            tags = client.get_object_tagging(Bucket=task.bucket, Key=key)["TagSet"]
        if not (found.get("ChecksumCRC64NVME") and found["Metadata"].get("cache-key") and tags):
            raise NotDoneError(f"{key} lacks its checksum, metadata or tags: {found}, {tags}")

    def _shown(self, command: list[str], endpoint_url: str) -> str:
        """Return the command as a reader would type it: without the paths of this machine and run."""
        text = shlex.join(command).replace(str(self.place), "$PLACE").replace(endpoint_url, "$SERVER")
        program, _, rest = text.partition(" ")
        return f"{program.rpartition('/')[2]} {rest}"


def _check_files(output: Path, workspace: Workspace, files: Files) -> None:
    """Count what was downloaded, and compare a few files with their sources."""
    found = [path for path in output.rglob("*") if path.is_file()]
    size_bytes = sum(path.stat().st_size for path in found)
    if (len(found), size_bytes) != (files.count, files.count * files.size_bytes):
        raise NotDoneError(f"files and bytes on disk: {len(found)}, {size_bytes}")
    for path in found[:: max(1, len(found) // _SAMPLES)]:
        if not filecmp.cmp(path, workspace.scenes / path.name, shallow=False):
            raise NotDoneError(f"{path.name} has other content than its source")


def to_stderr(line: str) -> None:
    """Show a line of progress."""
    print(line, file=sys.stderr, flush=True)
