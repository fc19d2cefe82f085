"""What the server answers about contexts, as values."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any


@dataclass(frozen=True, slots=True)
class Fact:
    """What was said about one path.

    Attributes:
        fact_id: ``fct_...``.
        muxi_user_id: whose it is; of merged users each keeps its own.
        path: dotted.
        op: ``set``, ``add``, ``remove`` or ``delete``: what it does to the path.
        value: any JSON.
        source: who or what said so.
        importance: 0 to 1.
        confidence: 0 to 1.
        observed_at: when it was first said.
        last_at: when it was last said.
        times: how often it was said.
        messages: ids of those on which it rests.
        superseded_at: until when it held; ``None`` while it does.
        superseded_by: the fact that ended it.
    """

    fact_id: str
    muxi_user_id: str
    path: str
    op: str
    value: Any
    source: str
    importance: float
    confidence: float
    observed_at: datetime
    last_at: datetime
    times: int
    messages: tuple[str, ...]
    superseded_at: datetime | None
    superseded_by: str | None
