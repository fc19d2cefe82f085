"""The blocking client."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from types import TracebackType
from typing import Any

from muxi.client import requests
from muxi.client.connection import Connection
from muxi.client.context import Context
from muxi.client.credentials import Credentials
from muxi.client.extraction import Extraction
from muxi.client.identifiers import IdentifierInput
from muxi.client.keys import Keys, Roles
from muxi.client.paging import every
from muxi.client.proofs import Proofs
from muxi.client.replies import (
    Hit,
    Memory,
    Merge,
    MergePreview,
    Message,
    Page,
    Record,
    Reply,
    ResolvedUser,
    Session,
    User,
)
from muxi.client.requests import MemoryDraft
from muxi.client.streams import ReplyStream
from muxi.client.teams import Teams
from muxi.client.tokens import Sessions, Tokens
from muxi.client.users import Users
from muxi.client.wire import Wire


class FormationClient:
    """Speaks to one formation of a muxi server. Threads may share it.

    Wherever a user is asked for, any identifier will do: ``"alice@acme.com"``, ``42``, ``("U98765ABC", "slack")``,
    ``{"identifier": "U98765ABC", "type": "slack"}`` or a ``usr_`` id. Every method raises `muxi.errors.MuxiError`: what
    the server reports, `ServerUnreachableError` if it does not answer, `AuthenticationError` for a wrong key.

    Args:
        url: of the server; ``MUXI_URL`` if not told, else ``http://127.0.0.1:8000``.
        formation_id: ``"default"`` is the server's own formation, whatever its id.
        client_key: opens the formation; ``MUXI_CLIENT_KEY`` if no key is told.
        admin_key: used instead of the client key where there is one; ``MUXI_ADMIN_KEY`` if no key is told.
        timeout: seconds to wait for an answer, and within a stream for its next part.
        api_key: a key that was made (`keys.create`); ``MUXI_API_KEY`` if no key is told, before the other two.
        token: of a user (`tokens.create`), or of an identity provider that the server trusts.

    Attributes:
        users: users as things: list, show, disable, erase, export, restore, link many.
        context: what is known of a user by path: read, as it was too, changed, and how it came to be.
        extraction: finding what users say about themselves: how it stands, what failed, and each user's choice.
        keys, roles: who may do what.
        tokens, sessions: users who come in by themselves, and conversations that are opened and ended.
        credentials: users' secrets for outside services.
        teams: users who share memories and a context.
        proofs: that an identifier is a user's own: codes, link tokens, ID tokens, signing in.

    Raises:
        SettingsError: the address, a key or the time-out cannot be one.
    """

    def __init__(
        self,
        url: str | None = None,
        formation_id: str = "default",
        client_key: str | None = None,
        admin_key: str | None = None,
        timeout: float = 30,
        *,
        api_key: str | None = None,
        token: str | None = None,
    ) -> None:
        connection = Connection.of(url, formation_id, client_key, admin_key, timeout, os.environ, api_key, token)
        self._wire = Wire(connection)
        self.users = Users(self._wire)
        self.context = Context(self._wire)
        self.extraction = Extraction(self._wire)
        self.proofs = Proofs(self._wire)
        self.keys = Keys(self._wire)
        self.roles = Roles(self._wire)
        self.tokens = Tokens(self._wire)
        self.sessions = Sessions(self._wire)
        self.credentials = Credentials(self._wire)
        self.teams = Teams(self._wire)

    def chat(
        self,
        message: str,
        user_id: IdentifierInput | None = None,
        *,
        agent: str | None = None,
        session_id: str | None = None,
        metadata: Mapping[str, Any] | None = None,
    ) -> Reply:
        """The answer to a message. The exchange is remembered once, however often it had to be sent.

        Args:
            message: what was said.
            user_id: whoever says it.
            agent: who should answer; the user's default agent, else the formation's.
            session_id: a ``ses_`` id, or the application's own name of a conversation; else the identifier's default.
            metadata: kept with the message.

        Raises:
            InvalidMessageError: the message is empty or no text.
            MessageTooLargeError: it is too long.
            AgentNotFoundError: there is no such agent, or it is somebody else's.
            SessionNotFoundError: it is another user's session.
            ModelError: the model failed; nothing was stored.
        """
        return self._wire.call(requests.chat(message, user_id, agent=agent, session_id=session_id, metadata=metadata))

    def chat_stream(
        self,
        message: str,
        user_id: IdentifierInput | None = None,
        *,
        agent: str | None = None,
        session_id: str | None = None,
        metadata: Mapping[str, Any] | None = None,
    ) -> ReplyStream:
        """The answer's pieces as they are written. Arguments and errors as `chat`.

        It is sent when the first piece is asked for. Stopping early stops the model, and nothing is stored: leave a
        ``with`` block, or call ``close()``.
        """
        request = requests.chat(message, user_id, agent=agent, session_id=session_id, metadata=metadata, stream=True)
        return ReplyStream(self._wire.opened, request, self._wire.connection)

    def resolve_user(self, identifier: IdentifierInput) -> ResolvedUser:
        """Whom an identifier means; somebody new if nobody has it.

        Raises:
            AmbiguousIdentifierError: several users have it under different types; name the type.
        """
        return self._wire.call(requests.resolve_user(identifier))

    def get_user(self, user_id: IdentifierInput) -> User:
        """A user with every identifier.

        Raises:
            UserNotFoundError: nobody has this identifier.
        """
        return self._wire.call(requests.user(self._wire.call(requests.owner(user_id))))

    def associate_user_identifiers(
        self,
        identifiers: Iterable[IdentifierInput],
        user_id: IdentifierInput | None = None,
        merge: bool = False,
        verified: bool = False,
    ) -> dict[str, Any]:
        """Links identifiers to one user, all or none; the same call twice gives the same result.

        Args:
            identifiers: in any of the accepted forms.
            user_id: to whom; ``None`` for the one who has any of them, or somebody new.
            merge: make them one user if they belong to several; needs the admin key.
            verified: the application has made sure that they are this user's own; needs the admin key.

        Returns:
            ``muxi_user_id``, ``created`` (whether the user is new) and ``identifiers`` (all of them).

        Raises:
            IdentifierConflictError: some belong to another user; ``details["identifiers"]`` names them.
            UserNotFoundError: there is no such ``user_id``.
        """
        return self._wire.call(requests.associate(identifiers, user_id, merge, verified))

    def get_user_identifiers(self, user_id: IdentifierInput) -> list[str]:
        """Every identifier of a user, as it was written; secrets are masked. Errors as `get_user`."""
        return self._wire.call(requests.identifiers(user_id))

    def unlink_user_identifier(
        self, identifier: IdentifierInput, user_id: IdentifierInput | None = None, force: bool = False
    ) -> dict[str, Any]:
        """Takes an identifier from its user.

        Args:
            identifier: which.
            user_id: whose it must be; ``None`` for whoever has it.
            force: also if it is the user's last.

        Returns:
            ``muxi_user_id`` and the ``identifiers`` that are left.

        Raises:
            LastIdentifierError: it is the user's last, and ``force`` is not set.
            UserNotFoundError: nobody, or not this user, has it.
        """
        return self._wire.call(requests.unlink(identifier, user_id, force))

    def merge_users(
        self, users: Iterable[IdentifierInput], into: IdentifierInput | None = None, dry_run: bool = False
    ) -> Merge | MergePreview:
        """Makes users one, all or none. Needs the admin key.

        Args:
            users: two or more; with ``into``, one or more.
            into: the user that survives; the oldest if not told.
            dry_run: change nothing, and return what each of them has.

        Raises:
            MergeConflictError: they are one user already.
            UserNotFoundError: nobody has one of these identifiers.
            PermissionDeniedError: this is not the admin key.
        """
        return self._wire.call(requests.merge(users, into, dry_run))

    def split_merge(self, merge_id: str) -> Merge:
        """Undoes a merge; what was written since stays with the survivor. Needs the admin key.

        Raises:
            MergeNotFoundError: there is no such merge.
            MergeConflictError: it was split already, or another merge has to be split first: ``details["later"]``.
            PermissionDeniedError: this is not the admin key.
        """
        return self._wire.call(requests.split(merge_id))

    def list_merges(self, user_id: IdentifierInput) -> list[Merge]:
        """The merges that made a user, and those that were undone, the newest first. Errors as `get_user`."""
        return self._wire.call(requests.merges(user_id))

    def list_audit(
        self,
        user_id: IdentifierInput | None = None,
        action: str | None = None,
        limit: int = 50,
        cursor: str | None = None,
    ) -> Page[Record]:
        """A page of the audit, the newest first: of one user, of one action, or all. Needs the admin key.

        Raises:
            PermissionDeniedError: this is not the admin key.
        """
        return self._wire.call(requests.audit(user_id, action, limit, cursor))

    def iter_audit(
        self, user_id: IdentifierInput | None = None, action: str | None = None, limit: int = 50
    ) -> Iterator[Record]:
        """The whole audit, the newest first, fetched ``limit`` at a time. Arguments and errors as `list_audit`."""
        return every(lambda cursor: self.list_audit(user_id, action, limit, cursor))

    def verify_audit(self) -> dict[str, Any]:
        """Whether the audit is as it was written: ``sound``, ``rows`` and ``broken_at``. Errors as `list_audit`."""
        return self._wire.call(requests.verify_audit())

    def list_sessions(self, user_id: IdentifierInput, limit: int = 50, cursor: str | None = None) -> Page[Session]:
        """A page of a user's conversations, the latest first; empty for a user nobody knows."""
        return self._wire.call(requests.sessions(user_id, limit, cursor))

    def iter_sessions(self, user_id: IdentifierInput, limit: int = 50) -> Iterator[Session]:
        """All conversations of a user, the latest first, fetched ``limit`` at a time."""
        return every(lambda cursor: self.list_sessions(user_id, limit, cursor))

    def list_messages(
        self, session_id: str, user_id: IdentifierInput, limit: int = 50, cursor: str | None = None
    ) -> Page[Message]:
        """A page of a conversation, the newest message first.

        Raises:
            SessionNotFoundError: there is no such session, or it is another user's.
        """
        return self._wire.call(requests.messages(session_id, user_id, limit, cursor))

    def iter_messages(self, session_id: str, user_id: IdentifierInput, limit: int = 50) -> Iterator[Message]:
        """All messages of a conversation, the newest first, fetched ``limit`` at a time. Errors as `list_messages`."""
        return every(lambda cursor: self.list_messages(session_id, user_id, limit, cursor))

    def add_memory(
        self,
        text: str,
        user_id: IdentifierInput,
        *,
        metadata: Mapping[str, Any] | None = None,
        importance: float = 0.5,
        session_id: str | None = None,
        agent: str | None = None,
        said_at: datetime | str | None = None,
        expires_in: timedelta | None = None,
    ) -> Memory:
        """Remembers a text about a user.

        Args:
            text: what to remember.
            user_id: whose it is.
            metadata: found again by ``filter_metadata``.
            importance: 0 to 1; weighs a little when memories are searched.
            session_id: the conversation it belongs to.
            agent: only this agent's.
            said_at: when it was said; now if not told.
            expires_in: how long it is recalled; for ever if not told.

        Raises:
            InvalidMemoryError: it is empty, too long, or its importance is not within 0 and 1.
        """
        request = requests.add_memory(
            text,
            user_id,
            metadata=metadata,
            importance=importance,
            session_id=session_id,
            agent=agent,
            said_at=said_at,
            expires_in=expires_in,
        )
        return self._wire.call(request)

    def add_memories(self, memories: Iterable[str | MemoryDraft], user_id: IdentifierInput) -> list[Memory]:
        """Remembers up to 1,000 texts, all or none: strings, or mappings of ``text`` and `add_memory`'s arguments."""
        return self._wire.call(requests.add_memories(memories, user_id))

    def list_memories(self, user_id: IdentifierInput, limit: int = 50, cursor: str | None = None) -> Page[Memory]:
        """A page of what is remembered of a user, the newest first; empty for a user nobody knows."""
        return self._wire.call(requests.memories(user_id, limit, cursor))

    def iter_memories(self, user_id: IdentifierInput, limit: int = 50) -> Iterator[Memory]:
        """Everything that is remembered of a user, the newest first, fetched ``limit`` at a time."""
        return every(lambda cursor: self.list_memories(user_id, limit, cursor))

    def search_memory(
        self,
        query: str,
        user_id: IdentifierInput,
        limit: int = 10,
        agent: str | None = None,
        filter_metadata: Mapping[str, Any] | None = None,
        scope: str = "long_term",
        explain: bool = False,
    ) -> list[Hit]:
        """What is remembered of a user about something, the best first; nothing for a user nobody knows.

        Args:
            query: in words.
            user_id: whose memories.
            limit: at most so many.
            agent: only what was said to this agent.
            filter_metadata: only memories whose metadata has all of these.
            scope: ``"long_term"`` is everything remembered, ``"buffer"`` the recent messages of each session.
            explain: give each hit its ``features``, and what they add to its score.
        """
        return self._wire.call(requests.search(query, user_id, limit, agent, filter_metadata, scope, explain))

    def delete_memory(self, memory_id: str, user_id: IdentifierInput) -> None:
        """Forgets one memory.

        Raises:
            MemoryNotFoundError: there is no such memory, or it is another user's.
        """
        self._wire.call(requests.delete_memory(memory_id, user_id))

    def health(self) -> dict[str, Any]:
        """``{"status": "ok"}`` from a server that runs. Needs no key."""
        return self._wire.call(requests.health())

    def ready(self) -> dict[str, Any]:
        """The state of each formation. Raises `StorageUnavailableError` while a database does not answer."""
        return self._wire.call(requests.ready())

    def close(self) -> None:
        """Closes the connections. The client cannot be used any more."""
        self._wire.close()

    def __enter__(self) -> FormationClient:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        connection = self._wire.connection
        return f"FormationClient(url={connection.shown!r}, formation_id={connection.formation_id!r})"
