"""What ends by itself, on each database: memories with a date, what is older than a formation keeps it, visitors."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from muxi.core.formation import Formation
from muxi.core.memory.edit_store import Edit
from muxi.core.memory.service import Draft
from muxi.core.memory.types import Memory
from muxi.core.orchestrator import Orchestrator
from muxi.core.privacy import sweeping
from muxi.errors import InvalidMemoryError, MemoryNotFoundError, UserNotFoundError
from muxi.ids import UserId
from muxi.settings import FormationSettings
from tests.conftest import TestClock
from tests.support.formations import open_formation
from tests.support.full_user import said
from tests.support.sentinels import left_in_tables
from tests.support.vectors import WordVectors

DAY = timedelta(days=1)
Kept = Callable[..., Formation]


@pytest.fixture
def keeping(database_url: str, clock: TestClock) -> Iterator[Kept]:
    """Opens formations that keep things for so many days."""
    opened = []

    def open_it(formation_id: str = "f", **days: float) -> Formation:
        provider = "postgres" if database_url.startswith("postgresql") else "sqlite"
        persistent = {"provider": provider, "connection_string": database_url, "pool_size": 8}
        memory = {"persistent": persistent, "retention": days}
        opened.append(open_formation(database_url, clock, formation_id, memory=memory))
        return opened[-1]

    yield open_it
    for one in opened:
        one.close()


@pytest.fixture
def formation(keeping: Kept) -> Formation:
    return keeping()


def found(formation: Formation, user: UserId | None, word: str) -> list[str]:
    vector = WordVectors().vector(word)
    return sorted(hit.text for hit in formation.memories.search(user, word, vector))


def in_order(memories: list[Memory]) -> list[Memory]:
    return sorted(memories, key=lambda memory: memory.seq)


def read(window: Any) -> list[str]:
    """Which words a window's vector is made of."""
    texts = {"rain": ["rain"], "snow": ["snow"], "rain\nsnow": ["rain", "snow"]}
    return next(words for text, words in texts.items() if WordVectors().vector(text).tobytes() == window.tobytes())


def swept(formation: Formation) -> dict[str, int]:
    done = formation.sweeper.sweep()
    assert done
    return dict(done.counts)


