"""Whose rows a connection to Postgres may see: told to the server before a statement, unless it knows already.

The tables have walls (`016_row_level_security.sql`) that compare each row with two settings of the connection. They are
set here from the statement's own parameters: ``formation_id`` names the formation, ``user_id`` the user. So a condition
that is forgotten in a statement's text finds nothing of others; and a statement that names no formation finds nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from typing import Any, ClassVar, Self

import psycopg
from aiosql.adapters.pyformat import PyFormatAdapter
from psycopg.pq import ExecStatus, PipelineStatus

#: Tables of what users have said, stored and chosen: behind the wall of their user, as the migration says.
CONTENT = frozenset(
    {
        "sessions",
        "messages",
        "buffer_clears",
        "memories",
        "facts",
        "memory_edits",
        "extractions",
        "extraction_failures",
        "synopses",
        "memory_segments",
        "new_embeddings",
        "agent_defaults",
        "data_keys",
        "credentials",
    }
)
#: The user of a statement that is about everybody of a formation.
EVERYBODY = "*"

_CONTENT = re.compile(rf"\b(?:{'|'.join(sorted(CONTENT))})\b")
_SET = "SELECT set_config('muxi.formation', %s, %s), set_config('muxi.user', %s, %s)"
_SET_AT_ONCE = b"SELECT set_config('muxi.formation', $1, $3), set_config('muxi.user', $2, $3)"

#: A formation and a user. Empty: none.
Scope = tuple[str, str]
_NOBODY: Scope = ("", "")


class ScopedAdapter(PyFormatAdapter):
    """How aiosql runs queries on Postgres."""

    #: The texts of the queries that are marked as of everybody (`muxi.storage.queries`).
    of_everybody: ClassVar[set[str]] = set()


class ScopedConnection(psycopg.Connection[tuple[Any, ...]]):
    """A connection in autocommit that tells whose rows each statement is about. One thread uses it at a time."""

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self.cursor_factory = _Cursor
        self.server_cursor_factory = _ServerCursor
        # As of a new connection. What is set within a transaction ends with it, however that ends.
        self._set: Scope = _NOBODY
        self._set_within: Scope | None = None
        self._depth = 0

    @contextmanager
    def transaction(self, savepoint_name: str | None = None, force_rollback: bool = False) -> Iterator[Any]:
        """As of every connection."""
        self._depth += 1
        try:
            with super().transaction(savepoint_name, force_rollback) as made:
                yield made
        finally:
            self._depth -= 1
            self._set_within = None

    def unscoped(self, statement: str) -> None:
        """Runs a statement that reads no table, and that has to come first in its transaction, or alone."""
        psycopg.Cursor(self).execute(statement)

    def enter(self, statement: object, parameters: object) -> None:
        """Sets the scope of a statement, if it is not the one that is set.

        A statement about who is who, which has the formation's wall alone, leaves the user that is set.
        """
        formation, user = _wanted(statement, parameters)
        current = self._set_within or self._set
        if current[0] == formation and user in (None, current[1]):
            return
        scope = (formation, user or "")
        # Not known until it is done.
        self._set_within = None
        if not self._depth:
            self._set = ("?", "?")
        self._tell(scope, within=bool(self._depth))
        if self._depth:
            self._set_within = scope
        else:
            self._set = scope

    def _tell(self, scope: Scope, within: bool) -> None:
        if self.pgconn.pipeline_status == PipelineStatus.OFF:
            # Straight to libpq: a cursor would take twice as long, and this comes before many statements.
            given = [scope[0].encode(), scope[1].encode(), b"t" if within else b"f"]
            if self.pgconn.exec_params(_SET_AT_ONCE, given).status == ExecStatus.TUPLES_OK:
                return
        # In a pipeline; or it raises what is the matter.
        psycopg.Cursor(self).execute(_SET, (scope[0], within, scope[1], within))


class _Cursor(psycopg.Cursor[tuple[Any, ...]]):
    connection: ScopedConnection

    def execute(self, query: Any, params: Any = None, **named: Any) -> Self:
        self.connection.enter(query, params)
        return super().execute(query, params, **named)

    def executemany(self, query: Any, params_seq: Iterable[Any], **named: Any) -> None:
        rows = list(params_seq)
        if rows:
            # Rows of another user than the first one's are refused, unless the two were merged.
            self.connection.enter(query, rows[0])
            super().executemany(query, rows, **named)

    def stream(self, query: Any, params: Any = None, **named: Any) -> Iterator[tuple[Any, ...]]:
        self.connection.enter(query, params)
        yield from super().stream(query, params, **named)


class _ServerCursor(psycopg.ServerCursor[tuple[Any, ...]]):
    connection: ScopedConnection

    def execute(self, query: Any, params: Any = None, **named: Any) -> Self:
        self.connection.enter(query, params)
        return super().execute(query, params, **named)


def _wanted(statement: object, parameters: object) -> tuple[str, str | None]:
    """The formation, and the user: ``None`` if it does not matter."""
    if not isinstance(parameters, Mapping) or "formation_id" not in parameters:
        return _NOBODY
    formation: str = parameters["formation_id"]
    if not _reads_content(statement):
        return formation, None
    if statement in ScopedAdapter.of_everybody:
        return formation, EVERYBODY
    return formation, parameters.get("user_id") or ""


@lru_cache(maxsize=4096)
def _reads_content(statement: object) -> bool:
    return not isinstance(statement, str) or bool(_CONTENT.search(statement))
