"""Deleting what a user said, on each database: all of it or what is older, and nobody else's; the user stays."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from muxi.core.formation import Formation
from muxi.core.memory.edit_store import Edit
from muxi.core.memory.facts import Origin
from muxi.core.memory.service import Draft
from muxi.core.orchestrator import Orchestrator
from muxi.core.privacy.tables import KEPT
from muxi.core.sessions.types import Message
from muxi.errors import InvalidInputError, SessionNotFoundError, UserNotFoundError
from muxi.ids import UserId, new_user_id
from muxi.storage.privacy import ERASED
from muxi.storage.retention import DELETED
from tests.conftest import TestClock
from tests.support.formations import open_formation
from tests.support.full_user import full_user, said
from tests.support.sentinels import left_in_tables
from tests.support.vectors import WordVectors

DAY = timedelta(days=1)
#: What an erasure removes and a deletion leaves, and why.
STAYS = {
    "api_keys": "who may come in, not what was said",
    "token_floors": "since when the user's tokens count",
    "users": "the user stays",
    "identifiers": "and is known by the same identifiers",
    "merges": "merges can still be undone",
    "merge_members": "merges can still be undone",
    "agent_defaults": "a choice of the application, nothing that was said",
    "verifications": "codes under way: they end within minutes",
    "credentials": "what the user opens outside services with, nothing that was said",
    "data_keys": "without them credentials do not open",
    "claims": "keyed hashes against identifiers that many claim",
    "extractions": "counters, and the choice to opt out",
    "team_members": "which teams the user is in",
}


def rows(formation: Formation) -> dict[str, list[str]]:
    """Everything that is stored in a formation, by table, but the audit."""
    with formation.storage._database.owning() as conn:
        return {
            table: sorted(map(repr, conn.execute(f"SELECT * FROM {table} WHERE formation_id = '{formation.id}'")))
            for table in {*ERASED, *DELETED}
        }


def messages(formation: Formation, user: UserId) -> list[Message]:
    sessions = formation.sessions.newest(user).items
    return [message for one in sessions for message in formation.sessions.messages(user, one.id, limit=200).items]


def texts(formation: Formation, user: UserId) -> list[str]:
    return sorted(memory.text for memory in formation.memories.newest(user, limit=200).items)


def test_every_table_is_deleted_or_stays_for_a_reason() -> None:
    """What an erasure removes is what a deletion removes, but for what is written down here."""
    assert {*ERASED, "users", "merges", "merge_members"} == {*DELETED, *STAYS}
    assert not {*DELETED} & {*STAYS, *KEPT}


class TestEverything:
    """Without a date."""

    async def test_nothing_said_is_left(self, formation: Formation, elsewhere: Formation) -> None:
        """No row of what was said or remembered; the user, their identifiers and merges, and all others', stay."""
        user = await full_user(formation, "ann")
        for one in (formation, elsewhere):
            await full_user(one, "ben")
            assert one.memories.settled()
        others, ben, ann = rows(elsewhere), formation.users.show("ben@x.org"), formation.users.show(user)
        before = {table: len(stored) for table, stored in rows(formation).items()}
        deleted = formation.deletion.delete_data(("Uann", "slack"))
        after = {table: len(stored) for table, stored in rows(formation).items()}
        assert dict(deleted.counts) == {table: before[table] - after[table] for table in DELETED}
        assert all(deleted.counts[table] == after[table] for table in DELETED), "as many as the other user has"
        assert {"messages", "memories", "memory_edits", "facts", "sessions", "buffer_clears"} <= {
            table for table, count in deleted.counts.items() if count
        }
        assert {table: before[table] for table in STAYS if table in before} == {
            table: after[table] for table in STAYS if table in after
        }
        assert rows(elsewhere) == others and formation.users.show("ben@x.org") == ben
        now = formation.users.show(user)
        assert (now.summary.identifiers, now.merges) == (ann.summary.identifiers, ann.merges)
        assert formation.identities.resolve("ann@x.org").id == user == deleted.user_id

    async def test_every_door_finds_nothing(self, formation: Formation) -> None:
        """Recall, buffer, lists, history, context, export and the next prompt; by this process and by another one."""
        user = await full_user(formation, "ann")
        word = "umbrellas"
        await said(formation, "ann@x.org", "three umbrellas")
        assert formation.memories.settled()
        orchestrator = Orchestrator(formation=formation)
        context = await orchestrator.get_user_context_memory("ann@x.org")
        assert context and await orchestrator.search_memory(word, filter_metadata={"user_id": user})
        [note] = [one for one in formation.memories.newest(user).items if one.kind == "note"]
        assert formation.memories.search(user, word, WordVectors().vector(word))

        deleted = await orchestrator.delete_user_data(user_id="ann@x.org")

        assert deleted.counts["messages"] == 8
        for long_term in (False, True):
            where = {"user_id": user}
            assert await orchestrator.search_memory(word, use_long_term=long_term, filter_metadata=where) == []
        assert await orchestrator.get_user_context_memory(user) == {}
        assert (await orchestrator.get_user_context_history(user)).items == []
        assert texts(formation, user) == []
        assert messages(formation, user) == []
        with pytest.raises(Exception, match="no memory"):
            formation.edits.get(user, note.id)
        assert left_in_tables(formation.storage, ["umbrellas", "likes tea", "a note on ann"]) == set()
        with formation.privacy.export(user) as export:
            whole = "".join(export.lines())
        assert "ann@x.org" in whole and word not in whole
        reply = await orchestrator.reply(f"What do I know of {word}?", user_id=user)
        assert reply.recalled == () and "rain" not in reply.text

    async def test_other_processes_forget_it(self, formation: Formation, database_url: str, clock: TestClock) -> None:
        """What another process has at hand is not found there either."""
        other = open_formation(database_url, clock)
        await said(formation, "ann@x.org", "loves umbrellas")
        user, vector = formation.identities.resolve("ann@x.org").id, WordVectors().vector("umbrellas")
        assert len(other.memories.search(user, "umbrellas", vector)) == 1
        formation.deletion.delete_data(user)
        assert other.memories.search(user, "umbrellas", vector) == []
        await said(formation, "ann@x.org", "loves rain")
        assert [hit.text for hit in other.memories.search(user, "umbrellas", vector)] == ["loves rain"]
        other.close()

    async def test_the_receipt(self, formation: Formation) -> None:
        """In the audit, with counts and no word of what was deleted; the chain holds."""
        user = await full_user(formation, "ann")
        deleted = formation.deletion.delete_data(user, actor="admin key")
        row = formation.audit.newest(limit=1).items[0]
        assert (row.seq, row.actor, row.user_id) == (deleted.receipt, "admin key", user)
        assert row.action == "user.data_deleted"
        assert row.details == {"before": None, "counts": dict(deleted.counts)}
        assert formation.audit.verify().sound
        assert not [word for word in ("tea", "rain", "ann@") if word in str(row)]

    def test_all_of_it_and_not_the_first_page(self, formation: Formation) -> None:
        """Thousands of memories go at once; again, there is nothing left, and that is no error."""
        user = formation.identities.resolve("ann@x.org").id
        for part in range(3):
            formation.memories.add(user, [Draft(f"note {part} {number}") for number in range(1000)])
        assert formation.deletion.delete_data(user).counts["memories"] == 3000
        assert texts(formation, user) == []
        assert not any(formation.deletion.delete_data(user).counts.values())

    def test_nobody(self, formation: Formation, elsewhere: Formation) -> None:
        """Unknown, or another formation's: the same answer, and nobody is made."""
        theirs = elsewhere.identities.resolve("a@x.org").id
        for who in (new_user_id(), theirs, "a@x.org"):
            with pytest.raises(UserNotFoundError):
                formation.deletion.delete_data(who)
        assert not any(rows(formation).values())

    async def test_what_others_said_in_the_same_conversation_stays(self, formation: Formation) -> None:
        """After a merge and a split, a conversation can hold words of both."""
        await said(formation, "a@x.org", "first of a")
        await said(formation, "b@x.org", "first of b")
        merge = formation.merges.merge(["a@x.org", "b@x.org"])
        await said(formation, "b@x.org", "of a, in the session of b")
        formation.merges.split(merge.id)
        formation.deletion.delete_data("b@x.org")
        a = formation.identities.resolve("a@x.org").id
        assert {one.text for one in messages(formation, a) if one.role == "user"} == {
            "first of a",
            "of a, in the session of b",
        }


