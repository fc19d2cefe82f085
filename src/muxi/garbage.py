"""How often a program of ours looks for garbage. A library leaves that to the program that it is part of."""

from __future__ import annotations

import gc

#: So many objects more than were given up. With Python's own 700, an import of 200,000 identifiers looked 18 times
#: through all that was ever loaded, and 2,200 times through what was new: a tenth of its time, for next to nothing.
OBJECTS = 10_000


def collect_seldom() -> None:
    """Lets this process make `OBJECTS` before it looks whether some of them hold each other for nothing."""
    gc.set_threshold(OBJECTS)
