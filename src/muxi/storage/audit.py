"""The audit in SQL: rows are appended by the stores whose changes they record."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from muxi.core.audit.types import Change, Record, chained
from muxi.ids import UserId
from muxi.storage import queries
from muxi.storage.databases.base import Database


def append(
    database: Database, conn: Any, formation_id: str, changes: Sequence[Change], at: datetime, actor: str
) -> None:
    """Records changes in the transaction that makes them. The last thing it does: it holds up other writers."""
    if changes:
        sql = queries.load(database, "audit")
        for record in chain(database, conn, formation_id, changes, at, actor):
            _add(sql, conn, formation_id, record)


def chain(
    database: Database, conn: Any, formation_id: str, changes: Sequence[Change], at: datetime, actor: str
) -> list[Record]:
    """The rows of changes, with the head moved behind them: whoever asks for them has to add them."""
    sql = queries.load(database, "audit")
    seq, previous = sql.reserve_audit(conn, formation_id=formation_id, count=len(changes))
    records = []
    for change in changes:
        seq += 1
        records.append(chained(previous, formation_id, seq, at, actor, change))
        previous = records[-1].hash
    sql.set_audit_hash(conn, formation_id=formation_id, hash=previous)
    return records


def _add(sql: Any, conn: Any, formation_id: str, record: Record) -> None:
    sql.add_audit(
        conn,
        formation_id=formation_id,
        seq=record.seq,
        at=record.at,
        actor=record.actor,
        action=record.action,
        user_id=record.user_id,
        details=dict(record.details),
        hash=record.hash,
    )


class SqlAuditStore:
    """`muxi.core.audit.store.AuditStore` on SQLite and Postgres."""

    def __init__(self, database: Database, formation_id: str) -> None:
        self._database = database
        self.formation_id = formation_id
        self._sql = queries.load(database, "audit")

    def head(self) -> tuple[int, str]:
        with self._database.connection() as conn:
            seq, digest = self._sql.audit_head(conn, formation_id=self.formation_id)
        return seq, digest

    def after(self, seq: int, limit: int) -> list[Record]:
        with self._database.connection() as conn:
            rows = self._sql.audit_after(conn, formation_id=self.formation_id, after=seq, limit=limit)
            return [Record(*row) for row in rows]

    def before(self, seq: int, limit: int, *, user_id: UserId | None, action: str) -> list[Record]:
        with self._database.connection() as conn:
            rows = self._sql.audit_before(
                conn,
                formation_id=self.formation_id,
                before=seq,
                limit=limit,
                user_id=user_id or "",
                action=action,
            )
            return [Record(*row) for row in rows]
