"""Whoever waits for a lock gets it before who has it gets it again."""

from __future__ import annotations

import threading

from muxi.storage.mongo.turns import Turns


def test_who_waits_is_next() -> None:
    """However often the holder asks again at once: at most once more, before the other has passed the gate."""
    turns, order, waits = Turns(), [], threading.Event()

    def waiter() -> None:
        waits.set()
        with turns.taken(5) as taken:
            assert taken
            order.append("waiter")

    with turns.taken(5):
        thread = threading.Thread(target=waiter)
        thread.start()
        waits.wait(5)
        while not turns._gate.locked():
            pass
    for _ in range(1000):
        with turns.taken(5):
            order.append("again")
    thread.join()
    assert order[0] == "waiter" and len(order) == 1001


def test_a_lock_that_is_not_had_in_time() -> None:
    """Who gives up holds nothing, and leaves it free for the next."""
    turns, given_up = Turns(), []

    def impatient() -> None:
        with turns.taken(0.01) as taken:
            given_up.append(not taken)

    with turns.taken(1):
        thread = threading.Thread(target=impatient)
        thread.start()
        thread.join()
    with turns.taken(1) as taken:
        assert taken and given_up == [True]
