"""What people can do from inside a channel, on each database."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterator

import pytest

from muxi.core.chat import reply as recipe
from muxi.core.chat.types import Piece, Reply, Turn
from muxi.core.formation import Formation
from muxi.core.models.base import Completion, Prompt, Usage
from muxi.core.orchestrator import Orchestrator
from muxi.errors import SessionNotFoundError
from tests.conftest import TestClock
from tests.support.formations import open_formation

MAIL = "alice@acme.com"
SLACK = ("U98765ABC", "slack")


class Listener:
    """A chat model that keeps what it was told, and says little."""

    name = "listener"

    def __init__(self) -> None:
        self.heard: list[str] = []

    async def complete(self, prompt: Prompt) -> Completion:
        self.heard.append(prompt.message)
        return Completion("Yes.")

    async def stream(self, prompt: Prompt) -> AsyncIterator[str | Usage]:
        self.heard.append(prompt.message)
        yield "Yes."


@pytest.fixture
def model() -> Listener:
    return Listener()


@pytest.fixture
def formation(database_url: str, clock: TestClock, model: Listener) -> Iterator[Formation]:
    made = open_formation(database_url, clock, chat_model=model, chat={"commands": True})
    yield made
    assert made.audit.verify().sound
    made.close()


@pytest.fixture
def talk(formation: Formation) -> Orchestrator:
    return Orchestrator(formation=formation)


def code_in(answer: str) -> str:
    found = re.search(r"/link ([0-9A-Z]{4}-[0-9A-Z]{6})", answer)
    assert found
    return found[1]


async def linked(talk: Orchestrator) -> str:
    """Alice, on both channels."""
    code = code_in(await talk.chat("/link", user_id=MAIL))
    return await talk.chat(f"/link {code} yes", user_id=SLACK)


def kept(formation: Formation) -> str:
    with formation.storage._database.owning() as conn:
        return repr([conn.execute(f"SELECT text FROM {table}").fetchall() for table in ("messages", "memories")])


async def test_a_person_links_two_channels(talk: Orchestrator, formation: Formation, clock: TestClock) -> None:
    """A code from one, first shown and then agreed to on the other: both memories are one."""
    await talk.chat("My budget is $5,000", user_id=MAIL)
    clock.move(1)
    await talk.chat("I like tea", user_id=SLACK)
    code = code_in(await talk.chat("/link", user_id=MAIL))
    asked = await talk.chat(f"/link {code}", user_id=SLACK)
    assert "a…@acme.com" in asked and MAIL not in asked and f"/link {code} yes" in asked
    assert formation.identities.get(SLACK).id != formation.identities.get(MAIL).id
    reply = await talk.reply(f"/LINK {code.lower()} Yes", user_id=SLACK)
    assert reply.text == "Done. You are known as a…@acme.com (email, not proven), U98765ABC (slack, proven)."
    assert reply.user_id == formation.identities.get(MAIL).id == formation.identities.get(SLACK).id
    texts = {memory.text for memory in formation.memories.newest(reply.user_id, limit=10).items}
    assert texts == {"My budget is $5,000", "I like tea"}
    assert await talk.chat(f"/link {code}", user_id=SLACK) == (
        "This code is wrong, used or too old. Say /link on the other channel to get a new one."
    )


async def test_nothing_of_a_command_is_kept_or_told_to_the_model(
    talk: Orchestrator, formation: Formation, model: Listener
) -> None:
    """Neither in the log, nor in memory, nor in a prompt; what is no command is, even if it looks like one."""
    await linked(talk)
    await talk.chat("/whoami", user_id=MAIL)
    await talk.chat("/linking is not a command", user_id=MAIL)
    assert model.heard == ["/linking is not a command"]
    assert "/link " not in kept(formation) and "whoami" not in kept(formation) and "Done" not in kept(formation)


async def test_commands_work_in_a_stream(formation: Formation) -> None:
    """One piece, then the whole reply."""
    parts = [part async for part in recipe.stream(formation, Turn("/whoami", MAIL))]
    piece, whole = parts
    assert isinstance(piece, Piece) and isinstance(whole, Reply)
    user = formation.identities.get(MAIL).id
    assert piece.text == whole.text == f"You are {user}, known as {MAIL} (email, not proven)."
    assert whole.user_id == user and whole.session_id.startswith("ses_")


async def test_who_am_i_masks_the_other_channels(talk: Orchestrator) -> None:
    """Who listens in on one channel does not learn the others."""
    await linked(talk)
    answer = await talk.chat("/whoami", user_id=SLACK)
    assert "U98765ABC (slack, proven)" in answer and "a…@acme.com" in answer and MAIL not in answer


async def test_unlinking_this_channel(talk: Orchestrator, formation: Formation) -> None:
    """The next message from there is somebody new's; the last identifier stays."""
    await linked(talk)
    alice = formation.identities.get(MAIL).id
    answer = await talk.reply("/unlink", user_id=SLACK)
    assert answer.text.startswith("Done. This channel is not you any more.") and answer.user_id == alice
    assert formation.identities.find(SLACK) is None
    assert (await talk.reply("hello", user_id=SLACK)).user_id != alice
    assert "last identifier" in await talk.chat("/unlink", user_id=MAIL)
    assert formation.identities.get(MAIL).id == alice


