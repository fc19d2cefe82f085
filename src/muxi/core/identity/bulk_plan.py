"""What a chunk of groups adds, decided in memory from what is linked, by the rules of `Identities.associate`."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping

from muxi.core.identity.bulk_store import Additions, BulkWriter, Prepared
from muxi.core.identity.kinds import Kinds
from muxi.core.identity.types import Identifier
from muxi.errors import (
    AmbiguousIdentifierError,
    IdentifierConflictError,
    IdentifierLimitError,
    StorageConflictError,
    UserDisabledError,
    UserNotFoundError,
)
from muxi.ids import UserId, new_user_id

_NOBODY: Mapping[str, UserId] = {}
#: The type of an application's own name of a user.
INTERNAL = "internal"


class Plan:
    """Decides group after group; each sees what those before it will have added.

    Args:
        writer: the transaction that will add it.
        groups: the chunk.
        values: under which one of them may be linked.
        kinds: says how many identifiers of a type a user may have.

    Raises:
        StorageConflictError: a user was merged or erased at this moment: plan again.

    Attributes:
        additions: what was decided so far.
        unchanged: identifiers that were linked to their user before.
    """

    def __init__(self, writer: BulkWriter, groups: Collection[Prepared], values: Collection[str], kinds: Kinds) -> None:
        self.additions = Additions()
        self.unchanged = 0
        self._kinds = kinds
        #: Whom a value means, by type.
        self._owners: dict[str, dict[str, UserId]] = {}
        self._disabled: set[UserId] = set()
        for value, type, user_id, disabled in writer.known(values):
            self._owners.setdefault(value, {})[type] = user_id
            if disabled:
                self._disabled.add(user_id)
        self._users = self._named(writer, groups)
        self._counts = self._counted(writer, groups)
        self._made: set[UserId] = set()

    def add(self, group: Prepared) -> None:
        """Decides about a group: all of it is added, or nothing and an error.

        Raises:
            IdentifierConflictError, AmbiguousIdentifierError, UserNotFoundError, UserDisabledError,
            IdentifierLimitError: as `muxi.core.identity.service.Identities.associate`.
        """
        owners = [self._owner(identifier) for identifier in group.identifiers]
        target = self._target(group.user)
        sides: set[UserId] = {one for one in (*owners, target) if one}
        if self._disabled and not sides.isdisjoint(self._disabled):
            raise UserDisabledError("This user is disabled. An administrator can enable it again.")
        if len(sides) > 1:
            raise _conflict(group.identifiers, owners, target, "another user" if target else "several users")
        user_id = next(iter(sides), None)
        if group.named and user_id and owners[0] is None and self._counts.get((user_id, INTERNAL)):
            raise _conflict(group.identifiers, owners, target, "a user of another name")
        # By value and type: one identifier may be written in two ways.
        new = {
            (one.value, one.type): one for one in group.identifiers if one.type not in self._owners.get(one.value, ())
        }.values()
        self._check_limits(user_id, new)
        self.unchanged += len(owners) - len(new)
        self._link(new, user_id or self._make())

    def _link(self, new: Collection[Identifier], user_id: UserId) -> None:
        for identifier in new:
            value, type, _, _ = identifier
            types = self._owners.get(value)
            if types is None:
                self._owners[value] = {type: user_id}
            else:
                types[type] = user_id
                self.additions.moved = True
            key = (user_id, type)
            self._counts[key] = self._counts.get(key, 0) + 1
            self.additions.links.append((identifier, user_id))
        # All of it may have been there.
        if new and user_id not in self._made:
            self.additions.touched.add(user_id)

    def _make(self) -> UserId:
        user_id = new_user_id()
        self.additions.users.append(user_id)
        self._made.add(user_id)
        return user_id

    def _owner(self, identifier: Identifier) -> UserId | None:
        """As a look-up: of that type, else untyped; without a type, of any, and of a secret by its hash."""
        value, type, shown, hashed = identifier
        found = self._owners.get(value, _NOBODY)
        if type:
            return found.get(type) or found.get("") if found else None
        # Of an identifier without a type the hash differs: it may be a secret that was linked with its type.
        under = {**found, **self._owners.get(hashed, _NOBODY)}
        if len(set(under.values())) > 1:
            types = sorted(under)
            raise AmbiguousIdentifierError(
                f"{shown!r} is a different user under each of the types {types}. Name one of them.",
                types=types,
                identifiers=[shown],
            )
        return next(iter(under.values()), None)

    def _target(self, user: UserId | Identifier | None) -> UserId | None:
        if user is None:
            return None
        target = self._owner(user) if isinstance(user, Identifier) else self._users.get(user)
        if target is None:
            raise UserNotFoundError("There is no such user. Nothing was linked.")
        return target

    def _check_limits(self, user_id: UserId | None, new: Collection[Identifier]) -> None:
        if user_id is None and len(new) <= self._kinds.least_limit:
            return
        for type in {one.type for one in new}:
            limit = self._kinds.limit(type)
            before = self._counts.get((user_id, type), 0) if user_id else 0
            # Counted only where all of them together might be too many.
            if limit is None or before + len(new) <= limit:
                continue
            if before + sum(one.type == type for one in new) > limit:
                raise IdentifierLimitError(
                    f"A user may have {limit} identifiers of type {type!r}. Unlink one, or raise identity.limits.",
                    type=type,
                    limit=limit,
                )

    def _named(self, writer: BulkWriter, groups: Iterable[Prepared]) -> dict[UserId, UserId]:
        named = {group.user for group in groups if isinstance(group.user, str)}
        found = writer.canonical(named) if named else {}
        self._disabled.update(user_id for user_id, disabled in found.values() if disabled)
        return {user_id: canonical for user_id, (canonical, _) in found.items()}

    def _counted(self, writer: BulkWriter, groups: Iterable[Prepared]) -> dict[tuple[UserId, str], int]:
        """What the users that may get something have already, and nobody else adds to until the end. Few are there
        before the import, as a rule."""
        if not self._owners and not self._users:
            return {}
        grow: set[UserId] = set()
        for group in groups:
            if any(one.type not in self._owners.get(one.value, ()) for one in group.identifiers):
                grow.update(self._owners_of(group))
        if not grow:
            return {}
        if not writer.lock(grow):
            raise StorageConflictError("A user was merged or erased at this moment. Try again.")
        return dict(writer.counts(grow))

    def _owners_of(self, group: Prepared) -> Iterator[UserId]:
        for one in group.all():
            for value in (one.value, one.hashed):
                yield from self._owners.get(value, _NOBODY).values()
        if isinstance(group.user, str) and group.user in self._users:
            yield self._users[group.user]


def _conflict(
    identifiers: Iterable[Identifier], owners: Iterable[UserId | None], target: UserId | None, whose: str
) -> IdentifierConflictError:
    both = zip(identifiers, owners, strict=True)
    clashing = {one.shown: owner for one, owner in both if owner and owner != target}
    return IdentifierConflictError(
        f"{', '.join(map(repr, clashing))} {'belongs' if len(clashing) == 1 else 'belong'} to {whose}. "
        "Nothing of this group was linked.",
        identifiers=list(clashing),
        owners=sorted(set(clashing.values())),
    )
