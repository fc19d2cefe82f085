"""A formation, wired by hand: the one place where everything is built, and closed again."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import timedelta
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from muxi.core.agents.service import Agents
from muxi.core.agents.types import Agent
from muxi.core.audit.service import Audit
from muxi.core.chat.commands import Commands
from muxi.core.chat.recall import Weights
from muxi.core.chat.store import ExchangeStore
from muxi.core.clearing import deleted_of, erase_later, forget_in, open_sweeper
from muxi.core.clock import Clock, utc_now
from muxi.core.credentials.master_keys import MasterKeys
from muxi.core.credentials.service import Credentials
from muxi.core.doors import Access, lifetimes, open_access, providers
from muxi.core.identity.anonymous import AnonymousUsers
from muxi.core.identity.bulk import Bulk
from muxi.core.identity.id_tokens import IdTokens
from muxi.core.identity.kinds import DEFAULT_REFUSED, IdentifierKind, Kinds
from muxi.core.identity.link_tokens import LinkTokens
from muxi.core.identity.merging import Merges
from muxi.core.identity.proofs import Proofs
from muxi.core.identity.service import Identities
from muxi.core.identity.users import Users
from muxi.core.imports.store import ImportStore
from muxi.core.memory.buffer import BufferMemory
from muxi.core.memory.context import Context, Schema
from muxi.core.memory.edits import Edits
from muxi.core.memory.embedder import check_space
from muxi.core.memory.extraction.extract import extract
from muxi.core.memory.extraction.service import Extraction
from muxi.core.memory.keeping import Keep, as_it_is, without_private_values
from muxi.core.memory.memobase_store import MemobaseParts
from muxi.core.memory.profiles import Profiles
from muxi.core.memory.service import Memories
from muxi.core.models.base import ChatModel, EmbeddingModel
from muxi.core.models.providers.local import LocalEmbeddings
from muxi.core.models.providers.quote import QuoteModel
from muxi.core.privacy.deletion import Deletion
from muxi.core.privacy.scrub import Scrub
from muxi.core.privacy.service import Privacy
from muxi.core.privacy.sweeping import Sweeper
from muxi.core.reading_behind import reading_behind
from muxi.core.sessions.service import Sessions
from muxi.core.sharing import open_teams, teams_of, weights
from muxi.core.spans import Spans
from muxi.core.teams.service import Teams
from muxi.settings import (
    CredentialSettings,
    FormationSettings,
    IdentitySettings,
    MemorySettings,
    ModelSettings,
)
from muxi.storage.open import FormationStores, Storage, open_storage

if TYPE_CHECKING:
    from muxi.core.models.providers.openai import OpenAIModel

DEFAULT_AGENT = "assistant"
MIB = 1024 * 1024

_log = logging.getLogger("muxi.memory")


@dataclass(frozen=True, slots=True)
class _Models:
    """Models that were handed in, before those that are set."""

    chat: ChatModel | None
    embedding: EmbeddingModel | None
    extraction: ChatModel | None


@dataclass(slots=True)
class Formation:
    """One tenant and all its parts. Nothing of it is another formation's.

    Attributes:
        id: its name.
        identities: who an identifier means.
        merges: users that were made one.
        users: users as things: listed, looked at, shut out.
        privacy: a user's export, restoring and erasure.
        deletion: what a user said, deleted while the user stays.
        sweeper: clears away what has ended.
        proofs: one-time codes.
        link_tokens: signed tokens of one identifier.
        id_tokens: accounts at identity providers.
        access: who may do what: keys, tokens of users, roles.
        credentials: users' secrets for outside services.
        anonymous: visitors who are nobody yet.
        bulk: links many users' identifiers at once.
        audit: what was changed about who is who.
        sessions: conversations.
        agents: who answers.
        memories: what is remembered.
        edits: single memories, changed.
        context: what is known of a user, by path.
        extraction: finds what users say about themselves.
        profiles: what a prompt says about a user.
        teams: users who share memories and a context.
        weights: how much what is shared counts in recall.
        keep: what may be kept of a text.
        prompt_tokens: of a whole prompt.
        exchanges: stores whole turns.
        imports: stores what comes from elsewhere, once.
        buffer: how much of a session goes into the prompt.
        chat_model: answers for agents without a model of their own.
        commands: what people can say to link channels; ``None`` if they cannot.
        clock: the time, in UTC.
        storage: the database.
        spans: is told where the time of a turn goes, if anybody wants to know.
    """

    id: str
    identities: Identities
    merges: Merges
    users: Users
    privacy: Privacy
    deletion: Deletion
    sweeper: Sweeper
    proofs: Proofs
    link_tokens: LinkTokens
    id_tokens: IdTokens
    access: Access
    credentials: Credentials
    anonymous: AnonymousUsers
    bulk: Bulk
    audit: Audit
    sessions: Sessions
    agents: Agents
    memories: Memories
    edits: Edits
    context: Context
    extraction: Extraction
    profiles: Profiles
    teams: Teams
    weights: Weights
    keep: Keep
    prompt_tokens: int
    exchanges: ExchangeStore
    imports: ImportStore
    buffer: BufferMemory
    chat_model: ChatModel
    commands: Commands | None
    clock: Clock
    storage: Storage
    spans: Spans | None = None

    @classmethod
    def open(
        cls,
        settings: FormationSettings,
        data_dir: Path,
        *,
        chat_model: ChatModel | None = None,
        embedding_model: EmbeddingModel | None = None,
        extraction_model: ChatModel | None = None,
        identifier_kinds: Sequence[IdentifierKind] = (),
        check_embeddings: bool = True,
        clock: Clock = utc_now,
    ) -> Formation:
        """Opens the database, brings it up to date, and builds every part.

        Args:
            settings: what was set.
            data_dir: where the database is, unless the settings say otherwise.
            chat_model: instead of the one set.
            embedding_model: instead of the one set.
            extraction_model: instead of the one set; one that is the embedding model too cannot chat, and rules do.
            identifier_kinds: the application's own types of identifiers, beside the known ones.
            check_embeddings: refuse a store whose vectors are of another model (off only to re-embed it).
            clock: the time, in UTC.

        Raises:
            StorageError: the database cannot be opened.
            EmbeddingMismatchError: its vectors are of another model.
            SettingsError: a type of identifiers, the telephone region, or a master key, cannot be.
        """
        kinds = _kinds(settings.identity, identifier_kinds)
        mongodb = settings.memory.memobase
        storage = open_storage(
            settings.database(data_dir),
            owner=settings.database_owner(),
            pool_size=settings.memory.persistent.pool_size,
            mongodb_uri=mongodb.mongodb_uri.get_secret_value() if mongodb.mongodb_uri else None,
            mongodb_name=mongodb.database_name,
        )
        with ExitStack() as if_it_fails:
            if_it_fails.callback(storage.close)
            storage.migrate()
            given = _Models(chat_model, embedding_model, extraction_model)
            formation = cls._build(settings, storage, kinds, given, check_embeddings, data_dir, clock)
            if_it_fails.pop_all()
        return formation

    @classmethod
    def _build(
        cls,
        settings: FormationSettings,
        storage: Storage,
        kinds: Kinds,
        given: _Models,
        check_embeddings: bool,
        data_dir: Path,
        clock: Clock,
    ) -> Formation:
        chat = given.chat or _chat_model(settings.models.chat)
        embedding = given.embedding or _embedding_model(settings.models.embedding)
        stores = storage.for_formation(settings.id, clock(), embedding.name)
        keep = without_private_values if settings.memory.private_values == "redact" else as_it_is
        space = stores.memory.embedding_space()
        if check_embeddings:
            check_space(space, embedding.name)
            _warn_of_unfinished(stores, embedding)
        identities = Identities(
            stores.identity,
            stores.hash_key,
            clock,
            cache_ttl_s=settings.identity.cache_ttl,
            kinds=kinds,
            attractor_users=settings.identity.attractor_users,
        )
        proofs = Proofs(stores.proofs, identities, stores.hash_key, clock)
        agents = Agents(stores.agents, teams_of(stores))
        memories = Memories(
            stores.memory,
            embedding,
            clock,
            cache_bytes=settings.memory.cache_mb * MIB,
            keep=keep,
            segments=stores.segments,
            fits=space is not None and space.model == embedding.name,
        )
        context = Context(stores.facts, clock, _schema(settings.memory), keep)
        extraction, profiles = reading_behind(
            settings.memory, stores, context, memories, _extraction_model(settings, given, embedding), clock
        )
        forget = forget_in(agents, memories, profiles)
        scrub = Scrub(stores.retention)
        privacy = Privacy(stores.privacy, identities, clock, forget, _restored(memories, extraction), scrub)
        anonymous = AnonymousUsers(
            stores.proofs,
            identities,
            clock,
            ttl=timedelta(seconds=settings.identity.anonymous_ttl),
            erase=erase_later(privacy, scrub),
        )
        formation = cls(
            id=settings.id,
            identities=identities,
            merges=Merges(stores.merges, identities, clock),
            users=Users(stores.users, stores.merges, identities, clock),
            privacy=privacy,
            deletion=Deletion(stores.retention, identities, clock, deleted_of(memories), scrub),
            sweeper=open_sweeper(
                settings.memory.retention, stores.retention, anonymous, clock, scrub, memories.embedder.wake
            ),
            proofs=proofs,
            link_tokens=LinkTokens(stores.proofs, identities, stores.hash_key, settings.id, clock),
            id_tokens=IdTokens(providers(settings.identity.oidc), stores.proofs, identities, clock),
            access=open_access(settings, stores, identities, data_dir, clock),
            credentials=Credentials(stores.credentials, _master_keys(settings.credentials), settings.id, clock),
            anonymous=anonymous,
            bulk=Bulk(stores.bulk, identities, clock),
            audit=Audit(stores.audit),
            sessions=Sessions(stores.sessions, clock, lifetimes(settings.access)),
            agents=agents,
            memories=memories,
            edits=Edits(stores.edits, memories.embedder, clock, keep),
            context=context,
            extraction=extraction,
            profiles=profiles,
            teams=open_teams(stores, memories, keep, clock, forget, scrub),
            weights=weights(settings.memory.recall),
            keep=keep,
            prompt_tokens=settings.chat.prompt_tokens,
            exchanges=stores.exchanges,
            imports=stores.imports,
            buffer=BufferMemory(settings.memory.buffer.max_size, settings.memory.buffer.multiplier, embedding),
            chat_model=chat,
            commands=Commands(identities, proofs) if settings.chat.commands else None,
            clock=clock,
            storage=storage,
        )
        for agent in settings.agents:
            model = _chat_model(agent.model) if agent.model else chat
            formation.agents.add(Agent(agent.id, model, agent.system_message), set_as_default=agent.default)
        if not settings.agents:
            formation.agents.add(Agent(DEFAULT_AGENT, chat, "You are a helpful assistant."))
        if check_embeddings and stores.memory.unembedded(1):
            formation.memories.embedder.wake()
        if check_embeddings:
            extraction.start()
        return formation

    @property
    def embedded(self) -> bool:
        """Whether the database is in this process, so that a look-up takes microseconds."""
        return self.storage.dialect == "sqlite"

    def memory_parts(self) -> MemobaseParts:
        """What a Memobase works on when it is on the formation's own store."""
        model = self.extraction.extractor if self.extraction.extractor.calls else None
        return MemobaseParts(self.identities, self.memories, self.edits, self.context, extract, self.clock, model)

    def ping(self) -> None:
        """Raises `StorageError` if the database does not answer."""
        self.storage.ping()

    def close(self) -> None:
        """Closes every part, the last built first. What waits to be embedded waits in the store."""
        self.access.close()
        self.sweeper.close()
        self.extraction.close()
        self.memories.embedder.close()
        self.storage.close()