async def test_unlinking_another_channel_needs_a_proven_one(talk: Orchestrator, formation: Formation) -> None:
    """From the channel that was only used it is refused, from the proven one it is done."""
    await linked(talk)
    assert "not proven" in await talk.chat("/unlink U98765ABC", user_id=MAIL)
    assert formation.identities.find(SLACK) is not None
    assert (await talk.chat(f"/unlink {MAIL}", user_id=SLACK)).startswith(f"Done. {MAIL} is not you any more.")
    assert formation.identities.find(MAIL) is None
    formation.identities.resolve("bob@acme.com")
    for named in ("bob@acme.com", "nobody@acme.com", ""):
        assert "Done" not in await talk.chat(f"/unlink {named}", user_id=SLACK)
    assert formation.identities.find("bob@acme.com") is not None


async def test_a_code_joins_nobody_who_has_something_unproven(talk: Orchestrator, formation: Formation) -> None:
    """The user of this channel has another identifier that may be a third person's."""
    formation.identities.associate([SLACK, "carol@acme.com"])
    code = code_in(await talk.chat("/link", user_id=MAIL))
    answer = await talk.chat(f"/link {code} yes", user_id=SLACK)
    assert answer.startswith("That cannot be linked.")
    assert formation.identities.get(SLACK).id != formation.identities.get(MAIL).id


async def test_wrong_codes_are_counted(talk: Orchestrator, formation: Formation) -> None:
    """Five, and the right one is dead, too."""
    code = code_in(await talk.chat("/link", user_id=MAIL))
    wrong = code[:-1] + ("0" if code[-1] != "0" else "1")
    for _ in range(5):
        assert (await talk.chat(f"/link {wrong} yes", user_id=SLACK)).startswith("This code is wrong")
    assert (await talk.chat(f"/link {code} yes", user_id=SLACK)).startswith("This code is wrong")


async def test_a_code_of_the_application_is_not_one_of_the_chat(talk: Orchestrator, formation: Formation) -> None:
    """It is bound to who asked for it."""
    formation.identities.resolve(MAIL)
    code = talk.start_verification(MAIL).code
    assert (await talk.chat(f"/link {code} yes", user_id=SLACK)).startswith("This code is wrong")


async def test_ones_own_code_joins_nobody(talk: Orchestrator) -> None:
    """Typed where it was given."""
    code = code_in(await talk.chat("/link", user_id=MAIL))
    assert await talk.chat(f"/link {code}", user_id=MAIL) == "These channels are one user already."


async def test_without_a_user_nothing_is_linked(talk: Orchestrator) -> None:
    """And a user's own id is no channel."""
    assert (await talk.chat("/link")).startswith("Nobody in particular")
    code = code_in(await talk.chat("/link", user_id=MAIL))
    usr = (await talk.reply("hello", user_id=SLACK)).user_id
    assert (await talk.chat(f"/link {code} yes", user_id=usr)).startswith("That cannot be linked.")


async def test_a_session_of_somebody_else_stops_a_command(talk: Orchestrator, formation: Formation) -> None:
    """As it stops any message: nothing is done."""
    bobs = (await talk.reply("hello", user_id="bob@acme.com")).session_id
    await linked(talk)
    with pytest.raises(SessionNotFoundError):
        await talk.chat("/unlink", user_id=SLACK, session_id=bobs)
    assert formation.identities.find(SLACK) is not None


async def test_commands_are_off_unless_set(database_url: str, clock: TestClock, model: Listener) -> None:
    """The model answers, as to any message."""
    formation = open_formation(database_url, clock, chat_model=model)
    assert await Orchestrator(formation=formation).chat("/whoami", user_id=MAIL) == "Yes."
    assert model.heard == ["/whoami"] and "/whoami" in kept(formation)
    formation.close()
