"""What the Common Runtime does not bring on is ended; what waits for a connection is not."""

from __future__ import annotations

from creative_s3.core.transfers.crt_watch import LEAST_BYTES_PER_S, Watch


class Moving:
    """Something under way."""

    def __init__(self, quiet_bytes: int = 0) -> None:
        self.moved_at = 0.0
        self.quiet_bytes = quiet_bytes
        self.ended = 0

    def give_up(self) -> None:
        self.ended += 1


def test_only_what_is_silent_too_long_for_its_size_is_ended_once() -> None:
    now = [0.0]
    watch = Watch(60, carried=9, clock=lambda: now[0])
    small, large, moving = Moving(), Moving(100 * LEAST_BYTES_PER_S), Moving()
    for one in (small, large, moving):
        watch.add(one)

    for at in (59, 61, 120, 160, 161):
        now[0] = moving.moved_at = float(at)
        watch.look()

    watch.close()
    assert (small.ended, large.ended, moving.ended) == (1, 1, 0)


def test_what_waits_for_a_connection_begins_when_it_has_one() -> None:
    now = [0.0]
    watch = Watch(60, carried=1, clock=lambda: now[0])
    first, second = Moving(), Moving()
    watch.add(first)
    watch.add(second)

    now[0] = 61
    watch.look()
    assert (first.ended, second.ended) == (1, 0)
    now[0] = 120
    watch.look()
    assert second.ended == 0
    now[0] = 122
    watch.look()
    watch.close()
    assert second.ended == 1
