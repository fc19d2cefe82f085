"""What an export holds: its tables in order, their columns, and what each value must be like."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from muxi.core.memory.paths import checked_path
from muxi.core.memory.values import checked_value, written
from muxi.core.text import is_storable
from muxi.errors import InvalidContextError
from muxi.ids import is_id

#: What a value of a column is in JSON: checked, and turned into what a store takes. Raises ``ValueError``.
Reader = Callable[[Any], Any]

_SEALED = re.compile(r"[A-Za-z0-9+/]{40,}={0,2}")
_TYPE = re.compile(r"(?:[a-z][a-z0-9_-]{0,31})?")


@dataclass(frozen=True, slots=True)
class Column:
    """A column of an exported table.

    Attributes:
        name: as in the database and in the export.
        read: checks its JSON value and turns it into what a store takes.
        optional: whether it may be null.
        refers: the table one of whose rows, earlier in the export, it names.
    """

    name: str
    read: Reader
    optional: bool = False
    refers: str = ""


def text(value: Any) -> str:
    if not isinstance(value, str) or not is_storable(value):
        raise ValueError("not a text")
    return value


def time(value: Any) -> datetime:
    if not isinstance(value, str):
        raise ValueError("not a time")
    try:
        moment = datetime.fromisoformat(value)
        if moment.tzinfo is None:
            raise ValueError("a time without a zone")
        return moment.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise ValueError("not a time with its zone") from error


def number(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 2**62:
        raise ValueError("not a whole number of 0 or more")
    return value


def share(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        raise ValueError("not a number of 0 to 1")
    return float(value)


def mapping(value: Any) -> dict[str, Any]:
    try:
        # NaN is no JSON, although Python reads and writes it.
        json.dumps(value, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise ValueError("not JSON") from error
    if not isinstance(value, dict) or not _all_storable(value):
        raise ValueError("not an object whose texts can be stored")
    return value


def id_of(prefix: str) -> Reader:
    def read(value: Any) -> str:
        if not isinstance(value, str) or not is_id(value, prefix):
            raise ValueError(f"not a {prefix}_ id")
        return value

    return read


def identifier(value: Any) -> str:
    """As it is stored: a secret's hash begins with a space."""
    if not isinstance(value, str) or not value.strip() or len(value) > 255 or not value.isprintable():
        raise ValueError("not an identifier")
    if is_id(value, "usr"):
        raise ValueError("a user's own id, which cannot be linked")
    return value


def type_name(value: Any) -> str:
    if not isinstance(value, str) or not _TYPE.fullmatch(value):
        raise ValueError("not an identifier type")
    return value


def path(value: Any) -> str:
    """Of the context, in its one form."""
    try:
        if checked_path(value) == value:
            return str(value)
    except InvalidContextError as error:
        raise ValueError("not a path") from error
    raise ValueError("not a path in its one form")


def operation(value: Any) -> str:
    if value not in ("set", "add", "remove", "delete"):
        raise ValueError("not something that a fact does")
    return str(value)


def written_json(value: Any) -> str:
    """A value of the context, in its one form."""
    try:
        if written(checked_value(json.loads(text(value)))) == value:
            return str(value)
    except (ValueError, RecursionError, InvalidContextError) as error:
        raise ValueError("not a value of a context") from error
    raise ValueError("not a value of a context in its one form")


def _all_storable(value: Any) -> bool:
    if isinstance(value, str):
        return is_storable(value)
    if isinstance(value, dict):
        return all(is_storable(key) and _all_storable(of_key) for key, of_key in value.items())
    return all(map(_all_storable, value)) if isinstance(value, list) else True


def sealed(value: Any) -> str:
    """What is encrypted, in base64."""
    if not isinstance(value, str) or not _SEALED.fullmatch(value):
        raise ValueError("not sealed")
    return value


_USER = Column("user_id", id_of("usr"), refers="users")

