"""Proof by a one-time code: who brings back what was sent somewhere can read what is sent there (rule 8)."""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
from datetime import datetime, timedelta

from muxi.core.clock import Clock
from muxi.core.identity.proof_store import OpenRequest, ProofStore, ProofWriter
from muxi.core.identity.proving import give_proven, lock_sides
from muxi.core.identity.service import LIBRARY, Identities
from muxi.core.identity.types import Identifier, IdentifierInput, Started, User
from muxi.errors import ConflictError, InvalidIdentifierError, InvalidProofError, UserNotFoundError
from muxi.ids import UserId

LIFETIME = timedelta(minutes=10)
TRIES = 5
MOST_OPEN = 10

# Crockford's alphabet: no letter that is read as a digit or as another letter.
_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # pragma: allowlist secret
_READ_AS = str.maketrans({"O": "0", "I": "1", "L": "1", "-": "", " ": ""})
_LOCATOR = 4
# 30 bits: 5 tries find it once in 200 million requests.
_SECRET = 6
_DRAWS = 20


class Proofs:
    """Gives out one-time codes, and links what they prove.

    A code is bound to the formation, the user, the identifier and the requester, works once, and ends with any
    change to the user or the identifier.

    Args:
        store: bound to the formation.
        identities: says whom an identifier means.
        hash_key: the formation's key, under which codes are hashed.
        clock: the time, in UTC.
    """

    def __init__(self, store: ProofStore, identities: Identities, hash_key: bytes, clock: Clock) -> None:
        self._store = store
        self._identities = identities
        self._key = hmac.digest(hash_key, b"muxi one-time code", "sha256")
        self._clock = clock

    def start_verification(
        self, user: IdentifierInput, identifier: IdentifierInput | None = None, *, actor: str = LIBRARY
    ) -> Started:
        """A one-time code that links an identifier to a user, to be delivered by that identifier's channel.

        The same answer after the same work, whether or not somebody has the identifier. A new request for an
        identifier ends the one before.

        Args:
            user: who gets the identifier, by any identifier or ``usr_`` id.
            identifier: what is to be proven. Without it the code links whichever identifier it comes back from:
                show it where the user is known, and let them type it on the other channel.
            actor: who asks; only they can confirm it.

        Raises:
            UserNotFoundError: there is no such user.
            InvalidIdentifierError: it cannot be linked.
            ConflictError: the user has ten open requests.
        """
        owner = self._identities.get(user)
        wanted = self._identities.linkable(identifier) if identifier is not None else None
        now = self._clock()
        with self._store.proving([wanted] if wanted else [], actor, now) as writer:
            if not writer.lock([owner.id]):
                raise UserNotFoundError("The user was merged or erased at this moment. Try again.")
            writer.end_expired(owner.id)
            if wanted:
                writer.end_request_for(wanted)
            if writer.open_requests(owner.id) >= MOST_OPEN:
                raise ConflictError(f"This user has {MOST_OPEN} open codes. Confirm one, or wait until they end.")
            if wanted:
                writer.claim(wanted, owner.id, self._identities.attractor_users)
            code = self._open(writer, owner.id, wanted, actor, now + LIFETIME)
        return Started(f"{code[:_LOCATOR]}-{code[_LOCATOR:]}", now + LIFETIME, wanted.shown if wanted else None)

    def look_up(self, code: str, *, actor: str = LIBRARY) -> UserId:
        """The user that a code would link to. A wrong code is counted as a try.

        Raises:
            InvalidProofError: as `confirm_verification`.
        """
        return self._right(code, None, actor, self._clock()).user_id

    def confirm_verification(
        self, code: str, identifier: IdentifierInput | None = None, *, merge: bool = False, actor: str = LIBRARY
    ) -> User:
        """Links what a code proves. Case, spaces and dashes of the code do not matter.

        Whoever claimed the identifier without a proof loses it.

        Args:
            code: as it came back.
            identifier: where it came back from; needed if the request did not name it, else the same one.
            merge: if another user has the identifier, merge that user into this one.
            actor: who asked for the code.

        Raises:
            InvalidProofError: the code is wrong, used, expired, or was not made for this. The fifth wrong try ends it.
            InvalidIdentifierError: the request named no identifier, and neither does this.
            IdentifierConflictError: it is proven to be another user's, or ``merge`` would bring along what is not
                proven. The code is not used up.
        """
        now = self._clock()
        given = self._identities.linkable(identifier) if identifier is not None else None
        request = self._right(code, given, actor, now)
        proven = request.identifier or given
        if proven is None:
            raise InvalidIdentifierError("This code links the identifier it comes back from. Pass that identifier.")
        with self._identities.noting_disputes(actor) as disputed, self._store.proving([proven], actor, now) as writer:
            disputed.append((proven, request.user_id))
            lock_sides(writer, [proven], request.user_id)
            if not writer.take(request):
                raise InvalidProofError
            give_proven(writer, self._identities, proven, request.user_id, now, by="code", merge=merge)
        self._identities.forget_if(writer.moved)
        return self._identities.get(request.user_id)

    def _open(
        self, writer: ProofWriter, user_id: UserId, wanted: Identifier | None, actor: str, expires_at: datetime
    ) -> str:
        for _ in range(_DRAWS):
            code = "".join(secrets.choice(_ALPHABET) for _ in range(_LOCATOR + _SECRET))
            request = OpenRequest(code[:_LOCATOR], self._hash(code, user_id, wanted, actor), user_id, wanted, actor)
            if writer.open_request(request, expires_at, TRIES):
                return code
        raise ConflictError("Too many codes are open in this formation. Try again in a minute.")

    def _right(self, code: str, given: Identifier | None, actor: str, now: datetime) -> OpenRequest:
        """The request of a right code; a wrong one is counted, whatever it is wrong about."""
        typed = code.upper().translate(_READ_AS)
        if len(typed) != _LOCATOR + _SECRET or not set(typed) <= set(_ALPHABET):
            raise InvalidProofError

        def right(request: OpenRequest) -> bool:
            wanted = request.identifier
            same = given is None or wanted is None or (given.value, given.type) == (wanted.value, wanted.type)
            made = self._hash(typed, request.user_id, wanted, actor)
            return hmac.compare_digest(made, request.code_hash) and same

        request = self._store.attempt(typed[:_LOCATOR], now, right)
        if request is None:
            raise InvalidProofError
        return request

    def _hash(self, code: str, user_id: UserId, identifier: Identifier | None, requester: str) -> str:
        bound_to = [code, user_id, [identifier.type, identifier.value] if identifier else None, requester]
        return hmac.new(self._key, json.dumps(bound_to).encode(), hashlib.sha256).hexdigest()
