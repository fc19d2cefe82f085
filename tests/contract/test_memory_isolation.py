"""Nobody's memories are anybody else's, on each database: what users of other systems suffered, as cases."""

from __future__ import annotations

import asyncio
import json
import random
import re
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import numpy as np
import pytest

from muxi.core.chat import reply as recipe
from muxi.core.chat.types import Reply, Turn
from muxi.core.formation import Formation
from muxi.core.identity.types import IdentifierInput
from muxi.core.memory.recall import MemoryIndex
from muxi.core.memory.service import Draft
from muxi.core.models.base import Completion, Prompt
from muxi.core.models.providers.quote import QuoteModel
from muxi.core.orchestrator import Orchestrator
from muxi.errors import InvalidIdentifierError, MemoryNotFoundError, MuxiError, NotFoundError
from muxi.ids import UserId
from muxi.storage.vectors import write_vector
from tests.conftest import TestClock
from tests.support.extraction import answer, operation
from tests.support.formations import open_formation
from tests.support.vectors import WordVectors

#: The words of `Person`.
WORD = re.compile("sentinel[a-j]{6}")
#: What a row is scoped by, under every name that somebody could try.
SCOPES = ("user_id", "user", "owner", "agent_id", "agent", "formation_id", "formation", "id", "kind", "version", "text")
#: Names that would be one if they were put together with a separator and not taken apart again.
NAMES = (
    "a",
    "a:b",
    "a|b",
    "a/b",
    "a.b",
    "a b",
    'a"b',
    "a','b",
    '["name", "a"]',
    "a%",
    "a_",
    "%",
    "A",
    "a\\",
    "a]",
    "\uff41",
)


@pytest.fixture
def formation(database_url: str, clock: TestClock) -> Iterator[Formation]:
    made = open_formation(database_url, clock, identity={"limits": {"chat": None}})
    yield made
    made.close()


def texts(formation: Formation, user: UserId | None) -> set[str]:
    return {memory.text for memory in formation.memories.newest(user, limit=200).items}


def found(formation: Formation, user: UserId | None, word: str, limit: int = 100) -> set[str]:
    return {hit.text for hit in formation.memories.search(user, word, WordVectors().vector(word), limit=limit)}


class TestMetadata:
    """The application's own words beside a memory decide nothing."""

    async def test_no_key_changes_whose_a_row_is(self, formation: Formation, elsewhere: Formation) -> None:
        """In notes, turns and edits: user, agent and formation are those of the call, whatever metadata says."""
        bob, alice = (formation.identities.resolve(f"{name}@x.org").id for name in ("bob", "alice"))
        abroad = elsewhere.identities.resolve("bob@x.org").id
        for value in (bob, "bob@x.org", "g", abroad, None, ["bob@x.org"], {"$ne": None}):
            metadata = dict.fromkeys(SCOPES, value)
            [note] = formation.memories.add(alice, [Draft(f"note {value}", metadata, agent_id="assistant")])
            assert (note.user_id, note.agent_id, note.kind) == (alice, "assistant", "note")
            reply = await recipe.reply(formation, Turn(f"said {value}", alice, metadata=metadata))
            assert (reply.user_id, reply.agent) == (alice, "assistant")
        mine = texts(formation, alice)
        assert len(mine) == 14
        for where, user in ((formation, bob), (formation, None), (elsewhere, abroad), (elsewhere, None)):
            assert texts(where, user) == found(where, user, "said") == set()
        [*stored] = formation.memories.newest(alice, limit=50).items
        assert {one.user_id for one in stored} == {alice} and {one.agent_id for one in stored} == {"assistant"}

    async def test_a_filter_narrows_and_never_widens(self, formation: Formation) -> None:
        """Metadata that names another user finds nothing of that one."""
        alice, bob = (formation.identities.resolve(f"{name}@x.org").id for name in ("alice", "bob"))
        formation.memories.add(bob, [Draft("bobs tea", {"owner": alice, "k": 1})])
        formation.memories.add(alice, [Draft("alices tea", {"k": 1}), Draft("other tea", {"k": 2})])
        orchestrator = Orchestrator(formation=formation)
        for where, expected in (
            ({"k": 1}, ["alices tea"]),
            ({"owner": alice}, []),
            ({"formation_id": "f"}, []),
            ({"user": bob}, []),
            ({"k": {"$gt": 0}}, []),
        ):
            hits = await orchestrator.search_memory(
                "tea", use_long_term=True, filter_metadata={"user_id": alice, **where}
            )
            assert [hit.text for hit in hits] == expected, where


