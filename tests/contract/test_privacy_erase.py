"""Erasing a user, on each database: everything, at once, and nobody else's."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from muxi.core.formation import Formation
from muxi.core.memory.service import Draft
from muxi.core.privacy.tables import KEPT, TABLES
from muxi.errors import MergeNotFoundError, UserNotFoundError
from muxi.ids import new_user_id
from muxi.storage.privacy import ERASED
from tests.support.full_user import full_user, opened, said
from tests.support.vectors import WordVectors


@pytest.fixture
def formation(database_url: str) -> Iterator[Formation]:
    made = opened(database_url, "f")
    yield made
    made.close()


@pytest.fixture
def elsewhere(database_url: str, formation: Formation) -> Iterator[Formation]:
    made = opened(database_url, "g")
    yield made
    made.close()


def rows(formation: Formation) -> dict[str, list[Any]]:
    """Everything that is stored in a formation, by table, but the audit."""
    found = {}
    with formation.storage._database.owning() as conn:
        for table in {*ERASED, *TABLES} - set(KEPT):
            people = " AND kind = 'person'" if table == "users" else ""  # a team that they were in stays
            stored = conn.execute(f"SELECT * FROM {table} WHERE formation_id = '{formation.id}'{people}").fetchall()
            found[table] = sorted(map(repr, stored))
    return found


def settle(formation: Formation) -> None:
    assert formation.memories.settled()


class TestErase:
    """Everything of one user, and nothing else."""

    async def test_nothing_is_left_in_any_table(self, formation: Formation, elsewhere: Formation) -> None:
        """Rows of every table go; another user's, and another formation's, stay as they were."""
        await full_user(formation, "ann")
        for one in (formation, elsewhere):
            await full_user(one, "ben")
            settle(one)
        others = rows(elsewhere)
        ben = formation.users.show("ben@x.org")
        before = {table: len(of_table) for table, of_table in rows(formation).items()}
        erased = formation.privacy.erase(("Uann", "slack"))
        after = {table: len(of_table) for table, of_table in rows(formation).items()}
        assert erased.counts == {table: before[table] - after[table] for table in before}
        assert all(erased.counts[table] == after[table] > 0 for table in before), "as many as the other user has"
        assert len(erased.users) == 2 and erased.users[0] == erased.user_id
        assert rows(elsewhere) == others
        assert formation.users.show("ben@x.org") == ben
        for user_id in erased.users:
            assert user_id not in str(rows(formation))
        for user_id in erased.users:
            with pytest.raises(UserNotFoundError):
                formation.identities.resolve(user_id)

    async def test_seen_again_it_is_somebody_new(self, formation: Formation) -> None:
        """Each identifier makes a fresh user with nothing recalled; nothing of the old is at hand."""
        old = await full_user(formation, "ann")
        settle(formation)
        vector = WordVectors().vector("tea")
        assert formation.memories.search(old, "tea", vector)
        formation.privacy.erase(old)
        assert formation.memories.cache.nbytes == 0
        for who in ("ann@x.org", ("Uann", "slack"), ("key-of-ann", "api_key")):
            user = formation.identities.resolve(who)
            assert user.new and user.id != old
            assert formation.memories.search(user.id, "tea", vector) == []
            assert list(formation.sessions.newest(user.id).items) == []
        assert formation.memories.search(old, "tea", vector) == []

    async def test_the_receipt_is_in_the_audit(self, formation: Formation) -> None:
        """Its row has the counts, and no word of what was erased; the chain holds, and the id finds it."""
        user = await full_user(formation, "ann")
        merged = formation.merges.of(user)[0].merged_ids
        erased = formation.privacy.erase("ann@x.org", actor="admin key")
        row = formation.audit.newest(limit=1).items[0]
        assert (row.seq, row.action, row.actor, row.user_id) == (erased.receipt, "user.erased", "admin key", user)
        assert row.details == {"users": [user, *merged], "counts": dict(erased.counts)}
        assert formation.audit.verify().sound
        assert formation.audit.newest(user_id=user).items[0].seq == erased.receipt
        whole = str(formation.audit.newest(limit=200).items)
        assert not [text for text in ("ann@x.org", "Uann", "key-of-ann", "likes tea", "telegram-") if text in whole]

    async def test_redirects_and_proofs_die(self, formation: Formation) -> None:
        """Old ids mean nobody, merges cannot be split, open codes are wrong."""
        user = await full_user(formation, "ann")
        merge = formation.merges.of(user)[0]
        code = formation.proofs.start_verification(user, ("another", "telegram")).code
        formation.privacy.erase(merge.merged_ids[0])
        with pytest.raises(MergeNotFoundError):
            formation.merges.split(merge.id)
        with pytest.raises(Exception, match="code") as raised:
            formation.proofs.confirm_verification(code)
        assert getattr(raised.value, "code", "") == "invalid_proof"

    async def test_a_user_who_is_shut_out(self, formation: Formation) -> None:
        """Can be erased by its identifier, which is free then."""
        user = await full_user(formation, "ann")
        formation.users.disable(user)
        assert formation.privacy.erase("ann@x.org").user_id == user
        assert formation.identities.resolve("ann@x.org").new

    async def test_agents_of_their_own_go(self, formation: Formation) -> None:
        """What a user's agent was told is about that user."""
        user = formation.identities.resolve("a@x.org").id
        from_agent = formation.agents.choose(None)
        formation.agents.add(type(from_agent)("coach", from_agent.model, "Ann is shy.", user))
        formation.privacy.erase(user)
        assert formation.agents.of(user) == []

    def test_nobody(self, formation: Formation, elsewhere: Formation) -> None:
        """Unknown, another formation's, or erased already: the same answer, and nothing is made."""
        theirs = elsewhere.identities.resolve("a@x.org").id
        gone = formation.identities.resolve("b@x.org").id
        formation.privacy.erase(gone)
        for who in (new_user_id(), theirs, "a@x.org", gone, "b@x.org"):
            with pytest.raises(UserNotFoundError):
                formation.privacy.erase(who)
        assert not any(rows(formation).values())
        assert elsewhere.identities.resolve("a@x.org").id == theirs


