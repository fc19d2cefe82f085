"""Facts in MongoDB."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import TypeVar

from muxi.core.memory.fact_store import FactWriter
from muxi.core.memory.facts import Entry, Fact, Plan
from muxi.core.memory.paths import above, span_below
from muxi.errors import StorageBusyError, UserNotFoundError
from muxi.ids import FactId, MessageId, UserId
from muxi.storage.mongo.connection import Document, MongoDatabase
from muxi.storage.mongo.documents import micros, read_fact
from muxi.storage.mongo.errors import translated
from muxi.storage.mongo.fact_plans import forgotten_at, plan_document
from muxi.storage.mongo.memory import Members
from muxi.storage.mongo.owners import Held, Owners

#: So often facts are read again because somebody wrote them meanwhile.
TRIES = 50

Read = TypeVar("Read")


class MongoFactStore:
    """`muxi.core.memory.fact_store.FactStore` on MongoDB.

    Args:
        database: where.
        formation_id: whose.
        owners: of the same formation.
        members: whom a canonical user is made of.
        forgotten: called with a user of whom facts were forgotten: what was made of them goes, too.
    """

    def __init__(
        self,
        database: MongoDatabase,
        formation_id: str,
        owners: Owners,
        members: Members,
        forgotten: Callable[[UserId], None] = lambda user_id: None,
    ) -> None:
        self._facts = database.facts
        self.formation_id = formation_id
        self.owners = owners
        self._members = members
        self._forgotten = forgotten

    def entries(self, user_id: UserId, at: datetime | None = None) -> list[Entry]:
        if at is None:
            found = self._steady(user_id, lambda whose: self._ordered({**whose, "superseded_at": None}))
        else:
            found = self._steady(user_id, lambda whose: self._at(whose, micros(at)))
        return [Entry(one["path"], one["op"], json.loads(one["value"])) for one in found]

    def live(self, user_id: UserId) -> list[Fact]:
        found = self._steady(user_id, lambda whose: self._ordered({**whose, "superseded_at": None}))
        return [read_fact(one) for one in found]

    def history(self, user_id: UserId, path: str, before: tuple[datetime, FactId] | None, limit: int) -> list[Fact]:
        conditions: list[Document] = []
        if path:
            first, last = span_below(path)
            here = [{"path": {"$in": [path, *above(path)]}}, {"path": {"$gte": first, "$lt": last}}]
            conditions.append({"$or": here})
        if before:
            at = micros(before[0])
            conditions.append({"$or": [{"observed_at": {"$lt": at}}, {"observed_at": at, "_id": {"$lt": before[1]}}]})

        def read(whose: Document) -> list[Document]:
            where = {**whose, "$and": conditions} if conditions else whose
            return list(self._facts.find(where).sort([("observed_at", -1), ("_id", -1)]).limit(limit))

        return [read_fact(one) for one in self._steady(user_id, read)]

    def version(self, user_id: UserId) -> int:
        return sum(one.facts for one in self.owners.counts(self._members(user_id)).values())

    @contextmanager
    def writing(self, user_id: UserId) -> Iterator[FactWriter]:
        with self.writer(user_id) as writer:
            yield writer
            writer.commit()

    @contextmanager
    def writer(self, user_id: UserId) -> Iterator[MongoFactWriter]:
        """As `writing`, but that nothing of it is kept until `MongoFactWriter.commit`."""
        members = self._members(user_id)
        if not members:
            raise UserNotFoundError("This user was merged or erased at this moment. Try again.")
        forgot = False
        with self.owners.holding(user_id) as held:
            writer = MongoFactWriter(self, held, user_id, members)
            yield writer
            forgot = writer.forgot
        if forgot:
            self._forgotten(user_id)

    def resting_on(self, user_id: UserId, message_id: MessageId) -> dict[FactId, bool]:
        """The facts that rest on a message, and of each whether it holds."""

        def read(whose: Document) -> list[Document]:
            return list(self._facts.find({**whose, "evidence": message_id}, {"superseded_at": 1}))

        return {FactId(one["_id"]): one["superseded_at"] is None for one in self._steady(user_id, read)}

    def count_live(self, user_id: UserId) -> int:
        """How many facts of a canonical user hold."""
        return self.count({"user_id": {"$in": list(self._members(user_id))}, "superseded_at": None})

    def count(self, where: Document) -> int:
        """How many facts of this formation a condition on them is true of."""
        with translated():
            return self._facts.count_documents({"formation_id": self.formation_id, **where})

    def _steady(self, user_id: UserId, read: Callable[[Document], list[Document]]) -> list[Document]:
        """What is read while nobody writes: a write is seen whole or not at all."""
        members = self._members(user_id)
        whose = {"formation_id": self.formation_id, "user_id": {"$in": list(members)}}
        before = self.owners.counts(members, calm=True)
        for _ in range(TRIES):
            with translated():
                found = read(whose)
            after = self.owners.counts(members, calm=True)
            if all(after[one].facts == before[one].facts for one in members):
                return found
            before = after
        raise StorageBusyError("This user's context is being written all the time. Try again.")

    def _ordered(self, where: Document) -> list[Document]:
        return list(self._facts.find(where).sort([("last_at", 1), ("_id", 1)]))

    def _at(self, whose: Document, at: int) -> list[Document]:
        held = [{"superseded_at": None}, {"superseded_at": {"$gt": at}}]
        found = self._facts.find({**whose, "observed_at": {"$lte": at}, "$or": held})
        # What was said again later was, at that time, only said first.
        return sorted(
            found, key=lambda one: (one["last_at"] if one["last_at"] <= at else one["observed_at"], one["_id"])
        )


class MongoFactWriter:
    """`muxi.core.memory.fact_store.FactWriter`, of a user whom nobody else writes to meanwhile.

    Attributes:
        plans: what is to be written.
        forgot: whether something is to be forgotten.
    """

    def __init__(self, store: MongoFactStore, held: Held, user_id: UserId, members: Sequence[UserId]) -> None:
        self._store = store
        self._held = held
        self._user_id = user_id
        self._members = members
        self.plans: list[Plan] = []
        self._forgotten: list[Document] = []

    @property
    def forgot(self) -> bool:
        return bool(self._forgotten)

    def live(self) -> list[Fact]:
        return self._store.live(self._user_id)

    def write(self, plan: Plan) -> None:
        self.plans.append(plan)

    def forget(self, path: str) -> int:
        where = forgotten_at(self._members, path)
        self._forgotten.append(where)
        return self._store.count(where)

    def heard(self, user_id: UserId) -> int:
        """Up to which place of what a user said facts are written already."""
        return self._held.heard.get(user_id, 0)

    def commit(self, heard: dict[str, int] | None = None) -> None:
        """Writes all of it. ``heard``: up to which place of what which user said it goes."""
        if self.plans or self._forgotten:
            plan = plan_document(self._store.formation_id, self.plans, self._forgotten)
            self._store.owners.commit_facts(self._held, plan, heard or {})
