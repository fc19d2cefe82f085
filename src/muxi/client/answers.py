"""An HTTP response, as the result of a request or as its error."""

from __future__ import annotations

from typing import Any, TypeVar

import httpx

from muxi.client import faults
from muxi.client.connection import Connection
from muxi.client.request import Request
from muxi.errors import MuxiError

T = TypeVar("T")


def result(request: Request[T], response: httpx.Response, connection: Connection) -> T:
    """What the answer, read to its end, says.

    Raises:
        MuxiError: the server refused or failed, or the answer is not of the form that muxi gives.
    """
    if not response.is_success:
        raise faults.refused(response, connection)
    try:
        return request.read(_json(response))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise faults.unreadable(connection) from error


def _json(response: httpx.Response) -> Any:
    return response.json() if response.content else None


def is_stream(request: Request[Any], response: httpx.Response) -> bool:
    """Whether the answer is one of the media type that was asked for, to be read piece by piece."""
    return response.is_success and request.headers["Accept"] in response.headers.get("content-type", "")


def not_a_stream(response: httpx.Response, connection: Connection) -> MuxiError:
    """The error for an answer, read to its end, that should have been a stream."""
    return faults.unreadable(connection) if response.is_success else faults.refused(response, connection)
