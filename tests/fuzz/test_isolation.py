"""Isolation under random calls: a short run of `python -m tests.fuzz`, on each kind of database."""

from __future__ import annotations

import pytest

from tests.fuzz.isolation import Size, fuzz
from tests.fuzz.routes import WAYS

SEED = 5
SHORT = Size(calls=1500, people=12, pair_times=15, round=300)


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_random_calls_show_nobody_what_is_not_theirs(database_url: str) -> None:
    """1,500 random calls of every route with every kind of key and token: no leak, no fault of the server, one answer
    and one time for what is not there and what is somebody else's; and most routes did answer with something."""
    run = fuzz(database_url, SEED, SHORT)
    assert run.problems == [], f"{len(run.problems)} problems, the first: {run.problems[0]}\n{run.log}"
    assert set(run.called) == set(WAYS)
    assert len(run.never) < len(WAYS) / 3
    assert run.statuses[200] > SHORT.calls / 4
    assert {401, 403, 404} <= set(run.statuses)
    assert len(run.verdicts) > 20
