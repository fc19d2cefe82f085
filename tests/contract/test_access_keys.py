"""Keys: made, believed, replaced and revoked, on each kind of database."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from datetime import timedelta
from hashlib import sha256

import pytest

from muxi.core.access.key_text import id_in
from muxi.core.access.policy import OF_ONE_USER, PERMISSIONS, ROLES
from muxi.core.formation import Formation
from muxi.errors import AuthenticationError, ConflictError, InvalidInputError, NotFoundError, PermissionDeniedError
from tests.conftest import TestClock
from tests.support.eventually import eventually
from tests.support.formations import open_formation

FORM = re.compile(r"muxi_live_[0-7][0-9a-hjkmnp-tv-z]{25}_[0-9A-Za-z]{49}")
SET = {"keys": {"client_key": "client-key-of-f-0123", "admin_key": "admin-key-of-f-01234"}}
WITHIN_S = 1.0


@pytest.fixture
def formation(database_url: str, clock: TestClock) -> Iterator[Formation]:
    opened = open_formation(database_url, clock, **SET)
    yield opened
    opened.close()


@pytest.fixture
def elsewhere(database_url: str, clock: TestClock) -> Iterator[Formation]:
    """The same formation, as another process has it: nothing is shared but the database."""
    opened = open_formation(database_url, clock, **SET)
    yield opened
    opened.close()


def test_a_key_is_shown_once_and_opens(formation: Formation) -> None:
    """A key has the documented form, opens with its role's permissions, and only its hash is kept."""
    made = formation.access.keys.create("web app", owner="ops@acme.com")
    assert FORM.fullmatch(made.key)
    found = formation.access.keys.validate(made.key)
    assert (found.id, found.formation_id, found.name, found.owner) == (made.record.id, "f", "web app", "ops@acme.com")
    assert (found.role, found.permissions, found.user_id) == ("developer", ROLES["developer"].permissions, None)
    assert made.key not in repr(made)
    with formation.storage._database.owning() as conn:
        rows = repr(conn.execute("SELECT * FROM api_keys").fetchall())
    secret = made.key.rpartition("_")[2]
    assert secret not in rows and sha256(made.key.encode()).hexdigest() not in rows


def test_a_wrong_checksum_asks_nobody(formation: Formation) -> None:
    """A key that was mistyped or cut off is refused without a look-up; any other wrong key is refused as well."""
    key = formation.access.keys.create().key
    mistyped = key[:40] + ("A" if key[40] != "A" else "B") + key[41:]
    assert id_in(key) is not None and id_in(mistyped) is None and id_in(key[:-1]) is None
    for wrong in (mistyped, key[:-1], key + "0", key.upper(), "", "api_key_123", "muxi_live_", "\udcff", key * 1000):
        with pytest.raises(AuthenticationError):
            formation.access.keys.validate(wrong)


def test_the_keys_of_the_settings_work(formation: Formation) -> None:
    """The client key may do what a developer may, the admin key everything."""
    client = formation.access.keys.validate(SET["keys"]["client_key"])
    admin = formation.access.keys.validate(SET["keys"]["admin_key"])
    assert (client.id, client.permissions) == ("client key", ROLES["developer"].permissions)
    assert (admin.id, admin.permissions) == ("admin key", frozenset(PERMISSIONS))


def test_a_key_of_another_formation_opens_nothing(formation: Formation, database_url: str, clock: TestClock) -> None:
    """Keys of two formations on one database are apart, and so are their lists."""
    other = open_formation(database_url, clock, "g", **SET)
    made = other.access.keys.create()
    with pytest.raises(AuthenticationError):
        formation.access.keys.validate(made.key)
    with pytest.raises(NotFoundError):
        formation.access.keys.get(made.record.id)
    with pytest.raises(NotFoundError):
        formation.access.keys.revoke(made.record.id)
    assert list(formation.access.keys.newest().items) == []
    assert other.access.keys.validate(made.key).id == made.record.id
    other.close()


