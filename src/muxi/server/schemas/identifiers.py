"""Users and identifiers as JSON."""

from __future__ import annotations

from datetime import datetime

from pydantic import Field, StrictBool, StrictInt, StrictStr

from muxi.core.identity.types import IdentifierInput, LinkedIdentifier
from muxi.server.schemas.base import Request, Response


class TypedIdentifier(Request):
    """An identifier and the channel that knows the user by it."""

    identifier: StrictStr | StrictInt
    type: StrictStr | None = None


#: ``"alice@acme.com"``, ``42``, ``["U98765ABC", "slack"]`` or ``{"identifier": "U98765ABC", "type": "slack"}``.
IdentifierIn = StrictStr | StrictInt | tuple[StrictStr | StrictInt, StrictStr | None] | TypedIdentifier


def core_form(given: IdentifierIn) -> IdentifierInput:
    """An identifier as the core takes it."""
    if isinstance(given, TypedIdentifier):
        return (given.identifier, given.type) if given.type else given.identifier
    return given


class ResolveRequest(Request):
    """Whoever this is."""

    identifier: StrictStr | StrictInt
    type: StrictStr | None = None


class ResolvedUser(Response):
    """The user that an identifier means."""

    muxi_user_id: str
    created: bool = Field(description="Whether this very request made the user.")
    created_at: datetime


class IdentifierOut(Response):
    """An identifier that is linked to a user; a secret is masked."""

    identifier: str
    type: str | None
    linked_at: datetime
    linked_by: str
    verified_at: datetime | None

    @classmethod
    def of(cls, linked: LinkedIdentifier) -> IdentifierOut:
        return cls(
            identifier=linked.shown,
            type=linked.type or None,
            linked_at=linked.linked_at,
            linked_by=linked.linked_by,
            verified_at=linked.verified_at,
        )


class UserIdentifiers(Response):
    """A user's identifiers, in the order they were linked."""

    muxi_user_id: str
    identifiers: list[IdentifierOut]


class UserOut(UserIdentifiers):
    """A user."""

    created_at: datetime


class AssociateRequest(Request):
    """Identifiers to link to one user: all of them or none."""

    identifiers: list[IdentifierIn] = Field(max_length=100)
    user_id: IdentifierIn | None = None
    merge: StrictBool = Field(False, description="Make them one user if they belong to several: with the admin key.")
    verified: StrictBool = Field(False, description="You have made sure that they are the user's: with the admin key.")


class Associated(UserIdentifiers):
    """The user that the identifiers are linked to."""

    created: bool


class UnlinkRequest(Request):
    """An identifier to take from its user."""

    identifier: StrictStr | StrictInt
    type: StrictStr | None = None
    user_id: IdentifierIn | None = None
    force: bool = Field(False, description="Even if it is the user's last one.")
