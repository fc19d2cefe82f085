"""Sessions that are opened and ended by themselves, on each kind of database."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest

from muxi.core.formation import Formation
from muxi.core.orchestrator import Orchestrator
from muxi.errors import InvalidInputError, SessionEndedError, SessionNotFoundError
from tests.conftest import TestClock
from tests.support.formations import open_formation


@pytest.fixture
def formation(database_url: str, clock: TestClock) -> Iterator[Formation]:
    opened = open_formation(database_url, clock, access={"session_idle": 600, "session_lifetime": 3600})
    yield opened
    opened.close()


@pytest.fixture
def orchestrator(formation: Formation) -> Orchestrator:
    return Orchestrator(formation=formation)


async def test_a_session_is_opened_used_and_ended(orchestrator: Orchestrator) -> None:
    """It is listed with its metadata before anything is said, can be chatted in, and cannot once it has ended."""
    session_id = orchestrator.create_user_session("alice@acme.com", metadata={"source": "web"})
    (listed,) = orchestrator.list_user_sessions("alice@acme.com").items
    assert (listed.id, listed.messages, listed.metadata) == (session_id, 0, {"source": "web"})
    reply = await orchestrator.reply("Hello", user_id="alice@acme.com", session_id=session_id)
    assert reply.session_id == session_id
    ended = orchestrator.end_user_session(session_id=session_id)
    assert ended.ended_at is not None
    with pytest.raises(SessionEndedError):
        await orchestrator.chat("Hello again", user_id="alice@acme.com", session_id=session_id)
    assert orchestrator.end_user_session(session_id).ended_at == ended.ended_at
    user = orchestrator.formation.identities.get("alice@acme.com")
    assert len(orchestrator.formation.sessions.messages(user.id, session_id).items) == 2


async def test_a_foreign_session_is_none(orchestrator: Orchestrator, database_url: str, clock: TestClock) -> None:
    """Another user, another formation and a guess get the same answer."""
    session_id = orchestrator.create_user_session("alice@acme.com")
    for who, named in (("bob@acme.com", session_id), ("alice@acme.com", "ses_01h455vb4pex5vsknk084sn02q")):
        with pytest.raises(SessionNotFoundError):
            await orchestrator.chat("Hello", user_id=who, session_id=named)
    bob = orchestrator.formation.identities.get("bob@acme.com")
    with pytest.raises(SessionNotFoundError):
        orchestrator.formation.sessions.end(session_id, bob.id)
    other = open_formation(database_url, clock, "g")
    with pytest.raises(SessionNotFoundError):
        Orchestrator(formation=other).end_user_session(session_id)
    other.close()


@pytest.mark.parametrize(
    ("pauses", "works"), [([599, 599], True), ([600], False), ([500] * 7, True), ([500] * 8, False)]
)
async def test_silence_and_age_end_a_session(
    orchestrator: Orchestrator, clock: TestClock, pauses: list[int], works: bool
) -> None:
    """Ten minutes of silence end it, and an hour in any case, as set."""
    session_id = orchestrator.create_user_session("alice@acme.com")
    for pause in pauses[:-1]:
        clock.move(pause)
        await orchestrator.chat("Hello", user_id="alice@acme.com", session_id=session_id)
    clock.move(pauses[-1])
    if works:
        await orchestrator.chat("Hello", user_id="alice@acme.com", session_id=session_id)
    else:
        with pytest.raises(SessionEndedError):
            await orchestrator.chat("Hello", user_id="alice@acme.com", session_id=session_id)


async def test_an_ended_conversation_begins_anew(orchestrator: Orchestrator) -> None:
    """Who comes again by the name of an ended session, or by their identifier, gets a new one."""
    named = await orchestrator.reply("Hello", user_id="alice@acme.com", session_id="web-1")
    default = await orchestrator.reply("Hello", user_id="alice@acme.com")
    for reply, name in ((named, "web-1"), (default, None)):
        orchestrator.end_user_session(reply.session_id)
        again = await orchestrator.reply("Hello", user_id="alice@acme.com", session_id=name)
        assert again.session_id != reply.session_id


async def test_what_is_said_as_it_ends_is_not_stored(formation: Formation) -> None:
    """A turn whose session ends before its answer is there is stored nowhere."""
    user = formation.identities.resolve("alice@acme.com")
    session = formation.sessions.create(user.id)
    entered = formation.sessions.enter(user.id, session.id)
    formation.sessions.end(session.id)
    with formation.storage._database.owning() as conn:
        reserved = formation.exchanges._sessions.reserve_seq(  # type: ignore[attr-defined]
            conn, formation_id="f", session_id=entered.id, count=2, now=formation.clock()
        )
    assert reserved is None


def test_what_a_session_cannot_have(formation: Formation) -> None:
    """Metadata that is not JSON, and times below a second, are refused."""
    user = formation.identities.resolve("alice@acme.com")
    with pytest.raises(InvalidInputError):
        formation.sessions.create(user.id, {"x": object()})
    with pytest.raises(InvalidInputError):
        formation.sessions.create(user.id, idle=timedelta(milliseconds=1))
