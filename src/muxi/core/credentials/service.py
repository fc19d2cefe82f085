"""Credentials: a user's secrets for outside services, kept sealed."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any

from muxi.core.clock import Clock, end_of
from muxi.core.credentials.envelope import MasterKey, new_key, read_master_key, seal, unseal
from muxi.core.credentials.master_keys import MasterKeys
from muxi.core.credentials.store import CredentialStore, CredentialWriter
from muxi.core.credentials.types import Credential, DataKey, Rotation, Sealed, Secret, preview
from muxi.core.text import checked_metadata, is_storable
from muxi.errors import ConflictError, InvalidInputError, NotFoundError, SettingsError, StorageCorruptError
from muxi.ids import UserId, new_credential_id

#: Who does it, in the audit, unless the caller says otherwise.
LIBRARY = "library"
DEFAULT = "default"
MOST = 200
LARGEST_BYTES = 64 * 1024
BATCH = 100

_SERVICE = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_MINUTE = timedelta(minutes=1)


class Credentials:
    """The credentials of one formation's users.

    Users are canonical ones: whether somebody may speak for one by an identifier is asked at the doors
    (`muxi.core.user_credentials`).

    Args:
        store: bound to the formation.
        keys: the master keys; without one secrets can be listed and deleted, and not stored or given out.
        formation_id: what everything is bound to.
        clock: the time, in UTC.
    """

    def __init__(self, store: CredentialStore, keys: MasterKeys, formation_id: str, clock: Clock) -> None:
        self._store = store
        self._keys = keys
        self._formation_id = formation_id
        self._clock = clock

    def put(
        self,
        user_id: UserId,
        service: str,
        secret: str,
        name: str = DEFAULT,
        metadata: Mapping[str, Any] | None = None,
        *,
        expires_in: timedelta | None = None,
        credential_id: str | None = None,
        actor: str = LIBRARY,
    ) -> Credential:
        """Stores a secret, in the place of the one of this service and name if there is one.

        Args:
            user_id: whose.
            service: 1 to 64 small letters, digits, dots, dashes and underscores: ``github``.
            secret: a text of at most 64 KiB.
            name: which of several, in the same form; capital letters are other letters.
            metadata: the application's own, at most 16 KiB as JSON. It is not encrypted.
            expires_in: how long it is given out; until it is replaced or deleted if not told.
            credential_id: the one to replace, where users who were merged have one of this name each.
            actor: who does it, for the audit.

        Raises:
            SettingsError: no master key is set.
            InvalidInputError: something of it cannot be stored, or the user has 200 already.
            NotFoundError: the user has no such ``credential_id``.
            ConflictError: the user has several of this name: name the id.
            UserNotFoundError: the user was erased.
        """
        service, name = _checked(_SERVICE, service, "service"), _checked(_NAME, name, "name")
        raw, plain = _bytes_of(secret), checked_metadata(metadata or {}, InvalidInputError)
        now = self._clock()
        expires_at = end_of(now, expires_in, "credential")
        self._keys.newest()
        with self._store.writing(user_id, actor, now) as writer:
            found = _only(writer.named(service, name), service, name, credential_id)
            if found is None and writer.count() >= MOST:
                raise InvalidInputError(f"A user can have {MOST} credentials at most. Delete some first.")
            made = Credential(
                id=found.id if found else new_credential_id(),
                user_id=found.user_id if found else user_id,
                service=service,
                name=name,
                preview=preview(secret),
                metadata=plain,
                created_at=found.created_at if found else now,
                updated_at=now,
                last_used_at=found.last_used_at if found else None,
                expires_at=expires_at,
            )
            key = self._data_key(writer, made.user_id)
            return writer.put(made, seal(key, raw, self._place(made)), replaces=found is not None)

    def get(
        self,
        user_id: UserId,
        service: str,
        name: str = DEFAULT,
        *,
        credential_id: str | None = None,
        actor: str = LIBRARY,
    ) -> Secret:
        """A secret, to be used: `Secret.reveal` gives it.

        That it was given out is recorded: each time it is asked for from outside, and once a minute for the library.

        Args:
            user_id: whose.
            service: for which.
            name: which of several.
            credential_id: which, where users who were merged have one of this name each.
            actor: who asks, for the audit.

        Raises:
            NotFoundError: the user has none of this name, or it has expired.
            ConflictError: the user has several: ``details["credentials"]`` lists their ids.
            SettingsError: no master key is set, or not the one that is needed.
            StorageCorruptError: the row is not as it was written.
        """
        stored = {one.credential.id: one for one in self._store.sealed(user_id, service, name)}
        found = _only([one.credential for one in stored.values()], service, name, credential_id)
        now = self._clock()
        if found is None:
            raise _none(service, name)
        if found.expires_at is not None and found.expires_at <= now:
            raise NotFoundError(f"The credential {found.service}/{found.name} has expired. Store a new one.")
        text = self._open(stored[found.id])
        if actor != LIBRARY or found.last_used_at is None or found.last_used_at <= now - _MINUTE:
            self._store.used(found, actor, now)
        return Secret(text, found)

    def list(self, user_id: UserId, service: str = "") -> tuple[Credential, ...]:
        """What a user has, of one service or of all, by service and name, without the secrets."""
        return tuple(self._store.of(user_id, service))

    def delete(
        self,
        user_id: UserId,
        service: str,
        name: str = DEFAULT,
        *,
        credential_id: str | None = None,
        actor: str = LIBRARY,
    ) -> Credential:
        """Removes a credential, and returns what it was. The data key goes with a user's last. Arguments as `get`.

        Raises:
            NotFoundError: the user has none of this name.
            ConflictError: the user has several: ``details["credentials"]`` lists their ids.
        """
        named = [one for one in self._store.of(user_id, service) if one.name == name and one.service == service]
        found = _only(named, service, name, credential_id)
        if found is None or not self._store.delete(user_id, found, actor, self._clock()):
            raise _none(service, name)
        return found

    def rotate(self, new_key: str | None = None, *, actor: str = LIBRARY) -> Rotation:
        """Wraps every data key with the newest master key, in batches, while others read and write.

        Broken off, it goes on where it was when it is called again: each data key says what wraps it. Secrets are not
        touched. Afterwards, if nothing is `left`, the older master keys open nothing any more.

        Args:
            new_key: a master key that becomes the newest, in this process; the newest of the settings if not told.
            actor: who does it, for the audit.

        Raises:
            SettingsError: no master key is set, or the new one is none.
        """
        if new_key is not None:
            read_master_key(new_key)
            self._keys.add(new_key)
        total = 0
        while True:
            newest = self._keys.newest()
            rewrapped, left = self._rotate_once(newest, actor)
            total += rewrapped
            # Another process can have wrapped one by an older key meanwhile: until a round finds none.
            if rewrapped == 0:
                return Rotation(newest.id, total, left)

    def _rotate_once(self, newest: MasterKey, actor: str) -> tuple[int, int]:
        after, rewrapped, left = "", 0, 0
        while keys := self._store.wrapped_otherwise(newest.id, after, BATCH):
            after = keys[-1].user_id
            pairs = [(key, fresh) for key in keys if (fresh := self._wrapped_anew(key, newest)) is not None]
            left += len(keys) - len(pairs)
            if pairs:
                rewrapped += self._store.rewrap(pairs, actor, self._clock())
        return rewrapped, left

    def _wrapped_anew(self, key: DataKey, by: MasterKey) -> DataKey | None:
        try:
            return self._wrapped(key.user_id, self._unwrapped(key), by)
        except (SettingsError, StorageCorruptError):
            return None

    def _data_key(self, writer: CredentialWriter, owner: UserId) -> bytes:
        found = writer.data_key(owner)
        if found is None:
            found = writer.add_data_key(self._wrapped(owner, new_key(), self._keys.newest()))
        return self._unwrapped(found)

    def _wrapped(self, owner: UserId, key: bytes, by: MasterKey) -> DataKey:
        return DataKey(owner, by.id, seal(by.key, key, self._place_of_key(owner, by.id)))

    def _unwrapped(self, key: DataKey) -> bytes:
        master = self._keys.find(key.master_key_id)
        if master is None:
            raise SettingsError(
                f"This credential needs the master key {key.master_key_id}, which is not among those that are set. "
                "Add it to credentials.master_key or to the file of credentials.master_key_file."
            )
        return unseal(master.key, key.wrapped, self._place_of_key(key.user_id, master.id))

    def _open(self, stored: Sealed) -> str:
        return unseal(self._unwrapped(stored.data_key), stored.secret, self._place(stored.credential)).decode()

    def _place(self, one: Credential) -> tuple[str, ...]:
        return "muxi.credential", self._formation_id, one.user_id, one.service, one.name

    def _place_of_key(self, owner: UserId, master_key_id: str) -> tuple[str, ...]:
        return "muxi.data key", self._formation_id, owner, master_key_id


def _only(found: Iterable[Credential], service: str, name: str, credential_id: str | None) -> Credential | None:
    held = list(found)
    if credential_id is not None:
        held = [one for one in held if one.id == credential_id]
        if not held:
            raise _none(service, name)
    if len(held) > 1:
        ids = sorted(one.id for one in held)
        raise ConflictError(
            f"Users who were merged have a credential {service}/{name} each. Name one by its id: {', '.join(ids)}.",
            credentials=ids,
        )
    return held[0] if held else None


def _none(service: str, name: str) -> NotFoundError:
    return NotFoundError(f"There is no credential {service[:64]}/{name[:64]}.")


def _checked(form: re.Pattern[str], value: Any, what: str) -> str:
    if not isinstance(value, str) or not form.fullmatch(value):
        letters = "small letters" if what == "service" else "letters"
        raise InvalidInputError(
            f"The {what} of a credential is 1 to 64 {letters}, digits, dots, dashes and underscores, and begins with a "
            "letter or digit."
        )
    return value


def _bytes_of(secret: Any) -> bytes:
    """Never with the secret in a message."""
    if not isinstance(secret, str) or not secret.strip() or not is_storable(secret):
        raise InvalidInputError("The secret has to be a text that is not empty.")
    raw = secret.encode()
    if len(raw) > LARGEST_BYTES:
        raise InvalidInputError(f"The secret has {len(raw):,} bytes; at most {LARGEST_BYTES:,} are allowed.")
    return raw
