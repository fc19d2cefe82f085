"""Lists of users, searches in them, and who is shut out, on each database."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import pytest

from muxi.core.audit.service import Audit
from muxi.core.identity.merging import Merges
from muxi.core.identity.service import Identities
from muxi.core.identity.types import IdentifierInput, UserSummary
from muxi.core.identity.users import Users
from muxi.errors import InvalidCursorError, UserDisabledError, UserNotFoundError
from muxi.ids import UserId, new_session_id, new_user_id
from muxi.storage.open import FormationStores, Storage, open_storage
from tests.conftest import TestClock


class World:
    """One formation's services on given stores, with a cache of its own, as a process has it."""

    def __init__(self, stores: FormationStores, clock: TestClock) -> None:
        self.identities = Identities(stores.identity, stores.hash_key, clock)
        self.merges = Merges(stores.merges, self.identities, clock)
        self.users = Users(stores.users, stores.merges, self.identities, clock)
        self.audit = Audit(stores.audit)
        self._clock = clock

    def user(self, identifier: IdentifierInput) -> UserId:
        """A new user, a second younger than the one before."""
        self._clock.move(1)
        return self.identities.resolve(identifier).id

    def listed(self, search: str = "", *, disabled: bool | None = None, limit: int = 50) -> list[UserId]:
        """Every user of a list, read page by page."""
        found: list[UserSummary] = []
        cursor = None
        while True:
            page = self.users.list(search, disabled=disabled, cursor=cursor, limit=limit)
            assert len(page.items) <= limit
            found += page.items
            cursor = page.next_cursor
            if cursor is None:
                return [user.id for user in found]


@pytest.fixture
def world(stores: FormationStores, clock: TestClock) -> Iterator[World]:
    made = World(stores, clock)
    yield made
    assert made.audit.verify().sound


@pytest.fixture
def elsewhere(other_stores: FormationStores, clock: TestClock) -> World:
    return World(other_stores, clock)


class TestList:
    """Every canonical user once, page by page."""

    def test_newest_first_in_pages_of_any_size(self, world: World) -> None:
        """All of them, each once, whatever the size of a page."""
        users = [world.user((f"U{n:02}", "slack")) for n in range(7)]
        for limit in (1, 2, 7, 50):
            assert world.listed(limit=limit) == users[::-1]

    def test_a_line_says_who_it_is(self, world: World, stores: FormationStores, clock: TestClock) -> None:
        """Its identifiers in order, secrets masked, since when it is there, and when it last spoke."""
        user = world.user("kim@x.org")
        made = clock.now
        world.identities.associate([("sk-0123456789abcdef", "api_key"), 42], user)
        (line,) = world.users.list().items
        assert (line.id, line.created_at, line.disabled_at, line.last_at) == (user, made, None, None)
        assert [one.type for one in line.identifiers] == ["email", "api_key", ""]
        assert line.identifiers == tuple(world.identities.identifiers(user))
        assert "0123456789ab" not in repr(line)
        clock.move(60)
        session = stores.sessions.enter(user, new_session_id(), "k", "", "", clock.now)
        assert world.users.list().items[0].last_at is None, "nothing was said in it"
        with stores.users._database.owning() as conn:  # type: ignore[attr-defined]
            stores.sessions._sql.reserve_seq(  # type: ignore[attr-defined]
                conn, formation_id="f", session_id=session.id, count=1, now=clock.now
            )
        assert world.users.list().items[0].last_at == clock.now

    def test_a_merged_user_is_part_of_its_survivor(self, world: World) -> None:
        """One line with the identifiers of both; two again after the split."""
        older, younger = world.user("a@x.org"), world.user("b@x.org")
        merge = world.merges.merge([older, younger])
        (line,) = world.users.list().items
        assert line.id == older and [one.shown for one in line.identifiers] == ["a@x.org", "b@x.org"]
        world.merges.split(merge.id)
        assert world.listed() == [younger, older]

    def test_another_formation_is_not_in_it(self, world: World, elsewhere: World) -> None:
        """Neither in the list, nor by search, nor by a guessed id."""
        user = elsewhere.user("a@x.org")
        assert world.listed() == world.listed("a@x") == world.listed(user) == []
        with pytest.raises(UserNotFoundError):
            world.users.show(user)
        with pytest.raises(UserNotFoundError):
            world.users.disable(user)
        assert elsewhere.identities.resolve("a@x.org").id == user

    @pytest.mark.parametrize("limit", [0, -1, 201])
    def test_a_limit_out_of_range(self, world: World, limit: int) -> None:
        """A clear error, with and without a search."""
        for search in ("", "a", new_user_id()):
            with pytest.raises(InvalidCursorError):
                world.users.list(search, limit=limit)

    def test_a_foreign_cursor(self, world: World) -> None:
        """A cursor of a search is none of the whole list, nor the reverse."""
        for n in range(3):
            world.user(f"a{n}@x.org")
        plain, searched = world.users.list(limit=1).next_cursor, world.users.list("a", limit=1).next_cursor
        with pytest.raises(InvalidCursorError):
            world.users.list(cursor=searched)
        with pytest.raises(InvalidCursorError):
            world.users.list("a", cursor=plain)


