"""Connections to Postgres: a step of a turn holds one, and gives it back."""

from __future__ import annotations

import threading

import pytest

from muxi.core.chat.reply import reply
from muxi.core.chat.types import Turn
from muxi.errors import NotFoundError
from muxi.storage.databases.postgres import PostgresDatabase
from tests.conftest import TestClock
from tests.support.formations import open_formation

pytestmark = pytest.mark.postgres


def backend(database: PostgresDatabase) -> int:
    with database.connection() as conn:
        row = conn.execute("SELECT pg_backend_pid()").fetchone()
    assert row
    return int(row[0])


def test_a_thread_holds_one(postgres_database: str) -> None:
    """What it reads and writes meanwhile is on one connection; another thread has its own; afterwards it is free."""
    database = PostgresDatabase(postgres_database, pool_size=2)
    elsewhere: list[int] = []
    with database.held():
        mine = backend(database)
        with database.transaction() as conn:
            assert conn.info.backend_pid == mine
        other = threading.Thread(target=lambda: elsewhere.append(backend(database)))
        other.start()
        other.join()
        assert backend(database) == mine and elsewhere and elsewhere[0] != mine
    with database.connection() as first, database.connection() as second:
        assert first.info.backend_pid != second.info.backend_pid
    database.close()


def test_an_error_gives_it_back(postgres_database: str) -> None:
    """With a pool of one the next step would wait in vain."""
    database = PostgresDatabase(postgres_database, pool_size=1)
    with pytest.raises(NotFoundError), database.held(), database.transaction():
        raise NotFoundError("Gone.")
    assert backend(database)
    database.close()


async def test_a_turn_needs_one(postgres_database: str, clock: TestClock) -> None:
    """A first turn, which opens its session within the step that reads: on a pool of a single connection."""
    memory = {"persistent": {"provider": "postgres", "connection_string": postgres_database, "pool_size": 1}}
    formation = open_formation(postgres_database, clock, memory=memory)
    answer = await reply(formation, Turn("Hello", "ann@example.com"))
    assert answer.user_id and formation.sessions.newest(answer.user_id).items
    formation.close()
