"""What one write does to a user's facts, as a document: written first, whole, and carried out after.

Carrying it out twice is as good as once. So a crash in the middle loses nothing and leaves nothing half done: whoever
comes next carries it out again.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from pymongo import DeleteMany, ReplaceOne, UpdateOne

from muxi.core.memory.facts import Plan
from muxi.core.memory.paths import span_below
from muxi.ids import UserId
from muxi.storage.mongo.connection import Document, MongoDatabase
from muxi.storage.mongo.documents import fact_document, micros

_Operation = ReplaceOne[Document] | UpdateOne | DeleteMany


def plan_document(formation_id: str, plans: Iterable[Plan], forgotten: Sequence[Document]) -> Document:
    """Plans, in order, and what is to be forgotten after them (`forgotten_at`)."""
    made: Document = {"repeated": [], "ended": [], "added": [], "forgotten": list(forgotten)}
    for plan in plans:
        made["repeated"] += [fact_document(formation_id, fact) for fact in plan.repeated]
        made["ended"] += [
            {"_id": fact_id, "superseded_at": micros(at), "superseded_by": by}
            for fact_id, (at, by) in plan.ended.items()
        ]
        made["added"] += [fact_document(formation_id, fact) for fact in plan.added]
    return made


def forgotten_at(users: Sequence[UserId], path: str) -> Document:
    """Facts of users at a path and below it, as a condition."""
    first, last = span_below(path)
    return {"user_id": {"$in": list(users)}, "$or": [{"path": path}, {"path": {"$gte": first, "$lt": last}}]}


def carry_out(database: MongoDatabase, formation_id: str, user_id: str, plan: Document) -> None:
    """Does what a plan of a user says; what is done already is passed over."""
    own = {"formation_id": formation_id, "user_id": user_id}
    operations: list[_Operation] = [
        UpdateOne({**own, "_id": fact["_id"]}, {"$set": _said_again(fact)}) for fact in plan["repeated"]
    ]
    for fact in plan["ended"]:
        ended = {key: value for key, value in fact.items() if key != "_id"}
        operations.append(UpdateOne({**own, "_id": fact["_id"]}, {"$set": ended}))
    operations += [ReplaceOne({"_id": fact["_id"]}, fact, upsert=True) for fact in plan["added"]]
    operations += [DeleteMany({"formation_id": formation_id, **where}) for where in plan["forgotten"]]
    if operations:
        database.facts.bulk_write(operations)


def _said_again(fact: Document) -> dict[str, Any]:
    return {key: fact[key] for key in ("times", "last_at", "importance", "confidence", "evidence")}
