"""What every store of facts does, on each database."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

import pytest

from muxi.core.identity.merging import Merges
from muxi.core.identity.service import Identities
from muxi.core.memory.context import MAX_CHANGES, Context
from muxi.core.memory.context_schema import ContextSchema
from muxi.core.memory.facts import Change, Origin
from muxi.errors import InvalidContextError, InvalidCursorError, SettingsError, UserNotFoundError
from muxi.ids import UserId, new_message_id, new_user_id
from muxi.storage.open import FormationStores
from tests.conftest import TestClock

HOUR = timedelta(hours=1)


@pytest.fixture
def identities(stores: FormationStores, clock: TestClock) -> Identities:
    return Identities(stores.identity, stores.hash_key, clock)


@pytest.fixture
def context(stores: FormationStores, clock: TestClock) -> Context:
    return Context(stores.facts, clock)


@pytest.fixture
def alice(identities: Identities) -> UserId:
    return identities.resolve("alice@acme.com").id


@pytest.fixture
def bob(identities: Identities) -> UserId:
    return identities.resolve("bob@acme.com").id


class TestContext:
    """Written, read, as it was, and how it came to be."""

    def test_a_document_and_an_update(self, context: Context, alice: UserId) -> None:
        """Any JSON comes back as it went; an update touches its path only."""
        knowledge = {
            "name": "John Doe",
            "preferences": {"theme": "dark", "language": "English"},
            "odd keys": {"a.b\\": [1, 1, {"é": None}], "'; DROP TABLE": 0.1, "empty": {}, "none": []},
            "big": 2**80,
        }
        context.merge(alice, knowledge)
        context.set(alice, "preferences.notifications", "enabled")
        knowledge["preferences"] = {"theme": "dark", "language": "English", "notifications": "enabled"}
        assert context.get(alice) == knowledge

    def test_where_a_fact_comes_from(self, context: Context, alice: UserId, clock: TestClock) -> None:
        """Source, importance, confidence, time, the messages, and how often; the best of all who said it."""
        message = new_message_id()
        said = Origin("crm", 0.9, 0.6, clock() - HOUR, (message,))
        [written] = context.set(alice, "work.role", "engineer", said)
        [again] = context.set(alice, "work.role", "engineer", Origin("chat", 0.2, 0.8))
        assert written.id == again.id and written.id.startswith("fct_")
        [fact] = context.facts(alice)
        assert fact == again
        assert (fact.source, fact.importance, fact.confidence, fact.times) == ("crm", 0.9, 0.8, 2)
        assert (fact.observed_at, fact.last_at, fact.written_at) == (clock() - HOUR, clock(), clock())
        assert fact.evidence == (message,)

    def test_a_correction_leaves_one_value_and_its_history(
        self, context: Context, alice: UserId, clock: TestClock
    ) -> None:
        """What holds is one fact; the other says since when and by what it does not."""
        context.set(alice, "budget", 5000, Origin("chat"))
        clock.move(60)
        context.set(alice, "budget", 6000, Origin("form"))
        assert context.get(alice) == {"budget": 6000}
        new, old = context.history(alice, "budget").items
        assert (new.value, new.source, new.superseded_at) == (6000, "form", None)
        assert (old.value, old.source, old.superseded_at, old.superseded_by) == (5000, "chat", clock(), new.id)
        assert context.facts(alice) == [new]

    def test_as_it_was(self, context: Context, alice: UserId, clock: TestClock) -> None:
        """At any time in the past, also before there was anything; a time without a zone is UTC."""
        began = clock()
        for step in ({"city": "Rome"}, {"city": "Oslo", "job": "cook"}, {"pets": ["cat"]}):
            context.merge(alice, step)
            clock.move(3600)
        context.delete(alice, "job")
        seen = [context.get(alice, at=began + n * HOUR + HOUR / 2) for n in range(-1, 4)]
        assert seen == [
            {},
            {"city": "Rome"},
            {"city": "Oslo", "job": "cook"},
            {"city": "Oslo", "job": "cook", "pets": ["cat"]},
            {"city": "Oslo", "pets": ["cat"]},
        ]
        assert context.get(alice, at=datetime(2026, 1, 1, 12, 30)) == {"city": "Rome"}

    def test_deleting(self, context: Context, alice: UserId, clock: TestClock) -> None:
        """A path and all below it, and nothing beside it; the history tells. Deleting nothing says so."""
        context.merge(alice, {"work": {"role": "cook", "at": {"city": "Rome"}}, "work-out": True})
        clock.move(60)
        assert context.delete(alice, "work", Origin("form")) is True
        assert context.get(alice) == {"work-out": True}
        assert context.delete(alice, "work") is False and context.delete(alice, "nothing.there") is False
        assert [(fact.op, fact.path) for fact in context.history(alice, "work.at.city").items] == [
            ("delete", "work"),
            ("set", "work.at.city"),
        ]

    def test_forgetting_leaves_nothing(self, context: Context, stores: FormationStores, alice: UserId) -> None:
        """Neither value nor path nor history; what is beside it stays."""
        context.merge(alice, {"health": {"secret": "sentinel"}, "healthy": 1})
        context.set(alice, "health.secret", "sentinel too")
        assert context.delete(alice, "health", forget=True) is True
        assert context.delete(alice, "health", forget=True) is False
        assert [fact.path for fact in context.history(alice).items] == ["healthy"]
        assert context.get(alice) == {"healthy": 1}

    def test_lists(self, context: Context, alice: UserId) -> None:
        """Append once, remove by value, replace; each member has its own fact."""
        context.add(alice, "allergies", "cats", Origin("chat"))
        context.add(alice, "allergies", "nuts", Origin("form"))
        context.add(alice, "allergies", "cats", Origin("mail"))
        assert sorted(context.get(alice)["allergies"]) == ["cats", "nuts"]
        assert {fact.value: (fact.source, fact.times) for fact in context.facts(alice)} == {
            "cats": ("chat", 2),
            "nuts": ("form", 1),
        }
        context.remove(alice, "allergies", "cats")
        assert context.get(alice) == {"allergies": ["nuts"]}
        context.set(alice, "allergies", ["dust"])
        assert context.get(alice) == {"allergies": ["dust"]}
        assert len(context.facts(alice)) == 1

    def test_pages_of_the_history(self, context: Context, alice: UserId) -> None:
        """Every fact once, newest first, whatever the size of a page; a foreign cursor is refused."""
        for n in range(7):
            context.set(alice, "n", n)
        seen, cursor = [], None
        while True:
            page = context.history(alice, "n", cursor=cursor, limit=3)
            seen += [fact.value for fact in page.items]
            cursor = page.next_cursor
            if cursor is None:
                break
        assert seen == [6, 5, 4, 3, 2, 1, 0]
        for wrong in ("x", "WyJ4IiwgInkiXQ==", "WzEsIDJd", "WyJ4Il0="):
            with pytest.raises(InvalidCursorError):
                context.history(alice, cursor=wrong)
        with pytest.raises(InvalidCursorError):
            context.history(alice, limit=0)

    def test_the_version_moves_with_each_write(self, context: Context, alice: UserId, bob: UserId) -> None:
        """And only then: whoever makes something of the facts knows whether it is up to date."""
        versions = [context.version(alice)]
        context.set(alice, "a", 1)
        versions.append(context.version(alice))
        context.get(alice)
        context.set(bob, "a", 1)
        assert context.version(alice) == versions[-1]
        context.delete(alice, "a", forget=True)
        versions.append(context.version(alice))
        assert versions == sorted(set(versions))

    @pytest.mark.parametrize(
        "write",
        [
            lambda context, user: context.merge(user, {"good": 1, "a": {"": 2}}),
            lambda context, user: context.merge(user, {"good": 1, "__proto__": 2}),
            lambda context, user: context.merge(user, {"good": 1, "n": float("nan")}),
            lambda context, user: context.merge(user, {"good": 1, "big": "x" * 5_000_000}),
            lambda context, user: context.merge(user, ["not a mapping"]),
            lambda context, user: context.set(user, "a..b", 1),
            lambda context, user: context.set(user, "a", 1, Origin(importance=1.1)),
            lambda context, user: context.set(user, "a", 1, Origin(confidence=float("nan"))),
            lambda context, user: context.set(user, "a", 1, Origin(confidence=True)),
            lambda context, user: context.set(user, "a", 1, Origin("a\nb")),
            lambda context, user: context.set(user, "a", 1, Origin(evidence=("not a message",))),
            lambda context, user: context.write(user, [Change("set", "good", 1), Change("set", "constructor", 1)]),
            lambda context, user: context.write(user, [Change("add", "a", n) for n in range(MAX_CHANGES + 1)]),
            lambda context, user: context.write(user, [Change("set", "o.p", 1), Change("add", "o", 1)]),
            lambda context, user: context.delete(user, ""),
            lambda context, user: context.history(user, "a."),
        ],
    )
    def test_one_bad_change_writes_nothing(
        self, context: Context, alice: UserId, write: Callable[[Context, UserId], object]
    ) -> None:
        """The good one beside it is not written either."""
        with pytest.raises(InvalidContextError):
            write(context, alice)
        assert context.get(alice) == {} and context.history(alice).items == []


class TestIsolation:
    """One user's context is nobody else's."""

    def test_another_user_and_another_formation(
        self, context: Context, alice: UserId, bob: UserId, other_stores: FormationStores, clock: TestClock
    ) -> None:
        """Neither reads, changes nor deletes; a guessed id has nothing, and can be given nothing."""
        abroad = Context(other_stores.facts, clock)
        context.merge(alice, {"word": "sentinel", "list": ["sentinel"]})
        for service, user in ((context, bob), (abroad, alice), (context, new_user_id())):
            assert service.get(user) == {} and service.facts(user) == [] and service.version(user) == 0
            assert service.get(user, at=clock() + HOUR) == {}
            assert service.history(user).items == [] and service.history(user, "word").items == []
        assert context.delete(bob, "word") is False and context.delete(bob, "word", forget=True) is False
        assert context.remove(bob, "list", "sentinel") == []
        context.set(bob, "word", "mine")
        for service, user in ((abroad, alice), (context, new_user_id())):
            with pytest.raises(UserNotFoundError):
                service.set(user, "word", "theirs")
        assert context.get(alice) == {"word": "sentinel", "list": ["sentinel"]}
        assert context.get(bob) == {"word": "mine"}


class TestMerged:
    """Users who were made one, and were not after all."""

    def test_the_latest_wins_and_a_split_restores(
        self,
        stores: FormationStores,
        identities: Identities,
        context: Context,
        alice: UserId,
        bob: UserId,
        clock: TestClock,
    ) -> None:
        """The document is of both; what was written since stays with the survivor."""
        merges = Merges(stores.merges, identities, clock)
        context.merge(alice, {"budget": 1, "only": {"alice": True}})
        context.add(alice, "allergies", "cats")
        clock.move(60)
        context.merge(bob, {"budget": 2, "only": {"bob": True}})
        context.add(bob, "allergies", "nuts")
        clock.move(60)
        merge = merges.merge([alice, bob], into=alice)
        assert context.get(alice) == {
            "budget": 2,
            "only": {"alice": True, "bob": True},
            "allergies": ["cats", "nuts"],
        }
        assert [fact.value for fact in context.history(alice, "budget").items] == [2, 1]
        context.set(alice, "budget", 3)
        context.delete(alice, "only")
        context.remove(alice, "allergies", "nuts")
        assert context.get(alice) == {"budget": 3, "allergies": ["cats"]}
        assert context.get(alice, at=clock() - timedelta(seconds=90)) == {
            "budget": 1,
            "only": {"alice": True},
            "allergies": ["cats"],
        }
        merges.split(merge.id)
        assert context.get(bob) == {"budget": 2, "only": {"bob": True}, "allergies": ["nuts"]}
        assert context.get(alice) == {"budget": 3, "allergies": ["cats"]}

    def test_a_user_who_was_just_merged_is_not_written(
        self, stores: FormationStores, identities: Identities, context: Context, alice: UserId, bob: UserId
    ) -> None:
        """Whoever had looked before is told to look again."""
        Merges(stores.merges, identities, lambda: datetime.now().astimezone()).merge([alice, bob], into=alice)
        with pytest.raises(UserNotFoundError):
            context.set(bob, "a", 1)
        assert context.get(alice) == {}


class TestTogether:
    """Several writers."""

    def test_two_writers_of_one_path_leave_one_value(self, context: Context, alice: UserId) -> None:
        """Whatever order they come in, and nothing of the history is lost."""
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda n: context.set(alice, "budget", n), range(40)))
        [fact] = context.facts(alice)
        history = context.history(alice, "budget", limit=200).items
        assert sorted(one.value for one in history) == list(range(40))
        assert [one.id for one in history if one.superseded_at is None] == [fact.id] == [history[0].id]
        assert context.version(alice) == 40

    def test_the_same_from_all_is_one_fact(self, context: Context, alice: UserId) -> None:
        """Counted once for each who said it."""
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda _: context.add(alice, "likes", "tea"), range(24)))
        assert [(fact.value, fact.times) for fact in context.facts(alice)] == [("tea", 24)]


SCHEMA = {
    "type": "object",
    "properties": {
        "theme": {"enum": ["dark", "light"]},
        "age": {"type": "integer", "minimum": 0},
        "tags": {"type": "array", "items": {"type": "string"}, "maxItems": 2},
    },
    "additionalProperties": False,
}


class TestSchema:
    """A formation may say what a context holds."""

    def test_what_does_not_fit_is_refused(self, stores: FormationStores, clock: TestClock, alice: UserId) -> None:
        """By merge, set, add and delete alike, saying where and against which rule; nothing is written."""
        strict = Context(stores.facts, clock, ContextSchema(SCHEMA | {"required": ["theme"]}))
        strict.merge(alice, {"theme": "dark", "tags": ["a", "b"]})
        for write in (
            lambda: strict.set(alice, "theme", "pink"),
            lambda: strict.merge(alice, {"age": -1}),
            lambda: strict.add(alice, "tags", "c"),
            lambda: strict.set(alice, "other", 1),
            lambda: strict.delete(alice, "theme"),
            lambda: strict.delete(alice, "theme", forget=True),
        ):
            with pytest.raises(InvalidContextError) as refused:
                write()
            assert refused.value.details["errors"][0]["problem"]
        assert "pink" not in str(refused.value)
        assert strict.get(alice) == {"theme": "dark", "tags": ["a", "b"]}

    def test_what_was_there_before_can_be_repaired(
        self, stores: FormationStores, clock: TestClock, alice: UserId
    ) -> None:
        """An old context that does not fit does not stop changes that do not make it worse."""
        loose = Context(stores.facts, clock)
        loose.merge(alice, {"theme": "pink", "wrong": 1})
        strict = Context(stores.facts, clock, ContextSchema(SCHEMA))
        strict.set(alice, "age", 7)
        strict.set(alice, "theme", "light")
        with pytest.raises(InvalidContextError):
            strict.set(alice, "theme", "pink")
        strict.delete(alice, "wrong")
        assert strict.get(alice) == {"theme": "light", "age": 7}

    def test_what_is_no_schema(self) -> None:
        """A formation with a wrong one does not start; one that points elsewhere fetches nothing."""
        with pytest.raises(SettingsError, match="context_schema"):
            ContextSchema({"type": "nonsense"})