def test_scopes_narrow_and_a_bound_key_acts_for_one(formation: Formation) -> None:
    """Scopes take away, never add; a key of one user has nothing that is about more than one."""
    keys, user = formation.access.keys, formation.identities.resolve("alice@acme.com")
    narrowed = keys.create(scopes=["memories:*", "chat:write", "users:read"]).record
    assert narrowed.permissions == {"memories:read", "memories:write", "chat:write"}
    bound = keys.create(role="admin", user_id=user.id).record
    assert bound.permissions == OF_ONE_USER and bound.user_id == user.id
    with pytest.raises(InvalidInputError, match="is not a permission"):
        keys.create(scopes=["memories:eat"])
    with pytest.raises(InvalidInputError, match="could do nothing"):
        keys.create(role="support", scopes=["chat:write"])
    with pytest.raises(InvalidInputError, match="no role"):
        keys.create(role="king")
    with pytest.raises(InvalidInputError, match="name the user"):
        keys.create(role="user")


def test_nobody_gives_what_they_do_not_have(formation: Formation) -> None:
    """Whoever makes or replaces a key within their own permissions cannot go beyond them."""
    keys, admin = formation.access.keys, ROLES["admin"].permissions
    owner = keys.create(role="owner").record
    with pytest.raises(PermissionDeniedError) as caught:
        keys.create(role="owner", within=admin)
    assert caught.value.details == {"permission": "roles:write"}
    with pytest.raises(PermissionDeniedError):
        keys.rotate(owner.id, within=admin)
    assert keys.create(role="admin", within=admin).record.permissions == admin


def test_an_expired_key_opens_nothing(formation: Formation, clock: TestClock) -> None:
    """A key works until its end, also where it was believed just before."""
    key = formation.access.keys.create(expires_in=timedelta(hours=1)).key
    clock.move(3599)
    assert formation.access.keys.is_valid(key)
    clock.move(1)
    assert not formation.access.keys.is_valid(key)
    for wrong in (timedelta(), timedelta(seconds=-1)):
        with pytest.raises(InvalidInputError):
            formation.access.keys.create(expires_in=wrong)


def test_rotation_overlaps(formation: Formation, clock: TestClock) -> None:
    """The new key is as the old one, which works on for the time that is told, and is replaced once."""
    keys = formation.access.keys
    old = keys.create("bot", scopes=["chat:write"])
    new = keys.rotate(old.record.id, overlap=timedelta(hours=2))
    assert (new.record.name, new.record.scopes) == ("bot", ("chat:write",))
    assert keys.get(old.record.id).rotated_to == new.record.id
    assert keys.is_valid(old.key) and keys.is_valid(new.key)
    with pytest.raises(ConflictError):
        keys.rotate(old.record.id)
    clock.move(7200)
    assert not keys.is_valid(old.key) and keys.is_valid(new.key)


def test_revocation_is_seen_elsewhere(formation: Formation, elsewhere: Formation) -> None:
    """A key that another process has just believed opens nothing there within a second of being revoked."""
    made = formation.access.keys.create()
    assert elsewhere.access.keys.is_valid(made.key)
    begun = time.monotonic()
    formation.access.keys.revoke(made.record.id)
    assert not formation.access.keys.is_valid(made.key)
    assert eventually(lambda: not elsewhere.access.keys.is_valid(made.key))
    assert time.monotonic() - begun < WITHIN_S
    assert formation.access.keys.revoke(made.record.id).revoked_at is not None


def test_a_changed_role_is_seen_elsewhere(formation: Formation, elsewhere: Formation) -> None:
    """Keys may do what their role says now, in every process; a role that keys have is not removed."""
    formation.access.roles.put("reader", ["memories:read"])
    made = formation.access.keys.create(role="reader")
    assert elsewhere.access.keys.validate(made.key).permissions == {"memories:read"}
    formation.access.roles.put("reader", ["memories:*"])
    assert eventually(
        lambda: elsewhere.access.keys.validate(made.key).permissions == {"memories:read", "memories:write"}
    )
    with pytest.raises(ConflictError):
        formation.access.roles.remove("reader")
    formation.access.keys.revoke(made.record.id)
    formation.access.roles.remove("reader")
    assert [role.name for role in formation.access.roles.all()] == list(ROLES)


