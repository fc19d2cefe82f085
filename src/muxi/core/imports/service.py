"""Bringing in what other systems remember: memories of mem0 and LangGraph, and conversations."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from pathlib import Path
from typing import Any, Protocol

from muxi.core.chat.reply import said
from muxi.core.chat.types import Exchange, LoggedMessage
from muxi.core.imports import check
from muxi.core.imports.check import Checking
from muxi.core.imports.file import documents
from muxi.core.imports.spool import Checked, Spool, spooled
from muxi.core.imports.store import ImportStore
from muxi.core.imports.types import KINDS, ImportResult, Kind, Progress, Reading
from muxi.core.memory.extraction.service import Extraction
from muxi.core.memory.extraction.work import IMPORTED
from muxi.core.memory.service import Memories
from muxi.core.memory.types import NOTE, Memory
from muxi.core.sessions.service import Sessions
from muxi.core.sessions.types import USER, Session
from muxi.errors import InvalidImportError
from muxi.ids import MemoryId, MessageId, UserId

#: How many records one transaction writes: of one user, and of messages of one session.
CHUNK = 500
#: So long as nobody knows of a file how long it is.
_AT_ONCE = 1000


class Rooms(check.Rooms, Protocol):
    """The parts of a formation that an import passes through."""

    sessions: Sessions
    memories: Memories
    extraction: Extraction
    imports: ImportStore


@dataclass(slots=True)
class _Written:
    memories: int = 0
    messages: int = 0
    unchanged: int = 0


def import_file(
    rooms: Rooms,
    kind: Kind,
    path: str | Path,
    reading: Reading | None = None,
    *,
    dry_run: bool = False,
    progress: Progress | None = None,
) -> ImportResult:
    """Brings in what a file says: JSON Lines (``.jsonl``, ``.ndjson``) or one JSON document (``.json``).

    Every line is read and checked before anything is written. Then it is written user by user, the earliest first, in
    chunks. Each record is stored once, however often its file comes: broken off, an import goes on where it was when it
    is called again. Private values are cut out. Vectors and facts follow behind, as after a conversation.

    Args:
        rooms: the formation.
        kind: ``mem0``, ``langgraph``: memories; ``jsonl``: messages of conversations.
        path: of the file.
        reading: how it is read.
        dry_run: change nothing, and say what would be.
        progress: told how far it is.

    Raises:
        InvalidImportError: lines cannot be imported; ``details["lines"]`` lists the first, and nothing was changed.
        StorageFullError: there is no room for a temporary file.
        UserNotFoundError, SessionNotFoundError: a user or a conversation went at this moment. Call it again.
    """
    tell = progress or _tell_nobody
    read = documents(Path(path), lambda done, size: tell("checking", done, size))
    return _import(rooms, kind, read, reading or Reading(), dry_run, tell)


def import_items(
    rooms: Rooms,
    kind: Kind,
    items: Iterable[Any],
    reading: Reading | None = None,
    *,
    dry_run: bool = False,
    progress: Progress | None = None,
) -> ImportResult:
    """The same of records at hand, as they would stand in a file. Arguments, result and errors as `import_file`."""
    tell = progress or _tell_nobody
    return _import(rooms, kind, _counted(items, tell), reading or Reading(), dry_run, tell)


def _import(
    rooms: Rooms, kind: Kind, read: Iterable[tuple[int, Any]], reading: Reading, dry_run: bool, tell: Progress
) -> ImportResult:
    if kind not in KINDS:
        raise InvalidImportError(f"{kind!r} is none of {', '.join(KINDS)}.")
    with spooled() as spool:
        checking = Checking(rooms, kind, reading, spool)
        checking.take(read)
        messages = len(spool) if kind == "jsonl" else 0
        done = _Written(checking.of_users, messages) if dry_run else _write(rooms, kind, spool, checking, tell)
        records = len(spool)
    return ImportResult(
        records=records,
        users=len(checking.users.raw),
        users_made=sum(known is None for known in checking.users.known),
        memories=done.memories,
        messages=done.messages,
        sessions=len(checking.sessions),
        unchanged=done.unchanged,
        skipped=checking.skipped,
        first_at=checking.first_at,
        last_at=checking.last_at,
        dry_run=dry_run,
    )


def _write(rooms: Rooms, kind: Kind, spool: Spool, checking: Checking, tell: Progress) -> _Written:
    written, done = _Written(), 0
    for place, of_user in groupby(spool.in_order(), key=lambda record: record.user):
        raw = checking.users.raw[place]
        user_id = rooms.identities.resolve(raw).id
        add = _add_messages if kind == "jsonl" else _add_memories
        for chunk in _chunks(of_user):
            add(rooms, kind, user_id, chunk, written)
            done += len(chunk)
            tell("writing", done, len(spool))
        rooms.memories.embedder.wake()
        rooms.extraction.start()
    return written


def _chunks(records: Iterable[Checked]) -> Iterator[list[Checked]]:
    """So many at most, all of one conversation where they follow each other."""
    chunk: list[Checked] = []
    for record in records:
        if chunk and (len(chunk) == CHUNK or (record.role and record.session != chunk[0].session)):
            yield chunk
            chunk = []
        chunk.append(record)
    if chunk:
        yield chunk


def _add_memories(rooms: Rooms, kind: Kind, user_id: UserId, chunk: Sequence[Checked], written: _Written) -> None:
    now = rooms.clock()
    made = [_memory(user_id, record, kind, now) for record in chunk]
    added = rooms.imports.add_memories(made, rooms.memories.embedder.model.name)
    written.memories += added
    written.unchanged += len(made) - added


def _memory(user_id: UserId, record: Checked, kind: Kind, now: datetime) -> Memory:
    said_at = datetime.fromisoformat(record.at)
    return Memory(
        id=MemoryId(f"mem_{record.key}"),
        user_id=user_id,
        text=record.text,
        kind=NOTE,
        importance=0.5,
        channel=kind,
        agent_id=record.agent,
        session_id=record.session,
        seq=0,
        said_at=said_at,
        created_at=now,
        metadata=record.metadata,
        expires_at=datetime.fromisoformat(record.expires_at) if record.expires_at else None,
    )


def _add_messages(rooms: Rooms, kind: Kind, user_id: UserId, chunk: Sequence[Checked], written: _Written) -> None:
    now = rooms.clock()
    session = rooms.sessions.enter(user_id, chunk[0].session, channel=IMPORTED)
    exchanges = [_exchange(rooms, user_id, session, record) for record in chunk]
    added = rooms.imports.add_messages(exchanges, rooms.memories.embedder.model.name, now)
    written.messages += len(added)
    written.memories += sum(one.memory is not None for one in added)
    written.unchanged += len(exchanges) - len(added)


def _exchange(rooms: Rooms, user_id: UserId, session: Session, record: Checked) -> Exchange:
    at = datetime.fromisoformat(record.at)
    message = LoggedMessage(MessageId(f"msg_{record.key}"), record.role, record.text, record.agent, record.metadata)
    by_user = record.role == USER
    return Exchange(
        session,
        user_id,
        (message,),
        said(message, user_id, "", session.id, at, None) if by_user else None,
        at,
        f"import {record.key}",
        rooms.extraction.waiting_tokens(user_id, record.text) if by_user else 0,
    )


def _counted(items: Iterable[Any], tell: Progress) -> Iterator[tuple[int, Any]]:
    for number, item in enumerate(items, 1):
        if number % _AT_ONCE == 0:
            tell("checking", number, 0)
        yield number, item


def _tell_nobody(_step: str, _done: int, _total: int) -> None:
    pass
