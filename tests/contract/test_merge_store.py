"""What every store does with merges, splits and their audit, on each database."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest

from muxi.core.audit.service import Audit
from muxi.core.identity.merging import Merges
from muxi.core.identity.service import Identities
from muxi.core.memory.service import Draft, Memories
from muxi.errors import IdentifierConflictError, MergeConflictError, MergeNotFoundError, MuxiError, UserNotFoundError
from muxi.ids import UserId
from muxi.storage.open import FormationStores, Storage
from tests.conftest import TestClock
from tests.support.eventually import eventually
from tests.support.vectors import WordVectors

MODEL = WordVectors()


class World:
    """One formation's services on given stores, with a cache of its own, as a process has it."""

    def __init__(self, stores: FormationStores, clock: TestClock) -> None:
        self.identities = Identities(stores.identity, stores.hash_key, clock)
        self.merges = Merges(stores.merges, self.identities, clock)
        self.audit = Audit(stores.audit)
        self.memories = Memories(stores.memory, MODEL, clock)
        self._clock = clock

    def user(self, identifier: str) -> UserId:
        """A new user, a second younger than the one before."""
        self._clock.move(1)
        return self.identities.resolve(identifier).id

    def remembered(self, who: str) -> list[str]:
        """What a user has, by search and by list, which must agree."""
        user = self.identities.resolve(who).id
        found = {hit.text for hit in self.memories.search(user, "tea", MODEL.vector("tea"), limit=100)}
        assert found == {memory.text for memory in self.memories.newest(user, limit=200).items}
        return sorted(found)


@pytest.fixture
def world(stores: FormationStores, clock: TestClock) -> Iterator[World]:
    made = World(stores, clock)
    yield made
    made.memories.embedder.close()
    assert made.audit.verify().sound


@pytest.fixture
def elsewhere(other_stores: FormationStores, clock: TestClock) -> World:
    return World(other_stores, clock)


class TestMerge:
    """Two users become one, at once and through every identifier."""

    def test_everything_is_reachable_through_every_identifier(self, world: World) -> None:
        """Memories of both sides, by old ids too; the oldest survives."""
        alice, bob = world.user("a@x.org"), world.user("b@x.org")
        world.memories.add(alice, [Draft("tea of a")])
        world.memories.add(bob, [Draft("tea of b")])
        assert world.remembered("b@x.org") == ["tea of b"]
        merge = world.merges.merge(["b@x.org", "a@x.org"])
        assert (merge.survivor_id, merge.merged_ids) == (alice, (bob,))
        for who in ("a@x.org", "b@x.org", alice, bob):
            assert world.identities.resolve(who).id == alice
            assert world.remembered(who) == ["tea of a", "tea of b"]
        assert [one.shown for one in world.identities.identifiers(bob)] == ["a@x.org", "b@x.org"]

    def test_the_survivor_can_be_named_and_many_merged(self, world: World) -> None:
        """Three into the youngest, in one merge."""
        users = [world.user(f"u{n}@x.org") for n in range(4)]
        merge = world.merges.merge(users[:3], into=users[3])
        assert merge.survivor_id == users[3] and set(merge.merged_ids) == set(users[:3])
        assert {world.identities.resolve(user).id for user in users} == {users[3]}

    def test_split_restores_both_sides_exactly(self, world: World) -> None:
        """What was before is as it was; what came after stays with the survivor."""
        alice, bob = world.user("a@x.org"), world.user("b@x.org")
        world.memories.add(alice, [Draft("tea of a")])
        world.memories.add(bob, [Draft("tea of b")])
        merge = world.merges.merge([alice, bob])
        world.memories.add(world.identities.resolve("b@x.org").id, [Draft("tea of both")])
        world.identities.associate([("U1", "slack")], "b@x.org")
        assert len(world.remembered("b@x.org")) == 3
        assert world.merges.split(merge.id).split_at is not None
        assert world.identities.resolve("b@x.org").id == bob
        assert world.remembered("b@x.org") == ["tea of b"]
        assert world.remembered("a@x.org") == ["tea of a", "tea of both"]
        assert world.identities.resolve(("U1", "slack")).id == alice

    def test_chains_come_apart_in_reverse(self, world: World) -> None:
        """a into b, b into c: everything is c; the earlier merge waits for the later one's split."""
        a, b, c = (world.user(f"{name}@x.org") for name in "abc")
        first = world.merges.merge([a], into=b)
        second = world.merges.merge([b], into=c)
        assert {world.identities.resolve(user).id for user in (a, b, c)} == {c}
        with pytest.raises(MergeConflictError) as error:
            world.merges.split(first.id)
        assert error.value.details["later"] == second.id
        world.merges.split(second.id)
        assert [world.identities.resolve(user).id for user in (a, b, c)] == [b, b, c]
        world.merges.split(first.id)
        assert [world.identities.resolve(user).id for user in (a, b, c)] == [a, b, c]

    def test_merges_of_one_survivor_come_apart_in_any_order(self, world: World) -> None:
        """Two merged into the same user one after the other."""
        a, b, c = (world.user(f"{name}@x.org") for name in "abc")
        first, second = world.merges.merge([b], into=a), world.merges.merge([c], into=a)
        assert {merge.id for merge in world.merges.of("c@x.org")} == {first.id, second.id}
        world.merges.split(first.id)
        assert [world.identities.resolve(user).id for user in (a, b, c)] == [a, b, a]

    def test_a_preview_counts_and_changes_nothing(self, world: World) -> None:
        """What each side holds, the survivor first."""
        alice, bob = world.user("a@x.org"), world.user("b@x.org")
        world.memories.add(bob, [Draft("one"), Draft("two")])
        preview = world.merges.preview([bob, alice])
        assert list(preview.holdings) == [alice, bob] and preview.survivor_id == alice
        assert (preview.holdings[bob].memories, preview.holdings[alice].identifiers) == (2, 1)
        assert world.identities.resolve("b@x.org").id == bob and world.merges.of(bob) == []

    def test_another_process_sees_it(self, world: World, stores: FormationStores, clock: TestClock) -> None:
        """Its cached entries are dropped, its index gains the other side, and loses it again."""
        alice, bob = world.user("a@x.org"), world.user("b@x.org")
        world.memories.add(alice, [Draft("tea of a")])
        world.memories.add(bob, [Draft("tea of b")])
        other = World(stores, clock)
        assert other.remembered("b@x.org") == ["tea of b"]
        merge = world.merges.merge([alice, bob])
        assert eventually(lambda: other.remembered("b@x.org") == ["tea of a", "tea of b"])
        world.merges.split(merge.id)
        assert eventually(lambda: other.remembered("b@x.org") == ["tea of b"])
        assert other.remembered("a@x.org") == ["tea of a"]

    def test_writing_while_merging_loses_nothing(self, world: World, stores: FormationStores, clock: TestClock) -> None:
        """Both users write from many threads while they are merged and split: every text is somebody's."""
        alice, bob = world.user("a@x.org"), world.user("b@x.org")

        def write(n: int) -> None:
            user = world.identities.resolve(("a@x.org", "b@x.org")[n % 2]).id
            world.memories.add(user, [Draft(f"tea {n}")])
            if n % 10 == 5:
                world.merges.split(world.merges.merge([alice, bob]).id)

        with ThreadPoolExecutor(1) as merging, ThreadPoolExecutor(4) as writing:
            turns = [(merging if n % 10 == 5 else writing).submit(write, n) for n in range(60)]
            for turn in turns:
                turn.result()
        world.merges.merge([alice, bob])
        assert world.remembered("a@x.org") == sorted(f"tea {n}" for n in range(60))


