"""Importing a file through a server: what is sent, and the lines that tell how far it is."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

from muxi.client import faults, reading, user_reading
from muxi.client.connection import Connection
from muxi.client.request import Request
from muxi.client.user_replies import BulkResult, Conflict
from muxi.client.user_requests import JSON_LINES
from muxi.errors import InvalidImportError, ServerUnreachableError

#: Told the step, how much is done, and of how much.
Progress = Callable[[str, int, int], None]

MEDIA_TYPES = {".csv": "text/csv", ".jsonl": JSON_LINES, ".ndjson": JSON_LINES}
PIECE = 64 * 1024


class Follower:
    """Takes the lines of one answer in their order.

    Args:
        connection: named in errors.
        progress: told how far it is.
        report: told each conflict.
    """

    def __init__(
        self, connection: Connection, progress: Progress | None, report: Callable[[Conflict], None] | None
    ) -> None:
        self._connection = connection
        self._progress = progress
        self._report = report
        self._result: BulkResult | None = None

    def take(self, line: str) -> None:
        """One line.

        Raises:
            MuxiError: it reports an error, or cannot be read.
        """
        try:
            ((kind, body),) = json.loads(line).items()
            conflict = user_reading.conflict(body) if kind == "conflict" else None
            step = (str(body["step"]), int(body["done"]), int(body["total"])) if kind == "progress" else None
            self._result = user_reading.bulk_result(body) if kind == "result" else self._result
            problem = faults.from_problem(reading.document(body)) if kind == "problem" else None
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise faults.unreadable(self._connection) from error
        if problem is not None:
            raise problem
        # Outside of the above: what they raise is theirs. Lines that this version does not know are passed over.
        if step and self._progress:
            self._progress(*step)
        if conflict and self._report:
            self._report(conflict)

    def end(self) -> BulkResult:
        """What came of it, after the last line.

        Raises:
            ServerUnreachableError: the answer ended before the import did.
        """
        if self._result is None:
            raise ServerUnreachableError("The server broke off the import. Start it again: it goes on where it was.")
        return self._result


def opened(path: str | Path) -> IO[bytes]:
    """The file, open for reading.

    Raises:
        InvalidImportError: it is not a file that can be read.
    """
    if not Path(path).is_file():
        raise InvalidImportError(f"{path} is not a file. Name a .csv or .jsonl file.")
    try:
        return Path(path).open("rb")
    except OSError as error:
        raise InvalidImportError(f"{path} cannot be read. Give this process the right to read it.") from error


def import_file(path: str | Path, file: IO[bytes], dry_run: bool, progress: Progress | None) -> Request[None]:
    """The request that sends a file.

    Raises:
        InvalidImportError: its name does not tell what it is.
    """
    media_type = MEDIA_TYPES.get(Path(path).suffix.lower())
    if media_type is None:
        raise InvalidImportError(f"{Path(path).name!r} does not say what it is. Name it .csv, or .jsonl (JSON Lines).")
    return Request(
        "POST",
        "/v1/identifiers/import",
        reading.nothing,
        params={"dry_run": str(dry_run).lower()},
        headers={"Content-Type": media_type, "Accept": JSON_LINES},
        content=_pieces(file, progress),
        # The file was read to its end the first time.
        idempotent=False,
    )


def _pieces(file: IO[bytes], progress: Progress | None) -> Iterator[bytes]:
    size = os.fstat(file.fileno()).st_size
    while piece := file.read(PIECE):
        if progress:
            progress("sending", file.tell(), size)
        yield piece
