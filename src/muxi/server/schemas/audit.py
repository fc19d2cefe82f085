"""The audit as JSON."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from muxi.core.audit.service import Verdict
from muxi.core.audit.types import Record
from muxi.server.schemas.base import Response


class RecordOut(Response):
    """One row of the audit."""

    seq: int
    at: datetime
    actor: str
    action: str
    muxi_user_id: str | None
    details: dict[str, Any]
    hash: str

    @classmethod
    def of(cls, record: Record) -> RecordOut:
        return cls(
            seq=record.seq,
            at=record.at,
            actor=record.actor,
            action=record.action,
            muxi_user_id=record.user_id,
            details=dict(record.details),
            hash=record.hash,
        )


class RecordPage(Response):
    """A page of the audit, newest first."""

    records: list[RecordOut]
    next_cursor: str | None


class VerdictOut(Response):
    """What a check of the audit's chain found."""

    sound: bool
    rows: int
    broken_at: int | None

    @classmethod
    def of(cls, verdict: Verdict) -> VerdictOut:
        return cls(sound=verdict.sound, rows=verdict.rows, broken_at=verdict.broken_at)
