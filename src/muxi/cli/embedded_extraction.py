"""Extraction, on a store that this process opens itself. Loaded only when a command needs it."""

from __future__ import annotations

import asyncio

from muxi.cli import shapes
from muxi.cli.access import Shape
from muxi.cli.options import Who
from muxi.core.formation import Formation


class EmbeddedExtraction:
    """`muxi.cli.access.ExtractionAccess` to a formation in this process."""

    def __init__(self, formation: Formation, loop: asyncio.Runner) -> None:
        self._formation = formation
        self._loop = loop

    def status(self) -> Shape:
        return shapes.extraction_status(self._formation.extraction.status())

    def failures(self, who: Who | None, limit: int, cursor: str | None) -> Shape:
        user = self._formation.identities.find(who) if who is not None else None
        if who is not None and user is None:
            return {"failures": [], "next_cursor": None}
        page = self._formation.extraction.failures(user.id if user else None, cursor=cursor, limit=limit)
        return {
            "failures": [shapes.extraction_failure(one) for one in page.items],
            "next_cursor": page.next_cursor,
        }

    def replay(self, failure_id: str) -> Shape:
        written = self._loop.run(self._formation.extraction.replay(failure_id))
        return {"facts": written.facts, "memories": written.memories, "refused": written.refused}

    def choose(self, who: Who, enabled: bool) -> Shape:
        user, extraction = self._formation.identities.resolve(who), self._formation.extraction
        if enabled:
            extraction.opt_in(user.id)
        else:
            extraction.opt_out(user.id)
        since = extraction.opted_out(user.id)
        return {"opted_out_at": since.isoformat() if since else None}
