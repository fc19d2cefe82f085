"""What ends in MongoDB: erased with its user, deleted when asked for, swept when it is too old; and its export."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

from pymongo import ReplaceOne
from pymongo.collection import Collection

from muxi.errors import UserNotFoundError
from muxi.ids import UserId
from muxi.storage.mongo.connection import Document, MongoDatabase
from muxi.storage.mongo.documents import WINDOW, micros, moment
from muxi.storage.mongo.errors import translated
from muxi.storage.mongo.owners import LONG_LEASE_S, Owners

#: For so long a sweep looks again for what a writer left that was broken off while its user was erased.
LOOKED_AFTER = timedelta(days=7)
BATCH = 1000

Counts = Mapping[str, int]


class Forgetting:
    """The end of what one formation has in MongoDB. Rows are counted under the names of the tables in SQL."""

    def __init__(self, database: MongoDatabase, formation_id: str, owners: Owners) -> None:
        self._memories = database.memories
        self._facts = database.facts
        self._formation_id = formation_id
        self._owners = owners

    def erase(self, users: Sequence[UserId], now: datetime) -> Counts:
        """Everything of users, for good: whoever writes for them from now on fails."""
        self._owners.close_for_good(users, now)
        self._forget_author(users)
        return self._delete(self._of(users), self._of(users))

    def reopen(self, users: Sequence[UserId]) -> None:
        """Users are there after all."""
        self._owners.reopen(users)

    def delete(self, users: Sequence[UserId], before: datetime | None) -> Counts:
        """What users said and what is remembered of them; all, or what is older. The users stay."""
        counts: Counter[str] = Counter()
        for user_id in users:
            with suppress(UserNotFoundError), self._owners.holding(user_id, LONG_LEASE_S) as held:
                own = self._of([user_id])
                if before is None:
                    counts.update(self._delete(own, own))
                else:
                    counts.update(self._delete_old(own, micros(before)))
                self._owners.commit_purge(held)
        return counts

    def sweep_memories(self, now: datetime, oldest: datetime, limit: int) -> Counts:
        """About so many memories that have expired, or were stored before ``oldest`` and not changed since."""
        self._look_after(now)
        due = [{"expires_at": {"$lte": micros(now)}}, {"changed_at": {"$lt": micros(oldest)}}]
        ids: dict[UserId | None, list[str]] = defaultdict(list)
        with translated():
            for where in due:
                found = self._memories.find({"formation_id": self._formation_id, **where}, {"user_id": 1})
                for one in found.limit(limit):
                    ids[one["user_id"]].append(one["_id"])
        counts: Counter[str] = Counter()
        for owner, of_owner in ids.items():
            with suppress(UserNotFoundError), self._owners.holding(owner, LONG_LEASE_S) as held:
                # Changed meanwhile, it may stay.
                still = {**self._own(owner), "_id": {"$in": of_owner}, "$or": due}
                counts.update(self._delete_memories(still, {**self._own(owner)}))
                self._owners.commit_memories(held, 1, purged=True)
        return +counts

    def sweep_facts(self, oldest: datetime, limit: int) -> Counts:
        """About so many facts that were last said before ``oldest``."""
        old = {"last_at": {"$lt": micros(oldest)}}
        with translated():
            found = list(self._facts.find({"formation_id": self._formation_id, **old}, {"user_id": 1}).limit(limit))
        counts: Counter[str] = Counter()
        for owner in {UserId(one["user_id"]) for one in found}:
            ids = [one["_id"] for one in found if one["user_id"] == owner]
            with suppress(UserNotFoundError), self._owners.holding(owner, LONG_LEASE_S) as held:
                with translated():
                    gone = self._facts.delete_many({**self._own(owner), "_id": {"$in": ids}, **old})
                counts["facts"] += gone.deleted_count
                self._owners.commit_purge(held)
        return +counts

    def memory_rows(self, users: Sequence[UserId]) -> Iterator[tuple[Any, ...]]:
        """Memories as rows of the export; as `muxi.core.privacy.tables` has their columns."""
        for one in self._stream(self._memories, users, ["user_id", "_id"], {"embedding": 0, "window": 0}):
            texts = (one["kind"], one["text"], one["importance"], one["channel"], one["agent_id"], one["session_id"])
            times = moment(one["said_at"]), moment(one["created_at"])
            expires_at = moment(one["expires_at"]) if "expires_at" in one else None
            last = (json.loads(one["metadata"]), one.get("request_key"), expires_at, one["times"], None, "")
            yield (one["_id"], one["user_id"], *texts, one["seq"], *times, *last)

    def edit_rows(self, users: Sequence[UserId]) -> Iterator[tuple[Any, ...]]:
        """What memories said before, as rows of the export."""
        for one in self._stream(self._memories, users, ["_id"], {"user_id": 1, "revisions": 1}):
            for number, was in enumerate(one.get("revisions", []), 1):
                said = (was["text"], was["importance"], json.loads(was["metadata"]), moment(was["replaced_at"]))
                yield (one["_id"], number, one["user_id"], *said)

    def fact_rows(self, users: Sequence[UserId]) -> Iterator[tuple[Any, ...]]:
        """Facts as rows of the export."""
        for one in self._stream(self._facts, users, ["observed_at", "_id"], {}):
            said = (one["path"], one["op"], one["value"], one["source"], one["importance"], one["confidence"])
            times = (moment(one["observed_at"]), moment(one["last_at"]), one["times"], moment(one["written_at"]))
            ended_at = moment(one["superseded_at"]) if one["superseded_at"] is not None else None
            ended = (" ".join(one["evidence"]), ended_at, one["superseded_by"])
            yield (one["_id"], one["user_id"], *said, *times, *ended)

    def restore_facts(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """Writes facts of an export; those that are here already are as they were in it."""
        documents = [_restored(self._formation_id, row) for row in rows]
        with translated():
            for first in range(0, len(documents), BATCH):
                part = documents[first : first + BATCH]
                self._facts.bulk_write([ReplaceOne({"_id": one["_id"]}, one, upsert=True) for one in part])

    def _forget_author(self, users: Sequence[UserId]) -> None:
        """What users have shared stays with its teams, without their name."""
        theirs = {"formation_id": self._formation_id, "author_id": {"$in": list(users)}}
        with translated():
            teams = sorted(self._memories.distinct("user_id", theirs))
        for team in teams:
            with suppress(UserNotFoundError), self._owners.holding(team, LONG_LEASE_S) as held:
                with translated():
                    self._memories.update_many({**theirs, "user_id": team}, {"$unset": {"author_id": ""}})
                self._owners.commit_memories(held, 1, purged=True)

    def _look_after(self, now: datetime) -> None:
        if erased := self._owners.erased_since(now - LOOKED_AFTER):
            self._delete(self._of(erased), self._of(erased))

    def _delete(self, memories: Document, facts: Document) -> Counter[str]:
        counts = Counter(self._delete_memories(memories, None))
        with translated():
            counts["facts"] = self._facts.delete_many(facts).deleted_count
        return counts

    def _delete_old(self, own: Document, before: int) -> Counter[str]:
        """What is older than a time: memories by when they were said, stored or changed, facts by when last said."""
        said = [{"said_at": {"$lt": before}, "edits": 0}, {"changed_at": {"$lt": before}}]
        counts = Counter(self._delete_memories({**own, "$or": said}, own))
        old = {"written_at": {"$lt": before}}
        with translated():
            for one in self._memories.find({**own, "revisions": {"$elemMatch": old}}, {"revisions": 1}):
                counts["memory_edits"] += sum(was["written_at"] < before for was in one["revisions"])
            self._memories.update_many({**own, "edits": {"$gt": 0}}, {"$pull": {"revisions": old}})
            counts["facts"] = self._facts.delete_many({**own, "last_at": {"$lt": before}}).deleted_count
        return counts

    def _delete_memories(self, where: Document, left: Document | None) -> Counts:
        """Deletes memories with their history; of those ``left`` of their sessions windows may hold their text."""
        with translated():
            found = list(self._memories.find(where, {"revisions.replaced_at": 1, "session_id": 1}))
            if left is not None:
                sessions = {"session_id": {"$in": sorted({one["session_id"] for one in found} - {""})}}
                placed = {**left, **sessions, "waits": {"$exists": False}}
                self._memories.update_many(placed, {"$set": {"waits": WINDOW}, "$unset": {"window": ""}})
            gone = self._memories.delete_many(where).deleted_count
        return {"memories": gone, "memory_edits": sum(len(one.get("revisions", [])) for one in found)}

    def _stream(
        self, collection: Collection[Document], users: Sequence[UserId], order: Sequence[str], fields: Document
    ) -> Iterator[Document]:
        with translated():
            yield from collection.find(self._of(users), fields).sort([(field, 1) for field in order])

    def _of(self, users: Sequence[UserId]) -> Document:
        return {"formation_id": self._formation_id, "user_id": {"$in": list(users)}}

    def _own(self, owner: UserId | None) -> Document:
        return {"formation_id": self._formation_id, "user_id": owner}


def _restored(formation_id: str, row: Mapping[str, Any]) -> Document:
    stored = {key: value for key, value in row.items() if key not in ("id", "formation_id")}
    for name in ("observed_at", "last_at", "written_at", "superseded_at"):
        stored[name] = micros(stored[name]) if stored[name] is not None else None
    return {"_id": row["id"], "formation_id": formation_id, **stored, "evidence": row["evidence"].split()}
