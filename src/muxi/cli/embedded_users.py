"""Users as things and proofs, on a store that this process opens itself. Loaded only when a command needs it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime

from muxi.cli import shapes
from muxi.cli.access import Format, Shape
from muxi.cli.options import Who
from muxi.core.formation import Formation

#: Who does it, in the audit.
ACTOR = "command line"


class EmbeddedUsers:
    """`muxi.cli.access.UserAccess` to a formation in this process."""

    def __init__(self, formation: Formation) -> None:
        self._formation = formation

    def list(self, search: str, disabled: bool | None, limit: int, cursor: str | None) -> Shape:
        page = self._formation.users.list(search, disabled=disabled, cursor=cursor, limit=limit)
        return {"users": [shapes.user_summary(one) for one in page.items], "next_cursor": page.next_cursor}

    def details(self, who: Who) -> Shape:
        return shapes.user_details(self._formation.users.show(who))

    def disable(self, who: Who) -> Shape:
        return shapes.user_summary(self._formation.users.disable(who, actor=ACTOR))

    def enable(self, who: Who) -> Shape:
        return shapes.user_summary(self._formation.users.enable(who, actor=ACTOR))

    def export(self, who: Who, format: Format) -> Iterator[str]:
        with self._formation.privacy.export(who) as export:
            yield from export.lines() if format == "jsonl" else export.document()

    def restore(self, export: Iterable[str]) -> Shape:
        return shapes.restored(self._formation.privacy.restore(export, actor=ACTOR))

    def erase(self, who: Who) -> Shape:
        return shapes.erased(self._formation.privacy.erase(who, actor=ACTOR))

    def delete_data(self, who: Who, before: datetime | None) -> Shape:
        return shapes.deleted(self._formation.deletion.delete_data(who, before, actor=ACTOR))

    def expire(self) -> Shape:
        return {"erased": self._formation.anonymous.expire_anonymous()}


class EmbeddedProofs:
    """`muxi.cli.access.ProofAccess` to a formation in this process."""

    def __init__(self, formation: Formation) -> None:
        self._formation = formation

    def start(self, user: Who, identifier: Who | None) -> Shape:
        return shapes.started(self._formation.proofs.start_verification(user, identifier, actor=ACTOR))

    def confirm(self, code: str, identifier: Who | None, merge: bool) -> Shape:
        user = self._formation.proofs.confirm_verification(code, identifier, merge=merge, actor=ACTOR)
        return shapes.user(user, self._formation.identities.identifiers(user.id))
