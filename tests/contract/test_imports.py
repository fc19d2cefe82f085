"""What other systems remember, brought in: on each database, once, with its dates, and nobody else's."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest

from muxi.core.formation import Formation
from muxi.core.imports.service import import_file, import_items
from muxi.core.imports.types import ImportResult, Kind, Reading
from muxi.core.memory.types import Memory
from muxi.core.orchestrator import Orchestrator
from muxi.errors import InvalidImportError, StorageUnavailableError
from muxi.ids import UserId
from muxi.storage.langgraph import items
from tests.conftest import TestClock
from tests.support.sentinels import left_in_tables
from tests.support.vectors import WordVectors

CARD = "4111 1111 1111 1111"
#: As mem0 2.x writes it: what was not told is missing, metadata is null if there is none of the application's own.
MEM0 = [
    {
        "id": "6b1e3a52-0000-4000-8000-000000000001",
        "memory": "Likes tea in the morning",
        "hash": "9e107d9d372bb6826bd81d3542a419d6",  # pragma: allowlist secret
        "metadata": {"topic": "drinks", "user_id": "bob@x.org", "formation_id": "g", "imported_id": "other"},
        "created_at": "2025-03-01T09:30:00.000000+00:00",
        "updated_at": None,
        "user_id": "ann@x.org",
        "agent_id": "concierge",
        "run_id": "trip",
    },
    {
        "id": "6b1e3a52-0000-4000-8000-000000000002",
        "memory": f"Pays with {CARD}",
        "hash": "e4d909c290d0fb1ca068ffaddf22cbd0",  # pragma: allowlist secret
        "metadata": None,
        "created_at": "2025-02-01T08:00:00-05:00",
        "updated_at": "2025-02-02T08:00:00-05:00",
        "user_id": "ann@x.org",
        "actor_id": "Ann",
        "role": "user",
        "expiration_date": "2026-01-31",
    },
    {
        "id": "6b1e3a52-0000-4000-8000-000000000003",
        "memory": "Plays the cello",
        "hash": "x",
        "metadata": None,
        "created_at": "2025-01-01T00:00:00+00:00",
        "updated_at": None,
        "user_id": "bob@x.org",
    },
    {
        "id": "6b1e3a52-0000-4000-8000-000000000004",
        "memory": "Over and done",
        "hash": "x",
        "metadata": None,
        "created_at": "2024-01-01T00:00:00+00:00",
        "updated_at": None,
        "user_id": "bob@x.org",
        "expiration_date": "2025-12-31",
    },
]
STORE = [
    {
        "namespace": ["memories", "ann@x.org"],
        "key": "k1",
        "value": {"kind": "Memory", "content": {"content": "Likes tea", "sure": True}},
        "created_at": "2025-03-01T09:30:00+00:00",
        "updated_at": "2025-03-02T09:30:00+00:00",
    },
    {
        "namespace": ["memories", "bob@x.org", "hobbies"],
        "key": "k1",
        "value": {"text": "Plays the cello", "owner": "ann@x.org"},
        "created_at": "2025-03-01T09:30:00+00:00",
        "updated_at": "2025-03-02T09:30:00+00:00",
    },
]
SAID = [
    {"user": "ann@x.org", "role": "user", "content": "My budget is $6,000.", "timestamp": "2025-03-02T10:00:00Z"},
    {"user": "ann@x.org", "role": "assistant", "text": "Noted.", "created_at": "2025-03-02T10:00:05Z"},
    {"user": "U1", "type": "slack", "role": "user", "content": "I like chess.", "timestamp": 1740830400},
    {"user": "ann@x.org", "role": "system", "content": "You are helpful.", "timestamp": "2025-03-01T10:00:00Z"},
    {
        "user": "ann@x.org",
        "session": "first",
        "messages": [
            {"role": "system", "content": "You are helpful."},
            {"role": "user", "content": [{"type": "text", "text": "My budget is $5,000."}, {"type": "image_url"}]},
            {"role": "assistant", "content": "I see."},
            {"role": "user", "content": f"My card is {CARD}."},
        ],
        "timestamp": "2025-03-01T10:00:00Z",
    },
]


def of(formation: Formation, who: Any) -> list[Memory]:
    user = formation.identities.find(who)
    return sorted(formation.memories.newest(user.id, limit=200).items, key=lambda one: one.said_at) if user else []


def texts(formation: Formation, who: Any) -> list[str]:
    return [memory.text for memory in of(formation, who)]


def written(path: Path, lines: list[Any]) -> Path:
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    return path


def log(formation: Formation, user: UserId, name: str) -> list[tuple[str, str, datetime]]:
    session = formation.sessions.find(user, name)
    assert session
    found = formation.sessions.messages(user, session.id, limit=200).items
    return [(one.role, one.text, one.created_at) for one in reversed(found)]


class TestMem0:
    """What ``Memory.get_all`` returns."""

    @pytest.mark.parametrize("form", ["as it is returned", "a list", "lines", "a result a line"])
    def test_each_form(self, formation: Formation, tmp_path: Path, form: str) -> None:
        """Memories with their dates, agents, runs and ends, whose they were; and where they come from."""
        if form in ("as it is returned", "a list"):
            path = tmp_path / "mem0.json"
            path.write_text(json.dumps(MEM0 if form == "a list" else {"results": MEM0}))
        else:
            path = written(tmp_path / "mem0.jsonl", MEM0 if form == "lines" else [{"results": MEM0}])
        result = import_file(formation, "mem0", path)
        first, last = datetime(2025, 1, 1, tzinfo=UTC), datetime(2025, 3, 1, 9, 30, tzinfo=UTC)
        assert result == ImportResult(3, 2, 2, 3, 0, 0, 0, 1, first, last)
        pays, tea = of(formation, "ann@x.org")
        assert (tea.text, tea.said_at, tea.agent_id, tea.session_id) == (
            "Likes tea in the morning",
            datetime(2025, 3, 1, 9, 30, tzinfo=UTC),
            "concierge",
            "trip",
        )
        assert (tea.channel, tea.kind, tea.metadata["topic"]) == ("mem0", "note", "drinks")
        assert (tea.metadata["imported_from"], tea.metadata["imported_id"]) == ("mem0", MEM0[0]["id"])
        assert (pays.text, pays.said_at) == ("Pays with [payment card]", datetime(2025, 2, 1, 13, tzinfo=UTC))
        assert pays.expires_at == datetime(2026, 2, 1, tzinfo=UTC) and pays.metadata["speaker"] == "Ann"
        assert texts(formation, "bob@x.org") == ["Plays the cello"]
        assert left_in_tables(formation.storage, [CARD, "Over and done"]) == set()

    def test_it_is_recalled(self, formation: Formation, clock: TestClock) -> None:
        """By words at once, by meaning as soon as it has its vector; until its end, and by nobody else."""
        import_items(formation, "mem0", MEM0)
        assert formation.memories.settled()
        user = formation.identities.resolve("ann@x.org").id
        hits = formation.memories.search(user, "tea", WordVectors().vector("tea"))
        assert hits[0].text == "Likes tea in the morning"
        assert formation.identities.find("concierge") is None
        clock.move(32 * 86400)
        assert texts(formation, "ann@x.org") == ["Likes tea in the morning"]

    def test_twice_is_once(self, formation: Formation, clock: TestClock, tmp_path: Path) -> None:
        """The same file, a longer one, and the same memory of another user or formation."""
        import_items(formation, "mem0", MEM0)
        clock.move(3600)
        again = import_items(formation, "mem0", MEM0)
        assert (again.memories, again.unchanged, again.users_made) == (0, 3, 0)
        more = [*MEM0, {**MEM0[0], "user_id": "eve@x.org"}]
        assert import_items(formation, "mem0", more).memories == 1
        assert len(of(formation, "ann@x.org")) == 2 and len(of(formation, "eve@x.org")) == 1

    def test_merged_meanwhile(self, formation: Formation) -> None:
        """Whoever was merged has their memories once, however often they come."""
        import_items(formation, "mem0", MEM0)
        formation.merges.merge(["ann@x.org", "bob@x.org"], into="bob@x.org")
        assert import_items(formation, "mem0", MEM0).memories == 0
        assert len(of(formation, "ann@x.org")) == 3

    def test_a_formation_is_its_own(self, formation: Formation, elsewhere: Formation) -> None:
        """The same file goes into two, and neither has the other's ids."""
        import_items(formation, "mem0", MEM0)
        assert import_items(elsewhere, "mem0", MEM0).memories == 3
        assert not {one.id for one in of(formation, "ann@x.org")} & {one.id for one in of(elsewhere, "ann@x.org")}

    def test_without_a_date(self, formation: Formation, clock: TestClock) -> None:
        """It is of the time of its first import, and still stored once."""
        undated = [{"id": "1", "memory": "tea", "user_id": "ann@x.org"}]
        import_items(formation, "mem0", undated)
        clock.move(60)
        assert import_items(formation, "mem0", undated).unchanged == 1
        assert [one.said_at for one in of(formation, "ann@x.org")] == [clock.now - timedelta(seconds=60)]

    def test_of_users_of_a_type(self, formation: Formation) -> None:
        """The type is told, and so is whose the rest is."""
        mine = [{"id": "1", "memory": "tea", "user_id": "7"}, {"id": "2", "memory": "rain", "agent_id": "bot"}]
        import_items(formation, "mem0", mine, Reading(user="8", type="crm"))
        assert (texts(formation, ("7", "crm")), texts(formation, ("8", "crm"))) == (["tea"], ["rain"])


