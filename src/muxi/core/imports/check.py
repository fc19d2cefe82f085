"""The first pass: every line of a file is read and checked before anything is written."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Protocol

from typeid.codecs.base32 import encode

from muxi.core.clock import Clock
from muxi.core.identity.import_file import BadLineError
from muxi.core.identity.service import Identities
from muxi.core.imports.conversations import jsonl
from muxi.core.imports.formats import langgraph, mem0
from muxi.core.imports.spool import Checked, Spool
from muxi.core.imports.types import Kind, Reading, Record
from muxi.core.memory.keeping import Keep
from muxi.core.text import checked_metadata, checked_name, checked_text
from muxi.errors import InvalidImportError, InvalidInputError, MuxiError
from muxi.ids import UserId

#: How many wrong lines an error names.
MOST_BAD_LINES = 20
#: Clocks differ; more is a mistake.
FUTURE = timedelta(days=1)
#: What metadata says of where a memory comes from. Nothing of the file's own takes these names.
FROM, FROM_ID = "imported_from", "imported_id"

_FORMATS: dict[Kind, Callable[[Any, Reading], Iterator[Record | None]]] = {
    "mem0": mem0,
    "langgraph": langgraph,
    "jsonl": jsonl,
}


class Rooms(Protocol):
    """What checking needs of a formation."""

    id: str
    identities: Identities

    @property
    def keep(self) -> Keep:
        """What may be kept of a text."""

    @property
    def clock(self) -> Clock:
        """The time, in UTC."""


@dataclass(slots=True)
class Users:
    """Who is named in a file.

    Attributes:
        raw: each by what it is known by, with its type if that is told.
        known: the user whom it means now; ``None`` if nobody.
    """

    raw: list[str | tuple[str, str | None]] = field(default_factory=list)
    known: list[UserId | None] = field(default_factory=list)
    _places: dict[tuple[str, str], int] = field(default_factory=dict)

    def place(self, rooms: Rooms, name: str, type: str | None) -> tuple[int, tuple[str, str]]:
        """A user's place in the list, and the normal form of what it is known by.

        Raises:
            MuxiError: it cannot be an identifier, or it is not clear who is meant.
        """
        raw = (name, type) if type is not None and not name.startswith("usr_") else name
        form = rooms.identities.normal_form(raw) if not name.startswith("usr_") else None
        key = (form.type, form.value) if form else ("", name)
        if key not in self._places:
            user = rooms.identities.find(raw) if form else rooms.identities.get(raw)
            self._places[key] = len(self.raw)
            self.raw.append(raw)
            self.known.append(user.id if user else None)
        return self._places[key], key


class Checking:
    """Checks records and keeps them in a spool.

    Args:
        rooms: the formation.
        kind: whose form the records have.
        reading: how they are read.
        spool: keeps them.
    """

    def __init__(self, rooms: Rooms, kind: Kind, reading: Reading, spool: Spool) -> None:
        self.users = Users()
        self.skipped = 0
        self.first_at: datetime | None = None
        self.last_at: datetime | None = None
        self.sessions: set[tuple[int, str]] = set()
        self.of_users = 0
        self._rooms = rooms
        self._kind = kind
        self._reading = reading
        self._spool = spool
        self._now = rooms.clock()
        self._alike: Counter[bytes] = Counter()
        self._bad: list[tuple[int, str]] = []
        self._bad_count = 0

    def take(self, documents: Iterable[tuple[int, Any]]) -> None:
        """Checks every document.

        Raises:
            InvalidImportError: some of them cannot be imported; the first are listed.
        """
        for number, document in documents:
            try:
                if isinstance(document, BadLineError):
                    raise document
                for record in _FORMATS[self._kind](document, self._reading):
                    self._keep(record)
            except (BadLineError, MuxiError) as error:
                self._bad_count += 1
                if len(self._bad) < MOST_BAD_LINES:
                    self._bad.append((number, error.message if isinstance(error, MuxiError) else str(error)))
        if self._bad:
            first, message = self._bad[0]
            raise InvalidImportError(
                f"{self._bad_count} lines cannot be imported; first of all line {first}: {message} Nothing changed.",
                lines=[{"line": line, "message": told} for line, told in self._bad],
            )

    def _keep(self, record: Record | None) -> None:
        if record is None or (record.expires_at is not None and record.expires_at <= self._now):
            self.skipped += 1
            return
        at = record.at or self._now
        if at > self._now + FUTURE:
            raise BadLineError("Its time is in the future.")
        user, form = self._user(record)
        text = self._rooms.keep(checked_text(record.text, InvalidInputError))
        session = _session(record.session)
        checked = Checked(
            user,
            self._key(record, form, text),
            text,
            at.isoformat(),
            record.role,
            checked_name(record.agent, "agent", InvalidInputError),
            session,
            self._metadata(record),
            record.expires_at.isoformat() if record.expires_at else None,
        )
        self._spool.add(checked, at)
        self._count(user, session, record.role, at)

    def _user(self, record: Record) -> tuple[int, tuple[str, str]]:
        name, type = record.user, record.type
        if name is None:
            name, type = self._reading.user, self._reading.type
        if name is None:
            raise BadLineError("It does not say whose it is. Name the user of such lines with --user.")
        return self.users.place(self._rooms, name, type)

    def _metadata(self, record: Record) -> dict[str, Any]:
        came_from = {FROM: self._kind} | ({FROM_ID: record.id} if record.id else {})
        return checked_metadata({**record.metadata, **came_from}, InvalidInputError)

    def _key(self, record: Record, form: tuple[str, str], text: str) -> str:
        """The suffix of the id that the record has from now on: the same of the same record, and of no other user's."""
        known_by: list[Any] = [self._rooms.id, self._kind, *form, record.session, record.id]
        if not record.id:
            known_by += [record.role, text, record.at.isoformat() if record.at else None]
            alike = hashlib.sha256(_json(known_by)).digest()[:8]
            known_by.append(self._alike[alike])
            self._alike[alike] += 1
        return _suffix(hashlib.sha256(_json(known_by)).digest(), record.at)

    def _count(self, user: int, session: str, role: str, at: datetime) -> None:
        if role:
            self.sessions.add((user, session))
        self.of_users += role in ("", "user")
        self.first_at = at if self.first_at is None else min(self.first_at, at)
        self.last_at = at if self.last_at is None else max(self.last_at, at)


def _session(name: str) -> str:
    checked_name(name, "session", InvalidInputError)
    if name.startswith("ses_"):
        raise BadLineError("A conversation's name cannot begin with 'ses_': that is an id given here.")
    return name


def _suffix(digest: bytes, at: datetime | None) -> str:
    """Of an id that is the same for the same record, and sorts by when it was said: a UUID in the form of version 7."""
    milliseconds = max(0, int(at.timestamp() * 1000)) if at else 0
    rest = bytearray(digest[:10])
    rest[0] = 0x70 | rest[0] & 0x0F
    rest[2] = 0x80 | rest[2] & 0x3F
    return encode(milliseconds.to_bytes(6) + bytes(rest))


def _json(value: list[Any]) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode()
