"""Who calls, for whom, and what they may do."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from functools import cache, partial
from typing import Any

import structlog
from fastapi import Depends
from starlette.requests import Request

from muxi.core.access import policy
from muxi.core.formation import Formation
from muxi.core.identity.types import IdentifierInput
from muxi.core.threads import in_thread
from muxi.errors import (
    AuthenticationError,
    ConflictError,
    FormationNotFoundError,
    InvalidIdentifierError,
    InvalidInputError,
    MuxiError,
    NotFoundError,
    PermissionDeniedError,
    UserNotFoundError,
)
from muxi.ids import UserId
from muxi.server import credentials, repeats
from muxi.server.authentication import Entered, enter
from muxi.server.credentials import MISSING, Sent
from muxi.server.rates import Rates
from muxi.server.schemas.identifiers import IdentifierIn, core_form
from muxi.server.throttling import throttle

LONGEST_REQUEST_KEY = 255
#: Instead of a permission, for a route that any right key or token opens.
ANY = ""

log = structlog.get_logger("muxi.server")


@dataclass(frozen=True, slots=True)
class Served:
    """What one server serves.

    Attributes:
        formations: by id.
        own: the id of the one at ``/v1``.
        rates: how often callers of each may ask, by its id; those without limits are not in it.
    """

    formations: Mapping[str, Formation]
    own: str
    rates: Mapping[str, Rates] = field(default_factory=dict)

    def formation(self, request: Request) -> Formation:
        """The formation that the address names.

        Raises:
            FormationNotFoundError: there is no such formation here.
        """
        formation_id: str = request.path_params.get("formation_id", self.own)
        found = self.formations.get(formation_id)
        if found is None:
            raise FormationNotFoundError(f"This server has no formation {formation_id[:64]!r}.")
        return found

    async def enter(self, request: Request, sent: Sent) -> tuple[Formation, Entered]:
        """The formation, and who has come in.

        Raises:
            AuthenticationError: no key or token, or not one of this formation.
            FormationNotFoundError: there is no such formation here; told only to whom another one is open.
        """
        try:
            formation = self.formation(request)
        except FormationNotFoundError:
            for other in self.formations.values():
                if await _entered(other, sent):
                    raise
            raise AuthenticationError(MISSING) from None
        found = await _entered(formation, sent)
        if found is None:
            formation.access.denials.unknown()
            raise AuthenticationError(MISSING)
        return formation, found


@dataclass(frozen=True, slots=True)
class Caller:
    """Somebody with a right key or token, acting for a user.

    Attributes:
        formation: the one that is open to them.
        actor: who it is, for the audit.
        permissions: what they may do.
        bound: the only user they may act for; ``None``: any.
        header_user: the user they act for, as the headers name them.
        request_key: names the request, if it may be repeated.
    """

    formation: Formation
    actor: str
    permissions: frozenset[str]
    bound: UserId | None
    header_user: IdentifierInput | None
    request_key: str | None

    def may(self, permission: str) -> bool:
        """Whether they may do something, where a route does more for some than for others."""
        return permission in self.permissions

    def require(self, permission: str) -> None:
        """As `muxi.core.access.policy.require`."""
        policy.require(self.permissions, permission)

    def user(self, body_user: IdentifierIn | None = None) -> IdentifierInput:
        """The user the caller acts for: named by the headers or by the body, or the one that the key is of.

        Raises:
            InvalidIdentifierError: by neither.
            InvalidInputError: by both, and differently.
            UserNotFoundError: the key is another user's, or there is no such user: the same answer.
        """
        named = self.user_if_named(body_user)
        if named is None:
            raise InvalidIdentifierError("No user was named. Send X-Muxi-User-Id, or user_id in the body.")
        return named

    def user_if_named(self, body_user: IdentifierIn | None) -> IdentifierInput | None:
        """As `user`, but ``None`` if nobody is named, and the key is nobody's own."""
        named = None if body_user is None else core_form(body_user)
        if named is None or self.header_user is None:
            named = self.header_user if named is None else named
        else:
            self._check_same(named, self.header_user)
        if self.bound is None:
            return named
        return self.bound if named is None else self.own(named)

    def own(self, named: IdentifierInput) -> IdentifierInput:
        """A user whom the address or a body names, if the caller may act for them.

        Raises:
            UserNotFoundError: they may not, or there is no such user: the same answer.
        """
        if self.bound is not None and self._found(named) != self.bound:
            raise UserNotFoundError
        return named

    async def refused(self, permission: str) -> None:
        """Records that they asked for what they may not do. That it cannot be written changes no answer."""
        try:
            await in_thread(self.formation.access.denials.denied, self.actor, permission, self.bound)
        except MuxiError as error:
            log.warning("a refusal could not be recorded", code=error.code)

    def _found(self, named: IdentifierInput) -> UserId | None:
        try:
            found = self.formation.identities.find(named)
        except (NotFoundError, ConflictError, PermissionDeniedError):
            return None
        return found.id if found else None

    def _check_same(self, named: IdentifierInput, in_header: IdentifierInput) -> None:
        written = self.formation.identities.normal_form
        one, other = written(named), written(in_header)
        if (one.type, one.value) != (other.type, other.value):
            raise InvalidInputError("X-Muxi-User-Id and user_id in the body name different users. Send one of them.")


