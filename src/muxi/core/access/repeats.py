"""Requests that may be sent again: done once, and answered alike for a day (the ``Idempotency-Key`` of HTTP)."""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
from dataclasses import dataclass, field
from datetime import timedelta

from muxi.core.access.repeat_store import RepeatStore
from muxi.core.clock import Clock
from muxi.core.sealing import sealed, unsealed
from muxi.ids import UserId

KEPT = timedelta(days=1)
#: How long a request counts as under way after the process that answers it was heard of last.
LEASE = timedelta(seconds=60)
#: A larger answer is not kept: sent again, the request is done again.
MOST_BYTES = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Asked:
    """A request that may be sent again.

    Attributes:
        place: a hash of who asks, for whom, and by what idempotency key.
        fingerprint: a hash of what is asked.
        secret: seals the answer: what only who asks has.
    """

    place: str
    fingerprint: str
    secret: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Answer:
    """What was answered.

    Attributes:
        status: of HTTP.
        media_type: of the body.
        body: as it was sent.
        user_id: whom it is about, if that is known.
    """

    status: int
    media_type: str
    body: bytes = field(repr=False)
    user_id: UserId | None


@dataclass(frozen=True, slots=True)
class Begun:
    """The request is to be answered now; ``holder`` says who is at it."""

    asked: Asked
    holder: str


@dataclass(frozen=True, slots=True)
class UnderWay:
    """The first one is being answered."""


@dataclass(frozen=True, slots=True)
class Another:
    """By this key something else was asked."""


class Repeats:
    """The repeatable requests of one formation.

    Args:
        store: bound to the formation.
        hash_key: the formation's key.
        clock: the time, in UTC.
    """

    def __init__(self, store: RepeatStore, hash_key: bytes, clock: Clock) -> None:
        self._store = store
        self._hash_key = hmac.digest(hash_key, b"muxi repeats", "sha256")
        self._clock = clock

    def asked(self, caller: str, user: str, request_key: str, credential: str, *what: bytes) -> Asked:
        """Names a request.

        Args:
            caller: who asks: of two callers nobody gets the other's answers.
            user: for whom.
            request_key: the idempotency key.
            credential: what the caller came with, if it stays the same from one request to the next.
            what: everything that makes it this request.
        """
        place = self._hash(b"place", caller.encode(), user.encode(), request_key.encode())
        secret = hmac.digest(self._hash_key, _joined(b"seal", request_key.encode(), credential.encode()), "sha256")
        return Asked(place, hashlib.sha256(_joined(*what)).hexdigest(), secret)

    def begin(self, asked: Asked) -> Begun | UnderWay | Another | Answer:
        """Whether a request is to be answered now, and else what it is answered."""
        now, holder = self._clock(), secrets.token_hex(8)
        if self._store.begin(asked.place, asked.fingerprint, holder, now, now + LEASE, now + KEPT):
            return Begun(asked, holder)
        stored = self._store.find(asked.place, now)
        if stored is None:  # released just now
            return UnderWay()
        if stored.fingerprint != asked.fingerprint:
            return Another()
        if stored.sealed is None:
            return UnderWay()
        return _unsealed(asked, stored.sealed, stored.user_id) or Another()

    def hold(self, begun: Begun) -> None:
        """Says that it is still being answered; to be called well within `LEASE`."""
        self._store.hold(begun.asked.place, begun.holder, self._clock() + LEASE)

    def finish(self, begun: Begun, answer: Answer) -> None:
        """Keeps an answer for those who ask again."""
        kept = _sealed(begun.asked, answer) if len(answer.body) <= MOST_BYTES else None
        if kept is None or not self._store.finish(begun.asked.place, begun.holder, kept, answer.user_id):
            self.release(begun)

    def release(self, begun: Begun) -> None:
        """It failed: who asks again asks for the first time."""
        self._store.release(begun.asked.place, begun.holder)

    def _hash(self, *parts: bytes) -> str:
        return hmac.digest(self._hash_key, _joined(*parts), "sha256").hex()


def _joined(*parts: bytes) -> bytes:
    """So that no two lists of parts read the same."""
    return b"".join(len(part).to_bytes(8, "big") + part for part in parts)


def _sealed(asked: Asked, answer: Answer) -> bytes:
    head = json.dumps([answer.status, answer.media_type]).encode()
    return sealed(asked.secret, head + b"\n" + answer.body, asked.place.encode())


def _unsealed(asked: Asked, stored: bytes, user_id: UserId | None) -> Answer | None:
    opened = unsealed(asked.secret, stored, asked.place.encode())
    if opened is None:
        return None
    head, _, body = opened.partition(b"\n")
    status, media_type = json.loads(head)
    return Answer(status, media_type, body, user_id)