def test_roles_of_every_formation_stay(formation: Formation) -> None:
    """A built-in role is neither changed nor removed, and a name or permission that is none is refused."""
    roles = formation.access.roles
    with pytest.raises(ConflictError):
        roles.put("owner", ["chat:write"])
    with pytest.raises(NotFoundError):
        roles.remove("owner")
    with pytest.raises(InvalidInputError):
        roles.put("Two words", ["chat:write"])
    with pytest.raises(InvalidInputError):
        roles.put("mine", ["everything"])
    with pytest.raises(PermissionDeniedError):
        roles.put("mine", ["chat:write"], within=frozenset({"roles:write"}))


def test_the_last_use_is_written_once_a_minute(formation: Formation, clock: TestClock) -> None:
    """The first use is written behind the caller's back, and uses within a minute of it are not."""
    keys = formation.access.keys
    made = keys.create()
    begun = clock.now
    keys.validate(made.key)
    assert eventually(lambda: keys.get(made.record.id).last_used_at is not None)
    assert keys.get(made.record.id).last_used_at == begun
    clock.move(59)
    formation.access.keys._store.used({made.record.id: clock.now})
    assert keys.get(made.record.id).last_used_at == begun
    clock.move(2)
    formation.access.keys._store.used({made.record.id: clock.now})
    assert keys.get(made.record.id).last_used_at == clock.now


def test_changes_are_audited(formation: Formation) -> None:
    """Making, replacing and revoking keys, and changing roles, stand in the audit, without what opens."""
    keys = formation.access.keys
    made = keys.create(actor="ops")
    new = keys.rotate(made.record.id, actor="ops")
    keys.revoke(new.record.id, actor="ops")
    formation.access.roles.put("reader", ["memories:read"], actor="ops")
    formation.access.roles.remove("reader", actor="ops")
    rows = formation.audit.newest().items
    assert [row.action for row in rows][::-1] == [
        "key.created",
        "key.rotated",
        "key.revoked",
        "role.changed",
        "role.removed",
    ]
    assert {row.actor for row in rows} == {"ops"}
    assert made.key.rpartition("_")[2] not in repr(rows)
    assert formation.audit.verify().sound


def test_refusals_are_audited_and_bounded(formation: Formation, clock: TestClock) -> None:
    """Ten rows a minute and caller; what is more is counted, and told by the next row."""
    for _ in range(25):
        formation.access.denials.denied("key_1", "audit:read")
    formation.access.denials.denied("key_2", "keys:read")
    rows = formation.audit.newest(action="access.denied", limit=200).items
    assert len(rows) == 11
    assert formation.access.denials.counts == {"audit:read": 25, "keys:read": 1}
    clock.move(60)
    formation.access.denials.denied("key_1", "audit:read")
    newest = formation.audit.newest(action="access.denied").items[0]
    assert newest.details == {"permission": "audit:read", "unrecorded": 15}


def test_erasing_a_user_takes_their_keys(formation: Formation, elsewhere: Formation) -> None:
    """A key that acted for an erased user is gone; keys of others stay."""
    alice, bob = (formation.identities.resolve(name) for name in ("alice@acme.com", "bob@acme.com"))
    hers = formation.access.keys.create(role="user", user_id=alice.id)
    his = formation.access.keys.create(role="user", user_id=bob.id)
    assert elsewhere.access.keys.is_valid(hers.key)
    formation.privacy.erase(alice.id)
    assert [one.id for one in formation.access.keys.newest().items] == [his.record.id]
    assert eventually(lambda: not elsewhere.access.keys.is_valid(hers.key))