class TestOlder:
    """With a date."""

    async def test_what_is_older_goes(self, formation: Formation, clock: TestClock) -> None:
        """Messages and memories of before, with conversations of which nothing is left; the later ones stay."""
        user = formation.identities.resolve("ann@x.org").id
        await said(formation, user, "old tea")
        formation.memories.add(user, [Draft("old note"), Draft("old, changed since")])
        changed = next(one for one in formation.memories.newest(user).items if "changed" in one.text)
        clock.move(10 * 86400)
        cutoff = clock.now
        formation.edits.edit(user, changed.id, Edit("new words", None, None))
        formation.memories.add(user, [Draft("of long ago", said_at=cutoff - DAY), Draft("new note")])
        await said(formation, ("Uann", "slack"), "not the same user")
        clock.move(60)
        await said(formation, user, "new rain")
        deleted = formation.deletion.delete_data(user, cutoff)
        assert texts(formation, user) == ["new note", "new rain", "new words"]
        assert [one.text for one in messages(formation, user) if one.role == "user"] == ["new rain"]
        assert formation.edits.revisions(user, changed.id) == []
        expected = {"messages": 2, "memories": 3, "memory_edits": 1, "sessions": 0}
        assert {table: deleted.counts[table] for table in expected} == expected
        assert deleted.before == cutoff
        # What is changed again is numbered on.
        formation.edits.edit(user, changed.id, Edit("newer words", None, None))
        formation.edits.edit(user, changed.id, Edit("newest words", None, None))
        assert [one.text for one in formation.edits.revisions(user, changed.id)] == ["newer words", "new words"]

    def test_facts_by_when_they_were_last_said(self, formation: Formation, clock: TestClock) -> None:
        """What was said again since stays, what was not goes; with it what it had replaced."""
        user, context = formation.identities.resolve("ann@x.org").id, formation.context
        context.merge(user, {"city": "Rome", "food": "rice", "name": "Ann"})
        clock.move(60)
        context.set(user, "city", "Oslo")
        clock.move(86400)
        cutoff = clock.now
        context.set(user, "name", "Ann")
        context.set(user, "food", "bread", Origin(observed_at=cutoff))
        deleted = formation.deletion.delete_data(user, cutoff)
        assert context.get(user) == {"name": "Ann", "food": "bread"}
        assert deleted.counts["facts"] == 3
        assert [fact.value for fact in context.history(user).items] == ["bread", "Ann"]

    async def test_a_conversation_without_a_message_goes(self, formation: Formation, clock: TestClock) -> None:
        """One in which nothing was said since; one that went on keeps its new messages."""
        for session in ("done", "going on"):
            await said_in(formation, "ann@x.org", session, "old")
        formation.sessions.clear_buffer(user := formation.identities.resolve("ann@x.org").id)
        clock.move(86400)
        cutoff = clock.now
        await said_in(formation, "ann@x.org", "going on", "new")
        deleted = formation.deletion.delete_data(user, cutoff)
        assert [(one.name, one.messages) for one in formation.sessions.newest(user).items] == [("going on", 4)]
        assert (deleted.counts["sessions"], deleted.counts["buffer_clears"]) == (1, 1)
        assert [one.text for one in messages(formation, user) if one.role == "user"] == ["new"]

    async def test_a_time_without_a_zone_is_utc(self, formation: Formation, clock: TestClock) -> None:
        """As everywhere in muxi; a zone is respected; what is no time is refused, and nothing is removed."""
        await said(formation, "ann@x.org", "now")
        naive = clock.now.replace(tzinfo=None)
        assert formation.deletion.delete_data("ann@x.org", naive).counts["messages"] == 0
        in_tokyo = datetime.fromisoformat(naive.isoformat() + "+09:00")
        assert formation.deletion.delete_data("ann@x.org", in_tokyo).counts["messages"] == 0
        tokyo = datetime.fromisoformat("2026-01-01T00:00+09:00").tzinfo
        for wrong in ("2026-01-01", datetime.min.replace(tzinfo=tokyo)):
            with pytest.raises(InvalidInputError):
                formation.deletion.delete_data("ann@x.org", wrong)  # type: ignore[arg-type]
        later = naive + timedelta(microseconds=1)
        assert formation.deletion.delete_data("ann@x.org", later).counts["messages"] == 2

    async def test_as_the_document_has_it(self, formation: Formation, clock: TestClock) -> None:
        """The example of data isolation and privacy, as written."""
        orchestrator = Orchestrator(formation=formation)
        clock.now = datetime.now(UTC) - timedelta(days=100)
        await orchestrator.chat("old words", user_id="user_123")
        clock.now = datetime.now(UTC)
        await orchestrator.chat("new words", user_id="user_123")

        async def cleanup_old_user_data(user_id: str, days: int = 90) -> Any:
            cutoff_date = datetime.now() - timedelta(days=days)
            return await orchestrator.delete_user_data(user_id=user_id, before_date=cutoff_date)

        await cleanup_old_user_data("user_123")
        assert texts(formation, formation.identities.resolve("user_123").id) == ["new words"]


