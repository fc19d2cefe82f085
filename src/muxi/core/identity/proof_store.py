"""What proving needs of a store. A store is bound to one formation: nothing it returns is another's."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from muxi.core.identity.store import IdentityWriter
from muxi.core.identity.types import Identifier
from muxi.ids import UserId


@dataclass(frozen=True, slots=True)
class OpenRequest:
    """A one-time code that was given out and not used yet.

    Attributes:
        locator: the part of the code by which it is found.
        code_hash: a keyed hash of the whole code and of what it is bound to.
        user_id: who gets the identifier.
        identifier: what is proven; ``None`` for whichever it comes back from.
        requester: who asked for it, and has to bring it back.
    """

    locator: str
    code_hash: str
    user_id: UserId
    identifier: Identifier | None
    requester: str


class ProofStore(Protocol):
    """Open requests, used tokens and anonymous users."""

    def attempt(self, locator: str, now: datetime, right: Callable[[OpenRequest], bool]) -> OpenRequest | None:
        """One try at a code, in a transaction of its own: ``right`` says whether it is the right one.

        A wrong try is counted, whatever the caller does next, and the last one ends the request; tries at one
        request wait for each other. ``None``: there is no such request, it has expired, or the try was wrong.
        """

    def proving(
        self, identifiers: Sequence[Identifier], actor: str, now: datetime
    ) -> AbstractContextManager[ProofWriter]:
        """As `muxi.core.identity.store.IdentityStore.writing`, with what proving needs besides."""

    def end_expired(self, now: datetime) -> None:
        """Forgets every user's requests that have expired."""

    def ended_anonymous(self, now: datetime, limit: int) -> list[UserId]:
        """Users who are known by nothing but anonymous tokens that have all ended, and were never merged."""

    def ended_tokens(self, now: datetime, limit: int) -> list[tuple[Identifier, UserId]]:
        """Anonymous tokens that have ended and are still linked, each with its canonical user."""


class ProofWriter(IdentityWriter, Protocol):
    """What can be read and changed inside one transaction."""

    def end_expired(self, user_id: UserId) -> None:
        """Forgets a canonical user's requests that have expired."""

    def forget_used_tokens(self) -> None:
        """Forgets used tokens that have expired: they prove nothing any more."""

    def end_request_for(self, identifier: Identifier) -> None:
        """Ends the open request for an identifier, if there is one."""

    def open_requests(self, user_id: UserId) -> int:
        """How many requests of a canonical user are open."""

    def open_request(self, request: OpenRequest, expires_at: datetime, tries: int) -> bool:
        """Keeps a request. False: its locator is taken; draw another one."""

    def take(self, request: OpenRequest) -> bool:
        """Uses a request up. False: somebody was faster, or a change has ended it."""

    def made_token(self, identifier: Identifier, user_id: UserId | None) -> None:
        """Records that a link token was made of an identifier, and whose the identifier was."""

    def use_token(self, jti: str, expires_at: datetime) -> bool:
        """Uses a token up. False: it was used before."""

    def evict(self, identifier: Identifier, user_id: UserId) -> None:
        """Takes an unproven identifier from a user: somebody else has proven that it is theirs."""

    def set_end(self, identifier: Identifier, at: datetime) -> None:
        """When an anonymous token of exactly this value ends."""
