"""Who calls, and for whom."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends
from starlette.requests import Request

from muxi.core.formation import Formation
from muxi.core.identity.types import IdentifierInput
from muxi.errors import (
    AuthenticationError,
    FormationNotFoundError,
    InvalidIdentifierError,
    InvalidInputError,
    PermissionDeniedError,
)
from muxi.server.keys import Keys
from muxi.server.schemas.identifiers import IdentifierIn, core_form

CLIENT_KEY = "X-Muxi-Client-Key"
ADMIN_KEY = "X-Muxi-Admin-Key"
USER = "X-Muxi-User-Id"
USER_TYPE = "X-Muxi-User-Id-Type"
REQUEST_KEY = "Idempotency-Key"
LONGEST_REQUEST_KEY = 255


@dataclass(frozen=True, slots=True)
class Served:
    """What one server serves.

    Attributes:
        formations: by id.
        keys: of each of them.
        own: the id of the one at ``/v1``.
    """

    formations: Mapping[str, Formation]
    keys: Mapping[str, Keys]
    own: str

    def enter(self, formation_id: str, client_key: str | None, admin_key: str | None) -> tuple[Formation, bool]:
        """The formation that the caller's key opens, and whether as an admin.

        Raises:
            AuthenticationError: no key, or not one of this formation.
            FormationNotFoundError: the key is right somewhere, but there is no such formation here.
        """
        roles = {id: keys.role(client_key, admin_key) for id, keys in self.keys.items()}
        if not any(roles.values()):
            raise AuthenticationError("The key is missing or wrong. Send X-Muxi-Client-Key or X-Muxi-Admin-Key.")
        if formation_id not in self.formations:
            raise FormationNotFoundError(f"This server has no formation {formation_id[:64]!r}.")
        if roles[formation_id] is None:
            raise AuthenticationError(f"This key is not one of the formation {formation_id!r}.")
        return self.formations[formation_id], roles[formation_id] == "admin"


@dataclass(frozen=True, slots=True)
class Caller:
    """An application with a right key, acting for a user.

    Attributes:
        formation: the one that its key opens.
        admin: whether it called with the admin key.
        header_user: the user it acts for, as the headers name them.
        request_key: names the request, if it may be repeated.
    """

    formation: Formation
    admin: bool
    header_user: IdentifierInput | None
    request_key: str | None

    @property
    def actor(self) -> str:
        """Who does it, for the audit."""
        return "admin key" if self.admin else "client key"

    def require_admin(self) -> None:
        """For what joins or watches people.

        Raises:
            PermissionDeniedError: it did not call with the admin key.
        """
        if not self.admin:
            raise PermissionDeniedError("This needs the admin key. Send X-Muxi-Admin-Key.")

    def user(self, body_user: IdentifierIn | None = None) -> IdentifierInput:
        """The user the caller acts for, named by the headers or by the body.

        Raises:
            InvalidIdentifierError: by neither.
            InvalidInputError: by both, and differently.
        """
        named = self.user_if_named(body_user)
        if named is None:
            raise InvalidIdentifierError("No user was named. Send X-Muxi-User-Id, or user_id in the body.")
        return named

    def user_if_named(self, body_user: IdentifierIn | None) -> IdentifierInput | None:
        """As `user`, but ``None`` if neither names anybody."""
        named = None if body_user is None else core_form(body_user)
        if named is None or self.header_user is None:
            return self.header_user if named is None else named
        written = self.formation.identities.normal_form
        one, other = written(named), written(self.header_user)
        if (one.type, one.value) != (other.type, other.value):
            raise InvalidInputError("X-Muxi-User-Id and user_id in the body name different users. Send one of them.")
        return named


async def caller(request: Request) -> Caller:
    """Who calls: the dependency of every route that needs a key.

    It reads the headers itself, which takes a quarter of the time of having the framework declare and check each;
    `muxi.server.description` tells the OpenAPI document about them.
    """
    served: Served = request.app.state.served
    sent = request.headers
    formation, admin = served.enter(
        request.path_params.get("formation_id", served.own), sent.get(CLIENT_KEY), sent.get(ADMIN_KEY)
    )
    request.state.admin = admin
    return Caller(
        formation, admin, _header_user(sent.get(USER), sent.get(USER_TYPE)), _request_key(sent.get(REQUEST_KEY))
    )


def admin(caller: Annotated[Caller, Depends(caller)]) -> Caller:
    """Who calls, and is an admin: the dependency of every route that needs the admin key."""
    caller.require_admin()
    return caller


Calling = Annotated[Caller, Depends(caller)]
AdminCalling = Annotated[Caller, Depends(admin)]


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
