"""The one clock. Everything that needs the time is given it, so that a test can stand still."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from muxi.errors import InvalidInputError

Clock = Callable[[], datetime]


def utc_now() -> datetime:
    """The time now, in UTC."""
    return datetime.now(UTC)


def end_of(now: datetime, expires_in: timedelta | None, what: str) -> datetime | None:
    """When something ends that lasts so long from now; ``None`` if it stays.

    Args:
        now: in UTC.
        expires_in: how long; ``None``: it stays.
        what: it is, for who is told that this is too long.

    Raises:
        InvalidInputError: it would end now or before, or after the last year that there is.
    """
    if expires_in is None:
        return None
    try:
        end = now + expires_in
    except OverflowError as error:
        raise InvalidInputError(f"expires_in is too long. Leave it out for a {what} that stays.") from error
    if end <= now:
        raise InvalidInputError("expires_in has to be above zero.")
    return end