class TestScopes:
    """Ids and names with anything in them."""

    def test_no_two_users_collide(self, formation: Formation, elsewhere: Formation) -> None:
        """Every name, with and without a type, and in another formation, is somebody of their own."""
        people: dict[UserId, str] = {}
        for where in (formation, elsewhere):
            for type in ("chat", "chat2"):
                for name in NAMES:
                    user = where.identities.resolve((name, type)).id
                    assert user not in people
                    people[user] = f"of {where.id} {type} {NAMES.index(name)}"
                    where.memories.add(user, [Draft(people[user])])
        for where in (formation, elsewhere):
            for user, text in people.items():
                mine = {text} if text.startswith(f"of {where.id} ") else set()
                assert texts(where, user) == mine and found(where, user, "of") == mine

    async def test_no_two_conversations_collide(self, formation: Formation) -> None:
        """Of one user, and of users whose names and conversations are written together the same."""
        orchestrator, seen = Orchestrator(formation=formation), dict[str, str]()
        for who in ("a", "a:b", "a|b"):
            for name in NAMES:
                said = f"said by {NAMES.index(who)} in {NAMES.index(name)}."
                reply = await orchestrator.reply(said, user_id=(who, "chat"), session_id=name)
                assert reply.session_id not in seen
                seen[reply.session_id] = said
                where: dict[str, Any] = {"user_id": (who, "chat"), "session_id": name}
                for long_term in (True, False):
                    hits = await orchestrator.search_memory("said", None, long_term, where, limit=100)
                    assert {hit.text for hit in hits if hit.text.startswith("said by")} == {said}

    async def test_an_empty_scope_finds_nothing(self, formation: Formation, elsewhere: Formation) -> None:
        """No user is nobody, never everybody; what cannot be a user is refused; a stranger finds nothing."""
        alice = formation.identities.resolve("alice@x.org").id
        formation.memories.add(alice, [Draft("alices tea", session_id="one")])
        await recipe.reply(formation, Turn("alices other tea", alice))
        orchestrator = Orchestrator(formation=formation)
        for where in (None, {}, {"user_id": None}, {"user_id": "stranger@x.org"}, {"session_id": "one"}):
            for long_term in (True, False):
                assert await orchestrator.search_memory("tea", None, long_term, where) == []
        for wrong in ("", " ", "\x00", "null", (), {}, {"$ne": ""}, ["alice@x.org"], 0, float("nan"), True):
            with pytest.raises(InvalidIdentifierError):
                await orchestrator.search_memory("tea", None, True, {"user_id": wrong})
        assert await orchestrator.search_memory("tea", None, True, {"user_id": alice, "session_id": "nowhere"}) == []
        assert await orchestrator.search_memory("tea", "nobody", True, {"user_id": alice}) == []
        assert texts(formation, None) == found(formation, None, "tea") == set()
        assert await Orchestrator(formation=elsewhere).search_memory("tea", None, True, {}) == []
        for where_else, who in ((elsewhere, alice), (formation, UserId("usr_00000000000000000000000000"))):
            assert texts(where_else, who) == found(where_else, who, "tea") == set()

    def test_an_id_of_somebody_else_is_as_unknown_as_none(self, formation: Formation, elsewhere: Formation) -> None:
        """Read, changed or deleted by another user, without one, or from another formation."""
        alice, bob = (formation.identities.resolve(f"{name}@x.org").id for name in ("alice", "bob"))
        [memory] = formation.memories.add(alice, [Draft("alices tea")])
        for where, user in ((formation, bob), (formation, None), (elsewhere, alice)):
            with pytest.raises(MemoryNotFoundError):
                where.memories.delete(user, memory.id)
            if user:
                with pytest.raises(MemoryNotFoundError):
                    where.edits.get(user, memory.id)
        assert texts(formation, alice) == {"alices tea"}