class TestExpiry:
    """A memory with a date of its own."""

    @pytest.mark.parametrize("whose", ["a@x.org", None])
    def test_it_is_not_recalled_from_then_on(self, formation: Formation, clock: TestClock, whose: str | None) -> None:
        """Not by a search, a list or its id, before any sweep; the others are, in pages of any size."""
        user = formation.identities.resolve(whose).id if whose else None
        drafts = [Draft(f"tea {n}", expires_in=DAY if n % 2 else None) for n in range(6)]
        stored = formation.memories.add(user, drafts)
        assert [one.expires_at for one in stored[:2]] == [None, clock.now + DAY]
        assert len(found(formation, user, "tea")) == 6
        clock.move(86400)
        stay = ["tea 0", "tea 2", "tea 4"]
        assert found(formation, user, "tea") == stay
        first = formation.memories.newest(user, limit=2)
        second = formation.memories.newest(user, limit=2, cursor=first.next_cursor)
        assert [one.text for one in (*first.items, *second.items)] == stay[::-1]
        assert second.next_cursor is None
        if user:
            for act in (lambda: formation.edits.get(user, stored[1].id), lambda: edit(formation, user, stored[1].id)):
                with pytest.raises(MemoryNotFoundError):
                    act()
        assert swept(formation) == {"memories": 3}
        assert found(formation, user, "tea") == stay and swept(formation) == {}
        assert left_in_tables(formation.storage, ["tea 1", "tea 3", "tea 5"]) == set()

    def test_another_process(self, keeping: Kept, clock: TestClock) -> None:
        """What was read before it expired is not recalled after; and a new date counts."""
        one, other = keeping(), keeping()
        user = one.identities.resolve("a@x.org").id
        one.memories.add(user, [Draft("tea", expires_in=DAY), Draft("tea too", expires_in=2 * DAY)])
        assert one.memories.settled()
        assert found(other, user, "tea") == ["tea", "tea too"]
        clock.move(86400)
        assert found(other, user, "tea") == ["tea too"]
        swept(one)
        clock.move(86400)
        assert found(other, user, "tea") == []

    async def test_through_the_documented_name(self, formation: Formation, clock: TestClock) -> None:
        """add_user_memory(expires_in=...)."""
        orchestrator = Orchestrator(formation=formation)
        await orchestrator.add_user_memory("a@x.org", "Parks on level 3", expires_in=timedelta(hours=4))
        assert len(await orchestrator.search_user_memory("a@x.org", "parks")) == 1
        clock.move(4 * 3600)
        assert await orchestrator.search_user_memory("a@x.org", "parks") == []

    @pytest.mark.parametrize("wrong", [timedelta(0), timedelta(seconds=-1), timedelta(days=10**7)])
    def test_wrong_spans(self, formation: Formation, wrong: timedelta) -> None:
        """Nothing, less, or beyond the calendar: a typed error, and nothing is stored."""
        with pytest.raises(InvalidMemoryError, match="expires_in"):
            formation.memories.add(None, [Draft("tea", expires_in=wrong)])
        assert formation.memories.newest(None).items == []

    def test_it_travels_with_an_export(self, formation: Formation, keeping: Kept, clock: TestClock) -> None:
        """Restored, it still ends when it was to end."""
        user = formation.identities.resolve("a@x.org").id
        formation.memories.add(user, [Draft("tea", expires_in=DAY)])
        with formation.privacy.export(user) as export:
            lines = list(export.lines())
        other = keeping("g")
        other.privacy.restore(lines)
        assert found(other, user, "tea") == ["tea"]
        clock.move(86400)
        assert found(other, user, "tea") == []

    async def test_what_it_stood_beside_is_read_anew(self, formation: Formation, clock: TestClock) -> None:
        """The neighbours' windows are made again without it, by the sweep and by a deletion by date."""
        user = formation.identities.resolve("a@x.org").id
        drafts = [Draft("tea", session_id="s", expires_in=DAY), Draft("rain", session_id="s")]
        formation.memories.add(user, drafts)
        assert formation.memories.settled()
        clock.move(86400)
        formation.memories.add(user, [Draft("snow", session_id="s")])
        assert formation.memories.settled()
        store = formation.storage.for_formation("f", clock.now).memory
        assert swept(formation) == {"memories": 1} and formation.memories.settled()
        assert [read(one.window) for one in in_order(store.since(user, 0))] == [["rain"], ["rain", "snow"]]
        formation.deletion.delete_data(user, clock.now)
        assert formation.memories.settled()
        assert [read(one.window) for one in store.since(user, 0)] == [["snow"]]


