"""For whom a request is, before its route has looked."""

from __future__ import annotations

from hashlib import sha256
from typing import Any

from pydantic import TypeAdapter
from starlette.requests import Request

from muxi.core.formation import Formation
from muxi.core.identity.types import IdentifierInput
from muxi.errors import MuxiError
from muxi.server.limits import READ_THEMSELVES
from muxi.server.schemas.identifiers import IdentifierIn, core_form

_NAMED: TypeAdapter[Any] = TypeAdapter(IdentifierIn)


async def in_body(request: Request) -> IdentifierInput | None:
    """The user that the body names; ``None`` if it names none, or cannot be read: the route says so."""
    if request.method in ("GET", "HEAD", "DELETE") or request.url.path.endswith(READ_THEMSELVES):
        return None
    try:
        body = await request.json()
        named = body.get("user_id") if isinstance(body, dict) else None
        return None if named is None else core_form(_NAMED.validate_python(named))
    except (ValueError, RecursionError):
        return None


def name_of(formation: Formation, named: IdentifierInput) -> str:
    """An identifier in its normal form, hashed: what is counted or kept by it is not kept with it in clear."""
    try:
        identifier = formation.identities.normal_form(named)
    except MuxiError:  # the route says what is wrong
        return sha256(repr(named).encode(errors="surrogatepass")).hexdigest()
    return sha256(f"{identifier.type}:{identifier.value}".encode()).hexdigest()
