"""Commands on a running server, through the client. Loaded only when a command needs it."""

from __future__ import annotations

import re
from collections.abc import Generator, Sequence
from datetime import timedelta
from types import TracebackType
from typing import Self

from muxi.cli.access import Asked, ContextAccess, CredentialAccess, ExtractionAccess, ProofAccess, Shape, UserAccess
from muxi.cli.access_doors import DoorAccess
from muxi.cli.access_teams import TeamAccess
from muxi.cli.options import Who
from muxi.cli.remote_context import RemoteContext
from muxi.cli.remote_credentials import RemoteCredentials
from muxi.cli.remote_doors import RemoteDoors
from muxi.cli.remote_extraction import RemoteExtraction
from muxi.cli.remote_teams import RemoteTeams
from muxi.cli.remote_users import RemoteProofs, RemoteUsers
from muxi.cli.values import shape
from muxi.client.sync import FormationClient


class Remote:
    """`muxi.cli.access.Access` to a formation of a server.

    Args:
        url: of the server.
        formation_id: which of its formations; its own if not told.
    """

    def __init__(self, url: str, formation_id: str | None) -> None:
        self._client = FormationClient(url, formation_id or "default", timeout=120)
        self.users: UserAccess = RemoteUsers(self._client)
        self.context: ContextAccess = RemoteContext(self._client)
        self.extraction: ExtractionAccess = RemoteExtraction(self._client)
        self.proofs: ProofAccess = RemoteProofs(self._client)
        self.doors: DoorAccess = RemoteDoors(self._client)
        self.credentials: CredentialAccess = RemoteCredentials(self._client)
        self.teams: TeamAccess = RemoteTeams(self._client)
        self.where = f"the server at {re.sub('//[^/]*@', '//', url)}"  # without a password

    def resolve(self, who: Who) -> Shape:
        return shape(self._client.resolve_user(who))

    def show(self, who: Who) -> Shape:
        return shape(self._client.get_user(who))

    def link(self, identifiers: Sequence[Who], user: Who | None, merge: bool = False, verified: bool = False) -> Shape:
        return self._client.associate_user_identifiers(identifiers, user, merge, verified)

    def unlink(self, identifier: Who, user: Who | None, force: bool) -> Shape:
        return self._client.unlink_user_identifier(identifier, user, force)

    def merge(self, users: Sequence[Who], into: Who | None) -> Shape:
        return shape(self._client.merge_users(users, into))

    def preview(self, users: Sequence[Who], into: Who | None) -> Shape:
        return shape(self._client.merge_users(users, into, dry_run=True))

    def split(self, merge_id: str) -> Shape:
        return shape(self._client.split_merge(merge_id))

    def merges(self, who: Who) -> Shape:
        return {"merges": [shape(one) for one in self._client.list_merges(who)]}

    def audit(self, who: Who | None, action: str | None, limit: int, cursor: str | None) -> Shape:
        page = self._client.list_audit(who, action, limit, cursor)
        return {"records": [shape(one) for one in page.items], "next_cursor": page.next_cursor}

    def verify_audit(self) -> Shape:
        return self._client.verify_audit()

    def remember(
        self, who: Who, text: str, metadata: Shape, importance: float, expires_in: timedelta | None = None
    ) -> Shape:
        stored = self._client.add_memory(text, who, metadata=metadata, importance=importance, expires_in=expires_in)
        return shape(stored)

    def search(self, who: Who, query: str, limit: int, agent: str | None, *, explain: bool = False) -> Shape:
        return {"hits": [shape(hit) for hit in self._client.search_memory(query, who, limit, agent, explain=explain)]}

    def memories(self, who: Who, limit: int, cursor: str | None) -> Shape:
        page = self._client.list_memories(who, limit, cursor)
        return {"memories": [shape(one) for one in page.items], "next_cursor": page.next_cursor}

    def forget(self, who: Who, memory_id: str) -> None:
        self._client.delete_memory(memory_id, who)

    def reply(self, asked: Asked) -> Shape:
        return shape(self._client.chat(asked.message, asked.who, agent=asked.agent, session_id=asked.session))

    def stream(self, asked: Asked) -> Generator[str, None, None]:
        pieces = self._client.chat_stream(asked.message, asked.who, agent=asked.agent, session_id=asked.session)
        with pieces:
            yield from pieces

    def close(self) -> None:
        self._client.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