class TestAges:
    """What a formation keeps for so long."""

    async def test_each_kind_by_its_own_age(self, keeping: Kept, clock: TestClock) -> None:
        """Messages, memories and facts go when they are too old; another formation's stay."""
        formation, other = keeping(messages=10, memories=20, facts=30), keeping("g")
        for one in (formation, other):
            await said(one, "a@x.org", "old tea")
            user = one.identities.resolve("a@x.org").id
            one.context.merge(user, {"city": "Rome", "name": "Ann"})
            one.sessions.clear_buffer(user)
        user = formation.identities.resolve("a@x.org").id
        clock.move(10 * 86400)
        formation.context.set(user, "name", "Ann")
        assert swept(formation) == {}
        clock.move(1)
        assert swept(formation) == {"messages": 2, "sessions": 1, "buffer_clears": 1}
        assert found(formation, user, "tea") == ["old tea"]
        clock.move(10 * 86400)
        assert swept(formation) == {"memories": 1}
        clock.move(10 * 86400)
        assert swept(formation) == {"facts": 1}
        assert formation.context.get(user) == {"name": "Ann"}
        assert formation.identities.resolve("a@x.org").id == user
        theirs = other.identities.resolve("a@x.org").id
        assert found(other, theirs, "tea") == ["old tea"] and swept(other) == {}
        assert len(other.sessions.newest(theirs).items) == 1 and len(other.context.get(theirs)) == 2

    async def test_a_conversation_that_goes_on(self, keeping: Kept, clock: TestClock) -> None:
        """Loses its old messages, and keeps its place, its name and the new ones."""
        formation = keeping(messages=10)
        orchestrator = Orchestrator(formation=formation)
        before = await orchestrator.reply("old", user_id="a@x.org", session_id="one")
        clock.move(11 * 86400)
        after = await orchestrator.reply("new", user_id="a@x.org", session_id="one")
        assert swept(formation) == {"messages": 2}
        assert before.session_id == after.session_id and after.user_id
        left = formation.sessions.messages(after.user_id, after.session_id).items
        assert [(one.seq, one.role) for one in left] == [(4, "assistant"), (3, "user")]
        assert (await orchestrator.reply("newer", user_id="a@x.org", session_id="one")).session_id == after.session_id

    def test_a_changed_memory_is_as_new_as_its_change(self, keeping: Kept, clock: TestClock) -> None:
        """And goes when that is too old, with what it said before."""
        formation = keeping(memories=10)
        user = formation.identities.resolve("a@x.org").id
        [stored, _] = formation.memories.add(user, [Draft("tea"), Draft("rain")])
        clock.move(6 * 86400)
        formation.edits.edit(user, stored.id, Edit("coffee", None, None))
        clock.move(6 * 86400)
        assert swept(formation) == {"memories": 1}
        assert found(formation, user, "coffee") == ["coffee"]
        clock.move(6 * 86400)
        assert swept(formation) == {"memories": 1}
        assert left_in_tables(formation.storage, ["coffee", "tea"]) == set()

    def test_settings(self) -> None:
        """Days above 0; nothing is removed unless it is set."""
        assert FormationSettings().memory.retention.model_dump() == {
            "messages": None,
            "memories": None,
            "facts": None,
            "interval": 600.0,
        }
        for wrong in ({"messages": 0}, {"facts": -1}, {"memories": "ever"}, {"synopses": 3}, {"interval": 0}):
            with pytest.raises(ValidationError):
                FormationSettings.model_validate({"memory": {"retention": wrong}})


