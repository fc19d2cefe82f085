"""What every session store does, on each database."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from muxi.core.chat.types import Exchange, LoggedMessage
from muxi.core.identity.service import Identities
from muxi.core.sessions.service import Sessions
from muxi.core.sessions.types import Session
from muxi.errors import InvalidCursorError, SessionNotFoundError
from muxi.ids import UserId, new_message_id
from muxi.storage.open import FormationStores
from tests.conftest import TestClock


@pytest.fixture
def sessions(stores: FormationStores, clock: TestClock) -> Sessions:
    return Sessions(stores.sessions, clock)


@pytest.fixture
def alice(stores: FormationStores, clock: TestClock) -> UserId:
    return Identities(stores.identity, stores.hash_key, clock).resolve("alice@acme.com").id


@pytest.fixture
def bob(stores: FormationStores, clock: TestClock) -> UserId:
    return Identities(stores.identity, stores.hash_key, clock).resolve("bob@acme.com").id


def say(stores: FormationStores, clock: TestClock, session: Session, *texts: str, agent: str = "a") -> None:
    """Stores one message a text, one second apart."""
    for text in texts:
        clock.move(1)
        message = LoggedMessage(new_message_id(), "user", text, agent, {"n": len(text)})
        stores.exchanges.save(Exchange(session, session.user_id, (message,), None, clock()), "m")


class TestEnter:
    """Which session a message belongs to."""

    def test_each_identifier_has_its_own_default(self, sessions: Sessions, alice: UserId) -> None:
        """One user, two channels, two conversations; each is found again."""
        web = sessions.enter(alice, spoken_to="email:alice@acme.com", channel="email")
        slack = sessions.enter(alice, spoken_to="slack:U1", channel="slack")
        assert web.id != slack.id and (web.channel, slack.channel) == ("email", "slack")
        assert sessions.enter(alice, spoken_to="slack:U1").id == slack.id

    def test_a_name_is_each_users_own(self, sessions: Sessions, alice: UserId, bob: UserId) -> None:
        """Two users can name a conversation alike without meeting in it."""
        hers, his = sessions.enter(alice, "conv_456"), sessions.enter(bob, "conv_456")
        assert hers.id != his.id and hers.name == "conv_456"
        assert sessions.enter(alice, "conv_456").id == hers.id
        assert sessions.find(alice, "conv_456") == hers and sessions.find(alice, "other") is None

    def test_names_and_identifiers_never_collide(self, sessions: Sessions, alice: UserId) -> None:
        """A conversation named like an identifier is not that identifier's default."""
        assert sessions.enter(alice, "slack:U1").id != sessions.enter(alice, spoken_to="slack:U1").id

    def test_another_users_session_is_not_there(
        self, sessions: Sessions, alice: UserId, bob: UserId, other_stores: FormationStores, clock: TestClock
    ) -> None:
        """Another user, another formation, nobody, a guess: one answer, by every door."""
        hers = sessions.enter(alice, "mine")
        guess = hers.id[:-3] + "000"
        abroad = Sessions(other_stores.sessions, clock)
        for service, user, session in ((sessions, bob, hers.id), (abroad, alice, hers.id), (sessions, alice, guess)):
            for door in (service.enter, service.get, service.messages):
                with pytest.raises(SessionNotFoundError):
                    door(user, session)
        with pytest.raises(SessionNotFoundError):
            sessions.get(None, hers.id)

    @pytest.mark.parametrize("bad", ["", " ", "a\nb", "x" * 256, "ses_short"])
    def test_what_cannot_be_a_name(self, sessions: Sessions, alice: UserId, bad: str) -> None:
        """Empty, control characters, too long, and what looks like an id but is none."""
        with pytest.raises(SessionNotFoundError):
            sessions.enter(alice, bad)

    @pytest.mark.parametrize("owned", [True, False])
    def test_many_at_once_enter_one_session(self, sessions: Sessions, alice: UserId, owned: bool) -> None:
        """A new conversation is made once, with a user and without."""
        with ThreadPoolExecutor(8) as pool:
            made = pool.map(lambda _: sessions.enter(alice if owned else None, "new").id, range(32))
            assert len(set(made)) == 1


class TestLog:
    """The message log."""

    def test_newest_first_in_pages(
        self, sessions: Sessions, stores: FormationStores, clock: TestClock, alice: UserId
    ) -> None:
        """Five messages in pages of two: nothing twice, nothing left out."""
        session = sessions.enter(alice, "c")
        say(stores, clock, session, "1", "2", "3", "4", "5")
        seen: list[str] = []
        cursor = None
        for size in (2, 2, 1):
            page = sessions.messages(alice, session.id, cursor=cursor, limit=2)
            assert len(page.items) == size
            seen += [message.text for message in page.items]
            cursor = page.next_cursor
        assert seen == ["5", "4", "3", "2", "1"] and cursor is None
        first = sessions.messages(alice, session.id).items[-1]
        assert (first.seq, first.role, first.agent_id, first.metadata) == (1, "user", "a", {"n": 1})

    def test_sessions_last_used_first_without_empty_ones(
        self, sessions: Sessions, stores: FormationStores, clock: TestClock, alice: UserId, bob: UserId
    ) -> None:
        """A list in pages; a session whose first turn failed is not in it; nobody else's is."""
        for name in ("a", "b", "c"):
            say(stores, clock, sessions.enter(alice, name), "hello")
        say(stores, clock, sessions.enter(alice, "a"), "again")
        sessions.enter(alice, "empty")
        say(stores, clock, sessions.enter(bob, "his"), "hi")
        page = sessions.newest(alice, limit=2)
        rest = sessions.newest(alice, limit=2, cursor=page.next_cursor)
        assert [s.name for s in page.items] == ["a", "c"] and [s.name for s in rest.items] == ["b"]
        assert page.items[0].messages == 2 and rest.next_cursor is None

    @pytest.mark.parametrize("cursor", ["x", "e30=", "W10=", "WzFd", "é"])
    def test_a_wrong_cursor_is_an_error(self, sessions: Sessions, alice: UserId, cursor: str) -> None:
        """Whatever was not made by a page before is refused."""
        with pytest.raises(InvalidCursorError):
            sessions.newest(alice, cursor=cursor)
        with pytest.raises(InvalidCursorError):
            sessions.messages(alice, sessions.enter(alice, "c").id, limit=0)

    def test_turns_at_once_get_numbers_of_their_own(
        self, sessions: Sessions, stores: FormationStores, clock: TestClock, alice: UserId
    ) -> None:
        """32 writers into one session: 32 consecutive numbers."""
        session = sessions.enter(alice, "busy")
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda n: say(stores, clock, session, f"m{n}"), range(32)))
        page = sessions.messages(alice, session.id, limit=100)
        assert [message.seq for message in page.items] == list(range(32, 0, -1))


