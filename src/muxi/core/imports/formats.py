"""How mem0 and LangGraph write what they remember.

mem0 2.x: what ``Memory.get_all`` returns under ``results``: ``id``, ``memory``, ``hash``, ``created_at``,
``updated_at``, ``metadata``, and of those that were told ``user_id``, ``agent_id``, ``run_id``, ``actor_id``,
``role``, ``expiration_date`` (the last day on which it counts). LangGraph: items of a store, as ``Item.dict()`` writes
them, or rows of the table ``store`` of ``PostgresStore`` (langgraph-checkpoint-postgres 3.x), whose ``prefix`` is the
namespace with dots.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from muxi.core.identity.import_file import BadLineError
from muxi.core.imports import values
from muxi.core.imports.types import Reading, Record

#: Where the text of a LangGraph value usually is; also one level down.
TEXT_FIELDS = ("text", "content", "memory", "data")
#: What mem0 says of a memory beside its own fields, and is kept as metadata.
_ALSO = ("actor_id", "role", "app_id", "categories")


def mem0(document: Any, reading: Reading) -> Iterator[Record]:
    """A memory of mem0."""
    one = values.mapping(document)
    own = one.get("metadata")
    also = {name: one[name] for name in _ALSO if one.get(name) is not None}
    # The one who said it, for the ranker.
    speaker = {"speaker": one["actor_id"]} if isinstance(one.get("actor_id"), str) else {}
    said_by = values.name(one, "id")
    if not said_by:
        raise BadLineError("It has no 'id'.")
    yield Record(
        values.name(one, "user_id") or None,
        reading.type,
        said_by,
        values.text(one, "memory"),
        values.moment(values.first(one, "created_at", "updated_at"), "created_at"),
        agent=values.name(one, "agent_id"),
        session=values.name(one, "run_id"),
        metadata=speaker | (dict(values.mapping(own)) if own is not None else {}) | also,
        expires_at=_end_of_day(one.get("expiration_date")),
    )


def langgraph(document: Any, reading: Reading) -> Iterator[Record]:
    """An item of a LangGraph store."""
    one = values.mapping(document)
    namespace, key = one.get("namespace"), one.get("key")
    if not isinstance(namespace, list | tuple) or not all(isinstance(part, str) for part in namespace):
        raise BadLineError("'namespace' is not a list of names.")
    if not isinstance(key, str) or not key:
        raise BadLineError("It has no 'key'.")
    value = values.mapping(one.get("value"))
    text, rest = _text_and_rest(value, reading.text)
    yield Record(
        _named(namespace, reading.user_at),
        reading.type,
        json.dumps([*namespace, key], ensure_ascii=False),
        text,
        values.moment(values.first(one, "created_at", "updated_at"), "created_at"),
        metadata=rest,
        expires_at=values.moment(one.get("expires_at"), "expires_at"),
    )


def _named(namespace: list[str] | tuple[str, ...], place: int | None) -> str | None:
    if place is None:
        return None
    if not -len(namespace) <= place < len(namespace):
        raise BadLineError(f"Its namespace has {len(namespace)} parts: there is none at {place}.")
    return namespace[place]


def _text_and_rest(value: Mapping[str, Any], told: str | None) -> tuple[str, dict[str, Any]]:
    """The text of a value, and its other fields."""
    paths = [told.split(".")] if told else [[one] for one in TEXT_FIELDS]
    paths += [] if told else [["content", one] for one in TEXT_FIELDS]
    for path in paths:
        found: Any = value
        for key in path:
            found = found.get(key) if isinstance(found, Mapping) else None
        if isinstance(found, str) and found.strip():
            return found, _without(value, path)
    raise BadLineError(f"Its value has no text: say with --text which field holds it; looked in {told or TEXT_FIELDS}.")


def _without(value: Mapping[str, Any], path: list[str]) -> dict[str, Any]:
    key, *below = path
    rest = {name: one for name, one in value.items() if name != key}
    inner = _without(value[key], below) if below else {}
    return rest | ({key: inner} if inner else {})


def _end_of_day(value: Any) -> datetime | None:
    if value is None or value == "":
        return None
    try:
        return datetime.combine(date.fromisoformat(str(value)[:10]) + timedelta(days=1), time(), UTC)
    except (ValueError, OverflowError) as error:
        raise BadLineError("'expiration_date' is not a date: write it as 2026-01-31.") from error
