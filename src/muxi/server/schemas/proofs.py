"""Proofs as JSON."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated

from pydantic import Field, StrictBool, StrictInt, StrictStr

from muxi.core.identity.types import AnonymousUser, IdentifierInput, LinkToken, Started
from muxi.errors import InvalidInputError
from muxi.server.schemas.base import Request, Response
from muxi.server.schemas.identifiers import IdentifierIn

#: A year: what is given out for longer is not short-lived any more.
LONGEST_S = 365 * 24 * 3600
_Merge = Annotated[StrictBool, Field(description="Make them one user if somebody else has proven the identifier, too.")]
_Seconds = Annotated[StrictInt | None, Field(ge=1, le=LONGEST_S, description="How long it lives, in seconds.")]


class StartRequest(Request):
    """What is to be proven; without an identifier, whichever the code comes back from."""

    identifier: StrictStr | StrictInt | None = None
    type: StrictStr | None = None
    user_id: IdentifierIn | None = None

    def raw(self) -> IdentifierInput | None:
        """The identifier as the core takes it."""
        return _raw(self.identifier, self.type)


class StartedOut(Response):
    """A one-time code, to be delivered where only the owner of the identifier reads it."""

    code: str
    expires_at: datetime
    identifier: str | None = Field(description="As it is shown; null if the code fits any.")

    @classmethod
    def of(cls, started: Started) -> StartedOut:
        return cls(code=started.code, expires_at=started.expires_at, identifier=started.identifier)


class ConfirmRequest(Request):
    """A code that came back, and from where."""

    code: StrictStr
    identifier: StrictStr | StrictInt | None = None
    type: StrictStr | None = None
    merge: _Merge = False

    def raw(self) -> IdentifierInput | None:
        """The identifier as the core takes it."""
        return _raw(self.identifier, self.type)


class LinkTokenRequest(Request):
    """The identifier that a token is of."""

    identifier: StrictStr | StrictInt
    type: StrictStr | None = None
    expires_in: _Seconds = None


class LinkTokenOut(Response):
    """A signed token of one identifier."""

    token: str
    expires_at: datetime

    @classmethod
    def of(cls, token: LinkToken) -> LinkTokenOut:
        return cls(token=token.token, expires_at=token.expires_at)


class RedeemRequest(Request):
    """A token that came back."""

    token: StrictStr
    user_id: IdentifierIn | None = None
    merge: _Merge = False


class IdTokenRequest(Request):
    """An OpenID Connect ID token."""

    id_token: StrictStr
    user_id: IdentifierIn | None = None
    merge: _Merge = False


class AnonymousRequest(Request):
    """A visitor."""

    expires_in: _Seconds = None


class AnonymousOut(Response):
    """A visitor who is nobody yet."""

    muxi_user_id: str
    token: str
    expires_at: datetime

    @classmethod
    def of(cls, user: AnonymousUser) -> AnonymousOut:
        return cls(muxi_user_id=user.user_id, token=user.token, expires_at=user.expires_at)


class SignInRequest(Request):
    """Who a visitor turned out to be."""

    token: StrictStr
    identifier: StrictStr | StrictInt
    type: StrictStr | None = None
    verified: StrictBool = Field(False, description="It is known to be theirs, and counts as proven.")


def span(seconds: float | None) -> timedelta | None:
    """Seconds as the core takes them."""
    return None if seconds is None else timedelta(seconds=seconds)


def _raw(identifier: str | int | None, type: str | None) -> IdentifierInput | None:
    if identifier is None:
        if type is not None:
            raise InvalidInputError("A type came without its identifier.")
        return None
    return (identifier, type) if type else identifier
