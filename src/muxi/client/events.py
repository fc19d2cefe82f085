"""A streamed answer, event by event."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import httpx
from httpx_sse import ServerSentEvent

from muxi.client import faults, reading
from muxi.client.connection import Connection
from muxi.client.replies import Reply
from muxi.errors import MuxiError


class Follower:
    """Takes the events of one answer in their order.

    Args:
        connection: named in errors.

    Attributes:
        reply: the whole answer, once its event has come.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.reply: Reply | None = None

    def take(self, event: ServerSentEvent) -> str:
        """The text that the event brings; empty if it brings none.

        Raises:
            MuxiError: the event reports an error, or cannot be read.
        """
        try:
            return self._take(event.event, json.loads(event.data) if event.data else {})
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise faults.unreadable(self._connection) from error

    def end(self) -> Reply:
        """The whole answer, after the last event.

        Raises:
            ModelInterruptedError: there were pieces at most.
        """
        if self.reply is None:
            raise faults.interrupted(self._connection)
        return self.reply

    def broken(self, error: httpx.RequestError) -> MuxiError:
        """The error for a connection that failed while the answer was coming."""
        if isinstance(error, httpx.TimeoutException):
            return faults.unreachable(error, self._connection)
        return faults.interrupted(self._connection)

    def _take(self, kind: str, body: Any) -> str:
        if kind == "piece":
            return str(body["text"])
        if kind == "error":
            raise faults.from_problem(reading.document(body))
        if kind == "reply":
            self.reply = reading.reply(body)
        elif kind == "usage" and self.reply is not None:
            self.reply = replace(self.reply, usage=reading.usage(body))
        # Events that this version does not know are passed over.
        return ""