class TestFewAmongMany:
    """A user with five memories in a formation of very many (`benchmarks/few_among_many.py` has the million)."""

    MANY = 20_000

    def test_exactly_the_right_ones(self, formation: Formation) -> None:
        """The same memories, in the same order, as a search of these five alone: nothing is cut off before it."""
        users = [formation.identities.resolve(f"u{n}@x.org").id for n in range(3)]
        mine = formation.memories.add(
            users[0], [Draft(f"{word} is mine") for word in ("tea", "rain", "rome", "jazz", "chess")]
        )
        self._fill(formation, users[1])
        assert formation.memories.settled(120)
        model, now = WordVectors(), formation.clock()
        exact = MemoryIndex()
        exact.put(formation.storage.for_formation("f", now).memory.since(users[0], 0))
        assert exact.embedded == 5
        for query in ("tea", "rain in rome", "is mine", "note 77", "chess and jazz", "nothing of it"):
            vector = model.vector(query)
            expected = exact.search(query, vector, limit=5, now=now)
            hits = formation.memories.search(users[0], query, vector, limit=5)
            assert [(hit.memory.id, hit.score) for hit in hits] == [(hit.memory.id, hit.score) for hit in expected]
            assert {hit.memory.id for hit in hits} == {one.id for one in mine}
        assert found(formation, users[2], "tea") == set()

    def _fill(self, formation: Formation, user: UserId) -> None:
        """Memories of another user that are as near to every question, written at once."""
        vector = write_vector(np.asarray(WordVectors().vector("tea is mine")))
        database, now = formation.storage._database, formation.clock()
        insert = """
            INSERT INTO memories (formation_id, id, user_id, version, kind, text, importance, channel, agent_id,
                session_id, seq, said_at, created_at, metadata, embedding, embedding_model)
            VALUES (:formation_id, :id, :user_id, :version, 'note', 'tea is mine', 0.9, 'api', '', '', :version, :now,
                :now, :metadata, :vector, 'words-16')
        """
        key: dict[str, Any] = {"formation_id": "f", "user_id": user, "now": now, "metadata": {}, "vector": vector}
        rows = [{**key, "id": f"mem_{n:026d}", "version": n + 1} for n in range(self.MANY)]
        with database.transaction() as conn:
            if database.dialect == "postgres":
                text = insert
                for name in ("formation_id", "id", "user_id", "version", "now", "metadata", "vector"):
                    text = text.replace(f":{name}", f"%({name})s")
                with conn.cursor() as cursor:
                    cursor.executemany(text, rows)
            else:
                database.adapter()._cursor(conn).executemany(insert, rows)
            counted = f"UPDATE users SET memory_version = {self.MANY} WHERE id = '{user}'"
            conn.execute(counted, {"formation_id": "f"})


class Person:
    """Somebody with a word of their own, who talks, notes, searches, forgets, and starts anew."""

    CHANNELS = ("chat", "mail2", "voice")

    def __init__(self, formation: Formation, number: int) -> None:
        self._formation = formation
        self._orchestrator = Orchestrator(formation=formation)
        self._random = random.Random(number)
        self.word = f"sentinel{'abcdefghij'[number] * 6}"
        self.who: IdentifierInput = (f"person-{number}", "chat")
        self.seen = ""
        self.faults: list[str] = []

    async def live(self, turns: int) -> None:
        """So many turns, with churn between them."""
        for turn in range(turns):
            await self._turn(turn)
            act = self._random.choice([self._note, self._search, self._search, self._relink, self._forget, self._clear])
            try:
                await act(turn)
            except NotFoundError:
                # Somebody else's thread of the same person's life: forgotten at this moment.
                pass
            except MuxiError as error:
                self.faults.append(f"{act.__name__}: {error}")

    async def _turn(self, turn: int) -> None:
        reply: Reply = await recipe.reply(
            self._formation, Turn(f"I like {self.word}. {turn}: what is my word?", self.who, f"s{turn % 3}")
        )
        self._look(reply.text, *(hit.text for hit in reply.recalled))

    async def last_words(self) -> None:
        """Says it once more, and has it read."""
        await self._turn(0)
        assert self._formation.extraction.settled(60)

    async def _note(self, turn: int) -> None:
        user = self._formation.identities.resolve(self.who).id
        self._formation.memories.add(user, [Draft(f"{self.word} notes {turn}", expires_in=timedelta(days=1))])

    async def _search(self, turn: int) -> None:
        for long_term in (True, False):
            where = {"user_id": self.who}
            hits = await self._orchestrator.search_memory("sentinel word says", None, long_term, where, limit=50)
            self._look(*(hit.text for hit in hits))

    async def _relink(self, turn: int) -> None:
        other = (f"{self.word}-{turn}", self._random.choice(self.CHANNELS))
        self._formation.identities.associate([other], self.who)
        self._formation.identities.unlink(other)

    async def _forget(self, turn: int) -> None:
        if self._random.random() < 0.3:
            await self._orchestrator.delete_user_data(self.who)
        elif self._random.random() < 0.2:
            self._formation.privacy.erase(self.who)

    async def _clear(self, turn: int) -> None:
        self._orchestrator.clear_memory(user_id=self.who)

    def _look(self, *texts: str) -> None:
        self.seen += " ".join(texts)


