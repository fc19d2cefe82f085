"""The formation's own row."""

from __future__ import annotations

import secrets
from datetime import datetime

from muxi.storage import queries
from muxi.storage.databases.base import Database


def enter_formation(database: Database, formation_id: str, now: datetime) -> bytes:
    """Makes the formation's row if there is none, and returns the key under which its secrets are hashed."""
    sql = queries.load(database, "formations")
    with database.connection() as conn:
        row = sql.formation(conn, formation_id=formation_id)
    if row is None:
        with database.transaction() as conn:
            sql.add_formation(conn, formation_id=formation_id, created_at=now, hash_key=secrets.token_bytes(32))
            row = sql.formation(conn, formation_id=formation_id)
    return bytes(row[0])
