"""Whole exchanges in SQL: messages and what is remembered of them, in one transaction."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import Any

from muxi.core.chat.types import Answered, Exchange, Look, Saved, TeamLook
from muxi.core.memory.store import SHARED, Version
from muxi.core.memory.synopsis import State
from muxi.errors import NotFoundError, SessionNotFoundError, StorageConflictError
from muxi.ids import UserId
from muxi.storage import queries
from muxi.storage.databases.base import Database
from muxi.storage.memory import insert_memory, memory_row, move_version


class _StoredBeforeError(Exception):
    """Rolls the transaction back: a request of this key has stored its exchange already."""

    def __init__(self, answered: Answered) -> None:
        self.answered = answered


class SqlExchangeStore:
    """`muxi.core.chat.store.ExchangeStore` on SQLite and Postgres."""

    def __init__(self, database: Database, formation_id: str) -> None:
        self._database = database
        self._formation_id = formation_id
        self._own = queries.load(database, "exchanges")
        self._sessions = queries.load(database, "sessions")
        self._memory = queries.load(database, "memory")
        self._extraction = queries.load(database, "extraction")

    def save(self, exchange: Exchange, model: str) -> Saved | Answered:
        try:
            with self._database.transaction() as conn:
                return self._store(conn, exchange, model)
        except _StoredBeforeError as stored:
            return stored.answered

    def held(self) -> AbstractContextManager[None]:
        return self._database.held()

    def look(self, user_id: UserId) -> Look:
        with self._database.connection() as conn:
            rows = list(self._own.look(conn, formation_id=self._formation_id, user_id=user_id))
        own = [row for row in rows if row[0] is not None and row[6] is None]
        memories: dict[UserId | None, Version] = {row[0]: Version(row[1], row[2]) for row in own}
        made_at = own[0][4] if own else None
        state = State((sum(row[3] for row in own), made_at), not any(row[5] for row in own))
        return Look(memories, state) if len(rows) == len(own) else _shared(Look(memories, state), rows)

    def answered(self, user_id: UserId, request_key: str) -> Answered | None:
        with self._database.connection() as conn:
            return self._answered(conn, user_id, request_key)

    def _answered(self, conn: Any, user_id: UserId, request_key: str) -> Answered | None:
        row = self._sessions.answered(conn, formation_id=self._formation_id, user_id=user_id, request_key=request_key)
        return Answered(row[4], row[0], row[1], row[2], row[3]) if row else None

    def _store(self, conn: Any, exchange: Exchange, model: str) -> Saved:
        if exchange.user_id is not None:
            self._database.keep_user(conn, self._formation_id, exchange.user_id)
        # Then the session's row: turns of one session, and repeats of one request, wait for each other here.
        following = self._sessions.reserve_seq(
            conn,
            formation_id=self._formation_id,
            session_id=exchange.session.id,
            user_id=exchange.user_id,
            count=len(exchange.messages),
            now=exchange.now,
        )
        if following is None:
            raise self._gone(conn, exchange)
        if exchange.request_key and exchange.user_id:
            stored = self._answered(conn, exchange.user_id, exchange.request_key)
            if stored:
                raise _StoredBeforeError(stored)
        first = following - len(exchange.messages)
        if exchange.memory is None:
            self._add_messages(conn, exchange, first, None)
            return Saved(None)
        memory = replace(exchange.memory, seq=first)
        version = move_version(self._memory, conn, self._formation_id, memory.user_id, 1)
        self._add_messages(conn, exchange, first, self._wait(conn, exchange))
        insert_memory(self._memory, conn, self._formation_id, memory, version, model, None)
        return Saved(memory, version)

    def _gone(self, conn: Any, exchange: Exchange) -> NotFoundError:
        """Why the session is not there any more: with its user, or because what the user said was deleted."""
        if exchange.user_id is not None:
            # Raises, if it is the user. What the turn had read to answer is deleted, so its answer is not stored.
            move_version(self._memory, conn, self._formation_id, exchange.user_id, 0)
        return SessionNotFoundError("This conversation was ended or deleted at this moment. Nothing was stored.")

    def _wait(self, conn: Any, exchange: Exchange) -> int | None:
        """The place of the first message among all that its user said, if somebody is to read it."""
        if not exchange.waiting_tokens or exchange.user_id is None:
            return None
        place: int | None = self._extraction.wait_for_extraction(
            conn,
            formation_id=self._formation_id,
            user_id=exchange.user_id,
            now=exchange.waiting_since or exchange.now,
            tokens=exchange.waiting_tokens,
        )
        return place

    def _add_messages(self, conn: Any, exchange: Exchange, first: int, waits_at: int | None) -> None:
        for place, message in enumerate(exchange.messages):
            self._sessions.add_message(
                conn,
                formation_id=self._formation_id,
                session_id=exchange.session.id,
                seq=first + place,
                id=message.id,
                user_id=exchange.user_id,
                role=message.role,
                text=message.text,
                agent_id=message.agent_id,
                metadata=dict(message.metadata),
                created_at=exchange.now,
                request_key=exchange.request_key if place == 0 else None,
                place=waits_at if place == 0 else None,
            )


def _shared(look: Look, rows: Sequence[tuple[Any, ...]]) -> Look:
    """With what the rows say of teams, which have a name, and of the formation, which has no id."""
    # A user who was merged can be in a team twice.
    teams = {row[0]: _team(row) for row in rows if row[6] is not None}
    formation = next((Version(row[1], row[2]) for row in rows if row[0] is None), None)
    shared: dict[UserId | None, Version] = {SHARED: formation} if formation else {}
    return replace(look, teams=tuple(teams[team] for team in sorted(teams)), shared=shared)


def _team(row: tuple[Any, ...]) -> TeamLook:
    # Nobody reads teams, so they have no synopsis.
    return TeamLook(row[0], row[6], {row[0]: Version(row[1], row[2])}, State((row[3],), wanted=False))


class PostgresExchangeStore(SqlExchangeStore):
    """The same, with the common exchange in one statement: over a network each one costs a round trip."""

    def save(self, exchange: Exchange, model: str) -> Saved | Answered:
        saved = self._save_at_once(exchange, model)
        return saved or super().save(exchange, model)

    def _save_at_once(self, exchange: Exchange, model: str) -> Saved | None:
        """``None``: it is not the common case, or a request of the same key was faster."""
        memory = exchange.memory
        if memory is None or memory.vector is None or exchange.user_id is None or len(exchange.messages) != 2:
            return None
        asked, answer = exchange.messages
        try:
            with self._database.connection() as conn:
                row = self._own.save_exchange(
                    conn,
                    **memory_row(self._formation_id, memory, model),
                    asked_id=asked.id,
                    answer_id=answer.id,
                    answer=answer.text,
                    answer_metadata=dict(answer.metadata),
                    key=exchange.request_key,
                    waiting_tokens=exchange.waiting_tokens,
                )
        except StorageConflictError:
            return None
        return Saved(replace(memory, seq=row[0]), row[1]) if row else None
