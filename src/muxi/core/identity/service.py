"""Identity: whoever writes, from wherever, is one user."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta

from muxi.core.clock import Clock
from muxi.core.identity.cache import DEFAULT_TTL_S, UserCache
from muxi.core.identity.claims import ATTRACTOR_USERS, Claim, contested, note
from muxi.core.identity.kinds import TOKEN_START, Kinds
from muxi.core.identity.owners import let_in, only, owner_of
from muxi.core.identity.sides import check_reach, conflict, sides_of
from muxi.core.identity.store import IdentityStore, IdentityWriter
from muxi.core.identity.types import ANONYMOUS, Identifier, IdentifierInput, LinkedIdentifier, Owner, User
from muxi.errors import (
    AmbiguousIdentifierError,
    IdentifierConflictError,
    InvalidIdentifierError,
    LastIdentifierError,
    UnprovenIdentifierError,
    UserNotFoundError,
)
from muxi.ids import UserId, is_id, new_merge_id, new_user_id

#: Who does it, in the audit, unless the caller says otherwise.
LIBRARY = "library"
_NO_TOKEN = "A visitor's token is made by resolve_anonymous, and cannot be linked to anybody. Sign the visitor in."


class Identities:
    """The users of one formation and the identifiers they are known by.

    Args:
        store: bound to the formation.
        hash_key: the formation's key, under which secrets are hashed.
        clock: the time, in UTC.
        cache_ttl_s: how long a resolved identifier is remembered, in seconds.
        kinds: what is taken for an identifier, and how many of a type a user may have; the known types if not told.
        attractor_users: an identifier that more users than these ask for is told of in the audit.
    """

    def __init__(
        self,
        store: IdentityStore,
        hash_key: bytes,
        clock: Clock,
        *,
        cache_ttl_s: float = DEFAULT_TTL_S,
        kinds: Kinds | None = None,
        attractor_users: int = ATTRACTOR_USERS,
    ) -> None:
        self.kinds = kinds or Kinds()
        self.attractor_users = attractor_users
        self._store = store
        self._hash_key = hash_key
        self._clock = clock
        self._cache = UserCache(store.watch, ttl_s=cache_ttl_s)

    def resolve(self, raw: IdentifierInput) -> User:
        """The user this identifier means; one that nobody has is a new user's.

        Safe from any number of threads and processes: one new identifier makes one user.

        Args:
            raw: an identifier in any of its forms, or a ``usr_`` id.

        Raises:
            InvalidIdentifierError: it cannot be an identifier.
            AmbiguousIdentifierError: without a type it means several users; name one of the types.
            UserNotFoundError: a ``usr_`` id that nobody has. Asking never makes one.
            UserDisabledError: the user is shut out.
        """
        if type(raw) is not str and not _is_text_pair(raw):
            return self._look_up(raw)
        known = self._cache.get(raw)
        if known is None:
            generation = self._cache.generation
            known = self._look_up(raw)
            if not _is_anonymous(raw):
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

    def require_proven(self, raw: IdentifierInput) -> User:
        """The user this identifier means, if it is proven to be theirs. A ``usr_`` id is the application's own word.

        Raises:
            UnprovenIdentifierError: it is known only from having been used: good for continuity, and nothing more.
            InvalidIdentifierError, AmbiguousIdentifierError, UserNotFoundError: as `get`.
        """
        user = self.get(raw)
        if isinstance(raw, str) and is_id(raw, "usr"):
            return user
        identifier = self.normal_form(raw)
        if not any(one.verified for one in self._store.owners(identifier)):
            raise UnprovenIdentifierError(f"{identifier.shown!r} is not proven to be the user's. Verify it first.")
        return user

    def locate(self, raw: IdentifierInput) -> UserId:
        """The id of the user this identifier means, also if that user is disabled: for administration only.

        Raises:
            InvalidIdentifierError, AmbiguousIdentifierError, UserNotFoundError: as `get`.
        """
        owner = self._seek(raw)
        if owner is None:
            raise UserNotFoundError("Nobody has this identifier.")
        return owner.user.id

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
        verified: bool = False,
        trusted: bool = True,
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
            verified: the caller knows that all of them are the user's: they count as proven.
            trusted: whether the caller may speak for any user. One who is only a person reaches somebody else's user
                by what is proven on both sides: ``verified``, and proven before.
            actor: who does it, for the audit.

        Raises:
            InvalidIdentifierError: one of them cannot be an identifier, or the list is empty.
            IdentifierConflictError: some belong to another user, or to several, or are not proven enough;
                ``details["identifiers"]`` names them.
            AmbiguousIdentifierError: one without a type means several users.
            UserNotFoundError: there is no such ``user``.
            IdentifierLimitError: the user would have too many of a type.
        """
        identifiers = [self.linkable(raw, visitors=True) for raw in raws]
        if not identifiers:
            raise InvalidIdentifierError("No identifiers were given. Pass at least one to link.")
        target = self.get(user) if user is not None else None
        now = self._clock()
        with self.noting_disputes(actor) as disputed, self._store.writing(identifiers, actor, now) as writer:
            found = {identifier: writer.owners(identifier) for identifier in identifiers}
            owners = {identifier: owner_of(rows, identifier) for identifier, rows in found.items()}
            _check_visitors(owners)
            disputed += contested(owners, target)
            sides = sides_of(owners, target)
            if len(sides) > 1 and not merge:
                raise conflict(owners, target)
            if not trusted:
                check_reach(found, target, verified=verified)
            if sides and not writer.lock(side.id for side in sides):
                raise UserNotFoundError("A user was merged or erased at this moment. Try again.")
            user_id = sides[0].id if sides else new_user_id()
            if not sides:
                writer.add_user(user_id)
            if len(sides) > 1:
                writer.merge(new_merge_id(), user_id, [side.id for side in sides[1:]])
            linked = []
            for place, identifier in enumerate(identifiers):
                # A microsecond apart: they are listed in the order in which they were given.
                if writer.link(identifier, user_id, now + timedelta(microseconds=place), by="associate"):
                    linked.append(identifier)
                    writer.claim(identifier, user_id, self.attractor_users)
                if verified:
                    writer.verify(identifier, user_id, "trusted")
            self.kinds.check_limits(writer, user_id, writer.identifiers(user_id) if len(sides) > 1 else linked)
        self.forget_if(writer.moved)
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
            LastIdentifierError: it is the user's last one, or the last one that is proven, and ``force`` is not set.
            InvalidIdentifierError, AmbiguousIdentifierError: as `resolve`.
        """
        # What is nobody's since it was linked must not stay somebody's.
        identifier = self.linkable(raw, refuse=False)
        named = self.get(user).id if user is not None else None
        with self._store.writing([identifier], actor, self._clock()) as writer:
            found = writer.owners(identifier)
            owner = _owner_id(found, identifier)
            if owner is None or named not in (None, owner):
                raise UserNotFoundError(f"{identifier.shown!r} is not linked to this user. Nothing was changed.")
            if not writer.lock([owner]):
                raise UserNotFoundError("The user was merged or erased at this moment. Try again.")
            if not force:
                _check_more_are_left(identifier, found[0].verified, writer.identifiers(owner))
            self._unlink_found(writer, identifier, owner, found)
        self.forget_if(writer.moved)
        return self.get(owner)

    def normal_form(self, raw: IdentifierInput) -> Identifier:
        """The identifier in its normal form.

        Raises:
            InvalidIdentifierError: it cannot be an identifier.
        """
        return self.kinds.normal_form(raw, self._hash_key)

    def note_claims(self, claims: Sequence[Claim], actor: str = LIBRARY) -> None:
        """Remembers which users asked for which identifiers, whether or not they get them.

        An identifier that more than ``attractor_users`` have asked for is told of in the audit, once.
        """
        if claims:
            with self._store.writing([identifier for identifier, _ in claims], actor, self._clock()) as writer:
                note(writer, claims, self.attractor_users)

    @contextmanager
    def noting_disputes(self, actor: str) -> Iterator[list[Claim]]:
        """Claims that are put into the list outlive a conflict, which takes back everything else."""
        claims: list[Claim] = []
        try:
            yield claims
        except IdentifierConflictError:
            self.note_claims(claims, actor)
            raise

    @property
    def cached(self) -> int:
        """How many identifiers are remembered right now."""
        return len(self._cache)

    def forget_cached(self) -> None:
        """Forgets what identifiers meant: users were merged or split."""
        self._cache.clear()

    def _look_up(self, raw: IdentifierInput) -> User:
        return self._find(raw) or self._first_contact(self.normal_form(raw))

    def forget_if(self, moved: bool) -> None:
        """Forgets what identifiers meant, if a link that existed has changed its meaning."""
        if moved:
            self._cache.clear()

    def _find(self, raw: IdentifierInput) -> User | None:
        return let_in(self._seek(raw))

    def _seek(self, raw: IdentifierInput) -> Owner | None:
        """Also of a user who is shut out."""
        if isinstance(raw, str) and is_id(raw, "usr"):
            owner = self._store.by_id(UserId(raw))
            if owner is None:
                raise UserNotFoundError(f"There is no user {raw}.")
            return owner
        identifier = self.normal_form(raw)
        if identifier.type == ANONYMOUS:
            return self._store.anonymous(identifier, self._clock())
        return only(self._store.owners(identifier), identifier)

    def _first_contact(self, identifier: Identifier) -> User:
        """Rule 3: the store lets nobody else decide about this value meanwhile, so who comes second finds the first."""
        if identifier.type == "" and _is_an_owners_id(identifier.value):
            raise UserNotFoundError(f"There is no user {identifier.value}.")
        if identifier.type == ANONYMOUS:
            raise UserNotFoundError("This anonymous token means nobody, or has ended. Ask for a new one.")
        user_id, now = new_user_id(), self._clock()
        owner = owner_of(self._store.first_contact(identifier, user_id, now), identifier)
        return owner or User(user_id, now, new=True)

    def linkable(self, raw: IdentifierInput, *, refuse: bool = True, visitors: bool = False) -> Identifier:
        """The normal form of what is to be linked: anything but a ``usr_`` id, or a visitor's token.

        Args:
            raw: in any of its forms.
            refuse: what nobody may be known by, as `Kinds.normal_form`.
            visitors: allow a visitor's token, by which a user is named whom others are to join.

        Raises:
            InvalidIdentifierError: it cannot be linked.
        """
        identifier = self.kinds.normal_form(raw, self._hash_key, refuse=refuse)
        if identifier.type == ANONYMOUS and refuse and not visitors:
            raise InvalidIdentifierError(_NO_TOKEN)
        if identifier.type in ("", "internal") and _is_an_owners_id(identifier.value):
            whose = "a user's own" if is_id(identifier.value, "usr") else "a team's"
            raise InvalidIdentifierError(f"{identifier.value} is {whose} id and cannot be linked. Pass it as the user.")
        return identifier

    def _unlink_found(self, writer: IdentityWriter, identifier: Identifier, owner: UserId, found: list[Owner]) -> None:
        """Removes the very row that was found: an untyped look-up may have found a typed one, and the reverse."""
        if len(found) > 1:
            types = sorted(one.type for one in found)
            raise AmbiguousIdentifierError(
                f"{identifier.shown!r} is linked under each of the types {types}. Name one of them.", types=types
            )
        linked_as = found[0].type
        value = identifier.hashed if linked_as in self.kinds.secret_types else identifier.value
        writer.unlink(identifier._replace(value=value, type=linked_as), owner)


def _check_visitors(owners: Mapping[Identifier, User | None]) -> None:
    """A token names a visitor who is there; one that was made up would never end."""
    if any(one.type == ANONYMOUS and owner is None for one, owner in owners.items()):
        raise InvalidIdentifierError(_NO_TOKEN)


def _check_more_are_left(identifier: Identifier, proven: bool, held: Sequence[LinkedIdentifier]) -> None:
    if len(held) == 1:
        raise LastIdentifierError(
            f"{identifier.shown!r} is the user's last identifier: without it nobody reaches the user. "
            "Link another one first, or say force."
        )
    if proven and sum(one.verified_at is not None for one in held) == 1:
        raise LastIdentifierError(
            f"{identifier.shown!r} is the user's last identifier that is proven: what is left is good for being "
            "recognised only. Verify another one first, or say force."
        )


def _owner_id(found: list[Owner], identifier: Identifier) -> UserId | None:
    owner = owner_of(found, identifier)
    return owner.id if owner else None


def _is_anonymous(raw: object) -> bool:
    """Whether it may be an anonymous token, which ends by itself and so is not remembered."""
    if type(raw) is tuple:
        return str(raw[1]).strip().lower() == ANONYMOUS
    return type(raw) is str and raw.startswith(TOKEN_START)


def _is_text_pair(raw: object) -> bool:
    return type(raw) is tuple and len(raw) == 2 and type(raw[0]) is str and type(raw[1]) is str


def _is_an_owners_id(value: str) -> bool:
    return is_id(value, "usr") or is_id(value, "team")