class TestSweeper:
    """Who sweeps, and when."""

    async def test_in_small_batches(self, keeping: Kept, clock: TestClock, monkeypatch: pytest.MonkeyPatch) -> None:
        """Much more than a batch goes, of many users; those who write in between are not kept waiting or harmed."""
        monkeypatch.setattr(sweeping, "BATCH", 7)
        formation = keeping(messages=10)
        users = [formation.identities.resolve(f"u{n}@x.org").id for n in range(5)]
        for user in users:
            formation.memories.add(user, [Draft(f"note {n}", expires_in=DAY) for n in range(40)])
        for n in range(10):
            await said(formation, "u1@x.org", f"turn {n}")
        clock.move(11 * 86400)
        stop, failures = threading.Event(), list[BaseException]()

        def write() -> int:
            written = 0
            while not stop.is_set():
                try:
                    formation.memories.add(users[0], [Draft(f"new {written}")])
                except BaseException as error:
                    failures.append(error)
                    raise
                written += 1
            return written

        with ThreadPoolExecutor(2) as pool:
            writing = [pool.submit(write) for _ in range(2)]
            counts = swept(formation)
            stop.set()
            written = sum(one.result() for one in writing)
        assert counts == {"memories": 200, "messages": 20, "sessions": 1} and not failures
        assert len(formation.memories.newest(users[0], limit=200).items) == min(written, 200) > 0
        assert formation.audit.newest(action="data.expired").items[0].details == {"counts": counts}
        assert formation.audit.verify().sound

    def test_one_process_at_a_time(self, keeping: Kept, clock: TestClock) -> None:
        """Another one finds it taken; now and then it is done by whoever comes first, once an interval."""
        one, other = keeping(), keeping()
        store = one.storage.for_formation("f", clock.now).retention
        assert store.begin("somebody", clock.now, clock.now + timedelta(minutes=1), clock.now)
        assert one.sweeper.sweep() is None
        clock.move(61)
        assert one.sweeper.sweep() is not None, "who held it has not come back"
        assert other.sweeper.sweep(now_and_then=True) is None
        assert other.sweeper.sweep() is not None, "somebody asked for it"
        clock.move(599)
        assert one.sweeper.sweep(now_and_then=True) is None
        clock.move(1)
        assert one.sweeper.sweep(now_and_then=True) is not None
        assert keeping("g").sweeper.sweep() is not None, "each formation by itself"

    def test_threads_of_many_sweep_once(self, keeping: Kept, clock: TestClock) -> None:
        """Eight that begin together: one does it."""
        formations = [keeping() for _ in range(4)]
        user = formations[0].identities.resolve("a@x.org").id
        formations[0].memories.add(user, [Draft("tea", expires_in=DAY)])
        clock.move(86400)
        with ThreadPoolExecutor(8) as pool:
            tries = [pool.submit(one.sweeper.sweep, now_and_then=True) for one in formations * 2]
            done = [one.result() for one in tries if one.result()]
        assert [dict(one.counts) for one in done] == [{"memories": 1}]

    def test_visitors_go_with_it(self, formation: Formation, clock: TestClock) -> None:
        """Anonymous users whose token has ended are erased, others stay."""
        gone = formation.anonymous.resolve_anonymous(expires_in=timedelta(hours=1))
        stays = formation.anonymous.resolve_anonymous(expires_in=timedelta(days=9))
        formation.memories.add(gone.user_id, [Draft("visitorword")])
        clock.move(86400)
        done = formation.sweeper.sweep()
        assert done and done.visitors == 1 and done.clean
        assert left_in_tables(formation.storage, ["visitorword", gone.user_id]) <= {gone.user_id}
        with pytest.raises(UserNotFoundError):
            formation.identities.get(gone.user_id)
        assert formation.identities.get(stays.user_id).id == stays.user_id

    def test_the_thread(self, keeping: Kept, clock: TestClock) -> None:
        """Started, it sweeps by itself, and ends with the formation; a formation that was not started has none."""
        formation = keeping(interval=1)
        user = formation.identities.resolve("a@x.org").id
        formation.memories.add(user, [Draft("tea", expires_in=DAY)])
        clock.move(86400)
        removed = threading.Event()
        store: Any = formation.sweeper._store
        ended = store.end

        def end(*args: Any) -> None:
            ended(*args)
            removed.set()

        store.end = end
        formation.sweeper.start()
        assert removed.wait(10)
        assert formation.storage.for_formation("f", clock.now).memory.newest(user, "mem_~", 5) == []  # type: ignore[arg-type]
        formation.close()
        assert "muxi-sweeper" not in {thread.name for thread in threading.enumerate()}


def test_an_older_database_gets_it(tmp_path: Path, clock: TestClock) -> None:
    """Memories of before have no date, and stay."""
    formation = open_formation(str(tmp_path / "old.db"), clock)
    user = formation.identities.resolve("a@x.org").id
    [stored] = formation.memories.add(user, [Draft("tea")])
    assert stored.expires_at is None
    clock.move(100 * 365 * 86400)
    assert swept(formation) == {} and found(formation, user, "tea") == ["tea"]
    formation.close()


def edit(formation: Formation, user: UserId, memory_id: str) -> object:
    return formation.edits.edit(user, memory_id, Edit("other", None, None))
