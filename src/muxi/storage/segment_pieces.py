"""Segments' data in pieces: each is still in the processor's cache when it is put where it belongs.

Whole, the data of 100,000 memories would be copied five times, through memory that the system has to clear first.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from itertools import chain
from sqlite3 import Blob
from typing import Any

from muxi.core.memory.packed import HEAD
from muxi.core.memory.segment_store import Stored
from muxi.storage.databases.base import Database

#: Bytes of a piece.
PIECE = 256 * 1024
#: The pieces of up to so many memories are read at once.
FEW = 4096

Parameters = Mapping[str, str | int | None]


@contextmanager
def in_postgres(database: Database, query: str, parameters: Parameters, held: int) -> Iterator[Stored]:
    """The segments that the query ``stored`` finds, as `SegmentStore.stored`; about so many memories."""
    given = {**parameters, "head": HEAD, "piece": PIECE}
    with database.connection() as conn:
        # What is streamed is planned anew each time, which takes longer than to read few.
        read = conn.cursor().execute if held <= FEW else conn.cursor().stream
        with closing(read(query, given, binary=True)) as rows:
            yield _sorted_out(rows)


def _sorted_out(rows: Iterable[tuple[int, bool, bytes]]) -> Stored:
    """The rows of Postgres: first the heads of all."""
    following, first = iter(rows), list[bytes]()
    upto, heads = list[int](), list[bytes]()
    for version, is_head, data in following:
        if not is_head:
            first.append(data)
            break
        upto.append(version)
        heads.append(data)
    return Stored(upto, heads, chain(first, (data for _, _, data in following)))


@contextmanager
def in_sqlite(database: Database, query: str, parameters: Parameters) -> Iterator[Stored]:
    """The same on SQLite, however many."""
    with database.snapshot() as conn, ExitStack() as opened:
        found: list[tuple[int, int]] = list(conn.execute(query, parameters))
        blobs = [opened.enter_context(_blob(conn, row)) for row, _ in found]
        heads = [blob.read(HEAD) for blob in blobs]
        yield Stored([upto for _, upto in found], heads, (piece for blob in blobs for piece in _pieces(blob)))


def _blob(conn: Any, row: int) -> Blob:
    found: Blob = conn.blobopen("memory_segments", "data", row, readonly=True)
    return found


def _pieces(blob: Blob) -> Iterator[bytes]:
    blob.seek(0)
    while piece := blob.read(PIECE):
        yield piece