class TestMeanwhile:
    """Others write for the user at the same moment."""

    def test_a_chatting_user(self, formation: Formation) -> None:
        """Each turn is deleted, comes after, or is told that its conversation is gone; none is half there."""
        started, stop, failures = threading.Barrier(4), threading.Event(), []
        user = formation.identities.resolve("a@x.org").id

        def chat(place: int) -> int:
            turns = 0
            started.wait()
            while not stop.is_set() or turns < 3:
                try:
                    asyncio.run(said(formation, "a@x.org", f"turn {turns} of {place}"))
                    formation.memories.add(user, [Draft(f"note {turns} of {place}")])
                    formation.sessions.clear_buffer(user)
                    formation.context.set(user, "turn", turns)
                except SessionNotFoundError:
                    pass
                except BaseException as error:
                    failures.append(error)
                    raise
                turns += 1
            return turns

        with ThreadPoolExecutor(4) as pool:
            running = [pool.submit(chat, place) for place in range(3)]
            started.wait()
            hit = 0
            while hit < 5 and not failures:
                hit += formation.deletion.delete_data(user).counts["messages"] > 0
            stop.set()
            assert all(turns.result() >= 3 for turns in running)
        assert failures == []
        assert formation.memories.settled()
        formation.deletion.delete_data(user)
        assert not any(stored for table, stored in rows(formation).items() if table in DELETED)
        assert formation.audit.verify().sound

    async def test_a_turn_under_way_is_not_stored(self, formation: Formation) -> None:
        """Its answer may rest on what is deleted meanwhile: it is told so, and nothing of it comes back."""
        await said(formation, "a@x.org", "my sentinel is xyzzy")
        user = formation.identities.resolve("a@x.org").id
        model = formation.chat_model

        class DeletesMeanwhile(type(model)):  # type: ignore[misc]
            """Answers, after what it answers from is deleted."""

            async def complete(self, prompt: Any) -> Any:
                formation.deletion.delete_data(user)
                return await model.complete(prompt)

        agent = formation.agents.choose(None)
        formation.agents.add(type(agent)("late", DeletesMeanwhile(), ""))
        with pytest.raises(SessionNotFoundError):
            await Orchestrator(formation=formation).chat("What is my sentinel?", "late", "a@x.org")
        assert left_in_tables(formation.storage, ["xyzzy"]) == set()


async def said_in(formation: Formation, who: str, session: str, text: str) -> None:
    await Orchestrator(formation=formation).chat(text, user_id=who, session_id=session)
