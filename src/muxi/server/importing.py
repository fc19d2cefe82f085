"""An import that is told of while it runs: a line of JSON for each step, for each conflict, and for what came of it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import IO, Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from muxi.core.identity.bulk_types import BulkResult, Conflict
from muxi.core.identity.import_file import Format
from muxi.errors import InvalidInputError, MuxiError
from muxi.server import problems
from muxi.server.caller import Caller
from muxi.server.download import JSON_LINES
from muxi.server.schemas.users import BulkResultOut, ConflictOut
from muxi.server.upload import received

CSV = "text/csv"
#: Lines that wait to be sent. A client that reads slowly makes the import wait, and the server's memory stays flat.
WAITING = 64
#: While a chunk takes long: a client that hears nothing takes the server for gone.
HEARTBEAT_S = 10.0
HEARTBEAT = b'{"waiting": true}\n'
TOO_MUCH = "Import it in parts."


def format_of(content_type: str) -> Format:
    """The format of a file that is sent.

    Raises:
        InvalidInputError: it is not one of ours.
    """
    media_type = content_type.partition(";")[0].strip().lower()
    if media_type == CSV:
        return "csv"
    if media_type == JSON_LINES:
        return "jsonl"
    raise InvalidInputError(f"Send the file as {CSV} or {JSON_LINES}, and say which in Content-Type.")


class Importing(StreamingResponse):
    """Takes a file and links what it says. When the client hangs up, the import stops after a chunk.

    Args:
        request: its body is the file.
        caller: who imports.
        format: of the file.
        dry_run: change nothing.
    """

    def __init__(self, request: Request, caller: Caller, format: Format, *, dry_run: bool) -> None:
        self._lines: asyncio.Queue[bytes | None] = asyncio.Queue(WAITING)
        super().__init__(self._told(), media_type=JSON_LINES)
        self._request = request
        self._caller = caller
        self._format = format
        self._dry_run = dry_run
        self._gone = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async with received(self._request, whole=False, advice=TOO_MUCH) as file:
            working = asyncio.create_task(self._work(file, asyncio.get_running_loop()))
            try:
                await super().__call__(scope, receive, send)
            finally:
                # The thread must be through before the file goes: it is told to stop, and nothing waits for a reader.
                self._gone = True
                while not working.done():
                    while not self._lines.empty():
                        self._lines.get_nowait()
                    await asyncio.wait((working,), timeout=0.05)

    async def _told(self) -> AsyncIterator[bytes]:
        getting = asyncio.ensure_future(self._lines.get())
        try:
            while True:
                await asyncio.wait((getting,), timeout=HEARTBEAT_S)
                if not getting.done():
                    yield HEARTBEAT
                elif (line := getting.result()) is not None:
                    yield line
                    getting = asyncio.ensure_future(self._lines.get())
                else:
                    return
        finally:
            getting.cancel()

    async def _work(self, file: IO[bytes], loop: asyncio.AbstractEventLoop) -> None:
        def put(name: str, body: Any) -> None:
            """From the import's thread."""
            if self._gone:
                raise ClientDisconnect
            asyncio.run_coroutine_threadsafe(self._put(name, body), loop).result()

        await self._put(*await self._outcome(run_in_threadpool(self._imported, file, put)))
        await self._lines.put(None)

    async def _outcome(self, work: Awaitable[BulkResult]) -> tuple[str, Any]:
        try:
            result = BulkResultOut.of(await work).model_dump(mode="json")
        except MuxiError as error:
            problems.report(error, self._request)
            return "problem", problems.document(error, self._request)
        except ClientDisconnect:
            return "stopped", True
        except Exception as exc:  # noqa: BLE001  (the status is sent already: the lines must say that it failed)
            return "problem", problems.document(problems.unforeseen(exc, self._request), self._request)
        return "result", result

    async def _put(self, name: str, body: Any) -> None:
        await self._lines.put(json.dumps({name: body}, default=str).encode() + b"\n")

    def _imported(self, file: IO[bytes], put: Callable[[str, Any], None]) -> BulkResult:
        def step(name: str, done: int, total: int) -> None:
            put("progress", {"step": name, "done": done, "total": total})

        def conflict(one: Conflict) -> None:
            put("conflict", ConflictOut.of(one).model_dump(mode="json"))

        return self._caller.formation.bulk.import_opened(
            file,
            self._format,
            dry_run=self._dry_run,
            progress=step,
            report=conflict,
            actor=self._caller.actor,
        )
