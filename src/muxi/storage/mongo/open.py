"""Memobase on MongoDB, put together."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from muxi.ids import UserId
from muxi.storage.databases.base import Database
from muxi.storage.mongo.beside_sql import EditsOfBoth, ExchangesBesideMongo, MemoriesOfBoth
from muxi.storage.mongo.connection import DEFAULT_NAME, MongoDatabase
from muxi.storage.mongo.extraction import ExtractionToMongo
from muxi.storage.mongo.facts import MongoFactStore
from muxi.storage.mongo.forgetting import Forgetting
from muxi.storage.mongo.memory import Members, MongoMemoryStore
from muxi.storage.mongo.memory_edits import MongoEditStore
from muxi.storage.mongo.merges import MergesOfBoth
from muxi.storage.mongo.owners import Owners
from muxi.storage.mongo.privacy import PrivacyOfBoth, RetentionOfBoth
from muxi.storage.mongo.synopses import SynopsesOfMongo
from muxi.storage.open import FormationStores
from muxi.storage.teams import SqlTeamStore


@dataclass(frozen=True, slots=True)
class MongoStores:
    """`muxi.core.memory.memobase_store.MemobaseStore` on MongoDB: the stores of one formation."""

    owners: Owners
    memory: MongoMemoryStore
    edits: MongoEditStore
    facts: MongoFactStore


def mongo_stores(
    database: MongoDatabase,
    formation_id: str,
    members: Members,
    forgotten: Callable[[UserId], None] = lambda user_id: None,
    model: str | None = None,
) -> MongoStores:
    """The stores of one formation.

    Args:
        database: where.
        formation_id: whose; bound once, no method takes one.
        members: the users that a canonical user is made of; users and merges stay in SQL.
        forgotten: called with a user of whom facts were forgotten.
        model: as in `muxi.storage.open.Storage.for_formation`.
    """
    owners = Owners(database, formation_id)
    memory = MongoMemoryStore(database, formation_id, owners, members, model)
    edits = MongoEditStore(database, formation_id, owners, memory)
    facts = MongoFactStore(database, formation_id, owners, members, forgotten)
    return MongoStores(owners, memory, edits, facts)


def open_mongo(uri: str, name: str | None = None) -> MongoDatabase:
    """Opens a database and makes its indexes.

    Raises:
        SettingsError: the address cannot be read.
        StorageError: the server does not answer.
    """
    database = MongoDatabase(uri, name or DEFAULT_NAME)
    try:
        database.prepare()
    except BaseException:
        database.close()
        raise
    return database


class MongoBeside:
    """MongoDB beside the formations' SQL database. Opened; `database` is to be closed.

    Raises:
        SettingsError, StorageError: as `open_mongo`.
    """

    def __init__(self, uri: str, name: str | None = None) -> None:
        self.database = open_mongo(uri, name)

    def stores(
        self, sql: Database, formation_id: str, stores: FormationStores, model: str | None = None
    ) -> FormationStores:
        """A formation's stores, with what Memobase keeps in MongoDB.

        Args:
            sql: where everything else is.
            formation_id: whose.
            stores: those in SQL.
            model: as in `muxi.storage.open.Storage.for_formation`.
        """

        def members(user_id: UserId) -> list[UserId]:
            return [one for one in stores.memory.versions(user_id) if one is not None]

        def forgotten(user_id: UserId) -> None:
            synopses.forget(user_id)

        there = mongo_stores(self.database, formation_id, members, forgotten, model)
        synopses = SynopsesOfMongo(sql, formation_id, there.facts)
        both = MemoriesOfBoth(stores.memory, there.memory)
        ends = Forgetting(self.database, formation_id, there.owners)
        privacy = PrivacyOfBoth(sql, formation_id, stores.hash_key, ends, members)
        return replace(
            stores,
            memory=both,
            new_vectors=None,
            edits=EditsOfBoth(stores.edits, there.edits),
            facts=there.facts,
            extraction=ExtractionToMongo(sql, formation_id, there.facts),
            synopses=synopses,
            exchanges=ExchangesBesideMongo(stores.exchanges, both, synopses),
            merges=MergesOfBoth(sql, formation_id, there.memory, there.facts),
            privacy=privacy,
            teams=SqlTeamStore(sql, formation_id, privacy),
            retention=RetentionOfBoth(sql, formation_id, ends, members),
        )