class TestSearch:
    """By the beginning of an identifier, or by a whole id."""

    def test_by_the_beginning_of_an_identifier(self, world: World) -> None:
        """In the order of what was found, as it was written or in small letters; nothing else."""
        anna, ben, anton = world.user("anna@x.org"), world.user("ben@x.org"), world.user("anton@x.org")
        upper = world.user(("ANALOG", "slack"))
        assert world.listed("an") == [anna, anton]
        assert world.listed("An") == [anna, anton]
        assert world.listed("AN") == [upper, anna, anton]
        assert world.listed("AN", limit=1) == [upper, anna, anton]
        assert world.listed("anna@x.org") == [anna]
        assert world.listed("b") == [ben]
        assert world.listed("nna") == world.listed("anna@x.org.") == []

    def test_a_user_with_many_matches_comes_once(self, world: World) -> None:
        """At the first of them, across pages, also if they came together by a merge."""
        first = world.user("m1@x.org")
        second = world.user("m2@x.org")
        world.identities.associate(["m3@x.org", ("M0", "slack"), ("m3@x.org", "internal")], first)
        third = world.user("m9@x.org")
        for limit in (1, 2, 3, 50):
            assert world.listed("m", limit=limit) == [first, second, third]
            assert world.listed("M", limit=limit) == [first, second, third]
        world.merges.merge([second, third])
        assert world.listed("m", limit=1) == [first, second]

    def test_by_id(self, world: World) -> None:
        """Of a merged user, the survivor; of nobody, nothing."""
        older, younger = world.user("a@x.org"), world.user("b@x.org")
        assert world.listed(younger) == [younger]
        world.merges.merge([older, younger])
        assert world.listed(younger) == [older]
        assert world.listed(new_user_id()) == []

    def test_letters_of_any_language(self, world: World) -> None:
        """Found byte for byte, with cursors that carry them."""
        users = [world.user((f"Ünal-{n}", "slack")) for n in "äbz"]
        assert world.listed("Ünal-", limit=1) == [users[1], users[2], users[0]]
        assert world.listed("U") == []

    @pytest.mark.parametrize(
        "search", ["%", "_", "a%", "\x00", "a\x00b", "\ud800", "' OR 1=1", "x" * 5000, "\U0010ffff"]
    )
    def test_odd_searches_find_nothing(self, world: World, search: str) -> None:
        """No wildcard, no error."""
        world.user("a@x.org")
        assert world.listed(search) == []

    def test_a_secret_is_not_found_by_its_hash(self, world: World) -> None:
        """Neither by what is stored nor by what is shown."""
        user = world.user(("sk-0123456789abcdef", "api_key"))
        (stored,) = world.identities.identifiers(user)
        assert world.listed(stored.value) == world.listed(stored.value.strip()[:4]) == world.listed("sk-") == []


class TestShow:
    """Everything about one user but the contents."""

    def test_by_any_identifier(self, world: World) -> None:
        """What it has, counted, and its merges; by old ids, too."""
        older, younger = world.user("a@x.org"), world.user("b@x.org")
        merge = world.merges.merge([older, younger])
        for who in (older, younger, "a@x.org", "B@X.org"):
            shown = world.users.show(who)
            assert shown.summary.id == older and shown.merges == (merge,)
            assert (shown.holdings.identifiers, shown.holdings.memories) == (2, 0)

    def test_nobody(self, world: World) -> None:
        """Looking makes nobody."""
        for who in (new_user_id(), "nobody@x.org"):
            with pytest.raises(UserNotFoundError):
                world.users.show(who)
        assert world.listed() == []


