"""On SQLite an identifier is found by one number: always the same user that the tables themselves mean."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from muxi.core.identity.bulk import CHUNK, Bulk
from muxi.core.identity.bulk_types import Group
from muxi.core.identity.merging import Merges
from muxi.core.identity.service import Identities
from muxi.core.identity.types import IdentifierInput
from muxi.core.identity.users import Users
from muxi.errors import UserDisabledError, UserNotFoundError
from muxi.storage.databases.sqlite_keys import identifier_key
from muxi.storage.open import FormationStores, Storage, open_storage
from tests.conftest import TestClock
from tests.support.full_user import opened
from tests.support.lookups import as_the_tables_say, looked_up

NUMBER = 12
#: Takes a database back to the step before.
BEFORE = """
    DROP TRIGGER lookups_linked; DROP TRIGGER lookups_unlinked; DROP TRIGGER lookups_changed;
    DROP TRIGGER lookups_pointed; DROP TRIGGER lookups_shut_out;
    DROP TABLE lookups; ALTER TABLE identifiers DROP COLUMN key; DELETE FROM migrations WHERE number = 12"""


class World:
    """The services of one formation, and what other tools see of the same file."""

    def __init__(self, path: Path, clock: TestClock) -> None:
        self.path = path
        self.storage = open_storage(str(path))
        self.storage.migrate()
        self.clock = clock
        self.stores = self.on("f")
        self.identities = Identities(self.stores.identity, self.stores.hash_key, clock)
        self.merges = Merges(self.stores.merges, self.identities, clock)
        self.users = Users(self.stores.users, self.stores.merges, self.identities, clock)

    def on(self, formation_id: str) -> FormationStores:
        return self.storage.for_formation(formation_id, self.clock())

    def another_tool(self, statement: str) -> None:
        """Runs a statement as one who has only SQLite: without muxi's function."""
        with closing(sqlite3.connect(self.path)) as conn, conn:
            conn.execute(statement)

    def numbered(self) -> set[str]:
        """The values that are found by their number."""
        return {row[2] for row in looked_up(self.storage)}

    def found(self, identifier: IdentifierInput) -> str | None:
        """The user, as a process finds it that remembers nothing."""
        user = Identities(self.stores.identity, self.stores.hash_key, self.clock).find(identifier)
        return user.id if user else None


@pytest.fixture
def world(tmp_path: Path, clock: TestClock) -> Iterator[World]:
    made = World(tmp_path / "muxi.db", clock)
    yield made
    made.storage.close()


def steps(storage: Storage, call: Callable[[], object]) -> int:
    """How many steps SQLite takes for it."""
    counted: list[None] = []
    conn = storage._database._connect()
    conn.set_progress_handler(lambda: counted.append(None), 1)
    try:
        call()
    finally:
        conn.set_progress_handler(None, 0)
    return len(counted)


def test_a_key_never_comes_out_otherwise() -> None:
    """It is stored; formation, type and value each make another one."""
    assert identifier_key("f", "slack", "U1") == identifier_key("f", "slack", "U1") == 2533875718842298773
    keys = {identifier_key(*parts) for parts in (("f", "slack", "U1"), ("g", "slack", "U1"), ("f", "", "slackU1"))}
    assert len(keys) == 3


def test_every_way_of_linking_writes_the_key(world: World) -> None:
    """First contact, associate, an import of many, and the types that are told from the value."""
    world.identities.resolve("ann@x.org")
    world.identities.associate(["bob@x.org", ("U1", "slack"), "plain"])
    Bulk(world.stores.bulk, world.identities, world.clock).associate_many([Group(["c@x.org", ("U2", "slack")])])
    assert world.numbered() == {"ann@x.org", "bob@x.org", "U1", "plain", "c@x.org", "U2"}
    rows = looked_up(world.storage)
    assert rows == as_the_tables_say(world.storage)
    assert all(row[0] == identifier_key(row[1], row[3], row[2]) for row in rows)


def test_an_import_of_many_is_found_meanwhile_and_afterwards(world: World) -> None:
    """What waits for its row is found in the tables; what changes before it is written is written as it is then."""
    seen: list[tuple[str, str | None]] = []

    def groups() -> Iterator[Group]:
        for number in range(3 * CHUNK):
            if number == 2 * CHUNK + 1:
                seen.extend((f"U{one}", world.found((f"U{one}", "slack"))) for one in range(3))
                world.identities.unlink(("U0", "slack"), force=True)
                world.merges.merge([("U1", "slack")], into=("U2", "slack"))
                assert world.numbered() == set()
            yield Group([(f"U{number}", "slack")])

    Bulk(world.stores.bulk, world.identities, world.clock).associate_many(groups())
    assert [user for _, user in seen if user is None] == [] and len(seen) == 3
    assert world.found(("U0", "slack")) is None
    assert world.found(("U1", "slack")) == seen[2][1]
    rows = looked_up(world.storage)
    assert rows == as_the_tables_say(world.storage) and len(rows) == 3 * CHUNK - 1


def test_a_user_who_is_brought_back_is_found_as_before(tmp_path: Path) -> None:
    """An export of one formation, restored into another, with proofs and merges."""
    with closing(opened(str(tmp_path / "a.db"), "f")) as here, closing(opened(str(tmp_path / "b.db"), "g")) as there:
        ann = here.identities.associate(["ann@x.org", ("U1", "slack")], verified=True)
        here.merges.merge([here.identities.resolve(("U2", "slack")).id], into=ann.id)
        with here.privacy.export(ann.id) as export:
            there.privacy.restore(export.lines())
        assert there.identities.get(("U2", "slack")).id == ann.id
    with closing(open_storage(str(tmp_path / "b.db"))) as after:
        rows = looked_up(after)
        assert rows == as_the_tables_say(after)
        proven = {row[1:5]: bool(row[7]) for row in rows}
        assert proven == {
            ("g", "U1", "slack", ann.id): True,
            ("g", "U2", "slack", ann.id): False,
            ("g", "ann@x.org", "email", ann.id): True,
        }


