"""What changes of the context write: against a plain nested document, and rule by rule."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from muxi.core.memory.document import document, document_of, replay
from muxi.core.memory.facts import Change, Entry, Fact, Op, Origin
from muxi.core.memory.planning import MAX_LIVE, Planning
from muxi.errors import InvalidContextError
from muxi.ids import UserId

NOW = datetime(2026, 1, 1, tzinfo=UTC)
ANN, BEN = UserId("usr_ann"), UserId("usr_ben")


class Book:
    """Every fact ever written, as a store keeps them."""

    def __init__(self) -> None:
        self.facts: dict[str, Fact] = {}
        self.now = NOW
        self.group: tuple[UserId, ...] = (ANN,)

    def live(self, *users: UserId) -> list[Fact]:
        kept = [f for f in self.facts.values() if f.superseded_at is None and f.user_id in (users or self.group)]
        return sorted(kept, key=lambda fact: (fact.last_at, fact.id))

    def take(self, op: Op, path: str, value: Any = None, at: datetime | None = None, user: UserId = ANN) -> list[Fact]:
        planning = Planning(self.live(*(self.group if user in self.group else (user,))), user, self.now)
        planning.take(Change(op, path, value, Origin(observed_at=at)))
        plan = planning.plan()
        for fact in (*plan.repeated, *plan.added):
            self.facts[fact.id] = fact
        for fact_id, (when, by) in plan.ended.items():
            self.facts[fact_id] = replace(self.facts[fact_id], superseded_at=when, superseded_by=by)
        assert planning.document() == self.document() or user not in self.group
        return plan.facts

    def document(self, *users: UserId) -> dict[str, Any]:
        live = self.live(*users)
        made = document_of([Entry(fact.path, fact.op, deepcopy(fact.value)) for fact in live])
        assert repr(made) == repr(document(replay(live)))
        return made

    def at(self, moment: datetime) -> dict[str, Any]:
        held = [
            f
            for f in self.facts.values()
            if f.observed_at <= moment and (f.superseded_at is None or f.superseded_at > moment)
        ]
        held.sort(key=lambda f: (f.last_at if f.last_at <= moment else f.observed_at, f.id))
        return document(replay(held))


@pytest.fixture
def book() -> Book:
    return Book()


PATHS = st.sampled_from(["a", "b", "a.x", "a.y", "a.x.p", "b.x", "b.x.q"])
SCALARS = st.sampled_from([None, True, 1, 1.0, "s", "t"])
VALUES = SCALARS | st.lists(SCALARS, max_size=3) | st.dictionaries(st.sampled_from("xyp"), SCALARS, max_size=2)
STEPS = st.lists(st.tuples(st.sampled_from(["set", "add", "remove", "delete"]), PATHS, VALUES), max_size=25)


def applied(model: dict[str, Any], op: str, path: str, value: Any) -> bool:
    """The same on a plain document; False if it is refused."""
    *way, last = path.split(".")
    holders: list[dict[str, Any]] = [model]
    for key in way:
        inner = holders[-1].get(key)
        if not isinstance(inner, dict):
            if op in ("remove", "delete"):
                return True
            inner = holders[-1][key] = {}
        holders.append(inner)
    changed = CHANGES[op](holders[-1], last, value)
    for parent, key in reversed(list(zip(holders, way, strict=False))):
        if parent.get(key) == {} and op in ("remove", "delete"):
            del parent[key]
    return changed


def _set(holder: dict[str, Any], key: str, value: Any) -> bool:
    holder[key] = value
    return True


def _delete(holder: dict[str, Any], key: str, value: Any) -> bool:
    holder.pop(key, None)
    return True


def _add(holder: dict[str, Any], key: str, value: Any) -> bool:
    here = holder.get(key)
    if isinstance(here, dict) and here:
        return False
    values = here if isinstance(here, list) else [] if here is None or here == {} else [here]
    if not any(repr(value) == repr(one) for one in values):
        holder[key] = [*values, value]
    return True


def _remove(holder: dict[str, Any], key: str, value: Any) -> bool:
    here = holder.get(key)
    left = [one for one in (here if isinstance(here, list) else [here]) if repr(one) != repr(value)]
    if key in holder and (len(left) < len(here) if isinstance(here, list) else not left):
        holder[key] = left
        if not left:
            del holder[key]
    return True


CHANGES = {"set": _set, "delete": _delete, "add": _add, "remove": _remove}


@given(STEPS)
def test_one_user_is_a_plain_document(steps: list[tuple[Op, str, Any]]) -> None:
    """Any sequence of changes gives what the same changes make of a nested dictionary, now and as it was."""
    book, model, seen = Book(), {}, []
    for op, path, value in steps:
        before = replay(book.live())
        try:
            book.take(op, path, value)
        except InvalidContextError:
            assert op == "add" and isinstance(_at(document(before), path), dict)
            continue
        assert applied(model, op, path, deepcopy(value))
        assert _sorted(book.document()) == _sorted(model), (op, path, value)
        newest = max((fact.last_at for fact in book.facts.values()), default=NOW)
        seen.append((newest, _sorted(book.document())))
        book.now += timedelta(seconds=1)
    # Of changes that wrote nothing the one before tells.
    for moment, document_then in dict(seen).items():
        if all(fact.times == 1 for fact in book.facts.values()):
            assert _sorted(book.at(moment)) == document_then


def _at(found: Any, path: str) -> Any:
    for key in path.split("."):
        found = found.get(key) if isinstance(found, dict) else None
    return found


def _sorted(value: Any) -> Any:
    """Comparable: truth and one are two values, and lists have no order here."""
    if isinstance(value, dict):
        return {key: _sorted(inner) for key, inner in value.items()}
    return sorted(map(repr, value)) if isinstance(value, list) else repr(value)


@given(STEPS, STEPS, STEPS)
def test_a_split_restores_both(before: list[Any], other: list[Any], after: list[Any]) -> None:
    """Whatever the survivor writes after a merge, the other user's own document is as it was."""
    book = Book()
    for user, steps in ((ANN, before), (BEN, other)):
        book.group = (user,)
        for op, path, value in steps:
            _try(book, op, path, value, user)
    ben = book.document(BEN)
    book.group = (ANN, BEN)
    for op, path, value in after:
        _try(book, op, path, value, ANN)
    assert book.document(BEN) == ben


