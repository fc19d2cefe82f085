"""Chunks that are linked at once take turns: they decide in order and end in order."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor, wait
from threading import Event

import pytest

from muxi.core.identity import bulk_linking
from muxi.core.identity.bulk_linking import Turn
from muxi.errors import StorageBusyError, StorageConflictError

SECONDS = 30


def test_the_second_decides_after_the_first_and_ends_after_it() -> None:
    """Between the two, both work."""
    seen: list[str] = []
    first, decide, end = Turn(None), Event(), Event()
    second = Turn(first)
    works = Event()

    def act_first() -> None:
        with first.waited():
            assert decide.wait(SECONDS)
            seen.append("first decides")
            first.decided()
            assert works.wait(SECONDS) and end.wait(SECONDS)
            seen.append("first ends")

    def act_second() -> None:
        with second.waited():
            seen.append("second decides")
            second.decided()
            works.set()
            second.wait_to_end()
            seen.append("second ends")

    with ThreadPoolExecutor(2) as threads:
        both = [threads.submit(act_second), threads.submit(act_first)]
        decide.set()
        assert works.wait(SECONDS)
        assert seen == ["first decides", "second decides"]
        end.set()
        wait(both, SECONDS)
        assert [one.exception() for one in both] == [None, None]
    assert seen == ["first decides", "second decides", "first ends", "second ends"]


def test_what_was_decided_behind_a_failure_is_not_kept() -> None:
    """Whether the first failed before it decided or after: the second may not end."""
    first = Turn(None)
    second = Turn(first)
    with pytest.raises(ZeroDivisionError), first.waited():
        raise ZeroDivisionError
    with pytest.raises(StorageConflictError, match="decided anew"), second.waited():
        second.wait_to_end()
    third = Turn(second)
    with pytest.raises(StorageConflictError), third.waited():
        third.wait_to_end()


def test_nobody_waits_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever holds up the first: the second gives up, and so lets go of what it holds."""
    monkeypatch.setattr(bulk_linking, "WAIT_S", 0.01)
    first = Turn(None)
    second = Turn(first)
    with pytest.raises(StorageBusyError, match="Try again"), second.waited():
        pytest.fail("It decided.")
    first.decided()
    third = Turn(first)
    with pytest.raises(StorageBusyError, match="Try again"), third.waited():
        third.wait_to_end()
