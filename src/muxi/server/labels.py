"""What requests are called in numbers and in spans: names that are bounded, and nobody's."""

from __future__ import annotations

from starlette.types import Scope

#: What a request counts as that no route takes: an address is no name, whoever makes it up.
NO_ROUTE = "none"
_METHODS = frozenset({"GET", "POST", "PUT", "PATCH", "DELETE"})


def method_of(scope: Scope, other: str) -> str:
    """Its method, or ``other`` if it is none of ours."""
    method: str = scope["method"]
    return method if method in _METHODS else other


def route_of(scope: Scope) -> str:
    """The template of its route, once one has taken it."""
    path: str = getattr(scope.get("route"), "path", NO_ROUTE)
    return path