#: Every table of an export, in an order in which each row comes after those that it names.
TABLES: Mapping[str, tuple[Column, ...]] = {
    "users": (
        Column("id", id_of("usr")),
        Column("canonical_id", id_of("usr"), refers="users"),
        Column("created_at", time),
        Column("disabled_at", time, optional=True),
    ),
    "identifiers": (
        Column("value", identifier),
        Column("type", type_name),
        _USER,
        Column("shown", text),
        Column("linked_at", time),
        Column("linked_by", text),
        Column("verified_at", time, optional=True),
        Column("verified_by", text),
        Column("expires_at", time, optional=True),
    ),
    "sessions": (
        Column("id", id_of("ses")),
        _USER,
        Column("key", text),
        Column("name", text),
        Column("channel", text),
        Column("started_at", time),
        Column("last_at", time),
        Column("next_seq", number),
        Column("metadata", mapping, optional=True),
        Column("ended_at", time, optional=True),
        Column("expires_at", time, optional=True),
        Column("idle_s", number, optional=True),
    ),
    "messages": (
        Column("session_id", id_of("ses"), refers="sessions"),
        Column("seq", number),
        Column("id", id_of("msg")),
        _USER,
        Column("role", text),
        Column("text", text),
        Column("agent_id", text),
        Column("metadata", mapping),
        Column("created_at", time),
        Column("request_key", text, optional=True),
        Column("place", number, optional=True),
    ),
    "buffer_clears": (
        Column("session_id", id_of("ses"), refers="sessions"),
        Column("agent_id", text),
        Column("through_seq", number),
    ),
    "memories": (
        Column("id", id_of("mem")),
        _USER,
        Column("kind", text),
        Column("text", text),
        Column("importance", share),
        Column("channel", text),
        Column("agent_id", text),
        Column("session_id", text),
        Column("seq", number),
        Column("said_at", time),
        Column("created_at", time),
        Column("metadata", mapping),
        Column("request_key", text, optional=True),
        Column("expires_at", time, optional=True),
        Column("times", number),
        Column("superseded_at", time, optional=True),
        Column("superseded_by", text),
    ),
    "extractions": (
        _USER,
        Column("said", number),
        Column("watermark", number),
        Column("waiting_since", time, optional=True),
        Column("waiting_tokens", number),
        Column("heard_until", time, optional=True),
        Column("opted_out_at", time, optional=True),
    ),
    "extraction_failures": (
        Column("id", id_of("exf")),
        _USER,
        Column("first_place", number),
        Column("last_place", number),
        Column("code", text),
        Column("message", text),
        Column("tries", number),
        Column("failed_at", time),
    ),
    "synopses": (
        _USER,
        Column("tier", text),
        Column("text", text),
        Column("basis", text),
        Column("model", text),
        Column("made_at", time),
    ),
    "memory_edits": (
        Column("memory_id", id_of("mem")),
        Column("number", number),
        _USER,
        Column("text", text),
        Column("importance", share),
        Column("metadata", mapping),
        Column("replaced_at", time),
    ),
    "facts": (
        Column("id", id_of("fct")),
        _USER,
        Column("path", path),
        Column("op", operation),
        Column("value", written_json),
        Column("source", text),
        Column("importance", share),
        Column("confidence", share),
        Column("observed_at", time),
        Column("last_at", time),
        Column("times", number),
        Column("written_at", time),
        Column("evidence", text),
        Column("superseded_at", time, optional=True),
        Column("superseded_by", id_of("fct"), optional=True),
    ),
    "agent_defaults": (_USER, Column("agent_id", text)),
    "merges": (
        Column("id", id_of("mrg")),
        Column("survivor_id", id_of("usr"), refers="users"),
        Column("merged_at", time),
        Column("merged_by", text),
        Column("split_at", time, optional=True),
    ),
    "merge_members": (
        Column("merge_id", id_of("mrg"), refers="merges"),
        _USER,
        Column("stood_under", id_of("usr"), refers="users"),
    ),
    "data_keys": (
        _USER,
        Column("master_key_id", text),
        Column("wrapped", sealed),
        Column("wrapped_at", time),
    ),
    "credentials": (
        _USER,
        Column("service", text),
        Column("name", text),
        Column("id", id_of("crd")),
        Column("secret", sealed),
        Column("preview", text),
        Column("metadata", mapping),
        Column("created_at", time),
        Column("updated_at", time),
        Column("last_used_at", time, optional=True),
        Column("expires_at", time, optional=True),
    ),
    "claims": (Column("fingerprint", text), _USER, Column("claimed_at", time)),
    "team_members": (
        Column("team_id", id_of("team")),
        _USER,
        Column("role", text),
        Column("joined_at", time),
    ),
    "audit": (
        Column("seq", number),
        Column("at", time),
        Column("actor", text),
        Column("action", text),
        _USER,
        Column("details", mapping),
    ),
}

#: Tables with rows of users that no export holds, and why.
NOT_EXPORTED = {
    "verifications": "codes under way: they end within minutes, and prove nothing anywhere else",
    "api_keys": "what opens here opens nothing anywhere else, and a restored user is given new keys",
    "memory_segments": "memories packed for a quick start, made anew of them",
    "repeats": "answers that are sent again for a day, sealed: what they say is in the other tables",
    "token_floors": "since when the tokens count that were made here",
}
#: Columns that no export holds: made anew, or of the formation.
MADE_ANEW = {
    "users": {"memory_version", "memory_floor", "fact_version", "kind", "merged_into"},
    "identifiers": {"key"},
    "memories": {"version", "embedding", "embedding_model", "text_key", "window_embedding", "traits", "author_id"},
    "extractions": {"leased_by", "leased_until", "tries", "error", "next_try_at", "spent_on", "spent"},
    "audit": {"hash"},
}
#: Tables with rows of users that an erasure leaves, and why.
KEPT = {"audit": "it holds no personal data: identifiers are in it as keyed hashes only, and its rows are chained"}
#: Read by people, and never restored: the rows of an audit are chained where they were written, and who comes back is
#: let into a team by whoever manages it.
READ_ONLY = frozenset({"team_members", "audit"})
#: Tables whose rows mean nothing without the formation's own key.
UNDER_KEY = frozenset({"claims", "data_keys", "credentials"})
