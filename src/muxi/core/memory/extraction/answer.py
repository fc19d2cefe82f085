"""What a model answers when it is asked for changes of a profile: a JSON object, checked as if it were hostile."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from muxi.core.memory.extraction.work import EXTRACTION, Found, Known, Statement
from muxi.core.memory.facts import Change, Op, Origin
from muxi.core.memory.paths import checked_path
from muxi.core.memory.private import redact
from muxi.core.memory.values import checked_value
from muxi.core.models.base import Completion
from muxi.core.text import is_storable
from muxi.errors import InvalidContextError, ModelResponseError
from muxi.ids import MessageId

MOST_CHARACTERS = 256 * 1024
MOST_OPERATIONS = 100
MOST_MEMORIES = 50
LONGEST_MEMORY = 2000
LONGEST_VALUE = 4000
#: What the model itself is less sure of than this is left alone.
LEAST_CONFIDENCE = 0.5

_OPS: Mapping[str, Op] = {"replace": "set", "add": "add", "remove": "remove"}
_FENCE = re.compile(r"\s*```(?:json)?\s*\n(.*?)\n?\s*```\s*", re.DOTALL)
_SHARE = {"type": "number", "minimum": 0, "maximum": 1}
_MESSAGES = {"type": "array", "items": {"type": "string"}, "minItems": 1}
_OF_A_MEMORY = {"text", "confidence", "importance", "messages", "replaces"}

#: A JSON Schema of the answer, for servers that can hold a model to one.
SCHEMA: Mapping[str, Any] = {
    "type": "object",
    "additionalProperties": False,
    "required": ["operations", "memories"],
    "properties": {
        "operations": {
            "type": "array",
            "maxItems": MOST_OPERATIONS,
            "items": {
                "type": "object",
                "additionalProperties": False,
                "required": ["op", "path", "value", "confidence", "importance", "messages"],
                "properties": {
                    "op": {"enum": list(_OPS)},
                    "path": {"type": "string"},
                    "value": {"type": ["string", "number", "boolean"]},
                    "confidence": _SHARE,
                    "importance": _SHARE,
                    "messages": _MESSAGES,
                },
            },
        },
        "memories": {
            "type": "array",
            "maxItems": MOST_MEMORIES,
            "items": {
                "type": "object",
                "additionalProperties": False,
                "required": ["text", "confidence", "importance", "messages", "replaces"],
                "properties": {
                    "text": {"type": "string"},
                    "confidence": _SHARE,
                    "importance": _SHARE,
                    "messages": _MESSAGES,
                    "replaces": {"type": "array", "items": {"type": "string"}},
                },
            },
        },
    },
}


class _WrongError(Exception):
    """What is wrong with the answer; nothing of what was said is in it."""


def read_answer(
    completion: Completion,
    names: Mapping[str, MessageId],
    times: Mapping[MessageId, datetime],
    model: str,
    known: Mapping[str, Known],
) -> Found:
    """The changes and statements of an answer.

    Args:
        completion: what the model answered.
        names: the messages by the names that the model was given.
        times: when each was said.
        model: its name, for the error.
        known: the statements that it was shown, by the names that it was given.

    Raises:
        ModelResponseError: it is no JSON, of another form, too much, or with a path or a value that cannot be. All of
            it is thrown away then: half an answer may be the wrong half.
    """
    try:
        answer = _object(_parsed(completion.text), {"operations", "memories"})
        operations = _list(answer, "operations", MOST_OPERATIONS)
        memories = _list(answer, "memories", MOST_MEMORIES)
        changes = [_change(one, names, times) for one in operations]
        statements = [_statement(one, names, times, known) for one in memories]
    except (_WrongError, InvalidContextError) as error:
        raise ModelResponseError(f"{model} was asked what a user says about themself, and erred: {error}.") from error
    order = list(times)
    sure = [change for change in changes if change.origin.confidence >= LEAST_CONFIDENCE]
    sure.sort(key=lambda change: max(map(order.index, map(MessageId, change.origin.evidence))))
    kept = [one for one in statements if one.confidence >= LEAST_CONFIDENCE]
    return Found(tuple(sure), tuple(kept), completion.usage)


def _parsed(text: str) -> Any:
    if len(text) > MOST_CHARACTERS:
        raise _WrongError(f"the answer has {len(text):,} characters")
    fenced = _FENCE.fullmatch(text)
    try:
        return json.loads(fenced[1] if fenced else text)
    except (ValueError, RecursionError) as error:
        raise _WrongError("the answer is not JSON") from error


def _object(value: Any, members: set[str]) -> dict[str, Any]:
    if not isinstance(value, dict) or set(value) != members:
        raise _WrongError(f"an object of {', '.join(sorted(members))} was expected")
    return value


def _list(answer: Mapping[str, Any], name: str, most: int) -> list[Any]:
    found = answer[name]
    if not isinstance(found, list):
        raise _WrongError(f"{name} is not a list")
    if len(found) > most:
        raise _WrongError(f"{name} has {len(found):,} entries; at most {most} are read")
    return found


def _change(entry: Any, names: Mapping[str, MessageId], times: Mapping[MessageId, datetime]) -> Change:
    told = _object(entry, {"op", "path", "value", "confidence", "importance", "messages"})
    op, value = told["op"], told["value"]
    if not isinstance(op, str) or op not in _OPS:
        raise _WrongError("op is not add, replace or remove")
    if not isinstance(value, str | int | float | bool) or value == "":
        raise _WrongError("a value is not a text, a number, true or false")
    if isinstance(value, str):
        if len(value) > LONGEST_VALUE:
            raise _WrongError(f"a value has {len(value):,} characters; at most {LONGEST_VALUE:,} are read")
        value = redact(value).text
    evidence = _evidence(told["messages"], names)
    origin = Origin(
        EXTRACTION,
        _share(told, "importance"),
        _share(told, "confidence"),
        max(times[one] for one in evidence),
        evidence,
    )
    return Change(_OPS[op], checked_path(told["path"]), checked_value(value), origin)


def _statement(
    entry: Any, names: Mapping[str, MessageId], times: Mapping[MessageId, datetime], known: Mapping[str, Known]
) -> Statement:
    # Models that cannot be held to the schema leave out what they have nothing to say to.
    told = _object({"replaces": [], **entry} if isinstance(entry, dict) else entry, _OF_A_MEMORY)
    text = told["text"]
    if not isinstance(text, str) or not text.strip() or len(text) > LONGEST_MEMORY or not is_storable(text):
        raise _WrongError(f"a memory is not a text of 1 to {LONGEST_MEMORY:,} characters")
    evidence = _evidence(told["messages"], names)
    said_at = max(times[one] for one in evidence)
    replaces = tuple(one.id for one in _replaced(told["replaces"], known) if one.said_at <= said_at)
    return Statement(
        redact(text.strip()).text,
        _share(told, "importance"),
        _share(told, "confidence"),
        evidence,
        said_at,
        replaces,
    )


def _share(told: Mapping[str, Any], name: str) -> float:
    value = told[name]
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:  # nor NaN
        raise _WrongError(f"{name} is not a number of 0 to 1")
    return float(value)


def _replaced(told: Any, known: Mapping[str, Known]) -> list[Known]:
    if not isinstance(told, list) or not all(isinstance(one, str) and one in known for one in told):
        raise _WrongError("replaces does not list ids of the memories that were given")
    return [known[name] for name in dict.fromkeys(told)]


def _evidence(told: Any, names: Mapping[str, MessageId]) -> tuple[MessageId, ...]:
    """The messages, in the order in which they were said."""
    if not isinstance(told, list) or not told or not all(isinstance(one, str) and one in names for one in told):
        raise _WrongError("messages does not list ids of the messages that were given")
    return tuple(id for name, id in names.items() if name in told)
