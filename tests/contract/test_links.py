"""How other processes learn that a link has changed: by notice on Postgres, by looking on SQLite."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import psycopg
import pytest

from muxi.core.identity.service import Identities
from muxi.storage.databases.postgres_listener import NAME
from muxi.storage.open import FormationStores, Storage, open_storage
from muxi.storage.watch import TRUST_S
from tests.conftest import TestClock
from tests.support.eventually import eventually

WEB, SLACK = ("alice", "web"), ("U1", "slack")


@pytest.fixture
def here(stores: FormationStores, clock: TestClock) -> Identities:
    return Identities(stores.identity, stores.hash_key, clock)


@pytest.fixture
def far_storage(storage: Storage, database_url: str) -> Iterator[Storage]:
    """The same database with connections of its own, as another process has it."""
    far = open_storage(database_url)
    yield far
    far.close()


@pytest.fixture
def far(far_storage: Storage, clock: TestClock) -> Identities:
    stores = far_storage.for_formation("f", clock())
    return Identities(stores.identity, stores.hash_key, clock)


def test_a_change_made_far_away_is_seen(here: Identities, far: Identities) -> None:
    """Linked, unlinked, merged and split elsewhere: what is remembered here follows."""
    alice = far.associate([WEB, SLACK])
    assert here.resolve(SLACK).id == alice.id
    far.unlink(SLACK)
    assert eventually(lambda: here.resolve(SLACK).id != alice.id)


def test_other_formations_changes_are_not_told(stores: FormationStores, far_storage: Storage, clock: TestClock) -> None:
    """A tenant cannot make another one forget."""
    told: list[str] = []
    ask = stores.identity.watch(lambda: told.append("told"))
    # Once Postgres is heard, it is believed for longer than a look would be.
    longer = TRUST_S if far_storage.dialect == "postgres" else 0.0
    assert eventually(lambda: ask() > time.monotonic() + longer)
    told.clear()
    other = far_storage.for_formation("g", clock())
    identities = Identities(other.identity, other.hash_key, clock)
    identities.associate([WEB, SLACK])
    identities.unlink(SLACK)
    own = far_storage.for_formation("f", clock())
    mine = Identities(own.identity, own.hash_key, clock)
    mine.associate([WEB, SLACK])
    assert told == []
    mine.unlink(SLACK)
    assert eventually(lambda: ask() > 0 and bool(told))


@pytest.mark.postgres
class TestOnPostgres:
    """Notices."""

    @pytest.fixture
    def database_url(self, postgres_database: str) -> str:
        return postgres_database

    def test_who_listens_is_told_without_asking(self, stores: FormationStores, far: Identities) -> None:
        """The notice itself makes it forget."""
        told = threading.Event()
        ask = stores.identity.watch(told.set)
        assert eventually(lambda: ask() > time.monotonic() + TRUST_S)
        far.associate([WEB, SLACK])
        told.clear()
        far.unlink(SLACK)
        assert told.wait(10)

    def test_a_lost_connection_is_made_anew(self, stores: FormationStores, far: Identities, database_url: str) -> None:
        """Meanwhile nothing is trusted longer than a look takes, and afterwards everything is forgotten once."""
        told = threading.Event()
        ask = stores.identity.watch(told.set)
        assert eventually(lambda: ask() > time.monotonic() + TRUST_S)
        alice = far.associate([WEB, SLACK])
        told.clear()
        with psycopg.connect(database_url, autocommit=True) as admin:
            ended = admin.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE application_name = %s AND datname = current_database()",
                (NAME,),
            ).fetchall()
        assert ended and all(one == (True,) for one in ended)
        assert told.wait(10)
        told.clear()
        far.unlink(SLACK)
        assert told.wait(10)
        assert far.resolve(SLACK).id != alice.id
