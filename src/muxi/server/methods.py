"""Which methods an address takes, for whoever came with another one."""

from __future__ import annotations

import re
from functools import cached_property

from fastapi import FastAPI
from starlette.routing import compile_path

from muxi.server.requirements import required


class Methods:
    """The methods of every address: the framework names only those of the first route that it fits.

    Args:
        app: with all its routes.
    """

    def __init__(self, app: FastAPI) -> None:
        self._app = app

    @cached_property
    def _all(self) -> list[tuple[re.Pattern[str], str]]:
        # When somebody first asks: a server would start some tenths of a second later.
        found: dict[str, set[str]] = {}
        for method, path in required(self._app):
            found.setdefault(path, set()).add(method.upper())
        # The most exact first: of /v1/users/merge it is not what could be done with a user of that name.
        ordered = sorted(found, key=lambda path: path.count("{"))
        return [(compile_path(path)[0], ", ".join(sorted(found[path]))) for path in ordered]

    def of(self, path: str) -> str | None:
        """As an ``Allow`` header has them; ``None``: it is no address of ours."""
        return next((methods for form, methods in self._all if form.match(path)), None)
