"""Roles: those that every formation has, and a formation's own."""

from __future__ import annotations

import re
from collections.abc import Iterable

from muxi.core.access.key_store import RoleStore
from muxi.core.access.policy import ROLES, expanded, may_grant
from muxi.core.access.remembered import Remembered
from muxi.core.access.types import Role
from muxi.core.clock import Clock
from muxi.core.text import is_storable
from muxi.errors import ConflictError, InvalidInputError, NotFoundError

_NAME = re.compile(r"[a-z][a-z0-9_-]{0,31}")
LONGEST_DESCRIPTION = 255
_OWN = "roles"


class Roles:
    """The roles of one formation.

    Args:
        store: bound to the formation.
        known: what is remembered of access.
        clock: the time, in UTC.
    """

    def __init__(self, store: RoleStore, known: Remembered, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._known = known

    def find(self, name: str) -> Role | None:
        """A role, or ``None``: there is none of this name."""
        return ROLES.get(name) or self._read().get(name)

    def all(self) -> list[Role]:
        """Those of every formation, then the formation's own, by name."""
        return [*ROLES.values(), *self._read().values()]

    def put(
        self,
        name: str,
        permissions: Iterable[str],
        description: str = "",
        *,
        actor: str = "library",
        within: frozenset[str] | None = None,
    ) -> Role:
        """Makes a role, or changes it: keys that have it may do then what it says, in every process within a second.

        Args:
            name: small letters, digits, ``_`` and ``-``; at most 32 characters.
            permissions: such as ``memories:read``, or ``memories:*`` for all of a kind.
            description: for people.
            actor: who does it, for the audit.
            within: what the caller may do: nobody gives more.

        Raises:
            InvalidInputError: the name cannot be one, or a permission means nothing.
            ConflictError: every formation has a role of this name.
            PermissionDeniedError: it goes beyond ``within``.
        """
        if not _NAME.fullmatch(name):
            raise InvalidInputError("A role's name has small letters, digits, _ and -, and begins with a letter.")
        if name in ROLES:
            raise ConflictError(f"The role {name!r} is there in every formation and cannot be changed.")
        if len(description) > LONGEST_DESCRIPTION or not is_storable(description):
            raise InvalidInputError(f"The description has to be text of at most {LONGEST_DESCRIPTION} characters.")
        role = Role(name, description, expanded(permissions))
        if within is not None:
            may_grant(within, role.permissions)
        self._store.put(role, self._clock(), actor)
        self._known.clear()
        return role

    def remove(self, name: str, *, actor: str = "library") -> None:
        """Removes a role that no key has.

        Raises:
            NotFoundError: there is none of this name that could be removed.
            ConflictError: keys have it; revoke them first.
        """
        removed = self._store.remove(name, self._clock(), actor)
        if removed is None:
            raise NotFoundError(f"The formation has no role {name[:64]!r} of its own.")
        if not removed:
            raise ConflictError(f"Keys have the role {name!r}. Revoke them first.")
        self._known.clear()

    def _read(self) -> dict[str, Role]:
        own: dict[str, Role] | None = self._known.get(_OWN)
        if own is None:
            generation = self._known.generation
            own = {role.name: role for role in self._store.all()}
            self._known.put(_OWN, own, generation)
        return own