class TestBuffer:
    """The window on the log."""

    def test_a_turn_opens_what_enter_and_buffer_say(
        self, sessions: Sessions, stores: FormationStores, clock: TestClock, alice: UserId, bob: UserId
    ) -> None:
        """New, known, by name, by id, after clearing, without a user: the same session and the same lines."""
        for session in (None, "c"):
            made, lines = sessions.open(alice, session, 2, spoken_to="slack:U1")
            assert lines == [] and made == sessions.enter(alice, session, spoken_to="slack:U1")
            say(stores, clock, made, "1", "2", "3")
            opened, lines = sessions.open(alice, session, 2, spoken_to="slack:U1")
            assert opened == sessions.get(alice, made.id) and opened.messages == 3
            assert lines == [("user", "2"), ("user", "3")] == sessions.buffer(opened, 2)
            assert sessions.open(alice, made.id, 2) == (opened, lines)
            with pytest.raises(SessionNotFoundError):
                sessions.open(bob, made.id, 2)
        sessions.clear_buffer(alice)
        assert sessions.open(alice, "c", 2)[1] == []
        shared = sessions.enter(None, "c")
        say(stores, clock, shared, "shared")
        assert sessions.open(None, "c", 2)[1] == [("user", "shared")]

    def test_the_newest_messages_oldest_first(
        self, sessions: Sessions, stores: FormationStores, clock: TestClock, alice: UserId
    ) -> None:
        """The newest wins a place in the prompt, and stands last."""
        session = sessions.enter(alice, "c")
        say(stores, clock, session, "1", "2", "3")
        session = sessions.get(alice, session.id)
        assert sessions.buffer(session, 2) == [("user", "2"), ("user", "3")]

    def test_each_session_has_a_window_of_its_own(
        self, sessions: Sessions, stores: FormationStores, clock: TestClock, alice: UserId, bob: UserId
    ) -> None:
        """A busy session pushes nothing out of a quiet one, nor one user another."""
        quiet, busy, his = sessions.enter(alice, "quiet"), sessions.enter(alice, "busy"), sessions.enter(bob, "his")
        say(stores, clock, quiet, "old")
        say(stores, clock, his, "his")
        say(stores, clock, busy, *[f"b{n}" for n in range(9)])
        found = sorted(one.message.text for one in sessions.windows(alice, 3))
        assert found == ["b6", "b7", "b8", "old"]
        assert sessions.windows(None, 3) == []

    def test_clearing_takes_out_of_the_buffer_only(
        self, sessions: Sessions, stores: FormationStores, clock: TestClock, alice: UserId, bob: UserId
    ) -> None:
        """The log stays; later messages are in again; another user's buffer is untouched."""
        hers, his = sessions.enter(alice, "c"), sessions.enter(bob, "c")
        say(stores, clock, hers, "before")
        say(stores, clock, his, "his")
        assert sessions.clear_buffer(alice) == 1
        say(stores, clock, hers, "after")
        hers = sessions.get(alice, hers.id)
        assert sessions.buffer(hers, 10) == [("user", "after")]
        assert [one.message.text for one in sessions.windows(alice, 10)] == ["after"]
        assert len(sessions.messages(alice, hers.id).items) == 2
        assert [one.message.text for one in sessions.windows(bob, 10)] == ["his"]

    def test_clearing_one_agents_messages(
        self, sessions: Sessions, stores: FormationStores, clock: TestClock, alice: UserId
    ) -> None:
        """What was said to another agent stays."""
        session = sessions.enter(alice, "c")
        say(stores, clock, session, "to a", agent="a")
        say(stores, clock, session, "to b", agent="b")
        sessions.clear_buffer(alice, "a")
        assert sessions.buffer(sessions.get(alice, session.id), 10) == [("user", "to b")]

    def test_what_is_kept_without_a_user(
        self, sessions: Sessions, stores: FormationStores, clock: TestClock, alice: UserId
    ) -> None:
        """Its window holds no user's rows, a user's holds none of it, and clearing it clears nobody's."""
        say(stores, clock, sessions.enter(None, "c"), "shared")
        say(stores, clock, sessions.enter(alice, "c"), "hers")
        assert [one.message.text for one in sessions.windows(None, 10)] == ["shared"]
        assert [one.message.text for one in sessions.windows(alice, 10)] == ["hers"]
        assert sessions.clear_buffer(None) == 1
        assert sessions.windows(None, 10) == []
        assert [one.message.text for one in sessions.windows(alice, 10)] == ["hers"]
