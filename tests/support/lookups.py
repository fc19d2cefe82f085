"""What SQLite looks identifiers up in, against the tables that it repeats."""

from __future__ import annotations

from typing import Any

from muxi.storage.open import Storage

_TABLES = """
    SELECT i.key & 9223372036854775807, i.formation_id, i.value, i.type, c.id, c.created_at, c.disabled_at IS NOT NULL,
        i.verified_at IS NOT NULL
    FROM identifiers i
    JOIN users u ON u.formation_id = i.formation_id AND u.id = i.user_id
    JOIN users c ON c.formation_id = u.formation_id AND c.id = u.canonical_id
    ORDER BY i.formation_id, i.value, i.type"""
_LOOKUPS = "SELECT * FROM lookups ORDER BY formation_id, value, type"

Rows = list[tuple[Any, ...]]


def looked_up(storage: Storage) -> Rows:
    """Every row that a look-up can find."""
    with storage._database.owning() as conn:
        rows: Rows = conn.execute(_LOOKUPS).fetchall()
    return rows


def as_the_tables_say(storage: Storage) -> Rows:
    """The rows that there should be, if every identifier has a key."""
    with storage._database.owning() as conn:
        rows: Rows = conn.execute(_TABLES).fetchall()
    return rows