def _warn_of_unfinished(stores: FormationStores, model: EmbeddingModel) -> None:
    if stores.new_vectors and stores.new_vectors.count(model.name):
        _log.warning("re-embedding is not finished: some memories are found by words only. Run 'muxi db reembed' again")


def _kinds(settings: IdentitySettings, custom: Sequence[IdentifierKind]) -> Kinds:
    refused = DEFAULT_REFUSED if settings.refused_values is None else settings.refused_values
    return Kinds(custom, refused, settings.phone_region, settings.limits)


def _master_keys(settings: CredentialSettings) -> MasterKeys:
    written = settings.master_key.get_secret_value() if settings.master_key else ""
    return MasterKeys(written, settings.master_key_file.expanduser() if settings.master_key_file else None)


def _schema(settings: MemorySettings) -> Schema | None:
    if settings.context_schema is None:
        return None
    # Loaded here only: its library takes a quarter of a second.
    made: Schema = import_module("muxi.core.memory.context_schema").ContextSchema(settings.context_schema)
    return made


def _restored(memories: Memories, extraction: Extraction) -> Callable[[], None]:
    def restored() -> None:
        memories.embedder.wake()
        extraction.start()

    return restored


def _extraction_model(settings: FormationSettings, given: _Models, embedding: EmbeddingModel) -> ChatModel | None:
    set_one = settings.models.extraction
    model = given.extraction or (_openai(set_one) if set_one else None)
    if model is not None and model.name == embedding.name:
        _log.warning("%s makes vectors and cannot chat: what users say about themselves is found by rules", model.name)
        return None
    return model


def _chat_model(settings: ModelSettings) -> ChatModel:
    return QuoteModel() if settings.provider == "quote" else _openai(settings)


def _embedding_model(settings: ModelSettings) -> EmbeddingModel:
    return LocalEmbeddings() if settings.provider == "local" else _openai(settings)


def _openai(settings: ModelSettings) -> OpenAIModel:
    # Loaded here only: its SDK takes more than a second, which nobody pays who does not use it.
    provider = import_module("muxi.core.models.providers.openai")
    key = settings.api_key.get_secret_value() if settings.api_key else None
    model: OpenAIModel = provider.OpenAIModel(
        settings.model, api_key=key, base_url=settings.base_url, timeout=settings.timeout
    )
    return model
