"""The specification's examples about chat, agents, the buffer, search and identifiers, on each database."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from muxi.core.memory.buffer import BufferMemory
from muxi.core.models.base import Completion, Prompt, Usage
from muxi.core.orchestrator import Orchestrator
from muxi.errors import AgentNotFoundError, IdentifierConflictError, InvalidMemoryError, SessionNotFoundError
from muxi.settings import FormationSettings
from tests.support.vectors import WordVectors


class Echo:
    """A chat model that shows what it was given, as JSON."""

    name = "echo"

    async def complete(self, prompt: Prompt) -> Completion:
        return Completion(self._shown(prompt), Usage(3, 4))

    async def stream(self, prompt: Prompt):  # type: ignore[no-untyped-def]
        for piece in self._shown(prompt).split(" "):
            yield piece + " "
        yield Usage(3, 4)

    @staticmethod
    def _shown(prompt: Prompt) -> str:
        return json.dumps(
            {
                "system": prompt.system,
                "recalled": [one.text for one in prompt.recalled],
                "recent": [line.text for line in prompt.recent if line.role == "user"],
                "message": prompt.message,
            }
        )


def settings_for(database_url: str, formation_id: str = "default") -> FormationSettings:
    provider = "postgres" if database_url.startswith("postgresql") else "sqlite"
    persistent = {"provider": provider, "connection_string": database_url}
    return FormationSettings.model_validate({"id": formation_id, "memory": {"persistent": persistent}})


@pytest.fixture
def orchestrator(database_url: str) -> Iterator[Orchestrator]:
    buffer = BufferMemory(max_size=10, buffer_multiplier=10, model=WordVectors())
    with Orchestrator(buffer, chat_model=Echo(), settings=settings_for(database_url)) as made:
        yield made


@pytest.fixture
def elsewhere(orchestrator: Orchestrator, database_url: str) -> Iterator[Orchestrator]:
    """Another formation on the same database."""
    buffer = BufferMemory(model=WordVectors())
    with Orchestrator(buffer, chat_model=Echo(), settings=settings_for(database_url, "other")) as made:
        yield made


async def given(orchestrator: Orchestrator, message: str, **who: object) -> dict[str, object]:
    """What the model was given for a message."""
    return json.loads(await orchestrator.chat(message, **who))  # type: ignore[arg-type]


class TestOneUserManyIdentifiers:
    """The story: web, then Slack, then remembered."""

    async def test_what_the_web_was_told_slack_knows(self, orchestrator: Orchestrator) -> None:
        """Not before linking; at once after it, in a session of its own."""
        await orchestrator.chat("My budget is $5,000", user_id="alice@acme.com")
        before = await given(orchestrator, "What is my budget?", user_id=("U98765ABC", "slack"))
        assert before["recalled"] == []
        slack = orchestrator.formation.identities.resolve(("U98765ABC", "slack"))
        orchestrator.unlink_user_identifier(("U98765ABC", "slack"), slack.id, force=True)
        linked = orchestrator.associate_user_identifiers(["alice@acme.com", ("U98765ABC", "slack")])
        reply = await orchestrator.reply("What is my budget?", user_id=("U98765ABC", "slack"))
        assert reply.user_id == linked.id
        assert [hit.text for hit in reply.recalled] == ["My budget is $5,000"]
        assert reply.recalled[0].memory.channel == "email"
        assert json.loads(reply.text)["recent"] == []  # the session is not shared

    async def test_the_three_forms_of_identifiers(self, orchestrator: Orchestrator) -> None:
        """E-mail, mapping and pair in one call; listed again as they were written."""
        made = orchestrator.associate_user_identifiers(
            ["alice@email.com", {"identifier": "U98765ABC", "type": "slack"}, ("user_123", "internal")], user_id=None
        )
        listed = [one.shown for one in orchestrator.get_user_identifiers(user_id=made.id)]
        assert listed == ["alice@email.com", "U98765ABC", "user_123"]

    async def test_matched_by_e_mail_and_conflicting(self, orchestrator: Orchestrator) -> None:
        """A Slack workspace is linked by e-mail; somebody else's e-mail is refused."""
        alice = (await orchestrator.reply("Hello!", user_id="alice@acme.com")).user_id
        assert orchestrator.associate_user_identifiers(["alice@acme.com", ("U1", "slack")], user_id=None).id == alice
        bob = (await orchestrator.reply("Hi", user_id="bob@acme.com")).user_id
        with pytest.raises(IdentifierConflictError):
            orchestrator.associate_user_identifiers(["alice@acme.com"], user_id=bob)

    async def test_an_api_key_is_its_user(self, orchestrator: Orchestrator) -> None:
        """Chatting by key and by e-mail is one person."""
        key = "key_abc123_0123456789abcdef"
        alice = orchestrator.associate_user_identifiers(["alice@email.com", (key, "api_key")])
        assert (await orchestrator.reply("Hi", user_id=key)).user_id == alice.id

    async def test_numbers_and_strings_are_ids(self, orchestrator: Orchestrator) -> None:
        """``"user_123"``, ``42`` and an e-mail are three users."""
        users = [(await orchestrator.reply("Hi", user_id=who)).user_id for who in ("user_123", 42, "john@email.com")]
        assert len(set(users)) == 3


