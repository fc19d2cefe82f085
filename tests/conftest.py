"""What every test can ask for: a database of each kind, empty, and stores on it."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

from muxi.storage.open import FormationStores, Storage, open_storage
from tests.support.postgres import drop_database, hurry, new_database, running_postgres

if TYPE_CHECKING:
    from muxi.storage.mongo.connection import MongoDatabase

# A busy machine is slow, not wrong; and the same run finds the same examples everywhere.
settings.register_profile("muxi", deadline=None, derandomize=True)
settings.load_profile("muxi")


class TestClock:
    """A clock that stands still until it is told to move."""

    __test__ = False

    def __init__(self) -> None:
        self.now = datetime(2026, 1, 1, 12, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def move(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


@pytest.fixture
def clock() -> TestClock:
    """A clock that stands still."""
    return TestClock()


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """The address of a real Postgres server, from the wheel, for this whole run."""
    folder = Path(tempfile.mkdtemp(prefix="muxi-pg-"))
    with running_postgres(folder) as url:
        hurry(url)
        yield url
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def postgres_template(postgres_url: str) -> str:
    """A migrated Postgres database, to be copied: four times as fast as to migrate each test's own."""
    url = new_database(postgres_url)
    _migrate(url)
    return url


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated SQLite file, to be copied."""
    path = tmp_path_factory.mktemp("template") / "muxi.db"
    _migrate(str(path))
    return path


def _migrate(url: str) -> None:
    with closing(open_storage(url)) as opened:
        opened.migrate()


@pytest.fixture
def postgres_database(postgres_url: str, postgres_template: str) -> Iterator[str]:
    """The address of a migrated Postgres database without a formation; dropped after the test."""
    url = new_database(postgres_url, postgres_template)
    yield url
    drop_database(postgres_url, url)


@pytest.fixture
def bare_postgres_database(postgres_url: str) -> Iterator[str]:
    """The address of an empty Postgres database; dropped after the test."""
    url = new_database(postgres_url)
    yield url
    drop_database(postgres_url, url)


@pytest.fixture(scope="session")
def mongo_uri() -> Iterator[str]:
    """The address of a MongoDB wire server, from the wheel, for this whole run."""
    from tests.support.mongo import MongoServer  # noqa: PLC0415  (as above)

    folder = Path(tempfile.mkdtemp(prefix="muxi-mongo-"))
    with MongoServer(folder) as server:
        yield server.uri
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def mongo_database(mongo_uri: str) -> Iterator[MongoDatabase]:
    """An empty MongoDB database with its indexes; dropped after the test."""
    from tests.support.mongo import drop, new_name  # noqa: PLC0415  (as above)

    open_mongo = import_module("muxi.storage.mongo.open").open_mongo
    name = new_name()
    with closing(open_mongo(mongo_uri, name)) as database:
        yield database
    drop(mongo_uri, name)


EACH_KIND = ["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)]


@pytest.fixture(params=EACH_KIND)
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of a migrated database without a formation: a test that asks for it runs on each kind."""
    if request.param == "sqlite":
        return str(shutil.copy(request.getfixturevalue("sqlite_template"), tmp_path / "muxi.db"))
    url: str = request.getfixturevalue("postgres_database")
    return url


@pytest.fixture(params=EACH_KIND)
def bare_database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """As `database_url`, but without a table."""
    if request.param == "sqlite":
        return str(tmp_path / "muxi.db")
    url: str = request.getfixturevalue("bare_postgres_database")
    return url


@pytest.fixture
def storage(database_url: str) -> Iterator[Storage]:
    """An open, migrated database of each kind."""
    opened = open_storage(database_url)
    opened.migrate()
    yield opened
    opened.close()


@pytest.fixture
def stores(storage: Storage, clock: TestClock) -> FormationStores:
    """The stores of formation F."""
    return storage.for_formation("f", clock())


@pytest.fixture
def other_stores(storage: Storage, clock: TestClock) -> FormationStores:
    """The stores of formation G, on the same database."""
    return storage.for_formation("g", clock())