class TestLangGraph:
    """Items of a store."""

    def test_items(self, formation: Formation, tmp_path: Path) -> None:
        """The user is a part of the namespace; the text is found; the rest of the value is metadata."""
        path = written(tmp_path / "store.jsonl", STORE)
        result = import_file(formation, "langgraph", path, Reading(user_at=1))
        assert (result.memories, result.users) == (2, 2)
        [tea], [cello] = of(formation, "ann@x.org"), of(formation, "bob@x.org")
        assert (tea.text, tea.metadata["content"], tea.metadata["kind"]) == ("Likes tea", {"sure": True}, "Memory")
        assert (cello.text, cello.metadata["owner"]) == ("Plays the cello", "ann@x.org")
        assert cello.metadata["imported_id"] == '["memories", "bob@x.org", "hobbies", "k1"]'
        assert import_file(formation, "langgraph", path, Reading(user_at=1)).unchanged == 2

    def test_another_field(self, formation: Formation) -> None:
        """It can be told, dotted; where it is not there, the line is wrong."""
        item = {"namespace": ["ann@x.org"], "key": "1", "value": {"note": {"de": "Tee", "en": "tea"}}}
        import_items(formation, "langgraph", [item], Reading(user_at=-1, text="note.en"))
        assert texts(formation, "ann@x.org") == ["tea"]
        with pytest.raises(InvalidImportError, match="--text"):
            import_items(formation, "langgraph", [item], Reading(user_at=0))

    def test_from_its_database(self, formation: Formation, postgres_database: str) -> None:
        """The table that ``PostgresStore`` makes, read where it is; what has ended stays there."""
        with psycopg.connect(postgres_database) as conn:
            conn.execute(
                "CREATE TABLE store (prefix text NOT NULL, key text NOT NULL, value jsonb NOT NULL,"
                " created_at timestamptz, updated_at timestamptz, expires_at timestamptz, ttl_minutes int,"
                " PRIMARY KEY (prefix, key))"
            )
            for prefix, key, value, ends in (
                ("memories.ann", "k1", {"text": "Likes tea"}, None),
                ("memories.ann", "k2", {"text": "Gone"}, "2025-06-01T00:00:00Z"),
                ("memories.bob", "k1", {"data": "Plays the cello"}, "2027-01-01T00:00:00Z"),
            ):
                conn.execute(
                    "INSERT INTO store VALUES (%s, %s, %s, '2025-03-01T09:30:00Z', '2025-03-01T09:30:00Z', %s)",
                    (prefix, key, json.dumps(value), ends),
                )
        result = import_items(formation, "langgraph", items(postgres_database), Reading(user_at=1))
        assert (result.memories, result.skipped) == (2, 1)
        assert (texts(formation, "ann"), texts(formation, "bob")) == (["Likes tea"], ["Plays the cello"])
        assert of(formation, "bob")[0].expires_at == datetime(2027, 1, 1, tzinfo=UTC)
        assert of(formation, "ann")[0].said_at == datetime(2025, 3, 1, 9, 30, tzinfo=UTC)

    def test_a_database_that_is_none(self, postgres_database: str) -> None:
        """A typed error that does not repeat the address."""
        with pytest.raises(StorageUnavailableError, match="LangGraph"):
            list(items(postgres_database))


