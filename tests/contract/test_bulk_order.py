"""Chunks that are linked at once, where the database can: what comes out is what one after the other gives."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from muxi.core.audit.service import Audit
from muxi.core.identity import bulk as bulk_module
from muxi.core.identity.bulk import Bulk
from muxi.core.identity.bulk_linking import TRIES
from muxi.core.identity.bulk_store import BulkStore
from muxi.core.identity.bulk_types import BulkResult, Group
from muxi.core.identity.kinds import Kinds
from muxi.core.identity.service import Identities
from muxi.errors import StorageConflictError, StorageUnavailableError
from muxi.storage.open import FormationStores
from tests.conftest import TestClock

#: Few people and few identifiers: chunk after chunk is about the same ones.
PEOPLE = [f"crm-{n}" for n in range(9)]
IDENTIFIERS = [(f"U{n}", kind) for n in range(30) for kind in ("slack", "discord")]


class Breaking:
    """A store whose transactions fail at their end where ``breaks`` says so, by their number."""

    def __init__(self, store: BulkStore, breaks: dict[int, Exception]) -> None:
        self._store = store
        self._breaks = breaks
        self.begun = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    @contextmanager
    def for_many(self) -> Iterator[BulkStore]:
        with self._store.for_many() as store:
            self._store = store
            yield self

    @contextmanager
    def writing(self, *given: Any) -> Iterator[Any]:
        self.begun += 1
        error = self._breaks.get(self.begun)
        with self._store.writing(*given) as writer:
            yield writer
            if error:
                raise error


def groups(seed: int) -> list[Group]:
    made = random.Random(seed)
    return [
        Group(made.sample(IDENTIFIERS, made.randint(1, 3)), name=made.choice([None, *PEOPLE]))
        for _ in range(made.randint(60, 90))
    ]


def linked(stores: FormationStores, clock: TestClock, given: list[Group], store: BulkStore | None = None) -> BulkResult:
    identities = Identities(stores.identity, stores.hash_key, clock, kinds=Kinds(limits={"slack": 4}))
    result = Bulk(store or stores.bulk, identities, clock).associate_many(given)
    assert Audit(stores.audit).verify().sound
    return result


def people(stores: FormationStores, clock: TestClock) -> list[list[tuple[str, str]]]:
    """Which identifiers are one user's."""
    identities = Identities(stores.identity, stores.hash_key, clock)
    asked = [*IDENTIFIERS, *((name, "internal") for name in PEOPLE)]
    users = {user.id for user in map(identities.find, asked) if user}
    return sorted(sorted((one.value, one.type) for one in identities.identifiers(user)) for user in users)


def said(result: BulkResult) -> tuple[Any, ...]:
    conflicts = [(one.place, one.code, one.identifiers) for one in result.conflicts]
    return result.groups, result.linked, result.users_made, result.unchanged, conflicts


@pytest.fixture
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bulk_module, "CHUNK", 6)


@pytest.mark.parametrize("seed", range(8))
def test_as_in_one_transaction(
    stores: FormationStores,
    other_stores: FormationStores,
    clock: TestClock,
    monkeypatch: pytest.MonkeyPatch,
    seed: int,
) -> None:
    """In chunks of a few or all in one: the same owners, conflicts, limits and counts."""
    given = groups(seed)
    whole = linked(other_stores, clock, given)
    monkeypatch.setattr(bulk_module, "CHUNK", 6)
    in_chunks = linked(stores, clock, given)
    assert said(in_chunks) == said(whole)
    assert {one.code for one in whole.conflicts} >= {"identifier_conflict"} and whole.linked > 20
    assert people(stores, clock) == people(other_stores, clock)


@pytest.mark.usefixtures("small_chunks")
@pytest.mark.parametrize("broken", [1, 2, 3, 7])
def test_a_chunk_that_is_decided_anew(
    stores: FormationStores, other_stores: FormationStores, clock: TestClock, broken: int
) -> None:
    """What was decided behind it is decided anew, too: the order stays, and nothing is counted twice."""
    given = groups(1)
    store = Breaking(stores.bulk, {broken: StorageConflictError("Changed at this moment.")})
    assert said(linked(stores, clock, given, store)) == said(linked(other_stores, clock, given))
    assert people(stores, clock) == people(other_stores, clock)


@pytest.mark.usefixtures("small_chunks")
def test_a_chunk_that_never_goes_through(stores: FormationStores, clock: TestClock) -> None:
    """After some tries its error is told, and nothing from behind it was linked."""
    given = [Group([(f"U{n}", "slack")]) for n in range(60)]
    error = StorageConflictError("Changed at this moment.")
    store = Breaking(stores.bulk, dict.fromkeys(range(4, 60), error))
    with pytest.raises(StorageConflictError, match="at this moment"):
        linked(stores, clock, given, store)
    assert people(stores, clock) == [[(f"U{n}", "slack")] for n in sorted(range(18), key=str)]
    # Decided at once with those behind it, one of which waited for a thread, and then alone.
    at_once = 0 if stores.bulk.at_once == 1 else stores.bulk.at_once + 1
    assert store.begun == 3 + at_once + TRIES


@pytest.mark.usefixtures("small_chunks")
def test_a_database_that_goes_away(stores: FormationStores, clock: TestClock) -> None:
    """The error is told at once, and nothing from behind the broken chunk was linked."""
    given = [Group([(f"U{n}", "slack")]) for n in range(60)]
    store = Breaking(stores.bulk, {2: StorageUnavailableError("Gone.")})
    with pytest.raises(StorageUnavailableError, match="Gone"):
        linked(stores, clock, given, store)
    assert people(stores, clock) == [[(f"U{n}", "slack")] for n in range(6)]
