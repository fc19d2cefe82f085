"""Identity: whoever writes, from wherever, is one user."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta

from muxi.core.clock import Clock
from muxi.core.identity.cache import DEFAULT_TTL_S, UserCache
from muxi.core.identity.normal_form import normal_form
from muxi.core.identity.store import IdentityStore, IdentityWriter
from muxi.core.identity.types import API_KEY, Identifier, IdentifierInput, LinkedIdentifier, Owner, User
from muxi.errors import (
    AmbiguousIdentifierError,
    IdentifierConflictError,
    InvalidIdentifierError,
    LastIdentifierError,
    UserNotFoundError,
)
from muxi.ids import UserId, is_id, new_merge_id, new_user_id

#: Who does it, in the audit, unless the caller says otherwise.
LIBRARY = "library"


class Identities:
    """The users of one formation and the identifiers they are known by.

    Args:
        store: bound to the formation.
        hash_key: the formation's key, under which secrets are hashed.
        clock: the time, in UTC.
        cache_ttl_s: how long a resolved identifier is remembered, in seconds.
    """

    def __init__(
        self, store: IdentityStore, hash_key: bytes, clock: Clock, *, cache_ttl_s: float = DEFAULT_TTL_S
    ) -> None:
        self._store = store
        self._hash_key = hash_key
        self._clock = clock
        self._cache = UserCache(store.version, ttl_s=cache_ttl_s)

    def resolve(self, raw: IdentifierInput) -> User:
        """The user this identifier means; one that nobody has is a new user's.

        Safe from any number of threads and processes: one new identifier makes one user.

        Args:
            raw: an identifier in any of its forms, or a ``usr_`` id.

        Raises:
            InvalidIdentifierError: it cannot be an identifier.
            AmbiguousIdentifierError: without a type it means several users; name one of the types.
            UserNotFoundError: a ``usr_`` id that nobody has. Asking never makes one.
        """
        if type(raw) is not str and not _is_text_pair(raw):
            return self._look_up(raw)
        known = self._cache.get(raw)
        if known is None:
            generation = self._cache.generation
            known = self._look_up(raw)
            self._cache.put(raw, replace(known, new=False) if known.new else known, generation)
        return known

    def find(self, raw: IdentifierInput) -> User | None:
        """The user this identifier means, or ``None``: looking makes nobody.

        Raises:
            InvalidIdentifierError, AmbiguousIdentifierError: as `resolve`.
        """
        try:
            return self._find(raw)
        except UserNotFoundError:
            return None

    def get(self, raw: IdentifierInput) -> User:
        """The user this identifier means.

        Raises:
            InvalidIdentifierError, AmbiguousIdentifierError: as `resolve`.
            UserNotFoundError: nobody has it.
        """
        user = self._find(raw)
        if user is None:
            raise UserNotFoundError("Nobody has this identifier. It makes a user when it first writes.")
        return user

    def identifiers(self, raw: IdentifierInput) -> list[LinkedIdentifier]:
        """Every identifier of a user, in the order they were linked.

        Raises:
            InvalidIdentifierError, AmbiguousIdentifierError, UserNotFoundError: as `get`.
        """
        return self._store.identifiers(self.get(raw).id)

    def associate(
        self,
        raws: Sequence[IdentifierInput],
        user: IdentifierInput | None = None,
        *,
        merge: bool = False,
        actor: str = LIBRARY,
    ) -> User:
        """Links identifiers to one user: all of them, or none and an error.

        Without ``user``: nobody has any of them, and a new user gets them; or one user has some, and gets the
        rest. The same call twice has the same result.

        Args:
            raws: at least one identifier, in any form but a ``usr_`` id.
            user: the user to link to, by any identifier or ``usr_`` id.
            merge: make them one user, in the same transaction, if they belong to several: the one named, else the
                oldest, survives.
            actor: who does it, for the audit.

        Raises:
            InvalidIdentifierError: one of them cannot be an identifier, or the list is empty.
            IdentifierConflictError: some belong to another user, or to several; ``details["identifiers"]`` names them.
            AmbiguousIdentifierError: one without a type means several users.
            UserNotFoundError: there is no such ``user``.
        """
        identifiers = [self._linkable(raw) for raw in raws]
        if not identifiers:
            raise InvalidIdentifierError("No identifiers were given. Pass at least one to link.")
        target = self.get(user) if user is not None else None
        now = self._clock()
        with self._store.writing(identifiers, actor, now) as writer:
            owners = {identifier: _owner(writer.owners(identifier), identifier) for identifier in identifiers}
            sides = _sides(owners, target)
            if len(sides) > 1 and not merge:
                raise _conflict(owners, target)
            if sides and not writer.lock(side.id for side in sides):
                raise UserNotFoundError("A user was merged or erased at this moment. Try again.")
            user_id = sides[0].id if sides else new_user_id()
            if not sides:
                writer.add_user(user_id)
            if len(sides) > 1:
                writer.merge(new_merge_id(), user_id, [side.id for side in sides[1:]])
            for place, identifier in enumerate(identifiers):
                # A microsecond apart: they are listed in the order in which they were given.
                writer.link(identifier, user_id, now + timedelta(microseconds=place), by="associate")
        self._forget_if(writer.moved)
        return replace(self.get(user_id), new=not sides)

    def unlink(
        self,
        raw: IdentifierInput,
        user: IdentifierInput | None = None,
        *,
        force: bool = False,
        actor: str = LIBRARY,
    ) -> User:
        """Takes an identifier from its user. Seen again, it is a new user's.

        Args:
            raw: the identifier; with the type it is linked under, or without if that is clear.
            user: whose it has to be; the owner if not told.
            force: allow a user without identifiers to be left, reachable by ``usr_`` id only.
            actor: who does it, for the audit.

        Returns:
            The user it was taken from.

        Raises:
            UserNotFoundError: nobody has it, or not this user.
            LastIdentifierError: it is the user's last one and ``force`` is not set.
            InvalidIdentifierError, AmbiguousIdentifierError: as `resolve`.
        """
        identifier = self._linkable(raw)
        named = self.get(user).id if user is not None else None
        with self._store.writing([identifier], actor, self._clock()) as writer:
            found = writer.owners(identifier)
            owner = _owner_id(found, identifier)
            if owner is None or named not in (None, owner):
                raise UserNotFoundError(f"{identifier.shown!r} is not linked to this user. Nothing was changed.")
            writer.lock([owner])
            if len(writer.identifiers(owner)) == 1 and not force:
                raise LastIdentifierError(
                    f"{identifier.shown!r} is the user's last identifier: without it nobody reaches the user. "
                    "Link another one first, or say force."
                )
            self._unlink_found(writer, identifier, owner, found)
        self._forget_if(writer.moved)
        return self.get(owner)

    def normal_form(self, raw: IdentifierInput) -> Identifier:
        """The identifier in its normal form.

        Raises:
            InvalidIdentifierError: it cannot be an identifier.
        """
        return normal_form(raw, self._hash_key)

    @property
    def cached(self) -> int:
        """How many identifiers are remembered right now."""
        return len(self._cache)

    def forget_cached(self) -> None:
        """Forgets what identifiers meant: users were merged or split."""
        self._cache.clear()

    def _look_up(self, raw: IdentifierInput) -> User:
        return self._find(raw) or self._first_contact(self.normal_form(raw))

    def _forget_if(self, moved: bool) -> None:
        if moved:
            self._cache.clear()

    def _find(self, raw: IdentifierInput) -> User | None:
        if isinstance(raw, str) and is_id(raw, "usr"):
            user = self._store.user(UserId(raw))
            if user is None:
                raise UserNotFoundError(f"There is no user {raw}.")
            return user
        identifier = self.normal_form(raw)
        return _owner(self._store.owners(identifier), identifier)

    def _first_contact(self, identifier: Identifier) -> User:
        """Rule 3: within the transaction nobody else decides about this value, so who comes second finds the first."""
        if identifier.type == "" and is_id(identifier.value, "usr"):
            raise UserNotFoundError(f"There is no user {identifier.value}.")
        now = self._clock()
        with self._store.writing([identifier], "resolve", now) as writer:
            owner = _owner(writer.owners(identifier), identifier)
            if owner is None:
                user_id = new_user_id()
                writer.add_user(user_id)
                writer.link(identifier, user_id, now, by="resolve")
                return User(user_id, now, new=True)
        return owner

    def _linkable(self, raw: IdentifierInput) -> Identifier:
        identifier = self.normal_form(raw)
        if identifier.type in ("", "internal") and is_id(identifier.value, "usr"):
            raise InvalidIdentifierError(
                f"{identifier.value} is a user's own id and cannot be linked. Pass it as the user."
            )
        return identifier

    @staticmethod
    def _unlink_found(writer: IdentityWriter, identifier: Identifier, owner: UserId, found: list[Owner]) -> None:
        """Removes the very row that was found: an untyped look-up may have found a typed one, and the reverse."""
        if len(found) > 1:
            types = sorted(one.type for one in found)
            raise AmbiguousIdentifierError(
                f"{identifier.shown!r} is linked under each of the types {types}. Name one of them.", types=types
            )
        linked_as = found[0].type
        value = identifier.hashed if linked_as == API_KEY else identifier.value
        writer.unlink(replace(identifier, value=value, type=linked_as), owner)


def _owner(found: list[Owner], identifier: Identifier) -> User | None:
    if not found:
        return None
    if len(found) == 1 or len({one.user.id for one in found}) == 1:
        return found[0].user
    types = sorted(one.type for one in found)
    raise AmbiguousIdentifierError(
        f"{identifier.shown!r} is a different user under each of the types {types}. Name one of them.", types=types
    )


def _sides(owners: Mapping[Identifier, User | None], target: User | None) -> list[User]:
    """The users concerned: the one named, else the oldest, first."""
    found = {owner.id: owner for owner in owners.values() if owner is not None}
    if target is not None:
        found[target.id] = target
    return sorted(found.values(), key=lambda user: (target is None or user.id != target.id, user.created_at, user.id))


def _conflict(owners: Mapping[Identifier, User | None], target: User | None) -> IdentifierConflictError:
    clashing = {i.shown: owner.id for i, owner in owners.items() if owner and (not target or owner.id != target.id)}
    return IdentifierConflictError(
        f"{', '.join(map(repr, clashing))} {'belongs' if len(clashing) == 1 else 'belong'} to "
        f"{'another user' if target else 'several users'}. "
        "Nothing was linked. Unlink them first, leave them out, or merge the users.",
        identifiers=list(clashing),
        owners=sorted(set(clashing.values())),
    )


def _owner_id(found: list[Owner], identifier: Identifier) -> UserId | None:
    owner = _owner(found, identifier)
    return owner.id if owner else None


def _is_text_pair(raw: object) -> bool:
    return type(raw) is tuple and len(raw) == 2 and type(raw[0]) is str and type(raw[1]) is str
