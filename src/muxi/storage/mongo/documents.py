"""Memories and facts as documents.

Times are whole microseconds since 1970 (MongoDB's own keep only milliseconds, and facts of one write are a microsecond
apart). What is the application's own (metadata, a fact's value) is JSON as text: no key of it is a field of the
document, so none can be an operator, or change whose it is.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
from bson.binary import Binary, BinaryVectorDtype
from numpy.typing import NDArray

from muxi.core.memory.edit_store import Revision
from muxi.core.memory.facts import Fact
from muxi.core.memory.same_text import text_key
from muxi.core.memory.types import Memory
from muxi.core.memory.values import written
from muxi.ids import FactId, MemoryId, UserId
from muxi.storage.mongo.connection import Document
from muxi.storage.vectors import read_traits

#: What a memory waits for.
VECTOR, WINDOW = "vector", "window"

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_INSTANT = timedelta(microseconds=1)
# A vector in BSON begins with the type of its numbers and a count of unused bits.
_HEAD = 2


def micros(moment: datetime) -> int:
    """A time as whole microseconds since 1970."""
    return (moment - _EPOCH) // _INSTANT


def moment(stored: int) -> datetime:
    """The time that `micros` gave."""
    return _EPOCH + stored * _INSTANT


def _maybe(stored: int | None) -> datetime | None:
    return None if stored is None else moment(stored)


def vector_binary(vector: NDArray[np.float32]) -> Binary:
    """A vector as BSON binary of float32."""
    return Binary.from_vector(np.ascontiguousarray(vector), BinaryVectorDtype.FLOAT32)


def read_vector(stored: bytes | None) -> NDArray[np.float32] | None:
    """The vector that `vector_binary` gave."""
    return None if stored is None else np.frombuffer(stored, dtype="<f4", offset=_HEAD)


def json_text(value: Mapping[str, Any]) -> str:
    """Metadata as text."""
    return json.dumps(dict(value), ensure_ascii=False)


def memory_document(formation_id: str, memory: Memory, version: int, model: str, request_key: str | None) -> Document:
    """A memory as it is stored first.

    ``born`` is the owner's version with which it is there, ``version`` that of its last change.
    """
    made: Document = {
        "_id": memory.id,
        "formation_id": formation_id,
        "user_id": memory.user_id,
        "born": version,
        "version": version,
        "kind": memory.kind,
        "text": memory.text,
        "text_key": text_key(memory.text),
        "importance": memory.importance,
        "channel": memory.channel,
        "agent_id": memory.agent_id,
        "session_id": memory.session_id,
        "seq": memory.seq,
        "said_at": micros(memory.said_at),
        "created_at": micros(memory.created_at),
        "changed_at": micros(memory.created_at),
        "metadata": json_text(memory.metadata),
        "times": memory.times,
        "edits": 0,
        "waits": VECTOR,
    }
    if memory.vector is not None:
        made |= {"embedding": vector_binary(memory.vector), "embedding_model": model, "waits": WINDOW}
    if request_key is not None:
        made["request_key"] = request_key
    if memory.expires_at is not None:
        made["expires_at"] = micros(memory.expires_at)
    if memory.author_id is not None:
        made["author_id"] = memory.author_id
    return made


def read_memory(stored: Document) -> Memory:
    """A memory of its document, with as many vectors as were read along."""
    traits = stored.get("traits")
    return Memory(
        id=MemoryId(stored["_id"]),
        user_id=UserId(stored["user_id"]) if stored["user_id"] is not None else None,
        text=stored["text"],
        kind=stored["kind"],
        importance=stored["importance"],
        channel=stored["channel"],
        agent_id=stored["agent_id"],
        session_id=stored["session_id"],
        seq=stored["seq"],
        said_at=moment(stored["said_at"]),
        created_at=moment(stored["created_at"]),
        metadata=json.loads(stored["metadata"]),
        vector=read_vector(stored.get("embedding")),
        times=stored["times"],
        expires_at=_maybe(stored.get("expires_at")),
        window=read_vector(stored.get("window")),
        traits=read_traits(traits),
        author_id=stored.get("author_id"),
    )


def revision_document(stored: Document, now: datetime) -> Document:
    """What a memory says until it is changed; with when that was written, by which it gets old."""
    first = min(stored["said_at"], stored["created_at"])
    return {
        "text": stored["text"],
        "importance": stored["importance"],
        "metadata": stored["metadata"],
        "replaced_at": micros(now),
        "written_at": stored["changed_at"] if stored["edits"] else first,
    }


def read_revision(stored: Document) -> Revision:
    """A revision of its document."""
    return Revision(stored["text"], stored["importance"], json.loads(stored["metadata"]), moment(stored["replaced_at"]))


def fact_document(formation_id: str, fact: Fact) -> Document:
    """A fact as it is stored."""
    return {
        "_id": fact.id,
        "formation_id": formation_id,
        "user_id": fact.user_id,
        "path": fact.path,
        "op": fact.op,
        "value": written(fact.value),
        "source": fact.source,
        "importance": fact.importance,
        "confidence": fact.confidence,
        "observed_at": micros(fact.observed_at),
        "last_at": micros(fact.last_at),
        "times": fact.times,
        "written_at": micros(fact.written_at),
        "evidence": list(fact.evidence),
        "superseded_at": micros(fact.superseded_at) if fact.superseded_at else None,
        "superseded_by": fact.superseded_by,
    }


def read_fact(stored: Document) -> Fact:
    """A fact of its document."""
    return Fact(
        id=FactId(stored["_id"]),
        user_id=UserId(stored["user_id"]),
        path=stored["path"],
        op=stored["op"],
        value=json.loads(stored["value"]),
        source=stored["source"],
        importance=stored["importance"],
        confidence=stored["confidence"],
        observed_at=moment(stored["observed_at"]),
        last_at=moment(stored["last_at"]),
        times=stored["times"],
        written_at=moment(stored["written_at"]),
        evidence=tuple(stored["evidence"]),
        superseded_at=_maybe(stored["superseded_at"]),
        superseded_by=FactId(stored["superseded_by"]) if stored["superseded_by"] else None,
    )