class Watching(QuoteModel):
    """Answers, extracts and writes synopses, and keeps every prompt that has the words of two people."""

    def __init__(self) -> None:
        self.mixed: list[Prompt] = []
        self.asked = {"chat": 0, "extraction": 0, "synopsis": 0}

    async def complete(self, prompt: Prompt) -> Completion:
        words = sorted(set(WORD.findall(str(prompt))))
        if len(words) > 1:
            self.mixed.append(prompt)
        if "<messages>" in prompt.message:
            self.asked["extraction"] += 1
            return Completion(likes(prompt))
        if prompt.message.startswith("<known>"):
            self.asked["synopsis"] += 1
            return Completion(f"They like {' and '.join(words)}.")
        self.asked["chat"] += 1
        return await super().complete(prompt)


def likes(prompt: Prompt) -> str:
    """An answer of the form that extraction asks for: each word that a message likes."""
    lines = [json.loads(line) for line in prompt.message.splitlines() if line.startswith('{"id"')]
    liked = [(line["id"], WORD.findall(line["user"])) for line in lines]
    return answer(*(operation("preferences.likes", word, "add", id) for id, words in liked for word in words))


class TestManyAtOnce:
    """Ten people with a word each, in threads, for a thousand turns."""

    @pytest.fixture
    def watching(self) -> Watching:
        """All that any model is asked."""
        return Watching()

    @pytest.fixture
    def formation(self, database_url: str, clock: TestClock, watching: Watching) -> Iterator[Formation]:
        """One that reads behind the answers with a model, at once."""
        reads = {"wait": 0, "calls_per_day": 1_000_000}
        made = open_formation(
            database_url,
            clock,
            chat_model=watching,
            extraction_model=watching,
            extraction=reads,
            identity={"limits": {"chat": None}},
        )
        yield made
        made.close()

    def test_no_word_crosses(self, formation: Formation, watching: Watching) -> None:
        """While users are linked, erased, and their data deleted, no answer, prompt, fact or row has another's word."""
        people = [Person(formation, number) for number in range(10)]
        started = threading.Barrier(len(people))

        def live(person: Person) -> None:
            started.wait()
            asyncio.run(person.live(100))

        with ThreadPoolExecutor(len(people)) as pool:
            for one in [pool.submit(live, person) for person in people]:
                one.result()
        assert [fault for person in people for fault in person.faults] == []
        asyncio.run(self._last_words(people))
        assert watching.mixed == [] and min(watching.asked.values()) >= len(people), watching.asked
        for person in people:
            assert person.word in person.seen
            crossed = {other.word for other in people if other is not person and other.word in person.seen}
            assert crossed == set(), person.word
            assert self._known(formation, person) == person.word
            user = formation.identities.resolve(person.who).id
            with formation.privacy.export(user) as export:
                whole = "".join(export.lines())
            assert not [other.word for other in people if other is not person and other.word in whole]
        assert formation.audit.verify().sound

    async def _last_words(self, people: list[Person]) -> None:
        for person in people:
            await person.last_words()

    def _known(self, formation: Formation, person: Person) -> str:
        """The one thing that is known of somebody, in their context and in what a prompt says of them."""
        user = formation.identities.resolve(person.who).id
        assert set(WORD.findall(formation.profiles.of(user).synopsis)) == {person.word}
        [known] = formation.context.get(user)["preferences"]["likes"]
        return str(known)
