"""A MongoDB database: its client, its collections, and their indexes."""

from __future__ import annotations

from typing import Any

from pymongo import ASCENDING, DESCENDING, IndexModel, MongoClient, ReadPreference
from pymongo.collection import Collection

from muxi.storage.mongo.errors import translated

DEFAULT_NAME = "muxi"

#: A server that is not there is told of after so many milliseconds, and one that hangs.
SELECTION_MS, SOCKET_MS = 2_000, 20_000

Document = dict[str, Any]

# Unless the address says otherwise: its own options come first.
_OPTIONS: dict[str, Any] = {
    "serverSelectionTimeoutMS": SELECTION_MS,
    "connectTimeoutMS": SELECTION_MS,
    "socketTimeoutMS": SOCKET_MS,
    # What was answered with "stored" is on the disk.
    "journal": True,
    "appname": "muxi",
}


def _index(*keys: str, only: str = "") -> IndexModel:
    """An index on fields (a minus before one: descending); ``only`` on documents that have this one."""
    made = [(key.lstrip("-"), DESCENDING if key.startswith("-") else ASCENDING) for key in keys]
    name = "_".join(key.strip("-_") for key in keys)
    if only:
        return IndexModel(made, name=name, partialFilterExpression={only: {"$exists": True}})
    return IndexModel(made, name=name)


#: Every one begins with the formation: what is asked of one costs nothing of another.
MEMORY_INDEXES = (
    _index("formation_id", "user_id", "version"),
    _index("formation_id", "user_id", "-_id"),
    _index("formation_id", "user_id", "session_id", "seq", "_id"),
    _index("formation_id", "user_id", "request_key", only="request_key"),
    _index("formation_id", "waits", "_id", only="waits"),
    _index("formation_id", "_id"),
    _index("formation_id", "expires_at", only="expires_at"),
    _index("formation_id", "changed_at"),
)
FACT_INDEXES = (
    _index("formation_id", "user_id", "superseded_at", "last_at", "_id"),
    _index("formation_id", "user_id", "-observed_at", "-_id"),
    _index("formation_id", "user_id", "path"),
    _index("formation_id", "user_id", "evidence"),
    _index("formation_id", "last_at"),
)
OWNER_INDEXES = (_index("formation_id", "erased_at", only="erased_at"),)


class MongoDatabase:
    """One database on a MongoDB server. Thread-safe.

    Args:
        uri: ``mongodb://...``; its options are the driver's.
        name: of the database.

    Raises:
        SettingsError: the address cannot be read.
    """

    def __init__(self, uri: str, name: str = DEFAULT_NAME) -> None:
        told = uri.lower()
        options = {option: value for option, value in _OPTIONS.items() if f"{option.lower()}=" not in told}
        with translated():
            self._client: MongoClient[Document] = MongoClient(uri, **options)
            # What was written is read: a copy that is behind would have recall miss it for ever.
            made = self._client.get_database(name, read_preference=ReadPreference.PRIMARY)
            self.formations: Collection[Document] = made["formations"]
            self.owners: Collection[Document] = made["owners"]
            self.memories: Collection[Document] = made["memories"]
            self.facts: Collection[Document] = made["facts"]

    def prepare(self) -> None:
        """Makes the indexes that are missing. Raises `StorageError` if the server does not answer."""
        with translated():
            self.memories.create_indexes(list(MEMORY_INDEXES))
            self.facts.create_indexes(list(FACT_INDEXES))
            self.owners.create_indexes(list(OWNER_INDEXES))

    def ping(self) -> None:
        """Raises `StorageError` if the server does not answer."""
        with translated():
            self._client.admin.command("ping")

    def close(self) -> None:
        """Closes every connection."""
        self._client.close()
