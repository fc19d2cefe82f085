"""The words of an import: what a line of a file says, how it is read, and what came of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

#: Whose form a file has: of mem0, of a store of LangGraph, or messages of conversations.
Kind = Literal["mem0", "langgraph", "jsonl"]
KINDS: tuple[Kind, ...] = ("mem0", "langgraph", "jsonl")

#: Told the step (``checking``, in bytes or items, then ``writing``, in records), how much is done, and of how much;
#: 0 if nobody knows.
Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True)
class Reading:
    """How a file is read.

    Attributes:
        user: whose a record is that does not say so itself.
        type: the type of identifiers without one.
        user_at: of LangGraph: which part of a namespace names the user, from 0; from the end if negative.
        text: of LangGraph: the field of a value that holds its text, dotted; the first of the usual ones if not told.
    """

    user: str | None = None
    type: str | None = None
    user_at: int | None = None
    text: str | None = None


@dataclass(frozen=True, slots=True)
class Record:
    """One memory, or one message of a conversation.

    Attributes:
        user: an identifier; ``None`` if the file does not say whose it is.
        type: of the identifier.
        id: what it is known by where it comes from; made of what it says if it has none.
        text: what is remembered, or was said.
        at: when, in UTC; ``None`` if nobody knows.
        role: who said a message; empty for a memory.
        agent: to whom, or by whom.
        session: the conversation.
        metadata: the application's own.
        expires_at: until when it is recalled; ``None``: for ever.
    """

    user: str | None
    type: str | None
    id: str
    text: str
    at: datetime | None
    role: str = ""
    agent: str = ""
    session: str = ""
    metadata: Mapping[str, Any] = field(default_factory=dict)
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class ImportResult:
    """What came of an import.

    Attributes:
        records: memories and messages that the file has.
        users: whose they are.
        users_made: those of them whom nobody knew; of a dry run, who would be made.
        memories: that were stored. A message of a user is one, too.
        messages: that were stored.
        sessions: conversations that the messages are of.
        unchanged: records that were here already.
        skipped: lines that are nobody's words, such as those of tools, and what has expired.
        first_at: the earliest time; ``None`` of nothing.
        last_at: the latest one.
        dry_run: whether nothing was changed: then what was stored is what would be, if nothing of it is here already.
    """

    records: int = 0
    users: int = 0
    users_made: int = 0
    memories: int = 0
    messages: int = 0
    sessions: int = 0
    unchanged: int = 0
    skipped: int = 0
    first_at: datetime | None = None
    last_at: datetime | None = None
    dry_run: bool = False
