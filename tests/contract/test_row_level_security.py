"""Row-level security on Postgres: a query that forgets its user, or its formation, finds nothing of others."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from contextlib import closing, suppress
from importlib import resources
from typing import Any

import psycopg
import pytest

from muxi.core.formation import Formation
from muxi.core.memory.service import Draft
from muxi.core.privacy.tables import TABLES
from muxi.errors import SettingsError, StorageError, StorageReadOnlyError
from muxi.ids import UserId
from muxi.storage import migrate as migrations
from muxi.storage import queries
from muxi.storage.databases.postgres import PostgresDatabase
from muxi.storage.databases.postgres_scope import CONTENT
from muxi.storage.migrate import migrate
from tests.contract.test_plans import queries as texts
from tests.support.full_user import full_user, opened
from tests.support.postgres import drop_database, new_database
from tests.support.walls import (
    Connection,
    as_psycopg,
    content_of,
    group,
    reads_content,
    scoped,
    stir,
    tries,
    unwalled,
    values_of,
    without_formation,
    without_user,
)

pytestmark = pytest.mark.postgres

#: Tables that name users and have the formation's wall alone, and why: they are read before a user is known.
WHO_IS_WHO = {
    "identifiers": "they are what a user is found by",
    "merge_members": "who a user is made of decides whose rows are theirs",
    "team_members": "which teams a user is in decides whose rows are theirs",
    "audit": "one chain for a formation",
    "verifications": "a code is brought back by somebody who is not known yet",
    "claims": "how many have asked for an identifier",
    "api_keys": "a key is what a user is found by",
    "token_floors": "looked at before a token is believed",
    "repeats": "found by a hash of caller, user and key; sealed under keys that are not in the database",
}
#: Texts of queries that are of everybody, or whose user is named beside them.
_COMMENTS = {
    name.strip("!^$*"): body
    for file in (resources.files("muxi.storage") / "sql" / "queries").iterdir()
    if not file.name.endswith("_sqlite.sql")
    for name, _, body in (part.partition("\n") for part in re.split(r"^-- name: ", file.read_text(), flags=re.M)[1:])
}
OF_CONTENT = {name: sql for name, sql in texts("postgres").items() if reads_content(sql)}
OF_EVERYBODY = {name for name in OF_CONTENT if _COMMENTS[name.partition(".")[2]].startswith("-- Of everybody.")}
BESIDE = {name for name in OF_CONTENT if "The user is named beside it." in _COMMENTS[name.partition(".")[2]]}
#: What only adds the row that its parameters say.
ADDED = {name for name, sql in OF_CONTENT.items() if re.search(r"INSERT[^;]*\sVALUES\s*\(", sql)} | {
    "exchanges.save_exchange"
}

#: Where cutting makes no difference by the query's nature: one row of many, a lock, a key that is still needed.
NO_DIFFERENCE = {
    "agents.default_agent",
    "credentials.delete_data_key",
    "extraction.claim",
    "extraction.opted_out",
    "imports.hold_session",
}
_READING = re.compile(r"SELECT|WITH(?!.*\b(?:UPDATE|INSERT|DELETE)\b)", re.DOTALL)
_WRITING = re.compile(rf"(?!{_READING.pattern})", re.DOTALL)


@pytest.fixture
def database(postgres_database: str) -> Iterator[PostgresDatabase]:
    made = PostgresDatabase(postgres_database)
    migrate(made)
    yield made
    made.close()


@pytest.fixture
def formation(postgres_database: str) -> Iterator[Formation]:
    with closing(opened(postgres_database, "f")) as made:
        yield made


@pytest.fixture
def elsewhere(postgres_database: str, formation: Formation) -> Iterator[Formation]:
    with closing(opened(postgres_database, "g")) as made:
        yield made


class TestWalls:
    """What the schema says."""

    def test_every_table_has_one(self, database: PostgresDatabase) -> None:
        """Whatever has a formation is behind a wall, for reading and writing, which its owner does not pass either."""
        with database.owning() as conn:
            tables = conn.execute(
                "SELECT c.relname, c.relrowsecurity AND c.relforcerowsecurity, p.polcmd, p.polpermissive,"
                " pg_get_expr(p.polqual, p.polrelid), p.polwithcheck IS NULL"
                " FROM pg_class c LEFT JOIN pg_policy p ON p.polrelid = c.oid"
                " WHERE c.relkind = 'r' AND c.relnamespace = current_schema()::regnamespace"
                " AND c.relname <> 'migrations'"
            ).fetchall()
        assert len(tables) == len({row[0] for row in tables}) > 30
        for name, forced, command, permissive, condition, as_reading in tables:
            key = "id" if name == "formations" else "formation_id"
            assert (forced, command, permissive, as_reading) == (True, "*", True, True), name
            wall = (
                rf"\(\({key} = \( SELECT current_setting\('muxi.formation'::text, true\) AS current_setting\)\) AND .*"
            )
            assert re.fullmatch(wall, condition, re.DOTALL), name

    def test_every_table_of_users_has_the_users_wall(self, database: PostgresDatabase) -> None:
        """But those that are read before a user is known; what the adapter takes for content is behind it."""
        with database.owning() as conn:
            columns = conn.execute(
                "SELECT table_name FROM information_schema.columns"
                " WHERE column_name = 'user_id' AND table_schema = current_schema()"
            )
            of_users = {row[0] for row in columns}
            walled = {
                row[0]
                for row in conn.execute(
                    "SELECT tablename FROM pg_policies"
                    " WHERE qual ~ 'muxi.user|muxi_reaches' AND policyname = 'muxi_wall'"
                )
            }
        assert walled == CONTENT
        assert of_users - walled == set(WHO_IS_WHO)
        assert set(TABLES) - {"users", "merges"} <= walled | set(WHO_IS_WHO)

    def test_every_query_of_content_says_whose(self) -> None:
        """By a parameter, or by a mark; those of everybody are a list that is looked at when it grows."""
        nobodys = {name for name in OF_CONTENT if re.fullmatch(r".*_without_user(_exists)?", name)}
        named = {name for name, sql in OF_CONTENT.items() if ":user_id" in sql}
        assert set(OF_CONTENT) - named - nobodys - OF_EVERYBODY - BESIDE == set()
        assert len(OF_EVERYBODY) == 36

    def test_marks_reach_the_adapter(self, database: PostgresDatabase) -> None:
        """What is marked is asked of everybody, and nothing else is."""
        for file in {name.partition(".")[0] for name in OF_CONTENT}:
            loaded: Any = queries.load(database, file)
            for name in set(loaded.available_queries) & set(_COMMENTS):
                told = getattr(loaded, name).sql in database.adapter.of_everybody
                assert told == (_COMMENTS[name].startswith("-- Of everybody.")), name


@pytest.fixture
async def full(formation: Formation, elsewhere: Formation) -> tuple[UserId, UserId, UserId]:
    """Ann who asks, Ben beside her and Carol in another formation: each with rows of every kind."""
    found = []
    for one, name in ((formation, "ann"), (formation, "ben"), (elsewhere, "carol")):
        one.memories.add(None, [Draft("the office is in Berlin")])
        user = await full_user(one, name)
        one.sessions.create(user)
        one.sessions.clear_buffer(user)
        assert one.memories.settled()
        with one.storage._database.owning() as conn:
            users = sorted(group(conn, one.id, user), key=lambda each: each != user)
            stir(conn, one.id, users)
        found.append(user)
    ann, ben, carol = found
    return ann, ben, carol


class TestForgotten:
    """Every query of content, with its condition cut out, as Ann."""

    @pytest.mark.parametrize("of", ["user", "formation"])
    async def test_reading(self, postgres_database: str, full: tuple[UserId, UserId, UserId], of: str) -> None:
        """It answers as if nobody else had anything. Without walls it would not."""
        told, asked = set(), set()
        with (
            closing(scoped(postgres_database)) as walled,
            closing(unwalled(postgres_database)) as all_of_it,
            closing(unwalled(postgres_database)) as alone,
            alone.transaction(force_rollback=True),
        ):
            _delete_others(alone, full[0])
            for name, cut, given in _forgetful(all_of_it, full, of, _READING):
                expected = _rows(alone, cut, given)
                if expected is None:  # these values do not fit it
                    continue
                asked.add(name)
                assert _rows(walled, cut, given) == expected, name
                if _rows(all_of_it, cut, given) != expected:
                    told.add(name)
        assert asked == {name for name, _, _ in _forgetful_texts(of, _READING)}
        assert {name for name in asked - told - OF_EVERYBODY if "_without_user" not in name} <= NO_DIFFERENCE
        assert {table for name in told for table in CONTENT if table in OF_CONTENT[name]} >= CONTENT - {
            "new_embeddings"
        }

    @pytest.mark.parametrize("of", ["user", "formation"])
    async def test_writing(self, postgres_database: str, full: tuple[UserId, UserId, UserId], of: str) -> None:
        """Not one row of anybody else is changed or deleted, or added for them. Without walls they would be."""
        meant, formation_id = (full[1], "f") if of == "user" else (full[2], "g")
        changing, asked = set(), set()
        with closing(scoped(postgres_database)) as walled, closing(unwalled(postgres_database)) as conn:
            users = group(conn, formation_id, meant)
            before = content_of(conn, formation_id, users)
            assert all(before[table] for table in CONTENT)
            for name, cut, given in _forgetful(conn, full, of, _WRITING):
                for one in (walled, conn):
                    with one.transaction(force_rollback=True):
                        done = _rows(one, cut, given) is not None
                        if one is walled:
                            walled.unscoped("RESET ROLE")
                            assert content_of(one, formation_id, users) == before, name
                        elif done:
                            asked.add(name)
                            changing |= {name} if content_of(one, formation_id, users) != before else set()
        assert asked == {name for name, _, _ in _forgetful_texts(of, _WRITING)}
        assert {name for name in asked - changing - OF_EVERYBODY if "_without_user" not in name} <= NO_DIFFERENCE

    async def test_everybody_is_of_one_formation(
        self, postgres_database: str, full: tuple[UserId, UserId, UserId]
    ) -> None:
        """What means everybody means nobody of another formation."""
        with closing(scoped(postgres_database)) as conn:
            conn.enter("SELECT 1 FROM memories", {"formation_id": "f", "user_id": "*"})
            for table in sorted(CONTENT):
                [own], [others] = (
                    psycopg.Cursor(conn)
                    .execute(f"SELECT count(*) FROM {table} WHERE formation_id {how} 'f'")
                    .fetchall()
                    for how in ("=", "<>")
                )
                assert others == (0,) < own, table


class TestScope:
    """What the adapter tells the server, and when."""

    COUNT = "SELECT count(*) FROM memories WHERE formation_id = %(formation_id)s"

    @pytest.fixture
    def two(self, formation: Formation) -> tuple[PostgresDatabase, UserId, UserId]:
        """Ann with one memory, Ben with two."""
        database: Any = formation.storage._database
        ann, ben = (formation.identities.resolve(f"{name}@x.org").id for name in ("ann", "ben"))
        formation.memories.add(ann, [Draft("tea")])
        formation.memories.add(ben, [Draft("rain"), Draft("umbrellas")])
        return database, ann, ben

    def test_it_never_stays(self, two: tuple[PostgresDatabase, UserId, UserId]) -> None:
        """A statement that names nobody finds nothing, whoever the connection was for before."""
        database, ann, ben = two
        with database.connection() as conn:
            for user, many in ((ann, 1), (ben, 2), (None, 0), (ann, 1), ("usr_guessed", 0), ("", 0)):
                named = {"formation_id": "f", "user_id": user} if user is not None else {"formation_id": "f"}
                assert _one(conn, self.COUNT, named) == many
                assert _one(conn, "SELECT count(*) FROM memories") == 0
                assert _one(conn, "SELECT count(*) FROM users") == 0
                assert _one(conn, "SELECT count(*) FROM users WHERE true", {"formation_id": "f"}) == 2
                assert _one(conn, self.COUNT, {"formation_id": "g", "user_id": ann}) == 0
                assert _one(conn, self.COUNT, named) == many

    def test_nor_after_a_rollback_or_an_error(self, two: tuple[PostgresDatabase, UserId, UserId]) -> None:
        """What was set within a transaction ends with it, and is known to have."""
        database, ann, ben = two
        of_ann, of_ben = {"formation_id": "f", "user_id": ann}, {"formation_id": "f", "user_id": ben}
        with database.connection() as conn:
            assert _one(conn, self.COUNT, of_ann) == 1
            for fails in (True, False):
                with suppress(ZeroDivisionError), conn.transaction():
                    assert _one(conn, self.COUNT, of_ben) == 2
                    with suppress(psycopg.Error), conn.transaction():
                        assert _one(conn, self.COUNT, of_ann) == 1
                        conn.execute("SELECT 1 / 0 FROM memories", of_ann)
                    assert _one(conn, self.COUNT, of_ben) == 2
                    if fails:
                        raise ZeroDivisionError
                with psycopg.Cursor(conn) as plain:
                    # As the server has it, and as the connection believes it has.
                    assert plain.execute("SELECT count(*) FROM memories").fetchone() == (1,)
                assert _one(conn, self.COUNT, of_ben) == 2
                assert _one(conn, self.COUNT, of_ann) == 1
                with suppress(psycopg.Error):
                    conn.execute("SELECT 1 / 0 FROM memories", of_ben)
                assert _one(conn, self.COUNT, of_ann) == 1

    def test_in_a_pipeline(self, two: tuple[PostgresDatabase, UserId, UserId]) -> None:
        """Where statements go together, each has its own scope all the same."""
        database, ann, ben = two
        with database.transaction(together=True) as conn:
            cursors = [conn.execute(self.COUNT, {"formation_id": "f", "user_id": one}) for one in (ann, ben, ann)]
            assert [cursor.fetchone() for cursor in cursors] == [(1,), (2,), (1,)]
        with database.connection() as conn:
            assert _one(conn, self.COUNT, {"formation_id": "f", "user_id": ben}) == 2

    def test_it_is_told_only_when_it_changes(self, two: tuple[PostgresDatabase, UserId, UserId]) -> None:
        """Statements about one user, and those about who is who between them, pay nothing."""
        database, ann, ben = two
        told: list[object] = []
        with database.connection() as conn:
            tell = conn._tell
            conn._tell = lambda *given, **named: (told.append(given), tell(*given, **named))[1]  # type: ignore[attr-defined]
            for user in (ann, ann, ben, ben):
                _one(conn, self.COUNT, {"formation_id": "f", "user_id": user})
                _one(conn, "SELECT count(*) FROM users", {"formation_id": "f", "user_id": "usr_other"})
            del conn._tell  # type: ignore[attr-defined]
        assert 1 <= len(told) <= 2

    def test_of_many_threads(self, two: tuple[PostgresDatabase, UserId, UserId]) -> None:
        """Threads that share the pool never see each other's rows."""
        database, ann, ben = two
        wrong: list[object] = []

        def ask(user: UserId, many: int) -> None:
            for _ in range(60):
                with database.connection() as conn:
                    found = _one(conn, self.COUNT, {"formation_id": "f", "user_id": user})
                    left = _one(conn, "SELECT count(*) FROM memories WHERE true", {"formation_id": "f"})
                if (found, left) != (many, 0):
                    wrong.append((user, found, left))

        threads = [threading.Thread(target=ask, args=one) for one in ((ann, 1), (ben, 2)) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert wrong == []

    def test_rows_of_somebody_else_are_not_written(self, two: tuple[PostgresDatabase, UserId, UserId]) -> None:
        """Neither under another user's name nor in another formation."""
        database, ann, ben = two
        for column, value in (("user_id", ben), ("formation_id", "g")):
            with pytest.raises(StorageReadOnlyError), database.transaction() as conn:
                conn.execute(f"UPDATE memories SET {column} = '{value}'", {"formation_id": "f", "user_id": ann})

    def test_who_was_merged_sees_both_sides_until_split(
        self, formation: Formation, two: tuple[PostgresDatabase, UserId, UserId]
    ) -> None:
        """Under either id; after the split each sees their own."""
        database, ann, ben = two

        def seen() -> list[int]:
            with database.connection() as conn:
                return [_one(conn, self.COUNT, {"formation_id": "f", "user_id": one}) for one in (ann, ben)]

        assert seen() == [1, 2]
        merged = formation.merges.merge(["ann@x.org", "ben@x.org"], into="ann@x.org")
        assert seen() == [3, 3]
        formation.merges.split(merged.id)
        assert seen() == [1, 2]

    def test_a_team_is_reached_by_its_members(
        self, formation: Formation, two: tuple[PostgresDatabase, UserId, UserId]
    ) -> None:
        """From the moment they are in it, and until they are not."""
        database, ann, ben = two
        team = formation.teams.create("office").id
        formation.memories.add(UserId(team), [Draft("the printer is on the second floor")])

        def seen() -> list[int]:
            with database.connection() as conn:
                return [_one(conn, self.COUNT, {"formation_id": "f", "user_id": one}) for one in (ann, ben)]

        assert seen() == [1, 2]
        formation.teams.add_member(team, ann)
        assert seen() == [2, 2]
        formation.teams.remove_member(team, ann)
        assert seen() == [1, 2]


class TestRoles:
    """Who the application is on the server."""

    @pytest.fixture
    def logins(self, postgres_url: str) -> Iterator[tuple[str, str]]:
        """The addresses of a database's owner and of an application that owns nothing, as `docs/security.md` has it."""
        address = new_database(postgres_url)
        name = address.split("@/")[1].split("?")[0]
        owner, application = f"owner_of_{name}", f"app_of_{name}"
        with psycopg.connect(postgres_url, autocommit=True) as conn:
            conn.execute(f"CREATE ROLE {owner} LOGIN PASSWORD 'o'")
            conn.execute(f"CREATE ROLE {application} LOGIN PASSWORD 'a'")
            conn.execute(f"ALTER DATABASE {name} OWNER TO {owner}")
            conn.execute(f"REVOKE CONNECT ON DATABASE {name} FROM PUBLIC")
            conn.execute(f"GRANT CONNECT ON DATABASE {name} TO {application}")
            yield _as(address, owner), _as(address, application)
            drop_database(postgres_url, address)
            conn.execute(f"DROP ROLE {owner}, {application}")

    async def test_two_logins(self, logins: tuple[str, str]) -> None:
        """One migrates, the other serves, and can neither look nor reach behind the walls."""
        owner, application = logins
        with closing(opened(application, "f", owner=owner)) as formation:
            ann = await full_user(formation, "ann")
            ben = await full_user(formation, "ben")
            assert formation.memories.newest(ann).items and formation.memories.newest(ben).items
            assert formation.privacy.erase(ben).user_id == ben
            key = {"formation_id": "f", "user_id": ann}
            with formation.storage._database.connection() as conn:
                assert _one(conn, "SELECT current_user || session_user") == conn.info.user * 2
                assert _one(conn, TestScope.COUNT, key) > 0
        with psycopg.connect(application, autocommit=True) as conn:
            for statement in (*_REACHING, f"SET ROLE {psycopg.conninfo.conninfo_to_dict(owner)['user']}"):
                with pytest.raises(psycopg.errors.InsufficientPrivilege):
                    conn.execute(statement)
                conn.execute("RESET ROLE")
                conn.execute("RESET row_security")
                assert _one(conn, "SELECT count(*) FROM memories") == 0

    async def test_one_login_that_owns_the_tables(self, logins: tuple[str, str]) -> None:
        """It stands before the walls as well; only a migration does not."""
        owner, _ = logins
        with closing(opened(owner, "f")) as formation:
            ann = await full_user(formation, "ann")
            database: Any = formation.storage._database
            with database.connection() as conn:
                assert _one(conn, "SELECT count(*) FROM memories") == 0
                assert _one(conn, TestScope.COUNT, {"formation_id": "f", "user_id": ann}) > 0
            with database.migrating() as conn:
                assert _one(conn, "SELECT count(*) FROM memories") > 0
            with psycopg.connect(owner, autocommit=True) as conn:
                assert _one(conn, "SELECT count(*) FROM memories") == 0

    def test_an_application_alone_cannot_migrate(self, logins: tuple[str, str]) -> None:
        """It is told who can."""
        with (
            closing(PostgresDatabase(logins[1])) as database,
            pytest.raises(StorageError, match="owner_connection_string"),
        ):
            migrate(database)

    def test_a_superuser_takes_a_role_that_has_walls(self, database: PostgresDatabase) -> None:
        """As on a laptop: it logs in as the superuser, and is none from then on."""
        with database.connection() as conn:
            assert _one(conn, "SELECT current_user") == "muxi_application"
            rights = "SELECT rolsuper OR rolbypassrls OR rolcanlogin FROM pg_roles WHERE rolname = current_user"
            assert _one(conn, rights) is False
            for statement in _REACHING:
                with pytest.raises(psycopg.errors.InsufficientPrivilege):
                    conn.unscoped(statement)
                conn.unscoped("RESET row_security")

    def test_a_login_that_passes_walls_and_cannot_take_another_role(self, logins: tuple[str, str]) -> None:
        """It is refused, with what an administrator has to run."""
        owner, _ = logins
        user = psycopg.conninfo.conninfo_to_dict(owner)["user"]
        with psycopg.connect(_as(owner, "postgres"), autocommit=True) as conn:
            conn.execute(f"ALTER ROLE {user} BYPASSRLS")
        with pytest.raises(SettingsError, match="GRANT muxi_application"):
            PostgresDatabase(owner)
        with psycopg.connect(_as(owner, "postgres"), autocommit=True) as conn:
            conn.execute(f"GRANT muxi_application TO {user}")
        with closing(PostgresDatabase(owner)) as database, database.connection() as conn:
            assert _one(conn, "SELECT current_user") == "muxi_application"

    def test_a_login_that_comes_later_is_let_in(self, logins: tuple[str, str]) -> None:
        """Where the tables were made long ago by their owner alone."""
        owner, application = logins
        with closing(PostgresDatabase(owner)) as database:
            assert migrate(database)
        with closing(PostgresDatabase(application, owner_url=owner)) as database:
            assert migrate(database) == []
            with database.connection() as conn:
                assert _one(conn, TestScope.COUNT, {"formation_id": "f"}) == 0


class TestUpgrade:
    """A database that was there before the walls."""

    async def test_it_gets_them(self, postgres_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
        """What it holds stays, and stands behind them from then on."""
        address = new_database(postgres_url)
        steps = list(migrations._known())
        before = [step for step in steps if step.name != "row level security"]
        with monkeypatch.context() as older, closing(PostgresDatabase(address)) as database:
            older.setattr(migrations, "_known", lambda: iter(before))
            assert len(migrate(database)) == len(steps) - 1
            with database.owning() as conn:
                conn.execute("INSERT INTO formations (id, created_at, hash_key) VALUES ('f', now(), 'x')")
                conn.execute(
                    "INSERT INTO users (formation_id, id, canonical_id, created_at)"
                    " VALUES ('f', 'usr_a', 'usr_a', now())"
                )
                conn.execute(
                    "INSERT INTO synopses (formation_id, user_id, tier, text, basis, model, made_at)"
                    " VALUES ('f', 'usr_a', 'identity', 'x', '', '', now())"
                )
        with closing(PostgresDatabase(address)) as database:
            assert [step.name for step in migrate(database)] == ["row level security"]
            with database.connection() as conn:
                query = "SELECT count(*) FROM synopses"
                seen = [_one(conn, query, {"formation_id": "f", "user_id": one}) for one in ("usr_a", "usr_b", "")]
                assert seen == [1, 0, 0]
        drop_database(postgres_url, address)


_REACHING = (
    "SET row_security = off; SELECT * FROM memories",
    "ALTER TABLE memories DISABLE ROW LEVEL SECURITY",
    "ALTER TABLE memories NO FORCE ROW LEVEL SECURITY",
    "DROP POLICY muxi_wall ON memories",
    "CREATE POLICY open ON memories USING (true)",
    "TRUNCATE memories CASCADE",
    "DROP TABLE memories CASCADE",
    "CREATE OR REPLACE FUNCTION muxi_reach() RETURNS text[] LANGUAGE sql AS $$ SELECT array_agg(id) FROM users $$",
    "DELETE FROM migrations",
)


def _one(conn: Connection, query: str, given: dict[str, Any] | None = None) -> Any:
    row = conn.execute(query, given).fetchone()
    assert row is not None
    return row[0]


def _as(address: str, user: str) -> str:
    return re.sub(r"//[^@]*@", f"//{user}:x@", address)


def _forgetful_texts(of: str, kind: re.Pattern[str]) -> list[tuple[str, str, str]]:
    """Queries with a condition cut out: name, text and what it was."""
    cut = without_user if of == "user" else without_formation
    chosen = sorted(set(OF_CONTENT) - ADDED - (OF_EVERYBODY if of == "user" else set()))
    # A lock would wait for whoever else looks here.
    found = {name: re.sub(r"\bFOR (NO KEY )?UPDATE$", "", OF_CONTENT[name]) for name in chosen}
    return [(name, cut(sql), sql) for name, sql in found.items() if kind.match(sql)]


def _forgetful(
    conn: Connection, full: tuple[UserId, UserId, UserId], of: str, kind: re.Pattern[str]
) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """The same, asked by Ann of what is Ben's, or Carol's: with every choice of values."""
    ann, ben, carol = full
    values = values_of(conn, ann, *(("f", ben) if of == "user" else ("g", carol)))
    for name, cut, whole in _forgetful_texts(of, kind):
        for given in tries(whole, values):
            yield name, as_psycopg(cut), given | {"formation_id": "f", "user_id": ann}


def _rows(conn: Connection, sql: str, given: dict[str, Any]) -> list[str] | None:
    """What a statement answers, in one order; ``None``: the values are not of its types."""
    with suppress(psycopg.Error), conn.transaction():
        cursor = conn.execute(sql, given)
        return sorted(map(repr, cursor.fetchall())) if cursor.description else [str(cursor.rowcount)]
    return None


def _delete_others(conn: Connection, user: UserId) -> None:
    """Leaves, until it is rolled back, the rows of one user and of no user in their own formation."""
    theirs = group(conn, "f", user)
    theirs += [row[0] for row in conn.execute("SELECT team_id FROM team_members WHERE user_id = ANY(%s)", (theirs,))]
    tables = [row[0] for row in conn.execute("SELECT tablename FROM pg_policies").fetchall()]
    of_others = {
        "buffer_clears": "session_id NOT IN (SELECT id FROM sessions WHERE user_id = ANY(%s) OR user_id IS NULL)",
        "new_embeddings": "memory_id NOT IN (SELECT id FROM memories WHERE user_id = ANY(%s) OR user_id IS NULL)",
    }
    for table in sorted(tables, key=lambda name: name not in of_others):
        conn.execute(f"DELETE FROM {table} WHERE {'id' if table == 'formations' else 'formation_id'} <> 'f'")
        if table in CONTENT:
            conn.execute(f"DELETE FROM {table} WHERE {of_others.get(table, 'user_id <> ALL(%s)')}", (theirs,))
