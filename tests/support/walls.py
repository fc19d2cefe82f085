"""Queries with a condition cut out of their text, and values that fit what is stored of a user."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import psycopg
from psycopg.types.json import JsonbDumper

from muxi.storage.databases.postgres_scope import CONTENT, ScopedConnection

Connection = psycopg.Connection[tuple[Any, ...]]

_RANGE = {"from": "", "start": "", "to": "~"}

#: Else a row that another one refers to could not be deleted, walls or not.
_WITHOUT_KEYS = "SET session_replication_role = replica"
_GROUP = r"\(SELECT id FROM users WHERE formation_id = :formation_id AND canonical_id = :user_id\)"
#: How the texts of queries say whose rows they mean.
_OF_USER = (
    rf"(\w+\.)?user_id (NOT )?IN {_GROUP}",
    r"(\w+\.)?(user_id|canonical_id|id) = :user_id",
)
_OF_FORMATION = (r"(\w+\.)?(formation_id|id)( \|\| '')? = :formation_id",)


def reads_content(sql: str) -> bool:
    """Whether a query is about what users have said and stored."""
    return any(re.search(rf"\b{table}\b", sql) for table in CONTENT)


def without_user(sql: str) -> str:
    """A query that has forgotten its user."""
    return _cut(sql, _OF_USER)


def without_formation(sql: str) -> str:
    """A query that has forgotten its user and its formation."""
    return _cut(without_user(sql), _OF_FORMATION)


def _cut(sql: str, conditions: tuple[str, ...]) -> str:
    for condition in conditions:
        sql = re.sub(condition, "TRUE", sql)
    return sql


def as_psycopg(sql: str) -> str:
    """With places as the driver names them."""
    return re.sub(r"(?<!:):(\w+)", r"%(\1)s", sql)


def values_of(conn: Connection, user_id: str, formation_id: str, meant: str) -> dict[str, list[Any]]:
    """What a caller could name, by parameter: what is stored of one user, and wide limits. One of each list fits.

    Args:
        conn: sees everything.
        user_id: who asks.
        formation_id: of whom is asked for.
        meant: whose things are asked for.
    """

    def of(columns: str, table: str, order: str = "1") -> tuple[Any, ...]:
        query = f"SELECT {columns} FROM {table} WHERE formation_id = %s AND user_id = %s ORDER BY {order} LIMIT 1"
        row = conn.execute(query, (formation_id, meant)).fetchone()
        assert row is not None, f"nothing of {meant} in {table}"
        return row

    late = datetime(2100, 1, 1, tzinfo=UTC)
    memory, key, text, request = of("id, text_key, text, request_key", "memories", "request_key IS NULL, id")
    session, session_key = of("id, key", "sessions", "next_seq DESC")
    [unused] = of("id", "sessions", "next_seq")
    said, seq = of("request_key, seq", "messages", "request_key IS NULL, seq")
    wrapped, master_key = of("wrapped, master_key_id", "data_keys")
    service, name, credential = of("service, name, id", "credentials")
    path, fact = of("path, id", "facts")
    [failure], [edited] = of("id", "extraction_failures"), of("memory_id", "memory_edits")
    [upto] = of("upto", "memory_segments")
    ids = [memory, edited, credential, fact, failure]
    return {
        "formation_id": [formation_id], "user_id": [user_id], "canonical_id": [user_id],
        **{name: [late] for name in ("now", "at", "oldest", "before_at", "last_at", "heard_until", "made_at")},
        **{name: [late] for name in ("next_try", "superseded_at")},
        **{name: ["x"] for name in ("by", "code", "error", "message", "text_key", "superseded_by", "token")},
        "evidence": [""],
        **{name: [1] for name in ("count", "tokens", "tries", "times")},
        **{name: [0.1] for name in ("importance", "confidence")},
        **{name: [b"x"] for name in ("embedding", "window", "traits")},
        "id": ids, "ids": ["{" + ",".join(ids) + "}"], "key": [key, session_key], "request_key": [said, request],
        "session_id": [session, unused], "service": [service], "name": [name], "path": [path], "wrapped": [wrapped],
        "master_key_id": [master_key], "upto": [upto], "text": [text], "before": [late, "zzz", wrapped],
        "before_id": ["zzz"], "before_seq": [2**40], "seq": [seq + 10**6], "after": [-1, ""], "version": [0],
        "first": [0, ""], "last": [10**9, "~"], "limit": [1000], "size": [1000], "most": [10**6], "head": [64],
        "piece": [2**18],
        "model": [None, "another", "third"], "kind": ["said"], "agent_id": ["assistant"], "pattern": ["%"],
        "metadata": [{}], "today": ["2026-01-01"], "lease_until": [late], "latest_try": [late], "enough": [0],
        "cost": [0], "only": [""], "after_value": [""], "after_type": [""], "text_hash": ["x"],
        **{f"{place}_{end}": [end_at] for place in ("first", "second") for end, end_at in _RANGE.items()},
    }  # fmt: skip


def stir(conn: Connection, formation_id: str, users: list[str]) -> None:
    """Brings what users have into states in which most queries find something to read and to change."""
    first, *_ = users
    for statement in (
        "UPDATE extractions SET leased_by = 'x', tries = 3, waiting_since = now(), waiting_tokens = 9, watermark = 0",
        "UPDATE memories SET window_embedding = 'x', session_id = 'own', expires_at = '2027-01-01', text_key = user_id",
        "UPDATE buffer_clears SET through_seq = 0",
    ):
        whose = "session_id IN (SELECT id FROM sessions WHERE user_id" if "buffer" in statement else "(user_id"
        conn.execute(f"{statement} WHERE formation_id = %s AND {whose} = ANY(%s))", (formation_id, users))
    one = "id = (SELECT {}(id) FROM memories WHERE formation_id = %s AND user_id = %s)"
    changes = (("min", "request_key = 'r-' || id, author_id = user_id"), ("max", "kind = 'found'"))
    for which, change in changes:
        conn.execute(f"UPDATE memories SET {change} WHERE {one.format(which)}", (formation_id, first))
    conn.execute(
        "INSERT INTO extractions (formation_id, user_id, opted_out_at) SELECT %s, u, now() FROM unnest(%s::text[]) u"
        " WHERE u <> %s ON CONFLICT (formation_id, user_id) DO UPDATE SET opted_out_at = now()",
        (formation_id, users, first),
    )
    conn.execute(
        "INSERT INTO new_embeddings (formation_id, memory_id, model, text_hash, embedding)"
        " SELECT formation_id, id, 'another', 'x', 'x' FROM memories WHERE formation_id = %s AND user_id = ANY(%s)",
        (formation_id, users),
    )


def tries(sql: str, values: dict[str, list[Any]]) -> Iterator[dict[str, Any]]:
    """Every choice of values for a query."""
    names = [
        name for name in dict.fromkeys(re.findall(r"(?<!:):(\w+)", sql)) if name not in ("formation_id", "user_id")
    ]
    for chosen in itertools.product(*(values[name] for name in names)):
        yield {
            "formation_id": values["formation_id"][0],
            "user_id": values["user_id"][0],
            **dict(zip(names, chosen, strict=True)),
        }


def group(conn: Connection, formation_id: str, user_id: str) -> list[str]:
    """A user under all ids."""
    query = "SELECT id FROM users WHERE formation_id = %s AND canonical_id = %s"
    return [row[0] for row in conn.execute(query, (formation_id, user_id))]


def content_of(conn: Connection, formation_id: str, users: list[str]) -> dict[str, list[str]]:
    """Every row of users' content, by table."""
    whose = {
        "buffer_clears": "session_id IN (SELECT id FROM sessions WHERE user_id = ANY(%(users)s))",
        "new_embeddings": "memory_id IN (SELECT id FROM memories WHERE user_id = ANY(%(users)s))",
    }
    found = {}
    for table in sorted(CONTENT):
        of_them = whose.get(table, "user_id = ANY(%(users)s)")
        rows = conn.execute(
            f"SELECT CAST(t AS text) FROM {table} t WHERE formation_id = %(formation_id)s AND {of_them} ORDER BY 1",
            {"formation_id": formation_id, "users": users},
        )
        found[table] = [row[0] for row in rows]
    return found


def scoped(url: str) -> ScopedConnection:
    """A connection as the application's, but that the test can take its role off."""
    conn = ScopedConnection.connect(url, autocommit=True)
    conn.adapters.register_dumper(dict, JsonbDumper)
    conn.unscoped(_WITHOUT_KEYS)
    conn.unscoped("SET ROLE muxi_application")
    return conn


def unwalled(url: str) -> Connection:
    """A connection that sees everything."""
    conn = psycopg.connect(url, autocommit=True)
    conn.adapters.register_dumper(dict, JsonbDumper)
    conn.execute(_WITHOUT_KEYS)
    return conn