class TestRefusals:
    """What cannot be merged or split changes nothing."""

    def test_oneself_and_one_user_already(self, world: World) -> None:
        """By the same identifier, by two of one user, after a merge, and with nobody."""
        alice, bob = world.user("a@x.org"), world.user("b@x.org")
        world.identities.associate([("U1", "slack")], alice)
        merge = world.merges.merge([alice, bob])
        for users in ([alice, alice], ["a@x.org", ("U1", "slack")], [alice, bob], [alice], []):
            with pytest.raises(MergeConflictError):
                world.merges.merge(users)
        assert [one.id for one in world.merges.of(alice)] == [merge.id]

    def test_strangers(self, world: World, elsewhere: World) -> None:
        """Unknown users and those of another formation are not there; nor are their merges."""
        alice = world.user("a@x.org")
        abroad = [elsewhere.user("a@x.org"), elsewhere.user("b@x.org")]
        merge = elsewhere.merges.merge(abroad)
        for users in ([alice, abroad[0]], [alice, "nobody@x.org"]):
            with pytest.raises(UserNotFoundError):
                world.merges.merge(users)
        for unknown in (merge.id, "mrg_nonsense", "", merge.id[:-4] + "0000"):
            with pytest.raises(MergeNotFoundError):
                world.merges.split(unknown)
        assert elsewhere.identities.resolve("b@x.org").id == abroad[0]

    def test_splitting_twice(self, world: World) -> None:
        """The second is refused, also at the same moment."""
        users = [world.user("a@x.org"), world.user("b@x.org")]
        merge = world.merges.merge(users)
        with ThreadPoolExecutor(4) as pool:
            outcomes = list(pool.map(lambda _: attempt(lambda: world.merges.split(merge.id)), range(4)))
        assert sorted(outcomes) == ["done", *["merge_conflict"] * 3]

    def test_from_both_sides_at_once(self, world: World) -> None:
        """a into b and b into a, again and again: one wins, the other is told, no circle is made."""
        for turn in range(8):
            a, b = world.user(f"a{turn}@x.org"), world.user(f"b{turn}@x.org")
            with ThreadPoolExecutor(2) as pool:
                sides = [
                    pool.submit(attempt, partial(world.merges.merge, [one], into=other))
                    for one, other in ((a, b), (b, a))
                ]
                assert sorted(side.result() for side in sides) == ["done", "merge_conflict"]
            assert world.identities.resolve(a).id == world.identities.resolve(b).id