def _try(book: Book, op: Op, path: str, value: Any, user: UserId) -> None:
    book.now += timedelta(seconds=1)
    try:
        book.take(op, path, value, user=user)
    except InvalidContextError:
        assert op == "add"


def test_a_correction_leaves_one_value(book: Book) -> None:
    """The old one ends when the new one begins, and knows by what."""
    [old] = book.take("set", "budget", 5000)
    book.now += timedelta(hours=1)
    [new] = book.take("set", "budget", 6000)
    assert book.document() == {"budget": 6000} and [fact.id for fact in book.live()] == [new.id]
    ended = book.facts[old.id]
    assert (ended.superseded_at, ended.superseded_by) == (new.observed_at, new.id)


def test_the_same_again_is_one_fact(book: Book) -> None:
    """With a count, the first and the last time, and the best of what both are worth."""
    book.take("set", "budget", 5000)
    book.now += timedelta(hours=1)
    [fact] = book.take("set", "budget", 5000)
    assert (fact.times, fact.observed_at, fact.last_at) == (2, NOW, NOW + timedelta(hours=1))
    assert len(book.facts) == 1


def test_an_object_replaces_an_object_fact_by_fact(book: Book) -> None:
    """What stays the same is the same fact, what is missing is deleted, and what is below nothing is not touched."""
    book.take("set", "p", {"theme": "dark", "lang": "en"})
    book.now += timedelta(hours=1)
    book.take("set", "p", {"theme": "dark", "size": 3})
    assert book.document() == {"p": {"theme": "dark", "size": 3}}
    assert {fact.path: fact.times for fact in book.live() if fact.op == "set"} == {"p.theme": 2, "p.size": 1}


def test_above_and_below(book: Book) -> None:
    """A value ends what is below its path and the value above it."""
    book.take("set", "a.b.c", 1)
    book.take("set", "a.b.d", 2)
    book.take("set", "a-b", 3)
    book.take("set", "a.b", "x")
    assert book.document() == {"a": {"b": "x"}, "a-b": 3} and len(book.live()) == 2
    book.take("set", "a.b.c.d", 4)
    assert book.document() == {"a": {"b": {"c": {"d": 4}}}, "a-b": 3} and len(book.live()) == 2


