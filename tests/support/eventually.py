"""Waiting for what has no event of its own: another process, or a thread inside the library."""

from __future__ import annotations

import os
import time
from collections.abc import Callable


def eventually(happened: Callable[[], bool], within_s: float = 10.0) -> bool:
    """Whether it happens before the time is over; how soon is a benchmark's to say."""
    end = time.monotonic() + within_s
    while not (now := happened()) and time.monotonic() < end:
        os.sched_yield()
    return now