class TestAssociate:
    """Linking what belongs to several."""

    def test_with_merge_they_become_one(self, world: World) -> None:
        """In one transaction; the named user survives, else the oldest."""
        alice, bob = world.user("a@x.org"), world.user("b@x.org")
        with pytest.raises(IdentifierConflictError):
            world.identities.associate(["a@x.org", "b@x.org", ("U1", "slack")])
        linked = world.identities.associate(["b@x.org", "a@x.org", ("U1", "slack")], merge=True)
        assert linked.id == alice and not linked.new
        assert world.identities.resolve(("U1", "slack")).id == alice
        [merge] = world.merges.of(bob)
        world.merges.split(merge.id)
        assert world.identities.resolve("b@x.org").id == bob
        assert world.identities.associate(["a@x.org"], "b@x.org", merge=True).id == bob

    @pytest.mark.parametrize(
        "change",
        [
            "UPDATE users SET canonical_id = 'usr_nobody' WHERE canonical_id <> id",
            "UPDATE users SET canonical_id = 'usr_nobody' WHERE canonical_id = id",
        ],
    )
    def test_nobody_survives_as_somebody_who_is_not_there(
        self, stores: FormationStores, clock: TestClock, storage: Storage, change: str
    ) -> None:
        """The database itself refuses it."""
        world = World(stores, clock)
        ann, ben = world.user("a@x.org"), world.user("b@x.org")
        world.merges.merge([ann, ben])
        with pytest.raises(MuxiError), storage._database.owning() as conn:
            conn.execute(change)
        assert world.identities.get("b@x.org").id == ann


class TestAudit:
    """Every change has its row, in a chain."""

    def test_each_change_is_recorded_without_what_it_was_about(self, world: World, storage: Storage) -> None:
        """Who did what to whom; no identifier can be read out of it."""
        alice = world.user("alice@x.org")
        world.identities.associate([("sk-0123456789abcdef", "api_key")], alice, actor="admin key")
        merge = world.merges.merge([alice, world.user("bob@x.org")])
        world.merges.split(merge.id)
        world.identities.unlink("sk-0123456789abcdef")
        page = world.audit.newest()
        assert [(row.action, row.actor) for row in reversed(page.items)] == [
            ("user.created", "resolve"),
            ("identifier.linked", "resolve"),
            ("identifier.linked", "admin key"),
            ("user.created", "resolve"),
            ("identifier.linked", "resolve"),
            ("users.merged", "library"),
            ("users.split", "library"),
            ("identifier.unlinked", "library"),
        ]
        assert page.items[2].details == {"merge_id": merge.id, "merged": list(merge.merged_ids)}
        assert not any(word in str(page.items) for word in ("alice@", "bob@", "sk-0", "0123456789abcdef"))
        assert page.items[-2].details["identifier"] == page.items[-2].details["identifier"].lower()

    def test_filters_and_pages(self, world: World) -> None:
        """Of one user, of one action, in pages: nothing twice, nothing left out."""
        alice, bob = world.user("a@x.org"), world.user("b@x.org")
        assert {row.user_id for row in world.audit.newest(user_id=alice).items} == {alice}
        assert {row.user_id for row in world.audit.newest(action="user.created").items} == {alice, bob}
        first = world.audit.newest(limit=3)
        rest = world.audit.newest(limit=3, cursor=first.next_cursor)
        assert [row.seq for row in (*first.items, *rest.items)] == [4, 3, 2, 1]

    def test_many_writers_make_one_chain(self, world: World, stores: FormationStores, clock: TestClock) -> None:
        """Eight threads, each as a process of its own: no gap, no fork."""

        def write(n: int) -> None:
            Identities(stores.identity, stores.hash_key, clock).associate([f"u{n}@x.org", (f"U{n}", "slack")])

        with ThreadPoolExecutor(8) as pool:
            list(pool.map(write, range(40)))
        verdict = world.audit.verify()
        assert verdict.sound and verdict.rows == 120

    @pytest.mark.parametrize(
        ("tampering", "broken_at"),
        [
            ("UPDATE audit SET actor = 'somebody' WHERE seq = 2", 2),
            ("UPDATE audit SET user_id = NULL WHERE seq = 3", 3),
            ("DELETE FROM audit WHERE seq = 2", 2),
            ("DELETE FROM audit WHERE seq = 4", 4),
            ("DELETE FROM audit", 1),
        ],
    )
    def test_what_was_changed_is_found(
        self, stores: FormationStores, clock: TestClock, storage: Storage, tampering: str, broken_at: int
    ) -> None:
        """A changed row, a missing one in the middle, at the end, and all of them."""
        world = World(stores, clock)
        world.user("a@x.org"), world.user("b@x.org")
        assert world.audit.verify().sound
        with storage._database.owning() as conn:
            conn.execute(tampering)
        assert world.audit.verify().broken_at == broken_at

    def test_a_formations_audit_is_its_own(self, world: World, elsewhere: World) -> None:
        """What happens in one formation is not in another's."""
        world.user("a@x.org")
        assert elsewhere.audit.newest().items == [] and elsewhere.audit.verify().rows == 0


def attempt(change: Callable[[], object]) -> str:
    try:
        change()
    except MuxiError as error:
        return error.code
    return "done"
