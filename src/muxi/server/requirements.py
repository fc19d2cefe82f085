"""What each route requires, read from the routes themselves."""

from __future__ import annotations

from fastapi import FastAPI
from fastapi.routing import APIRoute, iter_route_contexts

from muxi.server.caller import permission_of


def required(app: FastAPI) -> dict[tuple[str, str], str | None]:
    """By method (in small letters) and path: a permission, `muxi.server.caller.ANY`, or ``None``: no key at all."""
    found: dict[tuple[str, str], str | None] = {}
    for one in iter_route_contexts(app.routes):
        if isinstance(one.original_route, APIRoute):
            permission = permission_of(one.original_route)
            found |= {(method.lower(), str(one.path_format)): permission for method in one.methods or ()}
    return found
