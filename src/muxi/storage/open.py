"""Opening a database: the database by its address, migrated, and its stores bound to a formation."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from muxi.core.access.key_store import KeyStore, RoleStore
from muxi.core.access.repeat_store import RepeatStore
from muxi.core.access.token_store import TokenStore
from muxi.core.agents.store import AgentStore
from muxi.core.audit.store import AuditStore
from muxi.core.chat.store import ExchangeStore
from muxi.core.credentials.store import CredentialStore
from muxi.core.identity.bulk_store import BulkStore
from muxi.core.identity.merge_store import MergeStore
from muxi.core.identity.proof_store import ProofStore
from muxi.core.identity.store import IdentityStore
from muxi.core.identity.user_store import UserStore
from muxi.core.imports.store import ImportStore
from muxi.core.memory.edit_store import EditStore
from muxi.core.memory.extraction.queue_store import ExtractionStore
from muxi.core.memory.fact_store import FactStore
from muxi.core.memory.new_vectors import NewVectorStore
from muxi.core.memory.segment_store import SegmentStore
from muxi.core.memory.store import MemoryStore
from muxi.core.memory.synopsis import SynopsisStore
from muxi.core.privacy.retention_store import RetentionStore
from muxi.core.privacy.store import PrivacyStore
from muxi.core.sessions.store import SessionStore
from muxi.core.teams.store import TeamStore
from muxi.errors import StorageUnavailableError
from muxi.storage.agents import SqlAgentStore
from muxi.storage.api_keys import SqlKeyStore, SqlRoleStore
from muxi.storage.audit import SqlAuditStore
from muxi.storage.bulk import SqlBulkStore
from muxi.storage.credentials import SqlCredentialStore
from muxi.storage.databases.base import Database
from muxi.storage.databases.sqlite import SqliteDatabase
from muxi.storage.exchanges import PostgresExchangeStore, SqlExchangeStore
from muxi.storage.extraction import SqlExtractionStore
from muxi.storage.facts import SqlFactStore
from muxi.storage.formations import enter_formation
from muxi.storage.identity import SqlIdentityStore
from muxi.storage.identity_postgres import PostgresIdentityStore
from muxi.storage.imports import SqlImportStore
from muxi.storage.memory import SqlMemoryStore
from muxi.storage.memory_edits import SqlEditStore
from muxi.storage.merges import SqlMergeStore
from muxi.storage.migrate import Migration, migrate, status
from muxi.storage.new_vectors import SqlNewVectorStore
from muxi.storage.privacy import SqlPrivacyStore
from muxi.storage.proofs import SqlProofStore
from muxi.storage.repeats import SqlRepeatStore
from muxi.storage.retention import SqlRetentionStore
from muxi.storage.segments import SqlSegmentStore
from muxi.storage.sessions import SqlSessionStore
from muxi.storage.synopses import SqlSynopsisStore
from muxi.storage.teams import SqlTeamStore
from muxi.storage.tokens import SqlTokenStore
from muxi.storage.users import SqlUserStore

if TYPE_CHECKING:
    from muxi.storage.mongo.open import MongoBeside


@dataclass(frozen=True, slots=True)
class FormationStores:
    """The stores of one formation: none of their methods takes a formation."""

    hash_key: bytes
    identity: IdentityStore
    merges: MergeStore
    users: UserStore
    privacy: PrivacyStore
    retention: RetentionStore
    bulk: BulkStore
    proofs: ProofStore
    audit: AuditStore
    sessions: SessionStore
    memory: MemoryStore
    #: ``None``: memories are not packed, a first search takes longer.
    segments: SegmentStore | None
    #: ``None``: vectors of another model replace the old ones one by one.
    new_vectors: NewVectorStore | None
    edits: EditStore
    facts: FactStore
    extraction: ExtractionStore
    synopses: SynopsisStore
    agents: AgentStore
    exchanges: ExchangeStore
    imports: ImportStore
    keys: KeyStore
    roles: RoleStore
    tokens: TokenStore
    credentials: CredentialStore
    repeats: RepeatStore
    teams: TeamStore


class Storage:
    """One database, shared by any number of formations.

    Args:
        database: where everything is kept,
        beside: but for what a Memobase on MongoDB keeps.
    """

    def __init__(self, database: Database, beside: MongoBeside | None = None) -> None:
        self._database = database
        self._beside = beside

    def for_formation(self, formation_id: str, now: datetime, model: str | None = None) -> FormationStores:
        """The formation's stores; the formation is made if it is new.

        ``model`` names what makes vectors in this process: those of another one are as good as none. If it is not told,
        all are read.
        """
        hash_key = enter_formation(self._database, formation_id, now)
        # Over a network each statement costs a round trip: there the common cases have statements of their own.
        far = self.dialect == "postgres"
        identity_store = PostgresIdentityStore if far else SqlIdentityStore
        exchange_store = PostgresExchangeStore if far else SqlExchangeStore
        privacy = SqlPrivacyStore(self._database, formation_id, hash_key)
        stores = FormationStores(
            hash_key=hash_key,
            identity=identity_store(self._database, formation_id, hash_key),
            merges=SqlMergeStore(self._database, formation_id),
            users=SqlUserStore(self._database, formation_id),
            privacy=privacy,
            retention=SqlRetentionStore(self._database, formation_id),
            bulk=SqlBulkStore(self._database, formation_id, hash_key),
            proofs=SqlProofStore(self._database, formation_id, hash_key),
            audit=SqlAuditStore(self._database, formation_id),
            sessions=SqlSessionStore(self._database, formation_id, model),
            memory=SqlMemoryStore(self._database, formation_id, model),
            segments=SqlSegmentStore(self._database, formation_id, model),
            new_vectors=SqlNewVectorStore(self._database, formation_id),
            edits=SqlEditStore(self._database, formation_id),
            facts=SqlFactStore(self._database, formation_id),
            extraction=SqlExtractionStore(self._database, formation_id),
            synopses=SqlSynopsisStore(self._database, formation_id),
            agents=SqlAgentStore(self._database, formation_id),
            exchanges=exchange_store(self._database, formation_id),
            imports=SqlImportStore(self._database, formation_id),
            keys=SqlKeyStore(self._database, formation_id),
            roles=SqlRoleStore(self._database, formation_id),
            tokens=SqlTokenStore(self._database, formation_id),
            credentials=SqlCredentialStore(self._database, formation_id),
            repeats=SqlRepeatStore(self._database, formation_id),
            teams=SqlTeamStore(self._database, formation_id, privacy),
        )
        return self._beside.stores(self._database, formation_id, stores, model) if self._beside else stores

    @property
    def dialect(self) -> str:
        """``sqlite`` or ``postgres``."""
        return self._database.dialect

    def migrate(self) -> list[Migration]:
        """Runs the migrations that are missing and returns them."""
        return migrate(self._database)

    def migrations(self) -> list[Migration]:
        """Every migration, with the time it was applied."""
        return status(self._database)

    def ping(self) -> None:
        """Raises `StorageError` if the database does not answer."""
        self._database.ping()
        if self._beside:
            self._beside.database.ping()

    def close(self) -> None:
        """Closes every connection."""
        self._database.close()
        if self._beside:
            self._beside.database.close()


def open_storage(
    address: str | Path,
    *,
    owner: str | None = None,
    pool_size: int = 20,
    mongodb_uri: str | None = None,
    mongodb_name: str | None = None,
) -> Storage:
    """Opens a database, without migrating it.

    Args:
        address: the path of a SQLite file (its folder is made), or a ``postgresql://`` connection string.
        owner: the connection string of who makes and changes the tables on Postgres; ``address`` if not told.
        pool_size: how many connections to Postgres are kept at most.
        mongodb_uri: where what Memobase keeps goes, if not there, too.
        mongodb_name: the database there; ``muxi`` if not told.

    Raises:
        StorageError: it cannot be opened.
        SettingsError: a connection string, or the address of MongoDB, cannot be read; or the login on Postgres passes
            the walls between users, and cannot take a role that does not.
    """
    if mongodb_uri:
        # Loaded here only: who does not use MongoDB does not pay for its driver.
        beside = import_module("muxi.storage.mongo.open").MongoBeside(mongodb_uri, mongodb_name)
        try:
            return Storage(_database(address, owner, pool_size), beside)
        except BaseException:
            beside.database.close()
            raise
    return Storage(_database(address, owner, pool_size))


def _database(address: str | Path, owner: str | None, pool_size: int) -> Database:
    if isinstance(address, str) and address.startswith(("postgresql://", "postgres://")):
        # Loaded here only: who uses SQLite does not pay for the Postgres driver.
        postgres = import_module("muxi.storage.databases.postgres")
        made: Database = postgres.PostgresDatabase(address, pool_size=pool_size, owner_url=owner)
        return made
    path = Path(str(address).removeprefix("sqlite:///")).expanduser()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StorageUnavailableError(f"The folder {path.parent} cannot be made. Choose another one.") from error
    return SqliteDatabase(path)
