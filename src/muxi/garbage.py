"""How often a program of ours looks for garbage. A library leaves that to the program that it is part of."""

from __future__ import annotations

import gc

#: So many objects more than were given up. Python's own 700 is for small programs: it had an import of identifiers look
#: through everything that was ever loaded eighteen times, which took a tenth of its time, and found nothing.
OBJECTS = 10_000


def collect_seldom() -> None:
    """Lets this process make `OBJECTS` before it looks whether some of them hold each other for nothing."""
    gc.set_threshold(OBJECTS)