def requires(permission: str) -> Any:
    """The dependency of a route: who calls, if they may do this. Every route of a formation has exactly one.

    ::

        async def list_memories(caller: Annotated[Caller, requires("memories:read")]) -> ...

    Args:
        permission: one of `muxi.core.access.policy.PERMISSIONS`, or `ANY`.
    """
    return Depends(_entrance(permission))


def permission_of(route: Any) -> str | None:
    """What a route requires; ``None``: it asks for no key."""
    for dependency in route.dependant.dependencies:
        if dependency.call in _REQUIRED:
            return _REQUIRED[dependency.call]
    return None


_REQUIRED: dict[Callable[..., Any], str] = {}


@cache
def _entrance(permission: str) -> Callable[[Request], Awaitable[Caller]]:
    async def entrance(request: Request) -> Caller:
        caller, found, sent = await _caller(request)
        if permission:
            caller.require(permission)
        request.state.check = partial(_check, caller.formation, sent, permission)
        if caller.request_key is not None:
            await repeats.begin(request, caller.formation, found, sent, caller.request_key, caller.header_user)
        return caller

    _REQUIRED[entrance] = permission
    return entrance


async def _caller(request: Request) -> tuple[Caller, Entered, Sent]:
    """Who calls. It reads the headers itself, which takes a quarter of the time of having the framework declare and
    check each; `muxi.server.description` tells the OpenAPI document about them."""
    served: Served = request.app.state.served
    sent = credentials.read(request)
    formation, found = await served.enter(request, sent)
    user, request_key = _header_user(sent.user, sent.user_type), _request_key(sent.request_key)
    caller = Caller(formation, found.actor, found.permissions, found.bound, user, request_key)
    rates = served.rates.get(formation.id)
    if rates is not None:
        await throttle(request, rates, formation, found, user)
    request.state.admin = caller.may("identities:merge")
    request.state.refused = caller.refused
    return caller, found, sent


async def _check(formation: Formation, sent: Sent, permission: str) -> None:
    """Whether who was let in would be let in now: an answer that takes long outlives no key.

    Raises:
        AuthenticationError, PermissionDeniedError: they would not.
    """
    found = await _entered(formation, sent)
    if found is None:
        raise AuthenticationError(MISSING)
    if permission:
        policy.require(found.permissions, permission)


async def _entered(formation: Formation, sent: Sent) -> Entered | None:
    for header, credential in sent.credentials:
        try:
            return await enter(formation, header, credential)
        except AuthenticationError:
            continue
    return None


def _header_user(value: str | None, type: str | None) -> IdentifierInput | None:
    if value is None:
        if type is not None:
            raise InvalidIdentifierError("X-Muxi-User-Id-Type came without X-Muxi-User-Id.")
        return None
    try:
        written = value.encode("latin-1").decode("utf-8")
    except UnicodeError as error:
        raise InvalidIdentifierError("X-Muxi-User-Id is not UTF-8.") from error
    return (written, type) if type else written


def _request_key(key: str | None) -> str | None:
    if key is None or (0 < len(key) <= LONGEST_REQUEST_KEY and key.isascii() and key.isprintable()):
        return key
    raise InvalidInputError(f"Idempotency-Key must be 1 to {LONGEST_REQUEST_KEY} printable ASCII characters.")
