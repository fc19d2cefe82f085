"""What the document says: which permissions each role has, and which one each route requires. No code is asked."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

DOCUMENT = Path(__file__).parents[2] / "docs" / "access.md"
#: The routes that need no key.
OPEN = frozenset({("get", "/v1/.well-known/jwks.json"), ("get", "/health"), ("get", "/ready")})
#: Any right key or token.
ANY = frozenset({("get", "/v1/access")})

_ROLES = re.compile(r"^\| permission \| means \| (.+) \|$", re.MULTILINE)
_PERMISSION = re.compile(r"^\| `(\w+:\w+)` \| [^|]+ \|(.+)\|$", re.MULTILINE)
_ROUTE = re.compile(r"^\| `([A-Z]+) (/v1/\S+)` \| `(\w+:\w+)` \|$", re.MULTILINE)

Route = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Rules:
    """The tables of docs/access.md.

    Attributes:
        roles: the permissions of each role that every formation has.
        routes: the permission that a route requires, by method (in small letters) and path.
    """

    roles: Mapping[str, frozenset[str]]
    routes: Mapping[Route, str]

    @property
    def of_one_user(self) -> frozenset[str]:
        """All that somebody ever has who acts for one user."""
        return self.roles["user"]


def read_rules() -> Rules:
    """The rules, as they are written."""
    text = DOCUMENT.read_text(encoding="utf-8")
    named = _ROLES.search(text)
    names = [one.strip() for one in named[1].split("|")] if named else []
    roles: dict[str, set[str]] = {name: set() for name in names}
    for permission, cells in _PERMISSION.findall(text):
        for name, cell in zip(names, cells.split("|"), strict=True):
            if cell.strip() == "yes":
                roles[name].add(permission)
    routes = {(method.lower(), path): permission for method, path, permission in _ROUTE.findall(text)}
    return Rules({name: frozenset(found) for name, found in roles.items()}, routes)