def doors(world: World) -> list[Callable[[IdentifierInput], object]]:
    """Everything that asks for a user as somebody who is about to act for it."""
    identities = world.identities
    return [
        identities.resolve,
        identities.find,
        identities.get,
        identities.identifiers,
        lambda who: identities.associate([("new", "slack")], who),
        lambda who: world.merges.merge([who, "other@x.org"]),
    ]


class TestDisabled:
    """Shut out at once, through every identifier, until let in again."""

    def test_every_door_is_shut(self, world: World) -> None:
        """By identifier and by id, remembered or not; and open again afterwards, with everything."""
        user = world.user("a@x.org")
        world.identities.associate([("U1", "slack")], user)
        world.user("other@x.org")
        assert world.users.disable("a@x.org", actor="admin key").disabled_at is not None
        for who in ("a@x.org", ("U1", "slack"), "U1", user):
            for door in doors(world):
                with pytest.raises(UserDisabledError):
                    door(who)
        with pytest.raises(UserDisabledError):
            world.identities.associate(["a@x.org", "new@x.org"])
        with pytest.raises(UserDisabledError):
            world.identities.unlink("U1")
        assert world.users.enable(("U1", "slack")).disabled_at is None
        for who in ("a@x.org", ("U1", "slack"), user):
            assert world.identities.resolve(who).id == user
        assert world.identities.find("new@x.org") is None and world.identities.find(("new", "slack")) is None

    def test_in_another_process(self, storage: Storage, database_url: str, clock: TestClock) -> None:
        """One that has the identifier at hand learns of it at once: nobody waits for an entry to grow old."""
        here = World(storage.for_formation("f", clock()), clock)
        user = here.user("a@x.org")
        other = open_storage(database_url)
        try:
            there = World(other.for_formation("f", clock()), clock)
            resolve = there.identities.resolve
            assert resolve("a@x.org").id == resolve("a@x.org").id == user
            here.users.disable(user)
            ends = time.monotonic() + 2
            with pytest.raises(UserDisabledError):
                assert [resolve("a@x.org") for _ in iter(lambda: time.monotonic() > ends, True)] == []
        finally:
            other.close()

    def test_administration_still_sees_them(self, world: World) -> None:
        """In lists, apart from the others, and in show."""
        one, two = world.user("a1@x.org"), world.user("a2@x.org")
        at = world.users.disable(one).disabled_at
        assert world.listed() == [two, one]
        assert (
            world.listed(disabled=True) == world.listed("a", disabled=True) == world.listed(one, disabled=True) == [one]
        )
        assert world.listed(disabled=False) == world.listed("a", disabled=False) == [two]
        assert world.listed(one, disabled=False) == []
        assert world.users.show("a1@x.org").summary.disabled_at == at

    def test_twice_is_as_once(self, world: World, clock: TestClock) -> None:
        """The time of the first stays, and the audit has one row of each."""
        user = world.user("a@x.org")
        at = world.users.disable(user, actor="admin key").disabled_at
        clock.move(5)
        assert world.users.disable(user).disabled_at == at
        world.users.enable(user)
        world.users.enable(user)
        rows = world.audit.newest(user_id=user).items
        assert [(row.action, row.actor) for row in rows[:2]] == [
            ("user.enabled", "library"),
            ("user.disabled", "admin key"),
        ]
        assert len(rows) == 4

    def test_a_split_lets_nobody_in(self, world: World) -> None:
        """Who was merged into a disabled user is disabled, too, when they are two again."""
        older, younger = world.user("a@x.org"), world.user("b@x.org")
        merge = world.merges.merge([older, younger])
        world.users.disable(older)
        world.merges.split(merge.id)
        for who in ("a@x.org", "b@x.org"):
            with pytest.raises(UserDisabledError):
                world.identities.resolve(who)
        world.users.enable(younger)
        assert world.identities.resolve("b@x.org").id == younger
