"""Sessions and their log in SQL."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from muxi.core.sessions.types import Message, Session, WindowMessage
from muxi.ids import SessionId, UserId
from muxi.storage import queries
from muxi.storage.databases.base import Database
from muxi.storage.vectors import read_vector


class SqlSessionStore:
    """`muxi.core.sessions.store.SessionStore` on SQLite and Postgres; ``model`` as in `Storage.for_formation`."""

    def __init__(self, database: Database, formation_id: str, model: str | None = None) -> None:
        self._database = database
        self._formation_id = formation_id
        self._model = model
        self._sql = queries.load(database, "sessions")

    def find(self, user_id: UserId | None, session_id: SessionId) -> Session | None:
        key = {"formation_id": self._formation_id, "session_id": session_id}
        with self._database.connection() as conn:
            if user_id is None:
                row = self._sql.find_session_without_user(conn, **key)
            else:
                row = self._sql.find_session(conn, **key, user_id=user_id)
        return Session(*row) if row else None

    def find_by_key(self, user_id: UserId | None, key: str) -> Session | None:
        with self._database.connection() as conn:
            return self._find_by_key(conn, user_id, key)

    def open(self, user_id: UserId, key: str, size: int) -> tuple[Session, list[tuple[str, str]]] | None:
        with self._database.connection() as conn:
            rows = list(
                self._sql.session_and_buffer(conn, formation_id=self._formation_id, user_id=user_id, key=key, size=size)
            )
        if not rows:
            return None
        return Session(*rows[0][:7]), [(role, text) for *_, role, text in rows if role is not None]

    def enter(
        self, user_id: UserId | None, session_id: SessionId, key: str, name: str, channel: str, now: datetime
    ) -> Session:
        found = self.find_by_key(user_id, key)
        if found:
            return found
        with self._database.transaction() as conn:
            self._sql.add_session(
                conn,
                formation_id=self._formation_id,
                session_id=session_id,
                user_id=user_id,
                key=key,
                name=name,
                channel=channel,
                started_at=now,
            )
            made = self._find_by_key(conn, user_id, key) or self._own(conn, user_id, key)
        assert made is not None  # just added, or somebody was faster
        return made

    def add(self, session: Session, key: str) -> None:
        with self._database.transaction() as conn:
            if session.user_id is not None:
                self._database.keep_user(conn, self._formation_id, session.user_id)
            self._sql.open_session(
                conn,
                formation_id=self._formation_id,
                session_id=session.id,
                user_id=session.user_id,
                key=key,
                name=session.name,
                channel=session.channel,
                started_at=session.started_at,
                metadata=dict(session.metadata or {}),
                expires_at=session.expires_at,
                idle_s=session.idle_s,
            )

    def get(self, session_id: SessionId) -> Session | None:
        with self._database.connection() as conn:
            row = self._sql.get_session(conn, formation_id=self._formation_id, session_id=session_id)
        return Session(*row) if row else None

    def end(self, session: Session, now: datetime) -> None:
        with self._database.transaction() as conn:
            self._sql.end_session(conn, **self._of(session), now=now)

    def newest(self, user_id: UserId, before: tuple[datetime, SessionId], limit: int) -> list[Session]:
        with self._database.connection() as conn:
            rows = self._sql.sessions_of(
                conn,
                formation_id=self._formation_id,
                user_id=user_id,
                before_at=before[0],
                before_id=before[1],
                limit=limit,
            )
            return [Session(*row) for row in rows]

    def messages(self, session: Session, before_seq: int, limit: int) -> list[Message]:
        with self._database.connection() as conn:
            rows = self._sql.messages_of(conn, **self._of(session), before_seq=before_seq, limit=limit)
            return [Message(*row) for row in rows]

    def buffer(self, session: Session, limit: int) -> list[tuple[str, str]]:
        with self._database.connection() as conn:
            rows = list(self._sql.buffer_of(conn, **self._of(session), limit=limit))
        return rows[::-1]

    def windows(self, user_id: UserId | None, size: int) -> list[WindowMessage]:
        key = {"formation_id": self._formation_id, "size": size, "model": self._model}
        with self._database.connection() as conn:
            if user_id is None:
                rows = self._sql.windows_without_user(conn, **key)
            else:
                rows = self._sql.windows_of(conn, **key, user_id=user_id)
            return [WindowMessage(Message(*row[:8]), row[8], read_vector(row[9])) for row in rows]

    def clear(self, user_id: UserId | None, agent_id: str) -> int:
        key = {"formation_id": self._formation_id, "agent_id": agent_id}
        with self._database.transaction() as conn:
            if user_id is None:
                return int(self._sql.clear_buffer_without_user(conn, **key))
            self._database.keep_user(conn, self._formation_id, user_id)
            return int(self._sql.clear_buffer_of(conn, **key, user_id=user_id))

    def _of(self, session: Session) -> dict[str, str | None]:
        """A session, and beside it whose it is."""
        return {"formation_id": self._formation_id, "session_id": session.id, "user_id": session.user_id}

    def _own(self, conn: Any, user_id: UserId | None, key: str) -> Session | None:
        """Of a user who was merged into another at this moment: all of it is looked for under that one by now."""
        row = self._sql.find_own_session(conn, formation_id=self._formation_id, user_id=user_id, key=key)
        return Session(*row) if row else None

    def _find_by_key(self, conn: Any, user_id: UserId | None, key: str) -> Session | None:
        if user_id is None:
            row = self._sql.find_session_by_key_without_user(conn, formation_id=self._formation_id, key=key)
        else:
            row = self._sql.find_session_by_key(conn, formation_id=self._formation_id, user_id=user_id, key=key)
        return Session(*row) if row else None
