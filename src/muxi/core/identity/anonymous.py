"""Visitors who are nobody yet: each is a user of their own, known by a token, until they sign in (rule 9)."""

from __future__ import annotations

import secrets
from datetime import timedelta
from typing import Protocol

from muxi.core.clock import Clock
from muxi.core.identity.kinds import TOKEN_START
from muxi.core.identity.owners import owner_of
from muxi.core.identity.proof_store import ProofStore
from muxi.core.identity.proving import lock_sides, row_of
from muxi.core.identity.service import LIBRARY, Identities
from muxi.core.identity.types import ANONYMOUS, AnonymousUser, IdentifierInput, User
from muxi.errors import InvalidInputError, UnprovenIdentifierError, UserNotFoundError
from muxi.ids import UserId, new_merge_id, new_user_id

#: In the audit, of what ends by itself.
EXPIRY = "expiry"
_AT_ONCE = 500


class Erase(Protocol):
    """What removes a user with everything that is theirs."""

    def __call__(self, raw: UserId, /, *, actor: str) -> object:
        """All of it, in one transaction."""


class AnonymousUsers:
    """Makes visitors, and makes them somebody.

    Args:
        store: bound to the formation.
        identities: says whom an identifier means.
        clock: the time, in UTC.
        ttl: how long a token works unless the caller says otherwise.
        erase: removes a user with everything that is theirs.
    """

    def __init__(
        self,
        store: ProofStore,
        identities: Identities,
        clock: Clock,
        *,
        ttl: timedelta,
        erase: Erase,
    ) -> None:
        self._store = store
        self._identities = identities
        self._clock = clock
        self._ttl = ttl
        self._erase = erase

    def resolve_anonymous(self, *, expires_in: timedelta | None = None, actor: str = LIBRARY) -> AnonymousUser:
        """A new user, known by a token only. The token is an identifier like any other until it ends.

        An unknown or ended token is `UserNotFoundError` wherever it is used: it never makes a user.

        Args:
            expires_in: how long the token works, at least a second; the formation's setting if not told.
            actor: who does it, for the audit.

        Raises:
            InvalidInputError: ``expires_in`` is shorter than a second.
        """
        lifetime = self._ttl if expires_in is None else expires_in
        if lifetime < timedelta(seconds=1):
            raise InvalidInputError("expires_in has to be at least one second.")
        now, user_id = self._clock(), new_user_id()
        token = TOKEN_START + secrets.token_urlsafe(32)
        identifier = self._identities.normal_form((token, ANONYMOUS))
        with self._store.proving([identifier], actor, now) as writer:
            writer.add_user(user_id)
            writer.link(identifier, user_id, now, by=ANONYMOUS)
            writer.set_end(identifier, now + lifetime)
        return AnonymousUser(user_id, token, now + lifetime)

    def sign_in(self, token: str, identifier: IdentifierInput, *, verified: bool = False, actor: str = LIBRARY) -> User:
        """Makes an anonymous user somebody. The application says who: it has just let them in.

        Whoever has the identifier gets everything of the visit, and survives; if nobody has it, the anonymous user
        gets it. The token means nobody from then on.

        Args:
            token: of `resolve_anonymous`.
            identifier: who it is.
            verified: the caller knows that it is theirs: it counts as proven. Without that, nobody joins a user who
                has only claimed it: whoever claims an address first would be handed what its owner says later.
            actor: who does it, for the audit.

        Raises:
            UserNotFoundError: the token is unknown, used or ended.
            UnprovenIdentifierError: another user has the identifier without having proven it.
            InvalidIdentifierError, AmbiguousIdentifierError: the identifier cannot be linked, or is not clear.
        """
        visit, known = self._identities.normal_form((token, ANONYMOUS)), self._identities.linkable(identifier)
        visitor, now = self._identities.get((token, ANONYMOUS)), self._clock()
        with self._store.proving([visit, known], actor, now) as writer:
            lock_sides(writer, [visit, known], visitor.id)
            found = writer.owners(known)
            owner = owner_of(found, known)
            if owner is None:
                writer.link(known, visitor.id, now, by="sign_in")
            elif owner.id != visitor.id:
                if not verified and not all(one.verified for one in found):
                    raise UnprovenIdentifierError(
                        f"{known.shown!r} is another user's, who has not proven it. Verify it first: nobody was joined."
                    )
                writer.merge(new_merge_id(), owner.id, [visitor.id])
            survivor = owner.id if owner else visitor.id
            if verified:
                writer.verify(row_of(self._identities.kinds, known, found), survivor, "trusted")
            if not writer.unlink(visit, survivor):
                raise UserNotFoundError("This anonymous token was used at this moment.")
        self._identities.forget_if(writer.moved)
        return self._identities.get(survivor)

    def expire_anonymous(self) -> int:
        """Erases anonymous users whose token has ended and who never signed in, with all they said.

        Whoever has become reachable in another way keeps everything, and loses the token only. One-time codes that
        have expired are cleared away, too. Call it now and then, like once a day.

        Returns:
            How many users were erased.
        """
        now, erased = self._clock(), 0
        while ended := self._store.ended_anonymous(now, _AT_ONCE):
            for user_id in ended:
                self._erase(user_id, actor=EXPIRY)
            erased += len(ended)
        while tokens := self._store.ended_tokens(now, _AT_ONCE):
            with self._store.proving([token for token, _ in tokens], EXPIRY, now) as writer:
                for token, user_id in tokens:
                    writer.unlink(token, user_id)
            self._identities.forget_if(writer.moved)
        self._store.end_expired(now)
        return erased
