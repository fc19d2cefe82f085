"""Contexts, on a store that this process opens itself. Loaded only when a command needs it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from muxi.cli import shapes
from muxi.cli.access import Op, Shape
from muxi.cli.options import Who
from muxi.core.formation import Formation
from muxi.core.memory.facts import Change, Origin


class EmbeddedContext:
    """`muxi.cli.access.ContextAccess` to a formation in this process."""

    def __init__(self, formation: Formation) -> None:
        self._formation = formation

    def show(self, who: Who, at: datetime | None) -> Shape:
        user = self._formation.identities.find(who)
        return {"context": self._formation.context.get(user.id, at=at) if user else {}}

    def change(self, who: Who, path: str, value: Any, op: Op, source: str, importance: float) -> Shape:
        user = self._formation.identities.resolve(who)
        facts = self._formation.context.write(user.id, [Change(op, path, value, Origin(source, importance))])
        return {"facts": [shapes.fact(one) for one in facts]}

    def delete(self, who: Who, path: str, forget: bool) -> Shape:
        user = self._formation.identities.find(who)
        return {"deleted": self._formation.context.delete(user.id, path, forget=forget) if user else False}

    def history(self, who: Who, path: str, limit: int, cursor: str | None) -> Shape:
        user = self._formation.identities.find(who)
        if user is None:
            return {"facts": [], "next_cursor": None}
        page = self._formation.context.history(user.id, path, cursor=cursor, limit=limit)
        return {"facts": [shapes.fact(one) for one in page.items], "next_cursor": page.next_cursor}
