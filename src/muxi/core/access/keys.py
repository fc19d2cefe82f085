"""Keys of applications: made, looked at, replaced and revoked, and what each may do."""

from __future__ import annotations

import hmac
from collections.abc import Callable, Iterable
from dataclasses import fields
from datetime import UTC, datetime, timedelta
from hashlib import sha256

from muxi.core.access.built_in import BUILT_IN, Keys
from muxi.core.access.key_store import KeyStore, StoredKey
from muxi.core.access.key_text import id_in, make_key
from muxi.core.access.key_uses import KeyUses
from muxi.core.access.policy import ADMIN, DEVELOPER, OWNER, USER, expanded, granted, is_admin, may_grant
from muxi.core.access.remembered import Remembered
from muxi.core.access.roles import Roles
from muxi.core.access.types import ApiKey, NewApiKey
from muxi.core.clock import Clock, end_of
from muxi.core.paging import Page, checked_limit, page, read_cursor
from muxi.core.text import is_storable
from muxi.errors import AuthenticationError, ConflictError, InvalidInputError, NotFoundError
from muxi.ids import KeyId, UserId, is_id, new_key_id

LONGEST_NAME = 255
DEFAULT_OVERLAP = timedelta(days=1)
LONGEST_OVERLAP = timedelta(days=90)
LIBRARY = "library"

_WRONG = "The key is missing or wrong."
_STORED = [field.name for field in fields(StoredKey)]
# By BuiltIn: what each of the settings' keys is.
_BUILT_IN_ROLES = dict(zip(BUILT_IN, (DEVELOPER, OWNER), strict=True))