class TestAfterASplit:
    """What two users did while they were one."""

    async def test_what_the_other_said_stays(self, formation: Formation) -> None:
        """A survivor's words in the other's conversation survive the other's erasure, and can be reached."""
        await said(formation, "a@x.org", "first of a")
        await said(formation, "b@x.org", "first of b")
        merge = formation.merges.merge(["a@x.org", "b@x.org"])
        await said(formation, "b@x.org", "of a, in the session of b")
        formation.merges.split(merge.id)
        a, b = (formation.identities.resolve(who).id for who in ("a@x.org", "b@x.org"))
        erased = formation.privacy.erase(b)
        assert (erased.users, erased.counts["messages"], erased.counts["merges"]) == ((b,), 2, 1)
        sessions = formation.sessions.newest(a).items
        texts = [m.text for s in sessions for m in formation.sessions.messages(a, s.id).items if m.role == "user"]
        assert sorted(texts) == ["first of a", "of a, in the session of b"]
        assert not any(b in text for of_table in rows(formation).values() for text in of_table)

    async def test_the_survivor_alone(self, formation: Formation) -> None:
        """The other keeps what it had before the merge, and takes part in new ones."""
        await said(formation, "a@x.org", "first of a")
        await said(formation, "b@x.org", "first of b")
        merge = formation.merges.merge(["a@x.org", "b@x.org"])
        await said(formation, "b@x.org", "of a, in the session of b")
        formation.merges.split(merge.id)
        formation.privacy.erase("a@x.org")
        b = formation.identities.resolve("b@x.org").id
        assert [memory.text for memory in formation.memories.newest(b).items] == ["first of b"]
        await said(formation, "b@x.org", "goes on")
        assert formation.merges.of(b) == []
        formation.merges.merge([b, formation.identities.resolve("c@x.org").id])


class TestMeanwhile:
    """Others write for the user at the same moment."""

    @pytest.mark.parametrize("merged", [False, True])
    def test_a_chatting_user_leaves_no_orphan(self, formation: Formation, merged: bool) -> None:
        """Each turn is erased, or fails as by nobody; then each goes on as somebody new, and no row is an orphan."""
        names = ["a@x.org", "b@x.org"]
        started, stop = threading.Barrier(5), threading.Event()
        failures: list[BaseException] = []

        def chat(place: int) -> int:
            turns = 0
            started.wait()
            while not stop.is_set() or turns < 3:
                try:
                    asyncio.run(said(formation, names[place % 2], f"turn {turns} of {place}"))
                    user = formation.identities.resolve(names[place % 2]).id
                    formation.memories.add(user, [Draft(f"note {turns} of {place}")])
                    formation.sessions.clear_buffer(user)
                    formation.agents.set_default(user, "assistant")
                except UserNotFoundError:
                    pass
                except BaseException as error:
                    failures.append(error)
                    raise
                turns += 1
            return turns

        asyncio.run(said(formation, "a@x.org", "before"))
        asyncio.run(said(formation, "b@x.org", "before"))
        gone = []
        with ThreadPoolExecutor(5) as pool:
            running = [pool.submit(chat, place) for place in range(4)]
            started.wait()
            for _ in range(6):
                if merged:
                    formation.identities.associate(names, merge=True)
                gone.append(formation.privacy.erase("a@x.org").users if formation.identities.find("a@x.org") else ())
            stop.set()
            assert all(turns.result() >= 3 for turns in running)
        settle(formation)
        assert failures == [] and any(gone)
        stored = rows(formation)
        for users in gone:
            assert not [user for user in users for of_table in stored.values() if any(user in row for row in of_table)]
        assert formation.audit.verify().sound

    def test_two_erase_the_same(self, formation: Formation) -> None:
        """One receipt; the others find nobody."""
        for turn in range(5):
            user = formation.identities.resolve("a@x.org").id
            with ThreadPoolExecutor(4) as pool:
                tries = [pool.submit(formation.privacy.erase, user) for _ in range(4)]
            raised = [one.exception() for one in tries]
            assert raised.count(None) == 1, turn
            assert all(isinstance(error, UserNotFoundError) for error in raised if error)
        assert not any(rows(formation).values())
