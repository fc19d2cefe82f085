"""What all requests and all responses have in common."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StrictStr


class Request(BaseModel):
    """A request's body: a name that is not known is an error, not ignored."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True, frozen=True)


class Response(BaseModel):
    """A response's body."""

    model_config = ConfigDict(frozen=True)


class Problem(Response):
    """What went wrong: an RFC 9457 problem document. Some codes have more members."""

    model_config = ConfigDict(extra="allow", json_schema_extra={"description": "RFC 9457 problem document"})

    type: str
    title: str
    status: int
    detail: str
    code: str
    instance: str
    request_id: str | None


Metadata = dict[str, Any]


def _printable(value: str) -> str:
    if value and not value.isprintable():
        raise ValueError("It has control or invisible characters")
    return value


def _in_utc(value: datetime) -> datetime:
    try:
        return value.astimezone(UTC) if value.tzinfo else value.replace(tzinfo=UTC)
    except OverflowError as error:
        raise ValueError("It is out of the range of dates in UTC") from error


#: What a caller names a thing: an agent, a conversation.
Name = Annotated[StrictStr, Field(max_length=255), AfterValidator(_printable)]
#: A time; UTC if it does not say.
Moment = Annotated[datetime, AfterValidator(_in_utc)]
