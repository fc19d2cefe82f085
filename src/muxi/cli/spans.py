"""A span of time on the command line: ``90s``, ``15m``, ``12h``, ``30d``."""

from __future__ import annotations

import re
from datetime import timedelta

import typer

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def span(written: str | None, option: str) -> timedelta | None:
    """What was written after an option; ``None`` if nothing was."""
    if written is None:
        return None
    found = re.fullmatch(r"(\d{1,8})([smhd])", written.strip())
    if found is None:
        raise typer.BadParameter(f"{option} is like 90s, 15m, 12h or 30d, not {written!r}.")
    return timedelta(**{_UNITS[found[2]]: int(found[1])})