def test_merging_shutting_out_and_proving_are_seen(world: World) -> None:
    """What was merged means the survivor, with its time and its being shut out; a split and a proof are seen, too."""
    ann, bob = world.identities.resolve("ann@x.org"), world.identities.resolve(("U1", "slack"))
    merge = world.merges.merge([bob.id], into=ann.id)
    assert world.found(("U1", "slack")) == ann.id
    world.users.disable(ann.id)
    assert looked_up(world.storage) == as_the_tables_say(world.storage)
    with pytest.raises(UserDisabledError):
        world.found(("U1", "slack"))
    world.users.enable(ann.id)
    world.merges.split(merge.id)
    world.identities.associate([("U1", "slack")], verified=True)
    assert world.found(("U1", "slack")) == bob.id
    assert looked_up(world.storage) == as_the_tables_say(world.storage)
    assert [(row[2], row[7]) for row in looked_up(world.storage)] == [("U1", 1), ("ann@x.org", 0)]
    proven = [world.stores.identity.owners(world.identities.normal_form(raw)) for raw in (("U1", "slack"), "ann@x.org")]
    assert [[owner.verified for owner in owners] for owners in proven] == [[True], [False]]


def test_two_identifiers_with_one_key_are_two_users(world: World) -> None:
    """Each means its own user, whatever happens to the other one."""
    ann, bob = world.identities.resolve("ann@x.org"), world.identities.resolve("bob@x.org")
    carol = world.identities.resolve("carol@x.org")
    world.another_tool("UPDATE identifiers SET key = 7 WHERE value IN ('ann@x.org', 'bob@x.org')")
    assert [row[2] for row in looked_up(world.storage) if row[0] == 7] == ["ann@x.org"]
    world.identities.associate(["bob@x.org"], verified=True)
    merge = world.merges.merge([bob.id], into=carol.id)
    world.users.disable(carol.id)
    assert world.found("ann@x.org") == ann.id
    world.users.enable(carol.id)
    assert world.found("bob@x.org") == carol.id
    world.merges.split(merge.id)
    world.identities.unlink("bob@x.org", force=True)
    assert world.found("ann@x.org") == ann.id and world.found("bob@x.org") is None
    assert "ann@x.org" in world.numbered()


def test_another_tool_can_write(world: World) -> None:
    """No trigger needs muxi; a link without a key is found in the tables, and what is changed or taken is so here."""
    ann, bob = world.identities.resolve("ann@x.org"), world.identities.resolve("bob@x.org")
    columns = "formation_id, value, type, user_id, shown, linked_at, linked_by"
    world.another_tool(
        f"INSERT INTO identifiers ({columns}) SELECT formation_id, 'U9', 'slack', user_id, 'U9', linked_at, 'by hand'"
        " FROM identifiers WHERE value = 'ann@x.org'"
    )
    assert world.found(("U9", "slack")) == ann.id and "U9" not in world.numbered()
    world.another_tool(f"UPDATE identifiers SET user_id = '{bob.id}' WHERE value = 'ann@x.org'")
    assert world.found("ann@x.org") == bob.id
    world.another_tool("DELETE FROM identifiers WHERE value = 'bob@x.org'")
    assert world.found("bob@x.org") is None and world.numbered() == {"ann@x.org"}


def test_a_database_of_before_is_filled(world: World) -> None:
    """The step finds links, merges, proofs and who is shut out as they are."""
    ann, bob = world.identities.resolve("ann@x.org"), world.identities.resolve(("U1", "slack"))
    world.identities.associate(["ann@x.org"], verified=True)
    world.merges.merge([bob.id], into=ann.id)
    world.users.disable(world.identities.resolve("carol@x.org").id)
    rows = looked_up(world.storage)
    with world.storage._database.owning() as conn:
        for statement in BEFORE.split(";"):
            conn.execute(statement)
    assert [step.number for step in world.storage.migrate()] == [NUMBER]
    assert looked_up(world.storage) == as_the_tables_say(world.storage) == rows and len(rows) == 3
    assert world.found(("U1", "slack")) == ann.id


def test_other_formations_are_others(world: World) -> None:
    """The same identifier elsewhere is another row; a foreign key number finds nobody."""
    ann = world.identities.resolve("ann@x.org")
    stores = world.on("g")
    elsewhere = Identities(stores.identity, stores.hash_key, world.clock)
    assert elsewhere.find("ann@x.org") is None
    world.another_tool(f"UPDATE identifiers SET key = {identifier_key('g', 'email', 'ann@x.org')}")
    assert elsewhere.find("ann@x.org") is None and world.found("ann@x.org") == ann.id
    with pytest.raises(UserNotFoundError):
        elsewhere.get(ann.id)


def test_a_merge_takes_as_long_among_many(world: World) -> None:
    """Not a row of anybody else is read for merging, shutting out, letting in and splitting."""

    def once(tag: str) -> int:
        ann, bob = world.identities.resolve(f"a{tag}@x.org"), world.identities.resolve(f"b{tag}@x.org")

        def change() -> None:
            merge = world.merges.merge([bob.id], into=ann.id)
            world.users.disable(ann.id)
            world.users.enable(ann.id)
            world.merges.split(merge.id)

        return steps(world.storage, change)

    alone = once("1")
    for number in range(300):
        world.identities.resolve((f"U{number}", "slack"))
    assert once("2") == alone > 0
