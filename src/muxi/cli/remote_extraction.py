"""Extraction, on a running server. Loaded only when a command needs it."""

from __future__ import annotations

from muxi.cli.access import Shape
from muxi.cli.options import Who
from muxi.cli.values import shape
from muxi.client.sync import FormationClient


class RemoteExtraction:
    """`muxi.cli.access.ExtractionAccess` to a formation of a server."""

    def __init__(self, client: FormationClient) -> None:
        self._extraction = client.extraction

    def status(self) -> Shape:
        return shape(self._extraction.status())

    def failures(self, who: Who | None, limit: int, cursor: str | None) -> Shape:
        page = self._extraction.list_failures(who, limit, cursor)
        return {"failures": [shape(one) for one in page.items], "next_cursor": page.next_cursor}

    def replay(self, failure_id: str) -> Shape:
        return shape(self._extraction.replay(failure_id))

    def choose(self, who: Who, enabled: bool) -> Shape:
        if enabled:
            self._extraction.opt_in(who)
            return {"opted_out_at": None}
        since = self._extraction.opt_out(who)
        return {"opted_out_at": since.isoformat() if since else None}
