"""Reading single values of other systems' records. What cannot be is a `BadLineError` that does not repeat it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from muxi.core.identity.import_file import BadLineError

#: Numbers above are milliseconds: as seconds they would be after the year 5000.
_SECONDS_UP_TO = 1e11


def mapping(value: Any) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise BadLineError("It is not a JSON object.")
    return value


def text(of: Mapping[str, Any], *names: str) -> str:
    """The first of these fields that is there."""
    given = first(of, *names)
    if not isinstance(given, str) or not given.strip():
        raise BadLineError(f"It has no text: {names[0]!r} has to be one.")
    return given


def name(of: Mapping[str, Any], *names: str) -> str:
    """A short name, or nothing."""
    given = first(of, *names)
    if given is None:
        return ""
    if isinstance(given, bool) or not isinstance(given, str | int):
        raise BadLineError(f"{names[0]!r} is not a name.")
    return str(given)


def moment(value: Any, field: str) -> datetime | None:
    """A time in UTC: ISO 8601, or seconds or milliseconds since 1970. Without a zone it is UTC."""
    if value is None or value == "":
        return None
    try:
        if isinstance(value, str):
            read = datetime.fromisoformat(value)
            return read.astimezone(UTC) if read.tzinfo else read.replace(tzinfo=UTC)
        if isinstance(value, int | float) and not isinstance(value, bool):
            return datetime.fromtimestamp(value / 1000 if abs(value) > _SECONDS_UP_TO else value, UTC)
    except (ValueError, OverflowError, OSError):
        pass
    raise BadLineError(f"{field!r} is not a time: write it as 2026-01-31T12:00:00Z.")


def first(of: Mapping[str, Any], *names: str) -> Any:
    """The value of the first of these fields that has one."""
    return next((of[one] for one in names if of.get(one) is not None), None)
