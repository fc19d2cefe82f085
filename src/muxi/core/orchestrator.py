"""The documented names, each a line or two above the recipe or service that does the work."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterable, Mapping, Sequence
from contextlib import aclosing
from datetime import datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Any

from platformdirs import user_data_path

from muxi.core.agents.types import Agent
from muxi.core.authentication import Authentication
from muxi.core.chat import reply as recipe
from muxi.core.chat.search import add_to_buffer, search
from muxi.core.chat.types import Piece, Reply, Turn
from muxi.core.formation import Formation
from muxi.core.identity.bulk_types import BulkResult, Group
from muxi.core.identity.kinds import IdentifierKind
from muxi.core.identity.types import (
    AnonymousUser,
    IdentifierInput,
    LinkedIdentifier,
    LinkToken,
    Merge,
    MergePreview,
    Started,
    User,
    UserDetails,
    UserSummary,
)
from muxi.core.memory.buffer import BufferMemory
from muxi.core.memory.memobase import Memobase
from muxi.core.memory.memobase_store import MemobaseParts
from muxi.core.memory.types import Hit
from muxi.core.memory.user_memory import UserMemory
from muxi.core.models.base import ChatModel, EmbeddingModel
from muxi.core.paging import Page
from muxi.core.privacy.joining import preview
from muxi.core.privacy.reading import Source
from muxi.core.privacy.types import Deleted, Erased, Restored, UserExport
from muxi.core.threads import in_thread
from muxi.core.user_credentials import UserCredentials
from muxi.core.user_teams import UserTeams
from muxi.errors import SettingsError
from muxi.ids import MessageId
from muxi.settings import FormationSettings, MemobaseSettings


class Orchestrator(UserMemory, UserCredentials, UserTeams, Authentication):
    """Agents that know each user on every channel.

    Alone it works as it is: one SQLite file in the user's data directory, local embeddings, and an honest
    chat model that quotes what it remembers.

    Args:
        buffer_memory: how much of a session goes into the prompt, and what embeds texts.
        memobase: gets the formation's store, or says where on MongoDB memories and contexts are kept; embeds texts
            if ``buffer_memory`` does not.
        chat_model: answers for agents without a model of their own; `QuoteModel` if not told.
        auto_extract_user_info: what users say about themselves goes into their context by itself; as set
            (``memory.extraction.enabled``, which is on) if not told.
        extraction_model: finds it; rules do if not told. An embedding model cannot: then rules do, too.
        data_dir: where the database file is kept; the user's data directory if not told.
        settings: everything else that can be set.
        identifier_kinds: the application's own types of identifiers, beside the known ones.
        formation: one that is open already; then it decides all the above, and stays open when this is closed.

    Raises:
        StorageError: the database cannot be opened.
        EmbeddingMismatchError: its vectors are of another model.
        SettingsError: a type of identifiers, or the telephone region, cannot be.
    """

    def __init__(
        self,
        buffer_memory: BufferMemory | None = None,
        *,
        memobase: Memobase | None = None,
        chat_model: ChatModel | None = None,
        auto_extract_user_info: bool | None = None,
        extraction_model: ChatModel | None = None,
        data_dir: str | Path | None = None,
        settings: FormationSettings | None = None,
        identifier_kinds: Sequence[IdentifierKind] = (),
        formation: Formation | None = None,
    ) -> None:
        self._owned = formation is None
        self.formation = formation or Formation.open(
            _with_mongodb(_with_extraction(settings or FormationSettings(), auto_extract_user_info), memobase),
            Path(data_dir) if data_dir else user_data_path("muxi"),
            chat_model=chat_model,
            embedding_model=_one_model(buffer_memory, memobase),
            extraction_model=extraction_model,
            identifier_kinds=identifier_kinds,
        )
        if buffer_memory:
            self.formation.buffer = buffer_memory
        self.memobase = memobase or Memobase()
        self.memobase.bind(self.formation.memory_parts())
        # As they are now: the Memobase may be handed on, and this would speak to another formation.
        self._parts = self.memobase.memory_parts()

    def memory_parts(self) -> MemobaseParts:
        """What the names about a user's memory work on: those of `muxi.core.memory.user_memory.UserMemory`."""
        return self._parts

    async def chat(
        self,
        message: str,
        agent_name: str | None = None,
        user_id: IdentifierInput | None = None,
        session_id: str | None = None,
        metadata: Mapping[str, Any] | None = None,
    ) -> str:
        """The answer to a message, as text. Arguments and errors as `reply`."""
        return (await self.reply(message, agent_name, user_id, session_id, metadata)).text

    async def reply(
        self,
        message: str,
        agent_name: str | None = None,
        user_id: IdentifierInput | None = None,
        session_id: str | None = None,
        metadata: Mapping[str, Any] | None = None,
    ) -> Reply:
        """The answer to a message, with what it rests on. The exchange is remembered, whole or not at all.

        Args:
            message: what was said.
            agent_name: who should answer; the user's default agent, else the formation's.
            user_id: whoever says it, by any identifier: ``"alice@acme.com"``, ``42``, ``("U98765ABC", "slack")`` or
                a ``usr_`` id.
            session_id: a ``ses_`` id, or the application's own name of a conversation; else the identifier's default.
            metadata: kept with the message.

        Raises:
            MuxiError: as `muxi.core.chat.reply.reply`.
        """
        return await recipe.reply(self.formation, Turn(message, user_id, session_id, agent_name, metadata or {}))

    async def chat_stream(
        self,
        message: str,
        agent_name: str | None = None,
        user_id: IdentifierInput | None = None,
        session_id: str | None = None,
        metadata: Mapping[str, Any] | None = None,
    ) -> AsyncGenerator[str]:
        """The answer's pieces as they are written. Stopping early stops the model, and nothing is stored."""
        turn = Turn(message, user_id, session_id, agent_name, metadata or {})
        async with aclosing(recipe.stream(self.formation, turn)) as parts:
            async for part in parts:
                if isinstance(part, Piece):
                    yield part.text

    def create_agent(
        self,
        agent_id: str,
        model: ChatModel | None = None,
        system_message: str = "",
        user_id: IdentifierInput | None = None,
        set_as_default: bool = False,
        team_id: str | None = None,
    ) -> Agent:
        """Makes an agent: shared, or of one user (``user_id``) or one team (``team_id``), and invisible to all others.

        Raises:
            AgentExistsError: the name is taken.
            AgentNotFoundError: the name cannot be one.
            NotFoundError: there is no such team.
        """
        owner = self.formation.identities.resolve(user_id).id if user_id is not None else None
        team = self.formation.teams.get(team_id).id if team_id is not None else None
        agent = Agent(agent_id, model or self.formation.chat_model, system_message, owner, team)
        return self.formation.agents.add(agent, set_as_default=set_as_default)

    def get_user_agents(self, user_id: IdentifierInput) -> list[Agent]:
        """A user's own agents, by name; none for a user nobody knows."""
        user = self.formation.identities.find(user_id)
        return self.formation.agents.of(user.id) if user else []

    def set_user_default_agent(self, user_id: IdentifierInput, agent_id: str) -> Agent:
        """Makes an agent the one that answers this user unless told otherwise; survives a restart.

        Raises:
            AgentNotFoundError: no such agent, or it is somebody else's.
        """
        return self.formation.agents.set_default(self.formation.identities.resolve(user_id).id, agent_id)

    async def add_to_buffer_memory(self, message: str, metadata: Mapping[str, Any] | None = None) -> MessageId:
        """Stores one message as if it had been said. Metadata and errors as `muxi.core.chat.search.add_to_buffer`."""
        return await in_thread(add_to_buffer, self.formation, message, metadata or {})

    async def search_memory(
        self,
        query: str,
        agent_id: str | None = None,
        use_long_term: bool = False,
        filter_metadata: Mapping[str, Any] | None = None,
        limit: int = 10,
        explain: bool = False,
    ) -> list[Hit]:
        """What was said about something: in the recent messages of each session, or in everything remembered.

        Args:
            query: in words.
            agent_id: only what was said to this agent.
            use_long_term: search everything remembered.
            filter_metadata: ``user_id`` says whose; without it, what was stored without a user and never anybody's
                own. ``conversation_id`` or ``session_id`` name a session. Other keys must match the metadata.
            limit: at most so many hits.
            explain: give each hit its ``features``: what spoke for it, as in docs/recall.md.

        Raises:
            MuxiError: as `muxi.core.chat.search.search`.
        """
        where = dict(filter_metadata or {})
        user = where.pop("user_id", None)
        return await search(
            self.formation,
            query,
            user=user,
            agent_id=agent_id,
            long_term=use_long_term,
            where=where,
            limit=limit,
            explain=explain,
        )

    def clear_memory(self, agent_id: str | None = None, user_id: IdentifierInput | None = None) -> int:
        """Empties the buffer of a user (of one agent's messages, or of all). The log and long-term memories stay.

        Without ``user_id``: of what was stored without a user. Returns how many sessions were touched.
        """
        user = self.formation.identities.find(user_id) if user_id is not None else None
        if user_id is not None and user is None:
            return 0
        return self.formation.sessions.clear_buffer(user.id if user else None, agent_id or "")

    def associate_user_identifiers(
        self, identifiers: list[IdentifierInput], user_id: IdentifierInput | None = None, merge: bool = False
    ) -> User:
        """Links identifiers to one user, all or none. As `muxi.core.identity.service.Identities.associate`."""
        return self.formation.identities.associate(identifiers, user_id, merge=merge)

    def associate_many(self, groups: Iterable[Group], dry_run: bool = False) -> BulkResult:
        """Links the identifiers of many users. As `muxi.core.identity.bulk.Bulk.associate_many`."""
        return self.formation.bulk.associate_many(groups, dry_run=dry_run)

    def get_user_identifiers(self, user_id: IdentifierInput) -> list[LinkedIdentifier]:
        """Every identifier of a user. As `muxi.core.identity.service.Identities.identifiers`."""
        return self.formation.identities.identifiers(user_id)

    def unlink_user_identifier(
        self, identifier: IdentifierInput, user_id: IdentifierInput | None = None, force: bool = False
    ) -> User:
        """Takes an identifier from its user. As `muxi.core.identity.service.Identities.unlink`."""
        return self.formation.identities.unlink(identifier, user_id, force=force)

    def merge_users(
        self, users: Sequence[IdentifierInput], into: IdentifierInput | None = None, dry_run: bool = False
    ) -> Merge | MergePreview:
        """Makes users one, or says what would be (``dry_run``). As `muxi.core.identity.merging.Merges.merge`."""
        return preview(self.formation, users, into) if dry_run else self.formation.merges.merge(users, into)

    def list_users(
        self, search: str = "", disabled: bool | None = None, cursor: str | None = None, limit: int = 50
    ) -> Page[UserSummary]:
        """A page of users, newest first. As `muxi.core.identity.users.Users.list`."""
        return self.formation.users.list(search, disabled=disabled, cursor=cursor, limit=limit)

    def show_user(self, user_id: IdentifierInput) -> UserDetails:
        """A user, what it holds, and its merges. As `muxi.core.identity.users.Users.show`."""
        return self.formation.users.show(user_id)

    def disable_user(self, user_id: IdentifierInput) -> UserSummary:
        """Shuts a user out. As `muxi.core.identity.users.Users.disable`."""
        return self.formation.users.disable(user_id)

    def enable_user(self, user_id: IdentifierInput) -> UserSummary:
        """Lets a user in again. As `muxi.core.identity.users.Users.enable`."""
        return self.formation.users.enable(user_id)

    def erase_user(self, user_id: IdentifierInput) -> Erased:
        """Removes everything of a user. As `muxi.core.privacy.service.Privacy.erase`."""
        return self.formation.privacy.erase(user_id)

    def set_auto_extraction(self, user_id: IdentifierInput, enabled: bool) -> None:
        """Opts a user out of having what they say read for facts, or in again; it survives a restart.

        What is known already stays. What is said while opted out is never read, not even later.
        """
        user, extraction = self.formation.identities.resolve(user_id), self.formation.extraction
        if enabled:
            extraction.opt_in(user.id)
        else:
            extraction.opt_out(user.id)

    def get_auto_extraction(self, user_id: IdentifierInput) -> bool:
        """Whether what a user says about themself goes into their context by itself."""
        user, extraction = self.formation.identities.find(user_id), self.formation.extraction
        return extraction.enabled and (user is None or extraction.opted_out(user.id) is None)

    async def delete_user_data(self, user_id: IdentifierInput, before_date: datetime | None = None) -> Deleted:
        """Deletes what a user said and what is remembered of them, all or what is older; the user stays.

        As `muxi.core.privacy.deletion.Deletion.delete_data`.
        """
        return await in_thread(self.formation.deletion.delete_data, user_id, before_date)

    def export_user(self, user_id: IdentifierInput) -> UserExport:
        """Everything of a user, to be written. As `muxi.core.privacy.service.Privacy.export`."""
        return self.formation.privacy.export(user_id)

    def restore_user(self, export: Source) -> Restored:
        """Brings an exported user back. As `muxi.core.privacy.service.Privacy.restore`."""
        return self.formation.privacy.restore(export)

    def split_merge(self, merge_id: str) -> Merge:
        """Undoes a merge. As `muxi.core.identity.merging.Merges.split`."""
        return self.formation.merges.split(merge_id)

    def start_verification(self, user_id: IdentifierInput, identifier: IdentifierInput | None = None) -> Started:
        """A one-time code that proves an identifier. As `muxi.core.identity.proofs.Proofs.start_verification`."""
        return self.formation.proofs.start_verification(user_id, identifier)

    def confirm_verification(self, code: str, identifier: IdentifierInput | None = None, merge: bool = False) -> User:
        """Links what a code proves. As `muxi.core.identity.proofs.Proofs.confirm_verification`."""
        return self.formation.proofs.confirm_verification(code, identifier, merge=merge)

    def create_link_token(
        self, identifier: IdentifierInput, expires_in: timedelta = timedelta(minutes=10)
    ) -> LinkToken:
        """A signed token of an identifier. As `muxi.core.identity.link_tokens.LinkTokens.create_link_token`."""
        return self.formation.link_tokens.create_link_token(identifier, expires_in=expires_in)

    def redeem_link_token(self, token: str, user_id: IdentifierInput, merge: bool = False) -> User:
        """Links what a token is of. As `muxi.core.identity.link_tokens.LinkTokens.redeem_link_token`."""
        return self.formation.link_tokens.redeem_link_token(token, user_id, merge=merge)

    def associate_id_token(self, token: str, user_id: IdentifierInput | None = None, merge: bool = False) -> User:
        """Links an account at an OpenID provider. As `muxi.core.identity.id_tokens.IdTokens.associate_id_token`."""
        return self.formation.id_tokens.associate_id_token(token, user_id, merge=merge)

    def resolve_anonymous(self, expires_in: timedelta | None = None) -> AnonymousUser:
        """A visitor with a token. As `muxi.core.identity.anonymous.AnonymousUsers.resolve_anonymous`."""
        return self.formation.anonymous.resolve_anonymous(expires_in=expires_in)

    def sign_in(self, token: str, identifier: IdentifierInput, verified: bool = False) -> User:
        """Makes a visitor somebody. As `muxi.core.identity.anonymous.AnonymousUsers.sign_in`."""
        return self.formation.anonymous.sign_in(token, identifier, verified=verified)

    def close(self) -> None:
        """Closes the formation, unless it was handed in open."""
        if self._owned:
            self.formation.close()

    def __enter__(self) -> Orchestrator:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _with_extraction(settings: FormationSettings, enabled: bool | None) -> FormationSettings:
    if enabled is None:
        return settings
    extraction = settings.memory.extraction.model_copy(update={"enabled": enabled})
    memory = settings.memory.model_copy(update={"extraction": extraction})
    return settings.model_copy(update={"memory": memory})


def _with_mongodb(settings: FormationSettings, memobase: Memobase | None) -> FormationSettings:
    if memobase is None or memobase.mongodb_uri is None:
        return settings
    told = {"mongodb_uri": memobase.mongodb_uri, "database_name": memobase.database_name}
    try:
        made = MemobaseSettings.model_validate(told)
    except ValueError as error:
        raise SettingsError("database_name is 1 to 63 letters, digits, dashes and underscores.") from error
    return settings.model_copy(update={"memory": settings.memory.model_copy(update={"memobase": made})})


def _one_model(buffer_memory: BufferMemory | None, memobase: Memobase | None) -> EmbeddingModel | None:
    told = [buffer_memory.model if buffer_memory else None, memobase.embedding_provider if memobase else None]
    models = [model for model in told if model is not None]
    if len({model.name for model in models}) > 1:
        raise SettingsError(
            f"BufferMemory embeds with {models[0].name} and Memobase with {models[1].name}: a formation has one model."
        )
    return models[0] if models else None
