"""Counting a request before it is answered."""

from __future__ import annotations

from starlette.requests import Request

from muxi.core.formation import Formation
from muxi.core.identity.types import IdentifierInput
from muxi.core.threads import step
from muxi.errors import MuxiError
from muxi.server.authentication import Entered
from muxi.server.named import in_body, name_of
from muxi.server.rates import Rates


async def throttle(
    request: Request, rates: Rates, formation: Formation, found: Entered, header_user: IdentifierInput | None
) -> None:
    """Counts a request; what is left goes into the headers of its answer.

    Args:
        request: which.
        rates: the limits of the formation.
        formation: which is asked.
        found: who calls.
        header_user: for whom, as the headers say.

    Raises:
        RateLimitedError: it is one too many.
    """
    user: str | None = found.bound
    if user is None and rates.of_users:
        named = header_user if header_user is not None else await in_body(request)
        user = None if named is None else await step(formation.embedded, _user, formation, named)
    # Every token has one actor: each user's are counted by themselves.
    headers, refusal = await rates.count(f"{found.actor}:{found.bound or ''}", user)
    request.state.headers = headers
    if refusal is not None:
        raise refusal


def _user(formation: Formation, named: IdentifierInput) -> str:
    """The user, whatever identifier names them; one who is not there yet by that identifier."""
    try:
        found = formation.identities.find(named)
    except MuxiError:  # the route says what is wrong
        found = None
    return found.id if found else name_of(formation, named)