class ApiKeys:
    """The keys of one formation.

    Args:
        store: bound to the formation.
        roles: what each role may do.
        hash_key: the formation's key, under which keys are hashed.
        formation_id: which.
        environment: stands in every key that is made.
        built_in: the two keys of the settings; asked when they are needed.
        known: what is remembered of access.
        clock: the time, in UTC.

    Attributes:
        built_in: the same; a server sets those that it was started with.
    """

    def __init__(
        self,
        store: KeyStore,
        roles: Roles,
        hash_key: bytes,
        formation_id: str,
        environment: str,
        built_in: Callable[[], Keys],
        known: Remembered,
        clock: Clock,
    ) -> None:
        self.built_in = built_in
        self._store = store
        self._roles = roles
        self._hash_key = hmac.digest(hash_key, b"muxi api key", "sha256")
        self._formation_id = formation_id
        self._environment = environment
        self._clock = clock
        self._known = known
        self._uses = KeyUses(store, clock)

    def validate(self, key: str) -> ApiKey:
        """What a key is of, and what may be done with it.

        Raises:
            AuthenticationError: it is wrong, revoked, expired, or another formation's: one answer for all.
        """
        digest = sha256(key.encode(errors="surrogatepass")).digest()
        found: ApiKey | None = self._known.get(digest)
        return self._working(found or self._found(key, digest))

    def at_hand(self, key: str) -> ApiKey | None:
        """As `validate`, but without asking the database: ``None`` if that has to be asked.

        Raises:
            AuthenticationError: it has expired.
        """
        found: ApiKey | None = self._known.at_hand(sha256(key.encode(errors="surrogatepass")).digest())
        return self._working(found) if found else None

    def is_valid(self, key: str | None, *, require_admin: bool = False) -> bool:
        """Whether a key opens the formation, and, if that is asked, whether it is an administrator's."""
        try:
            # Who has none may pass on what they got instead.
            found = self.validate(key or "")
        except AuthenticationError:
            return False
        return is_admin(found.permissions) or not require_admin

    def create(
        self,
        name: str = "",
        *,
        role: str = DEVELOPER,
        owner: str = "",
        scopes: Iterable[str] | None = None,
        user_id: UserId | None = None,
        expires_in: timedelta | None = None,
        actor: str = LIBRARY,
        within: frozenset[str] | None = None,
    ) -> NewApiKey:
        """Makes a key. What opens is in the answer, and nowhere afterwards.

        Args:
            name: what it is for.
            role: ``owner``, ``admin``, ``support``, ``developer``, ``user``, or one of the formation's own.
            owner: who answers for it; ``actor`` if not told.
            scopes: narrows the role: permissions, or ``kind:*``; all that the role may if not told.
            user_id: it acts for this user only; then it may do nothing that is about more than one user.
            expires_in: how long it works; until it is revoked if not told.
            actor: who does it, for the audit.
            within: what the caller may do: nobody gives more.

        Raises:
            InvalidInputError: there is no such role or permission, a name is too long, or it would never work.
            PermissionDeniedError: it goes beyond ``within``.
            UserNotFoundError: there is no such user.
        """
        now = self._clock()
        kept = None if scopes is None else tuple(sorted(expanded(scopes)))
        key = StoredKey(
            id=new_key_id(),
            name=_label(name),
            owner=_label(owner or actor),
            role=role,
            scopes=kept,
            user_id=user_id,
            created_at=now,
            created_by=actor,
            expires_at=end_of(now, expires_in, "key"),
        )
        self._check(key, within)
        return self._kept(key, lambda hash: self._store.add(key, hash))

    def rotate(
        self,
        key_id: str,
        *,
        overlap: timedelta = DEFAULT_OVERLAP,
        actor: str = LIBRARY,
        within: frozenset[str] | None = None,
    ) -> NewApiKey:
        """A new key in the place of one: the same name, owner, role, scopes and user.

        Args:
            key_id: ``key_...``.
            overlap: how long the old one still works, at most 90 days; zero: it ends at once.
            actor: who does it, for the audit.
            within: what the caller may do: nobody gives more.

        Raises:
            NotFoundError: there is no such key.
            ConflictError: it was revoked or replaced already, or has expired.
            InvalidInputError: the overlap is below zero or too long.
            PermissionDeniedError: it goes beyond ``within``.
        """
        if not timedelta() <= overlap <= LONGEST_OVERLAP:
            raise InvalidInputError(f"overlap has to be between zero and {LONGEST_OVERLAP.days} days.")
        old, now = self.get(key_id), self._clock()
        if old.expires_at is not None and old.expires_at <= now:
            raise ConflictError("This key has expired. Make a new one.")
        same = {name: getattr(old, name) for name in ("name", "owner", "role", "scopes", "user_id", "expires_at")}
        key = StoredKey(id=new_key_id(), created_at=now, created_by=actor, **same)
        self._check(key, within)
        until = min(now + overlap, old.expires_at or now + overlap)

        def keep(hash: str) -> None:
            if not self._store.replace(old.id, until, key, hash):
                raise ConflictError("This key was revoked or replaced already.")

        return self._kept(key, keep)

    def revoke(self, key_id: str, *, actor: str = LIBRARY) -> ApiKey:
        """Ends a key, at once here and within a second in every process. A second time changes nothing.

        Raises:
            NotFoundError: there is no such key.
        """
        key = self.get(key_id)
        self._store.revoke(key.id, self._clock(), actor)
        self._known.clear()
        return self.get(key.id)

    def get(self, key_id: str) -> ApiKey:
        """What is kept of a key, also of one that opens nothing any more.

        Raises:
            NotFoundError: there is no such key.
        """
        found = self._store.find(KeyId(key_id)) if is_id(key_id, "key") else None
        if found is None:
            raise NotFoundError(f"There is no key {key_id[:64]!r}.")
        return self._shown(found[0])

    def newest(self, *, cursor: str | None = None, limit: int = 50) -> Page[ApiKey]:
        """Every key that was made, newest first.

        Raises:
            InvalidCursorError: not a cursor of this list, or a limit out of range.
        """
        before = str(read_cursor(cursor, 1)[0]) if cursor else "~"
        rows = [self._shown(one) for one in self._store.before(before, checked_limit(limit) + 1)]
        return page(rows, limit, lambda last: [last.id])

    def close(self) -> None:
        """Writes down when keys were used last."""
        self._uses.close()

    def _found(self, key: str, digest: bytes) -> ApiKey:
        generation = self._known.generation
        key_id = id_in(key)
        found = self._of_settings(key) if key_id is None else self._stored(key_id, digest)
        if found is None:
            raise AuthenticationError(_WRONG)
        self._known.put(digest, found, generation)
        return found

    def _stored(self, key_id: KeyId, digest: bytes) -> ApiKey | None:
        found = self._store.find(key_id)
        # One that is not there costs the same comparison.
        right = hmac.compare_digest(self._hash(digest), found[1] if found else "-")
        return self._shown(found[0]) if found and right else None

    def _of_settings(self, key: str) -> ApiKey | None:
        which = self.built_in().which(key)
        if which is None:
            return None
        role = self._roles.find(_BUILT_IN_ROLES[which])
        return ApiKey(
            id=KeyId(f"{which} key"),
            formation_id=self._formation_id,
            name=f"{which} key",
            owner="settings",
            role=_BUILT_IN_ROLES[which],
            scopes=None,
            permissions=granted(role, None, bound=False),
            user_id=None,
            created_at=datetime.min.replace(tzinfo=UTC),
            created_by="settings",
        )

    def _working(self, key: ApiKey) -> ApiKey:
        if key.revoked_at is not None or (key.expires_at is not None and key.expires_at <= self._clock()):
            raise AuthenticationError(_WRONG)
        if key.owner != "settings" or is_id(key.id, "key"):
            self._uses.used(key.id)
        return key

    def _check(self, key: StoredKey, within: frozenset[str] | None) -> None:
        role = self._roles.find(key.role)
        if role is None:
            raise InvalidInputError(f"There is no role {key.role[:64]!r}.")
        if key.role == USER and key.user_id is None:
            raise InvalidInputError("A key with the role user acts for one user: name the user.")
        permissions = granted(role, key.scopes, bound=key.user_id is not None)
        if not permissions:
            raise InvalidInputError("This key could do nothing: its scopes leave nothing of its role.")
        if within is not None:
            may_grant(within, permissions)

    def _kept(self, key: StoredKey, keep: Callable[[str], None]) -> NewApiKey:
        written = make_key(self._environment, key.id)
        keep(self._hash(sha256(written.encode()).digest()))
        self._known.clear()
        return NewApiKey(written, self._shown(key))

    def _hash(self, digest: bytes) -> str:
        return hmac.digest(self._hash_key, digest, "sha256").hex()

    def _shown(self, key: StoredKey) -> ApiKey:
        permissions = granted(self._roles.find(key.role), key.scopes, bound=key.user_id is not None)
        kept = {name: getattr(key, name) for name in _STORED}
        return ApiKey(formation_id=self._formation_id, permissions=permissions, **kept)


def role_of(is_admin: bool) -> str:
    """The role of a key that is made by the documented name."""
    return ADMIN if is_admin else DEVELOPER


def _label(text: str) -> str:
    if len(text) > LONGEST_NAME or not is_storable(text) or (text and not text.isprintable()):
        raise InvalidInputError(f"A name has to be printable, and at most {LONGEST_NAME} characters long.")
    return text
