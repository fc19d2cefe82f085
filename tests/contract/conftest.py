"""Formations on each database, one beside another; a test that needs other settings has a fixture of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from muxi.core.formation import Formation
from tests.conftest import TestClock
from tests.support.extraction import by_hand
from tests.support.formations import open_formation


@pytest.fixture
def formation(database_url: str, clock: TestClock) -> Iterator[Formation]:
    made = open_formation(database_url, clock)
    yield made
    made.close()


@pytest.fixture
def elsewhere(database_url: str, clock: TestClock, formation: Formation) -> Iterator[Formation]:
    made = open_formation(database_url, clock, "g")
    yield made
    made.close()


@pytest.fixture
def opening(database_url: str, clock: TestClock) -> Iterator[Callable[..., Formation]]:
    """Opens formations on the test's database whose extraction the test drives by hand, and closes them."""
    opened: list[Formation] = []

    def make(**given: object) -> Formation:
        opened.append(by_hand(database_url, clock, **given))  # type: ignore[arg-type]
        return opened[-1]

    yield make
    for formation in opened:
        formation.close()
