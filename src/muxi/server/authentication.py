"""Whether what a request brings opens a formation, and what may be done with it."""

from __future__ import annotations

from dataclasses import dataclass

from muxi.core.access.policy import ROLES, USER
from muxi.core.formation import Formation
from muxi.core.identity.types import IdentifierInput
from muxi.core.threads import in_thread, step
from muxi.errors import AuthenticationError, InvalidProofError, UserNotFoundError
from muxi.ids import UserId
from muxi.server.credentials import ADMIN_KEY, AUTHORIZATION, CLIENT_KEY, MISSING

#: The actor of every token of a user.
USER_TOKEN = "user token"
#: The keys of the settings are taken from their own headers, and from those that take any key.
_ONLY_IN = {"client key": ADMIN_KEY, "admin key": CLIENT_KEY}


@dataclass(frozen=True, slots=True)
class Entered:
    """Somebody who came with a right key or token.

    Attributes:
        actor: who, for the audit.
        permissions: what may be done.
        bound: the only user it may be done for, canonical; ``None``: any.
    """

    actor: str
    permissions: frozenset[str]
    bound: UserId | None


async def enter(formation: Formation, header: str, credential: str) -> Entered:
    """Whom a key or token is of.

    Raises:
        AuthenticationError: it opens nothing here.
        UserDisabledError: the user whose it is is shut out.
    """
    if header == AUTHORIZATION and credential.count(".") == 2:
        return await _with_token(formation, credential)
    keys = formation.access.keys
    key = keys.at_hand(credential)
    if key is None:
        key = await step(formation.embedded, keys.validate, credential)
    if _ONLY_IN.get(key.id) == header:
        raise AuthenticationError(MISSING)
    bound = None if key.user_id is None else await step(formation.embedded, _canonical, formation, key.user_id)
    return Entered(key.id, key.permissions, bound)


async def _with_token(formation: Formation, token: str) -> Entered:
    try:
        bound = await step(formation.embedded, _own, formation, token)
    except AuthenticationError:
        bound = await in_thread(_outside, formation, token)
    return Entered(USER_TOKEN, ROLES[USER].permissions, bound)


def _own(formation: Formation, token: str) -> UserId:
    return _canonical(formation, formation.access.tokens.validate(token)["sub"])


def _outside(formation: Formation, token: str) -> UserId:
    """Of a provider's token: its subject is an identifier like any other, new or known."""
    try:
        subject = formation.access.outside.subject(token)
    except InvalidProofError as error:
        raise AuthenticationError(MISSING) from error
    return formation.identities.resolve(subject).id


def _canonical(formation: Formation, user: IdentifierInput) -> UserId:
    try:
        return formation.identities.get(user).id
    except UserNotFoundError as error:  # erased since
        raise AuthenticationError(MISSING) from error