class TestAgents:
    """Shared agents and a user's own."""

    async def test_a_users_own_agent_is_invisible_to_others(self, orchestrator: Orchestrator) -> None:
        """By name, by list, and as default."""
        orchestrator.create_agent("general", Echo(), "You are a helpful assistant.", set_as_default=True)
        orchestrator.create_agent("user1_assistant", Echo(), "You are assisting User 1.", user_id="user_1")
        mine = await given(orchestrator, "Hi", agent_name="user1_assistant", user_id="user_1")
        assert mine["system"] == "You are assisting User 1."
        assert [agent.id for agent in orchestrator.get_user_agents(user_id="user_1")] == ["user1_assistant"]
        assert orchestrator.get_user_agents(user_id="user_2") == []
        for stranger in ("user_2", None):
            with pytest.raises(AgentNotFoundError):
                await orchestrator.chat("Hi", agent_name="user1_assistant", user_id=stranger)
        with pytest.raises(AgentNotFoundError):
            orchestrator.set_user_default_agent(user_id="user_2", agent_id="user1_assistant")

    async def test_the_default_of_a_user_and_of_all(self, orchestrator: Orchestrator) -> None:
        """Each user's own default, else the formation's."""
        orchestrator.create_agent("general", Echo(), "general", set_as_default=True)
        orchestrator.create_agent("own", Echo(), "own", user_id="user_1")
        assert (await given(orchestrator, "Hi", user_id="user_1"))["system"] == "general"
        orchestrator.set_user_default_agent(user_id="user_1", agent_id="own")
        assert (await given(orchestrator, "Hi", user_id="user_1"))["system"] == "own"
        assert (await given(orchestrator, "Hi", user_id="user_2"))["system"] == "general"

    async def test_an_unknown_agent(self, orchestrator: Orchestrator) -> None:
        """A typed error, and nothing is stored."""
        with pytest.raises(AgentNotFoundError, match="nobody"):
            await orchestrator.chat("Hi", agent_name="nobody", user_id="user_1")
        assert await orchestrator.search_memory("Hi", filter_metadata={"user_id": "user_1"}) == []

    async def test_two_users_may_name_their_agents_alike(self, orchestrator: Orchestrator) -> None:
        """Each gets its own."""
        for user in ("user_1", "user_2"):
            orchestrator.create_agent("helper", Echo(), f"of {user}", user_id=user)
        said = await given(orchestrator, "Hi", agent_name="helper", user_id="user_2")
        assert said["system"] == "of user_2"


