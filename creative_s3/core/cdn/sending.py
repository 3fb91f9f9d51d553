"""Sending invalidations: one after the other, waiting while CloudFront's quota is full, each paid once."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from creative_s3.core.cdn.planning import PATH_LIMIT, WILDCARD_LIMIT, split
from creative_s3.core.events import Emit, PhaseStarted, ignore
from creative_s3.errors import CreativeS3Error, ItemError, TemporaryError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from creative_s3.core.catalog.announcements import Announcement
    from creative_s3.core.catalog.catalog import Catalog
    from creative_s3.core.cdn.cloudfront import CloudFront, Sent
    from creative_s3.core.cdn.proposal import Proposal

POLL_S = 20.0
"""How often CloudFront is asked; its own waiter does it as often."""
PATIENCE_S = 3600.0
"""How long one request waits for its turn, and how long the end is awaited."""


@dataclass(frozen=True, slots=True)
class Accepted:
    """A request that CloudFront took.

    Attributes:
        request: What was asked.
        sent: What CloudFront has.
    """

    request: Announcement
    sent: Sent


class Sender:
    """Sends what was proposed, and waits for it.

    Args:
        cloudfront: Where to.
        catalog: Where it is written down before it is sent; None for nowhere.
        emit: Takes events.
        sleep: Waits so many seconds.
        clock: A steady clock, in seconds.
    """

    def __init__(
        self,
        cloudfront: CloudFront,
        catalog: Catalog | None,
        *,
        emit: Emit = ignore,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._cloudfront = cloudfront
        self._catalog = catalog
        self._emit = emit
        self._sleep = sleep
        self._clock = clock

    def send(self, proposal: Proposal) -> tuple[Accepted, ...]:
        """Send every request, in order; a full quota is waited for.

        Raises:
            TemporaryError: The quota stayed full for an hour. What was sent stays sent, and the rest is
                written down: the same command goes on with it.
            CreativeS3Error: CloudFront refused a request.
        """
        if self._catalog is not None:
            with self._catalog.database.transaction():
                self._catalog.announcements.plan(proposal.requests, datetime.now(UTC))
                self._catalog.runs.announce(proposal.changes, proposal.token)
        accepted: list[Accepted] = []
        for number, request in enumerate(proposal.requests, start=1):
            self._emit(PhaseStarted(f"sending invalidation {number} of {len(proposal.requests)}"))
            self._make_room(request, accepted)
            sent = self._send(request)
            accepted.append(Accepted(request, sent))
            if self._catalog is not None:
                self._catalog.announcements.sent(request.reference, sent.id)
                self._catalog.announcements.remember_sizes(
                    request.distribution, {sent.id: len(request.paths)}
                )
        return tuple(accepted)

    def wait(self, accepted: Iterable[Accepted]) -> tuple[Accepted, ...]:
        """Wait until every edge has forgotten the paths; takes minutes.

        Raises:
            TemporaryError: It takes longer than an hour.
            CreativeS3Error: CloudFront cannot be asked.
        """
        pending = list(accepted)
        done: list[Accepted] = []
        until = self._clock() + PATIENCE_S
        while pending:
            self._emit(PhaseStarted(f"{len(done)} of {len(done) + len(pending)} invalidations completed"))
            still: list[Accepted] = []
            for one in pending:
                sent = one.sent if one.sent.is_completed else self._look(one)
                if sent.is_completed:
                    done.append(Accepted(one.request, sent))
                else:
                    still.append(one)
            pending = still
            if pending:
                self._pause(until, pending[0].sent.id, "the edges are not done yet")
        return tuple(done)

    def _send(self, request: Announcement) -> Sent:
        until = self._clock() + PATIENCE_S
        while True:
            try:
                return self._cloudfront.create(request.distribution, request.paths, request.reference)
            except TemporaryError as error:
                if "too many invalidations" not in error.message:
                    raise
                self._emit(PhaseStarted("waiting for room: the distribution's quota is full"))
                self._pause(until, request.distribution, error.message)
            except CreativeS3Error as error:
                # It will never take this one. What it refused for another reason stays written down.
                if self._catalog is not None and isinstance(error, ItemError):
                    self._catalog.announcements.drop(request.reference)
                    self._catalog.runs.take_back(request.token)
                raise

    def _make_room(self, request: Announcement, accepted: list[Accepted]) -> None:
        """Wait until our own earlier requests leave room for one more, so that none is sent in vain."""
        until = self._clock() + PATIENCE_S
        while True:
            open_requests = [one for one in accepted if not one.sent.is_completed]
            singles, wildcards = _sizes([request, *(one.request for one in open_requests)])
            if singles <= PATH_LIMIT and wildcards <= WILDCARD_LIMIT:
                return
            accepted[:] = [
                one if one.sent.is_completed else Accepted(one.request, self._look(one)) for one in accepted
            ]
            if any(not one.sent.is_completed for one in accepted if one in open_requests):
                self._emit(PhaseStarted("waiting for room: earlier paths are in progress"))
                self._pause(until, request.distribution, "earlier paths are still in progress")

    def _look(self, one: Accepted) -> Sent:
        return self._cloudfront.invalidation(one.request.distribution, one.sent.id)

    def _pause(self, until: float, item: str, reason: str) -> None:
        if self._clock() >= until:
            raise TemporaryError(
                f"{reason}, for an hour already; nothing is lost",
                item=item,
                hint="run the same command again, or look: creative-s3 cdn status",
            )
        self._sleep(POLL_S)


def _sizes(requests: Iterable[Announcement]) -> tuple[int, int]:
    singles = wildcards = 0
    for request in requests:
        single, wild = split(request.paths)
        singles, wildcards = singles + len(single), wildcards + len(wild)
    return singles, wildcards
