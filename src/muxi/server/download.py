"""An export as a download."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from muxi.core.privacy.types import UserExport

JSON_LINES = "application/x-ndjson"
#: What is handed to the connection at once, in bytes: each piece costs a change of threads.
PIECE = 64 * 1024


class Download(StreamingResponse):
    """The file of an export, piece by piece. The export is closed with it, whichever end comes first.

    Args:
        export: of one user.
        format: one JSON document, or JSON Lines.
    """

    def __init__(self, export: UserExport, format: Literal["json", "jsonl"]) -> None:
        self._export = export
        parts = export.lines() if format == "jsonl" else export.document()
        name = f"{export.user_id}.{format}"
        super().__init__(
            _pieces(parts),
            headers={"Content-Disposition": f'attachment; filename="{name}"'},
            media_type=JSON_LINES if format == "jsonl" else "application/json",
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        with self._export:
            await super().__call__(scope, receive, send)


def _pieces(parts: Iterator[str]) -> Iterator[bytes]:
    piece = bytearray()
    for part in parts:
        piece += part.encode()
        if len(piece) >= PIECE:
            yield bytes(piece)
            piece.clear()
    yield bytes(piece)