class TestBuffer:
    """The buffer: written, searched, cleared."""

    async def test_search_by_user_agent_and_conversation(self, orchestrator: Orchestrator) -> None:
        """The documented call, and each of its filters."""
        about = {"role": "user", "agent_id": "assistant", "user_id": "user_123", "conversation_id": "conv_456"}
        await orchestrator.add_to_buffer_memory(message="I prefer dark mode.", metadata=about)
        who = {"user_id": "user_123", "conversation_id": "conv_456"}
        hits = await orchestrator.search_memory(query="dark", agent_id="assistant", filter_metadata=who)
        assert [hit.text for hit in hits] == ["I prefer dark mode."]
        for where in ({**who, "conversation_id": "conv_1"}, {"user_id": "user_1"}, {}):
            assert await orchestrator.search_memory(query="dark", filter_metadata=where) == []
        assert await orchestrator.search_memory("dark", agent_id="other", filter_metadata=who) == []

    async def test_what_has_no_user_is_nobodys(self, orchestrator: Orchestrator) -> None:
        """A search without a user sees what was stored without one, and never a user's own."""
        await orchestrator.add_to_buffer_memory("The office is in Lisbon", {"role": "user"})
        await orchestrator.add_to_buffer_memory("My office is at home", {"role": "user", "user_id": "user_1"})
        for long_term in (False, True):
            shared = await orchestrator.search_memory("office", use_long_term=long_term)
            own = await orchestrator.search_memory(
                "office", use_long_term=long_term, filter_metadata={"user_id": "user_1"}
            )
            assert [hit.text for hit in shared] == ["The office is in Lisbon"]
            assert [hit.text for hit in own] == ["My office is at home"]

    async def test_own_metadata_filters_and_sets_no_scope(self, orchestrator: Orchestrator) -> None:
        """Any other key must match; a key can never move a memory to another user."""
        await orchestrator.add_to_buffer_memory("tea", {"user_id": "user_1", "topic": "drinks", "owner": "user_2"})
        await orchestrator.add_to_buffer_memory("tea and cake", {"user_id": "user_1", "topic": "food"})
        for long_term in (False, True):
            hits = await orchestrator.search_memory(
                "tea", use_long_term=long_term, filter_metadata={"user_id": "user_1", "topic": "drinks"}
            )
            assert [hit.text for hit in hits] == ["tea"]
        assert await orchestrator.search_memory("tea", filter_metadata={"user_id": "user_2"}) == []

    async def test_the_prompt_holds_max_size_messages(self, database_url: str) -> None:
        """The newest ones, in order; the searchable window is max_size x buffer_multiplier."""
        buffer = BufferMemory(max_size=4, buffer_multiplier=2, model=WordVectors())
        with Orchestrator(buffer, chat_model=Echo(), settings=settings_for(database_url)) as orchestrator:
            for n in range(6):
                await orchestrator.chat(f"word{n}", user_id="user_1", session_id="c")
            last = await given(orchestrator, "word6", user_id="user_1", session_id="c")
            assert last["recent"] == ["word4", "word5"]
            assert sorted(last["recalled"]) == ["word0", "word1", "word2", "word3"]
            found = await orchestrator.search_memory("word", filter_metadata={"user_id": "user_1", "role": "user"})
            assert sorted(hit.text for hit in found) == ["word3", "word4", "word5", "word6"]

    async def test_the_newest_wins(self, orchestrator: Orchestrator) -> None:
        """Of two equal messages the later one comes first."""
        first = await orchestrator.add_to_buffer_memory("same words", {"user_id": "user_1"})
        second = await orchestrator.add_to_buffer_memory("same words", {"user_id": "user_1"})
        hits = await orchestrator.search_memory("same words", filter_metadata={"user_id": "user_1"})
        assert [hit.memory.id[4:] for hit in hits] == [second[4:], first[4:]]

    async def test_clearing_is_for_the_buffer_and_the_user(self, orchestrator: Orchestrator) -> None:
        """The prompt and the buffer's search forget; long-term memory and other users do not."""
        for user in ("user_1", "user_2"):
            await orchestrator.chat("I like tea", user_id=user)
        assert orchestrator.clear_memory(user_id="user_1") == 1
        assert await orchestrator.search_memory("tea", filter_metadata={"user_id": "user_1"}) == []
        kept = await orchestrator.search_memory("tea", use_long_term=True, filter_metadata={"user_id": "user_1"})
        assert [hit.text for hit in kept] == ["I like tea"]
        assert len(await orchestrator.search_memory("tea", filter_metadata={"user_id": "user_2"})) == 2
        assert orchestrator.clear_memory(agent_id="assistant", user_id="nobody") == 0
        assert orchestrator.formation.identities.find("nobody") is None

    async def test_a_quiet_user_is_never_pushed_out(self, orchestrator: Orchestrator) -> None:
        """A hundred messages of one user leave another's single one where it was."""
        await orchestrator.add_to_buffer_memory("the quiet word", {"user_id": "quiet"})
        for n in range(120):
            await orchestrator.add_to_buffer_memory(f"the quiet word {n}", {"user_id": "loud"})
        hits = await orchestrator.search_memory("the quiet word", filter_metadata={"user_id": "quiet"}, limit=3)
        assert [hit.text for hit in hits] == ["the quiet word"]


