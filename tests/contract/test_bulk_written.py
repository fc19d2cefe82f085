"""How an import writes, on each database."""

from __future__ import annotations

from contextlib import suppress

import pytest

from muxi.core.audit.service import Audit
from muxi.core.identity.bulk import Bulk
from muxi.core.identity.bulk_types import Group
from muxi.core.identity.service import Identities
from muxi.storage.databases.sqlite import SqliteDatabase
from muxi.storage.open import FormationStores, Storage
from tests.conftest import TestClock


def test_characters_that_a_database_takes_for_its_own(stores: FormationStores, clock: TestClock) -> None:
    """Quotes, backslashes, braces and commas are kept, found again and locked as what they are."""
    identities = Identities(stores.identity, stores.hash_key, clock)
    odd = ['a"b', "a\\b", "a\\", "{a,b}", "NULL value", "\\N", "ä'b", "a\\tb", '"', "🙂"]
    bulk = Bulk(stores.bulk, identities, clock)
    groups = [Group([(value, "slack")]) for value in odd]
    assert bulk.associate_many(groups, actor='a "\\actor"\n').linked == len(odd)
    assert bulk.associate_many(groups).unchanged == len(odd)
    found = [identities.identifiers((value, "slack")) for value in odd]
    assert [[(one.value, one.shown) for one in of_user] for of_user in found] == [[(value, value)] for value in odd]
    audit = Audit(stores.audit)
    assert audit.verify().sound and audit.newest().items[0].actor == 'a "\\actor"\n'


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_the_larger_cache_is_given_back(storage: Storage) -> None:
    """A connection has SQLite's own settings again after much was written, also if that failed."""
    database = storage._database
    assert isinstance(database, SqliteDatabase)

    def settings() -> list[int]:
        conn = database._connect()
        return [conn.execute(f"PRAGMA {name}").fetchone()[0] for name in ("cache_size", "wal_autocheckpoint")]

    before = settings()
    with suppress(KeyError), database.writing_much():
        assert settings() == [-65536, 10_000] != before
        raise KeyError
    assert settings() == before