def test_lists(book: Book) -> None:
    """Append once, remove by value; a single value becomes a list's first; an object refuses."""
    book.take("set", "langs", "English")
    book.take("add", "langs", "French")
    book.take("add", "langs", "French")
    assert book.document() == {"langs": ["English", "French"]}
    book.take("remove", "langs", "English")
    assert book.document() == {"langs": ["French"]}
    assert book.take("remove", "langs", "Latin") == []
    book.take("remove", "langs", "French")
    assert book.document() == {}
    book.take("set", "o", {"a": 1})
    with pytest.raises(InvalidContextError, match="object"):
        book.take("add", "o", 1)


def test_what_comes_late_goes_to_the_history(book: Book) -> None:
    """A fact that was observed before what holds does not replace it, nor does it come back after a deletion."""
    hour = timedelta(hours=1)
    book.take("set", "budget", 5000, NOW - 5 * hour)
    book.take("set", "budget", 6000, NOW - 1 * hour)
    [late] = book.take("set", "budget", 5500, NOW - 3 * hour)
    assert book.document() == {"budget": 6000}
    assert late.superseded_at == NOW - 1 * hour
    assert [book.at(NOW - n * hour)["budget"] for n in (4, 2, 0)] == [5000, 5500, 6000]
    book.take("delete", "budget")
    book.take("set", "budget", 7000, NOW - hour / 2)
    assert book.document() == {}
    book.take("set", "budget", 8000)
    assert book.document() == {"budget": 8000}


def test_a_list_replaced_late_keeps_what_was_added_since(book: Book) -> None:
    """Newer additions stand beside the older list."""
    book.take("add", "likes", "tea", NOW)
    book.now += timedelta(hours=2)
    book.take("set", "likes", ["rain"], NOW - timedelta(hours=1))
    assert book.document() == {"likes": ["rain", "tea"]}


def test_a_clock_that_goes_back_loses_no_correction(book: Book) -> None:
    """Who does not say when means now, and now is after everything; a time to come is now."""
    book.take("set", "budget", 5000)
    book.now -= timedelta(days=1)
    book.take("set", "budget", 6000)
    assert book.document() == {"budget": 6000}
    [fact] = book.take("set", "other", 1, NOW + timedelta(days=900))
    assert fact.observed_at == book.now


def test_merged_users(book: Book) -> None:
    """The latest wins, lists that were added to are joined, and a deletion hides the other's, too."""
    hour = timedelta(hours=1)
    for user, budget, allergy, at in ((ANN, 1, "cats", NOW), (BEN, 2, "nuts", NOW + hour)):
        book.group = (user,)
        book.now = at
        book.take("set", "budget", budget, user=user)
        book.take("add", "allergies", allergy, user=user)
        book.take("set", f"only.{user[4:]}", True, user=user)
    book.group = (ANN, BEN)
    assert book.document() == {"budget": 2, "allergies": ["cats", "nuts"], "only": {"ann": True, "ben": True}}
    book.now += hour
    book.take("delete", "only")
    book.take("set", "budget", 3)
    book.take("remove", "allergies", "nuts")
    assert book.document() == {"budget": 3, "allergies": ["cats"]}
    assert book.document(BEN) == {"budget": 2, "allergies": ["nuts"], "only": {"ben": True}}
    assert book.document(ANN) == {"budget": 3, "allergies": ["cats"]}


def test_there_is_a_bound(book: Book) -> None:
    """A user has at most 10,000 facts that hold; changing one is still possible."""
    live = [
        Fact(f"fct_{n}", ANN, f"k{n}", "set", n, "", 0.5, 1.0, NOW, NOW, 1, NOW)  # type: ignore[arg-type]
        for n in range(MAX_LIVE)
    ]
    planning = Planning(live, ANN, NOW)
    planning.take(Change("set", "k7", "new"))
    assert len(planning.plan().added) == 1
    planning.take(Change("set", "one.more", 1))
    with pytest.raises(InvalidContextError, match="10,000"):
        planning.plan()
