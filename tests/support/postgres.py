"""Empty databases on the test run's Postgres server."""

from __future__ import annotations

import uuid

import psycopg


def new_database(server_url: str) -> str:
    """Makes an empty database on a server and gives its address."""
    name = f"muxi_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(server_url, autocommit=True) as conn:
        conn.execute(f'CREATE DATABASE "{name}"')
    return server_url.replace("@/postgres?", f"@/{name}?")


def drop_database(server_url: str, database_url: str) -> None:
    """Drops a database that `new_database` made, whoever is connected to it."""
    name = database_url.split("@/")[1].split("?")[0]
    with psycopg.connect(server_url, autocommit=True) as conn:
        conn.execute(f'DROP DATABASE "{name}" WITH (FORCE)')
