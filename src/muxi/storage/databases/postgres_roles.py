"""Who the application is on a Postgres server: somebody who cannot pass the walls between users."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg import errors as pg
from psycopg import sql

from muxi.errors import SettingsError

#: Whose rights the application has where its login could pass the walls, and where it is made a member by hand.
APPLICATION = "muxi_application"

# Several processes, also of other databases of the server, may come at the same moment.
_MAKE = f"""
    DO $$ BEGIN
        CREATE ROLE {APPLICATION} NOLOGIN;
    EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL;
    END $$
"""
_PASSES = "SELECT rolname FROM pg_catalog.pg_roles WHERE rolname = {} AND (rolsuper OR rolbypassrls)"
_WALLED = """
    SELECT c.relname FROM pg_catalog.pg_class c
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = current_schema() AND c.relkind = 'r' AND c.relrowsecurity
      AND EXISTS (SELECT 1 FROM pg_catalog.pg_policy p WHERE p.polrelid = c.oid AND p.polname = 'muxi_wall')
"""

Connection = psycopg.Connection[tuple[Any, ...]]


def walled_role(conn: Connection) -> str | None:
    """As whom the application acts after it has logged in: ``None`` if its login cannot pass the walls.

    Else a role without that right, made if there is none. A test or a laptop logs in as the server's superuser.

    Raises:
        SettingsError: the login can pass the walls, and may neither take another role nor make one.
    """
    if conn.execute(_PASSES.format("current_user")).fetchone() is None:
        return None
    try:
        if _one(conn, "SELECT count(*) FROM pg_catalog.pg_roles WHERE rolname = %s", APPLICATION) == 0:
            conn.execute(_MAKE)
        if not _one(conn, "SELECT pg_has_role(current_user, %s, 'MEMBER')", APPLICATION):
            conn.execute(f"GRANT {APPLICATION} TO CURRENT_USER")
    except pg.InsufficientPrivilege as error:
        raise SettingsError(
            "The login of connection_string passes the walls between users (SUPERUSER or BYPASSRLS), and may not make "
            f"the role {APPLICATION} to act as. Use a login without these rights, or have an administrator run: "
            f"CREATE ROLE {APPLICATION} NOLOGIN; GRANT {APPLICATION} TO the login."
        ) from error
    if conn.execute(_PASSES.format("%s"), (APPLICATION,)).fetchone() is not None:
        raise SettingsError(
            f"The role {APPLICATION} passes the walls between users. Have an administrator run: "
            f"ALTER ROLE {APPLICATION} NOSUPERUSER NOBYPASSRLS."
        )
    return APPLICATION


def grant(conn: Connection, application: str) -> None:
    """Lets the application read and write rows, if it does not own the tables. Not more: it cannot change, empty or
    drop one. So does who was made a member of `APPLICATION` by hand, and shares no settings with who migrates."""
    made = _one(conn, "SELECT count(*) FROM pg_catalog.pg_roles WHERE rolname = %s", APPLICATION)
    users = {application, *([APPLICATION] if made else [])} - {_one(conn, "SELECT current_user")}
    walled = [sql.Identifier(table) for (table,) in conn.execute(_WALLED).fetchall()]
    if not users or not walled:
        return
    tables, roles = sql.SQL(", ").join(walled), sql.SQL(", ").join(map(sql.Identifier, sorted(users)))
    schema = sql.Identifier(_one(conn, "SELECT current_schema()"))
    conn.execute(sql.SQL("GRANT USAGE ON SCHEMA {} TO {}").format(schema, roles))
    conn.execute(sql.SQL("GRANT SELECT ON migrations TO {}").format(roles))
    conn.execute(sql.SQL("GRANT SELECT, INSERT, UPDATE, DELETE ON {} TO {}").format(tables, roles))


@contextmanager
def without_walls(conn: Connection) -> Iterator[None]:
    """While it migrates, the tables' owner stands before no wall: else it would find no row to bring up to date."""
    walled = [sql.Identifier(table) for (table,) in conn.execute(_WALLED).fetchall()]
    for table in walled:
        conn.execute(sql.SQL("ALTER TABLE {} NO FORCE ROW LEVEL SECURITY").format(table))
    yield
    for table in walled:
        conn.execute(sql.SQL("ALTER TABLE IF EXISTS {} FORCE ROW LEVEL SECURITY").format(table))


def owns(conn: Connection, tables: Sequence[str]) -> bool:
    """Whether whoever is connected may clear up some tables; for others VACUUM passes them over, and only warns."""
    query = "SELECT bool_and(pg_has_role(relowner, 'USAGE')) FROM pg_catalog.pg_class WHERE oid = ANY(%s::regclass[])"
    return bool(_one(conn, query, "{" + ",".join(tables) + "}"))


def may_use(conn: Connection, application: str) -> bool:
    """Whether the application may use the tables that are there, if there are any."""
    row = conn.execute(
        "SELECT bool_and(has_table_privilege(%s, w.relname, 'DELETE'))"
        f" AND bool_and(has_table_privilege(%s, 'migrations', 'SELECT')) FROM ({_WALLED}) w",  # nosec B608
        (application, application),
    ).fetchone()
    return row is None or row[0] is not False


def _one(conn: Connection, query: str, *given: str) -> Any:
    row = conn.execute(query, given or None).fetchone()
    assert row is not None  # an aggregate, or a function
    return row[0]
