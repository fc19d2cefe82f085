"""One document for each user, which every write goes through: MongoDB alone has no transactions over several documents.

A user's document counts the writes to their memories and facts, as the users' rows do in SQL. Whoever writes has its
lease for that long, so the writes to one user have one order; what was written counts from the moment on which the
document says so, in one write to it:

- Memories are inserted with a version that is not reached yet, and nobody reads them until it is.
- A write to facts is put into the document whole (`fact_plans`), and then carried out.
- Who finds a lease that has run out clears up behind it: memories that never counted go, a plan is carried out.

What is erased leaves a document that says so, without personal data: who still writes for that user is refused.
"""

from __future__ import annotations

import logging
import secrets
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime

from pymongo import ReturnDocument
from pymongo.errors import DuplicateKeyError

from muxi.errors import StorageBusyError, StorageError, UserNotFoundError
from muxi.ids import UserId
from muxi.storage.mongo.connection import Document, MongoDatabase
from muxi.storage.mongo.documents import micros
from muxi.storage.mongo.errors import translated
from muxi.storage.mongo.fact_plans import carry_out
from muxi.storage.mongo.turns import Turns

#: How long a writer has a user, in seconds, and how long others wait for it: for one that has crashed, too.
LEASE_S, WAIT_S = 10.0, 15.0
#: What clears away much takes longer.
LONG_LEASE_S = 120.0
_FIRST_PAUSE_S, _LAST_PAUSE_S = 0.002, 0.05
_STRIPES = 64
_BUSY = "This user's memory is being written by others. Try again."
_ERASED = "This user was erased at this moment. Nothing was stored."

_log = logging.getLogger("muxi.memory")


@dataclass(frozen=True, slots=True)
class Counts:
    """How far a user's memories and facts are: as `muxi.core.memory.store.Version` and `FactStore.version`."""

    memory: int = 0
    floor: int = 0
    facts: int = 0


@dataclass(slots=True)
class Held:
    """A user whom nobody else writes to.

    Attributes:
        user_id: whose; ``None``: what is kept without a user.
        token: of the lease.
        memory: the count of writes to memories.
        facts: that of writes to facts.
        heard: up to which message of a user facts were extracted.
        inserted: ids of memories that were inserted under it.
        refused: the lease was lost: what was inserted does not count, and must go.
        done: it has ended, with all that was written.
    """

    user_id: UserId | None
    token: str
    memory: int = 0
    facts: int = 0
    heard: Mapping[str, int] = field(default_factory=dict)
    inserted: list[str] = field(default_factory=list)
    refused: bool = False
    done: bool = False


