"""The thread that writes out what waits does nothing any more once its owner has closed it."""

from __future__ import annotations

import threading
import time

from creative_s3.core.catalog.flushing import Flusher

WITHIN_S = 30.0


class Owner:
    """Whose work is done; the first time it takes until it is let go."""

    def __init__(self) -> None:
        self.times = 0
        self.began = threading.Event()
        self.goes_on = threading.Event()

    def work(self) -> None:
        self.times += 1
        if self.times == 1:
            self.began.set()
            assert self.goes_on.wait(WITHIN_S)


def test_work_that_waited_for_its_turn_is_not_done_after_the_end() -> None:
    owner = Owner()
    flusher = Flusher(owner.work, delay_s=0.0)
    first = threading.Thread(target=flusher.flush)
    first.start()
    assert owner.began.wait(WITHIN_S)
    flusher.wake()  # its thread waits for its turn now
    time.sleep(0.2)
    closing = threading.Thread(target=flusher.close)
    closing.start()
    time.sleep(0.2)

    owner.goes_on.set()
    for thread in (
        first,
        closing,
        *(one for one in threading.enumerate() if one.name == "creative-s3-flush"),
    ):
        thread.join(WITHIN_S)

    assert owner.times == 2
