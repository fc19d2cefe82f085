"""Commands on a store that this process opens itself. Loaded only when a command needs it."""

from __future__ import annotations

import asyncio
from collections.abc import Generator, Sequence
from contextlib import closing
from datetime import timedelta
from types import TracebackType
from typing import Any, Self

from muxi.cli import shapes
from muxi.cli.access import Asked, ContextAccess, CredentialAccess, ExtractionAccess, ProofAccess, Shape, UserAccess
from muxi.cli.access_doors import DoorAccess
from muxi.cli.access_teams import TeamAccess
from muxi.cli.embedded_context import EmbeddedContext
from muxi.cli.embedded_credentials import EmbeddedCredentials
from muxi.cli.embedded_doors import EmbeddedDoors
from muxi.cli.embedded_extraction import EmbeddedExtraction
from muxi.cli.embedded_teams import EmbeddedTeams
from muxi.cli.embedded_users import ACTOR, EmbeddedProofs, EmbeddedUsers
from muxi.cli.options import Who
from muxi.core.chat import reply as recipe
from muxi.core.chat.search import search
from muxi.core.chat.types import Piece, Turn
from muxi.core.formation import Formation
from muxi.core.memory.service import Draft
from muxi.core.privacy.joining import preview


class Embedded:
    """`muxi.cli.access.Access` to a formation in this process.

    Args:
        formation: open; closed with this.
        where: what to call it.
    """

    def __init__(self, formation: Formation, where: str) -> None:
        self._formation = formation
        self.users: UserAccess = EmbeddedUsers(formation)
        self.context: ContextAccess = EmbeddedContext(formation)
        self.proofs: ProofAccess = EmbeddedProofs(formation)
        self.doors: DoorAccess = EmbeddedDoors(formation)
        self.credentials: CredentialAccess = EmbeddedCredentials(formation)
        self.teams: TeamAccess = EmbeddedTeams(formation)
        self.where = where
        self._loop = asyncio.Runner()
        self.extraction: ExtractionAccess = EmbeddedExtraction(formation, self._loop)

    def resolve(self, who: Who) -> Shape:
        user = self._formation.identities.resolve(who)
        return {"muxi_user_id": user.id, "created": user.new, "created_at": user.created_at.isoformat()}

    def show(self, who: Who) -> Shape:
        user = self._formation.identities.get(who)
        return shapes.user(user, self._formation.identities.identifiers(user.id))

    def link(self, identifiers: Sequence[Who], user: Who | None, merge: bool = False, verified: bool = False) -> Shape:
        linked = self._formation.identities.associate(identifiers, user, merge=merge, verified=verified, actor=ACTOR)
        return {"muxi_user_id": linked.id, "created": linked.new, "identifiers": self._identifiers(linked.id)}

    def unlink(self, identifier: Who, user: Who | None, force: bool) -> Shape:
        owner = self._formation.identities.unlink(identifier, user, force=force, actor=ACTOR)
        return {"muxi_user_id": owner.id, "identifiers": self._identifiers(owner.id)}

    def merge(self, users: Sequence[Who], into: Who | None) -> Shape:
        return shapes.merge(self._formation.merges.merge(users, into, actor=ACTOR))

    def preview(self, users: Sequence[Who], into: Who | None) -> Shape:
        return shapes.merge_preview(preview(self._formation, users, into))

    def split(self, merge_id: str) -> Shape:
        return shapes.merge(self._formation.merges.split(merge_id, actor=ACTOR))

    def merges(self, who: Who) -> Shape:
        return {"merges": [shapes.merge(one) for one in self._formation.merges.of(who)]}

    def audit(self, who: Who | None, action: str | None, limit: int, cursor: str | None) -> Shape:
        user = self._formation.identities.find(who) if who is not None else None
        if who is not None and user is None:
            return {"records": [], "next_cursor": None}
        page = self._formation.audit.newest(
            user_id=user.id if user else None, action=action or "", cursor=cursor, limit=limit
        )
        return {"records": [shapes.record(one) for one in page.items], "next_cursor": page.next_cursor}

    def verify_audit(self) -> Shape:
        return shapes.verdict(self._formation.audit.verify())

    def remember(
        self, who: Who, text: str, metadata: Shape, importance: float, expires_in: timedelta | None = None
    ) -> Shape:
        user = self._formation.identities.resolve(who)
        draft = Draft(text, metadata, importance, expires_in=expires_in)
        stored = self._formation.memories.add(user.id, [draft])
        return shapes.memory(stored[0])

    def search(self, who: Who, query: str, limit: int, agent: str | None, *, explain: bool = False) -> Shape:
        asked = search(self._formation, query, user=who, agent_id=agent, long_term=True, limit=limit, explain=explain)
        hits = self._loop.run(asked)
        return {"hits": [shapes.hit(hit) for hit in hits]}

    def memories(self, who: Who, limit: int, cursor: str | None) -> Shape:
        user = self._formation.identities.find(who)
        if user is None:
            return {"memories": [], "next_cursor": None}
        page = self._formation.memories.newest(user.id, cursor=cursor, limit=limit)
        return {"memories": [shapes.memory(one) for one in page.items], "next_cursor": page.next_cursor}

    def forget(self, who: Who, memory_id: str) -> None:
        self._formation.memories.delete(self._formation.identities.get(who).id, memory_id)

    def reply(self, asked: Asked) -> Shape:
        return shapes.reply(self._loop.run(recipe.reply(self._formation, _turn(asked))))

    def stream(self, asked: Asked) -> Generator[str, None, None]:
        parts = recipe.stream(self._formation, _turn(asked))
        with closing(_driven(self._loop, parts)) as driven:
            for part in driven:
                if isinstance(part, Piece):
                    yield part.text

    def close(self) -> None:
        self._loop.close()
        self._formation.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _identifiers(self, user_id: str) -> list[Shape]:
        return [shapes.linked(one) for one in self._formation.identities.identifiers(user_id)]


def _turn(asked: Asked) -> Turn:
    return Turn(asked.message, asked.who, asked.session, asked.agent)


def _driven(loop: asyncio.Runner, parts: Any) -> Generator[Any, None, None]:
    """An async iterator's items, one call of the loop each; closing this one closes that one, which stops the model."""
    try:
        while (part := loop.run(_next(parts))) is not None:
            yield part
    finally:
        loop.run(_close(parts))


async def _next(parts: Any) -> Any:
    return await anext(parts, None)


async def _close(parts: Any) -> None:
    # Ctrl-C can come when the next one was asked for and the loop had not taken that up: it would begin only now.
    asked = asyncio.all_tasks() - {asyncio.current_task()}
    for task in asked:
        task.cancel()
    await asyncio.gather(*asked, return_exceptions=True)
    await parts.aclose()
