"""Contexts, on a running server. Loaded only when a command needs it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from muxi.cli.access import Op, Shape
from muxi.cli.options import Who
from muxi.cli.values import shape
from muxi.client.sync import FormationClient


class RemoteContext:
    """`muxi.cli.access.ContextAccess` to a formation of a server."""

    def __init__(self, client: FormationClient) -> None:
        self._context = client.context

    def show(self, who: Who, at: datetime | None) -> Shape:
        return {"context": self._context.get(who, at)}

    def change(self, who: Who, path: str, value: Any, op: Op, source: str, importance: float) -> Shape:
        if op == "remove":
            facts = self._context.remove(who, path, value, source=source)
        else:
            change = self._context.add if op == "add" else self._context.set
            facts = change(who, path, value, source=source, importance=importance)
        return {"facts": [shape(one) for one in facts]}

    def delete(self, who: Who, path: str, forget: bool) -> Shape:
        return {"deleted": self._context.delete(who, path, forget)}

    def history(self, who: Who, path: str, limit: int, cursor: str | None) -> Shape:
        page = self._context.history(who, path, limit, cursor)
        return {"facts": [shape(one) for one in page.items], "next_cursor": page.next_cursor}