class TestConversations:
    """Exports of chats."""

    async def test_into_the_log(self, formation: Formation, tmp_path: Path) -> None:
        """In the order of time, whatever that of the file; remembered, and read for facts as if said then."""
        result = import_file(formation, "jsonl", written(tmp_path / "chat.jsonl", SAID))
        assert (result.messages, result.memories, result.sessions, result.users, result.skipped) == (6, 4, 3, 2, 2)
        assert formation.extraction.settled()
        ann = formation.identities.resolve("ann@x.org").id
        at = datetime(2025, 3, 1, 10, tzinfo=UTC)
        assert [(role, text) for role, text, _ in log(formation, ann, "first")] == [
            ("user", "My budget is $5,000."),
            ("assistant", "I see."),
            ("user", "My card is [payment card]."),
        ]
        assert log(formation, ann, "first")[0][2] == at + timedelta(milliseconds=1)
        assert log(formation, ann, "imported")[1] == ("assistant", "Noted.", datetime(2025, 3, 2, 10, 0, 5, tzinfo=UTC))
        assert formation.context.get(ann) == {"budget": "$6,000"}
        now, before = formation.context.history(ann, "budget").items
        assert (before.value, before.superseded_by) == ("$5,000", now.id)
        assert now.observed_at.date() == at.date() + timedelta(days=1)
        assert texts(formation, ("U1", "slack")) == ["I like chess."]
        assert of(formation, ("U1", "slack"))[0].said_at == datetime(2025, 3, 1, 12, tzinfo=UTC)
        assert left_in_tables(formation.storage, [CARD]) == set()

    async def test_twice_is_once(self, formation: Formation, clock: TestClock) -> None:
        """Messages with and without an answer, alike ones included; a longer file adds what is new."""
        lines = [*SAID, SAID[0], SAID[0]]
        first = import_items(formation, "jsonl", lines)
        clock.move(3600)
        again = import_items(formation, "jsonl", lines)
        assert (first.messages, again.messages, again.memories, again.unchanged) == (8, 0, 0, 8)
        more = {**SAID[0], "content": "I like rain.", "timestamp": "2025-04-01T00:00:00Z"}
        assert import_items(formation, "jsonl", [*lines, more]).messages == 1

    async def test_what_was_said_since_stays(self, formation: Formation) -> None:
        """Somebody who has talked here already: what is imported is older, and changes nothing that was said since."""
        orchestrator = Orchestrator(formation=formation)
        await orchestrator.chat("My budget is $9,000.", user_id="ann@x.org")
        assert formation.extraction.settled()
        import_items(formation, "jsonl", SAID)
        assert formation.extraction.settled()
        ann = formation.identities.resolve("ann@x.org").id
        assert formation.context.get(ann) == {"budget": "$9,000"}
        assert [one.value for one in formation.context.history(ann, "budget").items] == ["$9,000", "$6,000", "$5,000"]
        await orchestrator.chat("My budget is $7,000.", user_id="ann@x.org")
        assert formation.extraction.settled()
        assert formation.context.get(ann) == {"budget": "$7,000"}

    async def test_a_conversation_that_goes_on(self, formation: Formation, clock: TestClock) -> None:
        """One of the same name is gone on with, and is still the one used last."""
        orchestrator = Orchestrator(formation=formation)
        await orchestrator.chat("Hello", user_id="ann@x.org", session_id="first")
        import_items(formation, "jsonl", SAID)
        ann = formation.identities.resolve("ann@x.org").id
        newest = formation.sessions.newest(ann).items[0]
        assert (newest.name, newest.last_at, newest.messages) == ("first", clock.now, 5)
        imported = formation.sessions.newest(ann).items[1]
        assert (imported.started_at, imported.last_at) == (
            datetime(2025, 3, 2, 10, tzinfo=UTC),
            datetime(2025, 3, 2, 10, 0, 5, tzinfo=UTC),
        )

    def test_opted_out(self, formation: Formation) -> None:
        """What is imported of somebody who does not want to be read is remembered, and not read."""
        ann = formation.identities.resolve("ann@x.org").id
        formation.extraction.opt_out(ann)
        import_items(formation, "jsonl", SAID)
        assert formation.extraction.settled()
        assert formation.context.get(ann) == {} and len(of(formation, "ann@x.org")) == 3

    def test_a_long_one(self, formation: Formation, monkeypatch: pytest.MonkeyPatch) -> None:
        """In many chunks: broken off in the middle, it goes on where it was and nothing is there twice."""
        start = datetime(2025, 1, 1, tzinfo=UTC)
        lines = [
            {
                "user": f"u{n % 3}@x.org",
                "role": "assistant" if n % 2 else "user",
                "content": f"line {n}",
                "timestamp": (start + timedelta(minutes=n)).isoformat(),
                "session": f"s{n % 5}",
            }
            for n in range(120)
        ]
        monkeypatch.setattr("muxi.core.imports.service.CHUNK", 4)

        class StoppedError(Exception):
            pass

        def stop(step: str, done: int, _total: int) -> None:
            if step == "writing" and done >= 50:
                raise StoppedError

        with pytest.raises(StoppedError):
            import_items(formation, "jsonl", lines, progress=stop)
        told = list[tuple[str, int, int]]()
        rest = import_items(formation, "jsonl", lines, progress=lambda *step: told.append(step))
        assert rest.messages + rest.unchanged == 120 and 0 < rest.unchanged < 120
        assert told[-1] == ("writing", 120, 120)
        assert [len(of(formation, f"u{n}@x.org")) for n in range(3)] == [20, 20, 20]
        user = formation.identities.resolve("u0@x.org").id
        assert [text for _, text, _ in log(formation, user, "s0")] == [f"line {n}" for n in range(0, 120, 15)]