class Owners:
    """The users' documents of one formation."""

    def __init__(self, database: MongoDatabase, formation_id: str) -> None:
        self._database = database
        self._owners = database.owners
        self._formation_id = formation_id
        # In one process writers wait for each other here, and not by asking the server again and again.
        self._stripes = [Turns() for _ in range(_STRIPES)]

    def counts(self, users: Iterable[UserId | None], *, calm: bool = False) -> dict[UserId | None, Counts]:
        """How far each user is; ``calm``: with no facts being written at this moment."""
        keys = {self._key(user_id): user_id for user_id in users}
        until, pause = time.monotonic() + WAIT_S, _FIRST_PAUSE_S
        while True:
            with translated():
                found = list(self._owners.find({"_id": {"$in": list(keys)}}))
            stale = [one for one in found if _has_run_out(one)]
            for one in stale:
                self._take_over(one)
            if not stale and not (calm and any("pending" in one for one in found)):
                made = {keys[one["_id"]]: _counts(one) for one in found}
                return {user_id: made.get(user_id, Counts()) for user_id in keys.values()}
            if not stale:
                pause = _waited(pause, until)

    @contextmanager
    def holding(self, user_id: UserId | None, lease_s: float = LEASE_S) -> Iterator[Held]:
        """Nobody else writes to a user meanwhile. What is not committed in it did not happen.

        Raises:
            UserNotFoundError: the user was erased.
            StorageBusyError: others kept them busy for long.
        """
        stripe = self._stripes[hash(self._key(user_id)) % _STRIPES]
        with stripe.taken(WAIT_S) as taken:
            if not taken:
                raise StorageBusyError(_BUSY)
            held = self._taken(user_id, lease_s)
            try:
                yield held
            except BaseException:
                self._undo(held)
                raise
            if not held.done:
                self._end(held, {})

    def commit_memories(self, held: Held, count: int, *, purged: bool = False) -> None:
        """What was written to memories counts from now on, as so many writes; the lease ends.

        ``purged``: something was deleted, and what was read before must be read anew.
        """
        version = held.memory + count
        self._end(held, {"memory_version": version} | ({"memory_floor": version} if purged else {}))

    def commit_facts(self, held: Held, plan: Document, heard: Mapping[str, int]) -> None:
        """What a plan says counts from now on, and is carried out; the lease ends."""
        until = {f"heard.{user_id}": place for user_id, place in heard.items()}
        counted = {"fact_version": held.facts + 1, "lease.until": time.time() + LEASE_S, **until}
        self._change(held, {"$set": {"pending": plan, **counted}})
        with translated():
            carry_out(self._database, self._formation_id, str(held.user_id), plan)
        self._change(held, {"$unset": {"pending": "", "lease": ""}})
        held.done = True

    def commit_purge(self, held: Held) -> None:
        """Memories and facts were deleted; the lease ends."""
        version = held.memory + 1
        counts = {"memory_version": version, "memory_floor": version, "fact_version": held.facts + 1}
        self._end(held, counts)

    def close_for_good(self, users: Sequence[UserId], now: datetime) -> None:
        """Erases users: whoever writes for them at this moment fails, and from now on nobody can."""
        closing = {
            "$set": {"erased_at": micros(now)},
            "$unset": {"lease": "", "pending": "", "heard": ""},
        }
        with translated():
            for user_id in users:
                key = {"_id": self._key(user_id)}
                if not self._owners.update_one(key, closing).matched_count:
                    with suppress(DuplicateKeyError):
                        self._owners.insert_one({**self._new(user_id), "erased_at": micros(now)})
                        continue
                    # Somebody has begun to write for them just now.
                    self._owners.update_one(key, closing)

    def reopen(self, users: Sequence[UserId]) -> None:
        """Users can be written to again, and what was read of them before must be read anew."""
        with translated():
            for user_id in users:
                key = {"_id": self._key(user_id)}
                change = {"$unset": {"erased_at": ""}, "$inc": {"memory_version": 1, "fact_version": 1}}
                found = self._owners.find_one_and_update(key, change, return_document=ReturnDocument.AFTER)
                if found is not None:
                    self._owners.update_one(key, {"$max": {"memory_floor": found["memory_version"]}})

    def erased_since(self, since: datetime) -> list[UserId]:
        """Who was erased after a time."""
        with translated():
            found = self._owners.find({"formation_id": self._formation_id, "erased_at": {"$gt": micros(since)}})
            return [UserId(one["user_id"]) for one in found]

    def _taken(self, user_id: UserId | None, lease_s: float) -> Held:
        token, pause, until = secrets.token_hex(8), _FIRST_PAUSE_S, time.monotonic() + WAIT_S
        while True:
            with translated():
                stored = self._tried(user_id, _lease(token, lease_s))
            if stored is not None:
                break
            pause = _waited(pause, until)
        memory = self._clear_up(stored, token) if "lease" in stored else stored["memory_version"]
        return Held(user_id, token, memory, stored["fact_version"], stored.get("heard", {}))

    def _tried(self, user_id: UserId | None, lease: Document) -> Document | None:
        """The user's document as it was before the lease; ``None``: somebody else has it."""
        key = {"_id": self._key(user_id)}
        free = {**key, "erased_at": {"$exists": False}, "$or": _free()}
        before = self._owners.find_one_and_update(free, {"$set": {"lease": lease}})
        if before is not None:
            return before
        found = self._owners.find_one(key, {"erased_at": 1})
        if found is not None:
            if "erased_at" in found:
                raise UserNotFoundError(_ERASED)
            return None
        made = self._new(user_id)
        with suppress(DuplicateKeyError):
            self._owners.insert_one({**made, "lease": lease})
            return made
        return None

    def _take_over(self, stored: Document) -> None:
        """Clears up behind a lease that has run out, unless somebody else does."""
        token = secrets.token_hex(8)
        with translated():
            whose = {"_id": stored["_id"], "lease": stored["lease"]}
            mine = self._owners.find_one_and_update(whose, {"$set": {"lease": _lease(token, LEASE_S)}})
            if mine is not None:
                self._clear_up(mine, token)
                self._owners.update_one({"_id": stored["_id"], "lease.token": token}, {"$unset": {"lease": ""}})

    def _clear_up(self, stored: Document, token: str) -> int:
        """What was begun and not ended: gone if it never counted, done if it did. Returns the version it gives."""
        version = stored["memory_version"]
        own = {"formation_id": self._formation_id, "user_id": stored["user_id"]}
        with translated():
            self._database.memories.delete_many({**own, "version": {"$gt": version}, "born": {"$gt": version}})
            if "pending" in stored:
                carry_out(self._database, self._formation_id, stored["user_id"], stored["pending"])
            # Something may have been deleted without being counted.
            self._owners.update_one(
                {"_id": stored["_id"], "lease.token": token},
                {"$set": {"memory_version": version + 1, "memory_floor": version + 1}, "$unset": {"pending": ""}},
            )
        return int(version) + 1

    def _undo(self, held: Held) -> None:
        if held.done:
            return
        try:
            with translated():
                whose = {"_id": self._key(held.user_id), "lease.token": held.token}
                mine = self._owners.find_one(whose)
                if mine is not None:
                    self._clear_up(mine, held.token)
                    self._owners.update_one(whose, {"$unset": {"lease": ""}})
                elif held.refused and held.inserted:
                    self._database.memories.delete_many({"_id": {"$in": held.inserted}})
        except StorageError as error:
            _log.warning("a write was broken off (%s): the next one clears up behind it", error.code)

    def _end(self, held: Held, counts: Document) -> None:
        self._change(held, {"$unset": {"lease": ""}, **({"$set": counts} if counts else {})})
        held.done = True

    def _change(self, held: Held, change: Document) -> None:
        key = self._key(held.user_id)
        with translated():
            if self._owners.update_one({"_id": key, "lease.token": held.token}, change).matched_count:
                return
            held.refused = True
            found = self._owners.find_one({"_id": key}, {"erased_at": 1}) or {}
        if "erased_at" in found:
            raise UserNotFoundError(_ERASED)
        raise StorageBusyError(_BUSY)

    def _new(self, user_id: UserId | None) -> Document:
        return {"_id": self._key(user_id), "formation_id": self._formation_id, "user_id": user_id, **_OF_NOBODY}

    def _key(self, user_id: UserId | None) -> str:
        # No formation has a slash in its name.
        return f"{self._formation_id}/{user_id or ''}"


_OF_NOBODY: Document = {"memory_version": 0, "memory_floor": 0, "fact_version": 0}


def _counts(stored: Document) -> Counts:
    return Counts(stored["memory_version"], stored["memory_floor"], stored["fact_version"])


def _lease(token: str, lease_s: float) -> Document:
    return {"token": token, "until": time.time() + lease_s}


def _free() -> list[Document]:
    return [{"lease": {"$exists": False}}, {"lease.until": {"$lt": time.time()}}]


def _has_run_out(stored: Document) -> bool:
    return "lease" in stored and stored["lease"]["until"] < time.time()


def _waited(pause: float, until: float) -> float:
    """Waits a little, and says how long to wait next time."""
    if time.monotonic() > until:
        raise StorageBusyError(_BUSY)
    time.sleep(pause)
    return min(2 * pause, _LAST_PAUSE_S)
