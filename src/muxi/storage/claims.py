"""Claims in SQL."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from muxi.core.audit.types import IDENTIFIER_ATTRACTS, Change
from muxi.ids import UserId


def add_claim(
    sql: Any,
    conn: Any,
    formation_id: str,
    user_id: UserId,
    asked_for: tuple[str, str],
    now: datetime,
    attractor_users: int,
) -> Change | None:
    """Notes that a user asks for an identifier, in the transaction that holds its value.

    Args:
        sql: the queries of the domain ``claims``.
        conn: in the transaction.
        formation_id: whose claims they are.
        user_id: who asks.
        asked_for: the identifier's type, and its fingerprint as in the audit.
        now: in UTC.
        attractor_users: how many may ask for one before it is told of.

    Returns:
        What it is to the audit: something only for the user who makes them too many, so that it is told once.
    """
    type, known_by = asked_for
    others: int | None = sql.add_claim(
        conn,
        formation_id=formation_id,
        fingerprint=known_by,
        user_id=user_id,
        claimed_at=now,
        most=attractor_users + 1,
    )
    if others != attractor_users:
        return None
    return Change(IDENTIFIER_ATTRACTS, None, {"type": type, "identifier": known_by, "users": attractor_users + 1})