class TestBadInput:
    """Wrong lines are named, and nothing is written."""

    @pytest.mark.parametrize(
        ("kind", "wrong", "why"),
        [
            ("mem0", [1], "not a JSON object"),
            ("mem0", {"id": "1", "user_id": "a"}, "no text"),
            ("mem0", {"id": "1", "memory": " ", "user_id": "a"}, "no text"),
            ("mem0", {"id": "1", "memory": "x"}, "--user"),
            ("mem0", {"memory": "x", "user_id": "a"}, "'id'"),
            ("mem0", {"id": "1", "memory": "x", "user_id": "undefined"}, "undefined"),
            ("mem0", {"id": "1", "memory": "x", "user_id": "usr_" + "0" * 26}, "no user"),
            ("mem0", {"id": "1", "memory": "x", "user_id": ["a"]}, "not a name"),
            ("mem0", {"id": "1", "memory": "x", "user_id": "a", "created_at": "soon"}, "not a time"),
            ("mem0", {"id": "1", "memory": "x", "user_id": "a", "created_at": "2099-01-01"}, "future"),
            ("mem0", {"id": "1", "memory": "x", "user_id": "a", "metadata": "m"}, "not a JSON object"),
            ("mem0", {"id": "1", "memory": "x", "user_id": "a", "metadata": {"k": "y" * 20_000}}, "metadata"),
            ("mem0", {"id": "1", "memory": "x" * 300_000, "user_id": "a"}, "bytes"),
            ("mem0", {"id": "1", "memory": "x\0", "user_id": "a"}, "NUL"),
            ("mem0", {"id": "1", "memory": "x", "user_id": "a", "expiration_date": "never"}, "expiration_date"),
            ("langgraph", {"namespace": "a.b", "key": "k", "value": {"text": "x"}}, "namespace"),
            ("langgraph", {"namespace": ["a"], "key": "k", "value": {"text": "x"}}, "none at 1"),
            ("langgraph", {"namespace": ["a", "b"], "value": {"text": "x"}}, "'key'"),
            ("langgraph", {"namespace": ["a", "b"], "key": "k", "value": "x"}, "not a JSON object"),
            ("langgraph", {"namespace": ["a", "b"], "key": "k", "value": {"n": 1}}, "--text"),
            ("jsonl", {"user": "a", "role": "robot", "content": "x"}, "role"),
            ("jsonl", {"user": "a", "role": ["user"], "content": "x"}, "role"),
            ("jsonl", {"user": "a", "role": "user", "content": {"a": 1}}, "no text"),
            ("jsonl", {"user": "a", "messages": "x"}, "messages"),
            ("jsonl", {"user": "a", "messages": [1]}, "not a JSON object"),
            ("jsonl", {"user": "a", "role": "user", "content": "x", "session": "ses_1"}, "ses_"),
            ("jsonl", {"user": "a", "role": "user", "content": "x", "timestamp": True}, "not a time"),
            ("jsonl", {"user": "a", "role": "user", "content": "x", "timestamp": 1e300}, "not a time"),
        ],
    )
    def test_a_wrong_line(self, formation: Formation, tmp_path: Path, kind: Kind, wrong: Any, why: str) -> None:
        """By its number and why; the good lines before and after it are not written, and no user is made."""
        good: dict[Kind, Any] = {"mem0": MEM0[0], "langgraph": STORE[0], "jsonl": SAID[0]}
        path = written(tmp_path / "file.jsonl", [good[kind], wrong, good[kind], wrong])
        with pytest.raises(InvalidImportError) as caught:
            import_file(formation, kind, path, Reading(user_at=1))
        lines = caught.value.details["lines"]
        assert [one["line"] for one in lines] == [2, 4] and why in lines[0]["message"]
        assert formation.users.list().items == []

    @pytest.mark.parametrize("content", [b"{", b"\xff\xfe", b'"' + b"x" * (17 << 20) + b'"'])
    def test_a_wrong_file(self, formation: Formation, tmp_path: Path, content: bytes) -> None:
        """No JSON, no UTF-8, a line without an end: a typed error."""
        path = tmp_path / "file.jsonl"
        path.write_bytes(content)
        with pytest.raises(InvalidImportError):
            import_file(formation, "mem0", path)
        with pytest.raises(InvalidImportError):
            import_file(formation, "mem0", path.with_suffix(".csv"))
        with pytest.raises(InvalidImportError):
            import_file(formation, "mem0", path.with_name("missing.jsonl"))

    def test_a_dry_run(self, formation: Formation) -> None:
        """It says what would be, and leaves nothing."""
        dry = import_items(formation, "jsonl", SAID, dry_run=True)
        assert (dry.messages, dry.memories, dry.users_made, dry.dry_run) == (6, 4, 2, True)
        assert formation.users.list().items == []