class TestChat:
    """Turns, sessions, streams."""

    async def test_a_conversation_goes_on_by_session(self, orchestrator: Orchestrator) -> None:
        """By the id of a reply, and by the application's own name."""
        first = await orchestrator.reply("one", user_id="user_1", session_id="mine")
        by_id = await given(orchestrator, "two", user_id="user_1", session_id=first.session_id)
        assert by_id["recent"] == ["one"]
        assert (await given(orchestrator, "three", user_id="user_1", session_id="mine"))["recent"] == ["one", "two"]
        assert (await given(orchestrator, "four", user_id="user_1", session_id="new"))["recent"] == []

    async def test_another_users_or_formations_session(
        self, orchestrator: Orchestrator, elsewhere: Orchestrator
    ) -> None:
        """Neither can be entered, and neither says that it exists."""
        hers = await orchestrator.reply("secret", user_id="user_1")
        for place, user in ((orchestrator, "user_2"), (elsewhere, "user_1"), (orchestrator, None)):
            with pytest.raises(SessionNotFoundError):
                await place.chat("let me in", user_id=user, session_id=hers.session_id)
        assert (await elsewhere.reply("hi", user_id="user_1")).user_id != hers.user_id
        there = await elsewhere.search_memory("secret", use_long_term=True, filter_metadata={"user_id": "user_1"})
        assert [hit.text for hit in there] == ["hi"]

    async def test_a_stream_is_the_answer_in_pieces(self, orchestrator: Orchestrator) -> None:
        """Its pieces make the whole answer, and the exchange is stored at its end."""
        pieces = [piece async for piece in orchestrator.chat_stream("stream this", user_id="user_1")]
        assert len(pieces) > 1 and json.loads("".join(pieces))["message"] == "stream this"
        stored = await orchestrator.search_memory("stream", filter_metadata={"user_id": "user_1", "role": "user"})
        assert [hit.text for hit in stored] == ["stream this"]

    async def test_a_stream_that_is_left_stores_nothing(self, orchestrator: Orchestrator) -> None:
        """Half an exchange is none."""
        stream = orchestrator.chat_stream("half of it", user_id="user_1")
        assert await anext(stream)
        await stream.aclose()
        assert await orchestrator.search_memory("half", filter_metadata={"user_id": "user_1"}) == []

    async def test_usage_and_agent_are_told(self, orchestrator: Orchestrator) -> None:
        """A reply says who answered and what it cost."""
        reply = await orchestrator.reply("Hi", user_id="user_1")
        assert (reply.agent, reply.usage, str(reply)) == ("assistant", Usage(3, 4), reply.text)
        assert reply.message_id.startswith("msg_") and reply.session_id.startswith("ses_")


async def test_a_condition_that_is_not_json(orchestrator: Orchestrator) -> None:
    """Refused by name, before it reaches a database."""
    for where in ({"conversation_id": "\ud800"}, {"topic": object()}):
        with pytest.raises(InvalidMemoryError):
            await orchestrator.search_memory("tea", filter_metadata={"user_id": "user_1", **where})


async def test_an_orchestrator_alone_works(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No argument, no key, no network: a file in the user's data directory, local embeddings, an honest answer."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    with Orchestrator() as orchestrator:
        await orchestrator.chat("My budget is $5,000", user_id="alice@acme.com")
        answer = await orchestrator.chat("What's my budget?", user_id="alice@acme.com", session_id="later")
    assert '"My budget is $5,000" (email, ' in answer
    assert (tmp_path / "muxi" / "muxi.db").stat().st_mode & 0o777 == 0o600
    with Orchestrator() as orchestrator:
        again = await orchestrator.chat("What's my budget?", user_id="alice@acme.com", session_id="again")
    assert '"My budget is $5,000" (email, ' in again
