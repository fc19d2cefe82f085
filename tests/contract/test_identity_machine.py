"""Random histories of talk, linking, merging, splitting and erasing, against a model of a few dictionaries."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from muxi.core.audit.service import Audit
from muxi.core.identity.merging import Merges
from muxi.core.identity.service import Identities
from muxi.core.identity.types import User
from muxi.core.memory.types import NOTE, Memory
from muxi.core.privacy.service import Privacy
from muxi.errors import IdentifierConflictError, LastIdentifierError, MergeConflictError, UserNotFoundError
from muxi.ids import MemoryId, UserId, new_memory_id
from muxi.storage.open import Storage
from tests.conftest import TestClock
from tests.support.lookups import as_the_tables_say, looked_up

NAMES = [f"U{n}" for n in range(6)]
names = st.sampled_from(NAMES)


@dataclass
class Model:
    """Who is who, without a database.

    Attributes:
        owner: of each linked identifier, the user it was linked to.
        stands_under: of each user, the user that it is now.
        merges: of each merge, its survivor and whom each moved user stood under; gone once split.
        erased: the users that are no more.
        said: of each user, what was written for it while it was its own.
    """

    owner: dict[str, str] = field(default_factory=dict)
    stands_under: dict[str, str] = field(default_factory=dict)
    merges: dict[str, tuple[str, dict[str, str]]] = field(default_factory=dict)
    erased: set[str] = field(default_factory=set)
    said: dict[str, list[str]] = field(default_factory=dict)

    def known(self, user: str) -> list[str]:
        return sorted(
            text for one, under in self.stands_under.items() if under == user for text in self.said.get(one, [])
        )

    def user(self, name: str) -> str | None:
        return self.stands_under[self.owner[name]] if name in self.owner else None

    def identifiers(self, user: str) -> set[str]:
        return {name for name in self.owner if self.user(name) == user}

    def merge(self, merge_id: str, survivor: str, others: list[str]) -> None:
        moved = {one: under for one, under in self.stands_under.items() if under in others}
        self.merges[merge_id] = (survivor, moved)
        self.stands_under.update(dict.fromkeys(moved, survivor))

    def erase(self, user: str) -> None:
        gone = {one for one, under in self.stands_under.items() if under == user}
        self.stands_under = {one: under for one, under in self.stands_under.items() if one not in gone}
        self.owner = {name: owner for name, owner in self.owner.items() if owner not in gone}
        self.merges = {id: merge for id, merge in self.merges.items() if merge[0] not in gone}
        self.erased |= gone


class IdentityMachine(RuleBasedStateMachine):
    """One formation of its own for each history."""

    storage: Storage

    def __init__(self) -> None:
        super().__init__()
        self.clock = TestClock()
        stores = self.storage.for_formation(f"f{uuid.uuid4().hex}", self.clock())
        other = self.storage.for_formation(f"g{uuid.uuid4().hex}", self.clock())
        self.identities = Identities(stores.identity, stores.hash_key, self.clock)
        self.elsewhere = Identities(other.identity, other.hash_key, self.clock)
        self.merges = Merges(stores.merges, self.identities, self.clock)
        self.memory, self.memory_elsewhere = stores.memory, other.memory
        self.audit = Audit(stores.audit)
        self.privacy = Privacy(stores.privacy, self.identities, self.clock, lambda users: None, lambda: None)
        self.model = Model()
        self.changes = 0

    def identifier(self, name: str) -> tuple[str, str]:
        return name, "slack"

    def seen(self, user: User) -> str:
        if user.id not in self.model.stands_under:
            self.model.stands_under[user.id] = user.id
            self.changes += 1
        return user.id

    @rule(name=names)
    def resolve(self, name: str) -> None:
        self.clock.move(1)
        expected = self.model.user(name)
        user = self.identities.resolve(self.identifier(name))
        assert user.new == (expected is None)
        if expected is None:
            self.model.owner[name] = self.seen(user)
            self.changes += 1
        assert user.id == self.model.user(name)

    @precondition(lambda self: self.model.stands_under)
    @rule(data=st.data())
    def say(self, data: st.DataObject) -> None:
        raw = data.draw(st.sampled_from(sorted(self.model.stands_under) + sorted(self.model.owner)))
        user = self.identities.get(self.identifier(raw) if raw in NAMES else raw).id
        now, made = self.clock(), new_memory_id()
        self.memory.add([Memory(made, user, made, NOTE, 0.5, "api", "", "", 0, now, now)], None, "none")
        self.model.said.setdefault(user, []).append(made)

    @rule(chosen=st.lists(names, min_size=1, max_size=3, unique=True), merge=st.booleans())
    def associate(self, chosen: list[str], merge: bool) -> None:
        self.clock.move(1)
        owners = {user for name in chosen if (user := self.model.user(name))}
        wanted = [self.identifier(name) for name in chosen]
        if len(owners) > 1 and not merge:
            assert refused(IdentifierConflictError, lambda: self.identities.associate(wanted))
            return
        user = self.identities.associate(wanted, merge=merge)
        assert user.new == (not owners)
        if len(owners) > 1:
            self.model.merge(self.merges.of(user.id)[0].id, user.id, sorted(owners - {user.id}))
            self.changes += 1
        linked_to = self.seen(user)
        assert owners <= {linked_to} or merge
        new = [name for name in chosen if name not in self.model.owner]
        self.model.owner.update(dict.fromkeys(new, linked_to))
        self.changes += len(new)

    @rule(name=names, force=st.booleans())
    def unlink(self, name: str, force: bool) -> None:
        user = self.model.user(name)
        if user is None:
            assert refused(UserNotFoundError, lambda: self.identities.unlink(self.identifier(name)))
        elif len(self.model.identifiers(user)) == 1 and not force:
            assert refused(LastIdentifierError, lambda: self.identities.unlink(self.identifier(name)))
        else:
            assert self.identities.unlink(self.identifier(name), force=force).id == user
            del self.model.owner[name]
            self.changes += 1

    @precondition(lambda self: len(self.model.stands_under) > 1)
    @rule(data=st.data())
    def merge(self, data: st.DataObject) -> None:
        self.clock.move(1)
        known = sorted(self.model.stands_under)
        one, other = data.draw(st.sampled_from(known)), data.draw(st.sampled_from(known))
        into, loser = self.model.stands_under[one], self.model.stands_under[other]
        if into == loser:
            assert refused(MergeConflictError, lambda: self.merges.merge([other], into=one))
            return
        merge = self.merges.merge([other], into=one)
        assert (merge.survivor_id, merge.merged_ids) == (into, (loser,))
        self.model.merge(merge.id, into, [loser])
        self.changes += 1

    @precondition(lambda self: self.model.merges)
    @rule(data=st.data())
    def split(self, data: st.DataObject) -> None:
        merge_id = data.draw(st.sampled_from(sorted(self.model.merges)))
        survivor, moved = self.model.merges[merge_id]
        if self.model.stands_under[survivor] != survivor:
            assert refused(MergeConflictError, lambda: self.merges.split(merge_id))
            return
        self.merges.split(merge_id)
        self.model.stands_under.update(moved)
        del self.model.merges[merge_id]
        self.changes += 1
        assert refused(MergeConflictError, lambda: self.merges.split(merge_id))

    @precondition(lambda self: self.model.stands_under)
    @rule(data=st.data())
    def erase(self, data: st.DataObject) -> None:
        user = data.draw(st.sampled_from(sorted(self.model.stands_under)))
        canonical = self.model.stands_under[user]
        gone = {one for one, under in self.model.stands_under.items() if under == canonical}
        erased = self.privacy.erase(user)
        assert (erased.user_id, set(erased.users)) == (canonical, gone)
        self.model.erase(canonical)
        self.changes += 1

    @invariant()
    def whoever_was_erased_is_nobody(self) -> None:
        for user in self.model.erased:
            assert refused(UserNotFoundError, partial(self.identities.get, user))

    @invariant()
    def an_identifier_has_one_owner(self) -> None:
        for name in NAMES:
            found = self.identities.find(self.identifier(name))
            assert (found.id if found else None) == self.model.user(name)
            assert self.elsewhere.find(self.identifier(name)) is None

    @invariant()
    def every_id_ever_given_out_works(self) -> None:
        for user, canonical in self.model.stands_under.items():
            assert self.identities.get(user).id == canonical
            shown = {one.shown for one in self.identities.identifiers(user)}
            assert shown == self.model.identifiers(canonical)

    @invariant()
    def what_was_said_is_read_through_every_identifier_and_only_here(self) -> None:
        for user, canonical in self.model.stands_under.items():
            read = self.memory.newest(self.identities.get(user).id, MemoryId("mem_~"), 100)
            assert sorted(memory.text for memory in read) == self.model.known(canonical)
            assert self.memory_elsewhere.newest(UserId(canonical), MemoryId("mem_~"), 1) == []
        for user in self.model.erased:
            assert self.memory.newest(UserId(user), MemoryId("mem_~"), 1) == []

    @invariant()
    def what_is_looked_up_is_what_the_tables_say(self) -> None:
        if self.storage.dialect == "sqlite":
            assert looked_up(self.storage) == as_the_tables_say(self.storage)

    @invariant()
    def every_change_has_its_row(self) -> None:
        verdict = self.audit.verify()
        assert verdict.sound and verdict.rows == self.changes


def refused(error: type[Exception], change: Callable[[], object]) -> bool:
    try:
        change()
    except error:
        return True
    return False


def test_histories(storage: Storage) -> None:
    """Whatever is done in whatever order, the database says what the model says."""
    machine = type("Histories", (IdentityMachine,), {"storage": storage})
    run_state_machine_as_test(machine, settings=settings(max_examples=30, stateful_step_count=25, deadline=None))
