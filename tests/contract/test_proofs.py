"""What proof by codes does, on each database."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest

from muxi.core.audit.service import Audit
from muxi.core.identity.merging import Merges
from muxi.core.identity.proofs import MOST_OPEN, TRIES, Proofs
from muxi.core.identity.service import Identities
from muxi.errors import (
    AmbiguousIdentifierError,
    ConflictError,
    IdentifierConflictError,
    InvalidIdentifierError,
    InvalidProofError,
    MergeConflictError,
    UnprovenIdentifierError,
    UserNotFoundError,
)
from muxi.ids import UserId
from muxi.storage.open import FormationStores, Storage, open_storage
from tests.conftest import TestClock

MAIL = "alice@acme.com"
SLACK = ("U1", "slack")


class World:
    """One formation's services on given stores, with a cache of its own, as a process has it."""

    def __init__(self, stores: FormationStores, clock: TestClock) -> None:
        self.identities = Identities(stores.identity, stores.hash_key, clock)
        self.merges = Merges(stores.merges, self.identities, clock)
        self.proofs = Proofs(stores.proofs, self.identities, stores.hash_key, clock)
        self.audit = Audit(stores.audit)
        self.start, self.confirm = self.proofs.start_verification, self.proofs.confirm_verification

    def user(self, *identifiers: str | tuple[str, str], verified: bool = False) -> UserId:
        return self.identities.associate(list(identifiers), verified=verified).id

    def shown(self, user: UserId) -> dict[str, bool]:
        """A user's identifiers, each with whether it is proven."""
        return {one.shown: one.verified_at is not None for one in self.identities.identifiers(user)}

    def actions(self, user: UserId) -> list[str]:
        return [record.action for record in reversed(self.audit.newest(user_id=user).items)]


@pytest.fixture
def world(stores: FormationStores, clock: TestClock) -> Iterator[World]:
    made = World(stores, clock)
    yield made
    assert made.audit.verify().sound


@pytest.fixture
def elsewhere(other_stores: FormationStores, clock: TestClock) -> World:
    """The same database, another formation."""
    return World(other_stores, clock)


def wrong(code: str) -> str:
    return code[:-1] + ("0" if code[-1] != "0" else "1")


def rows(storage: Storage, table: str) -> list[tuple[object, ...]]:
    with storage._database.owning() as conn:
        return [tuple(row) for row in conn.execute(f"SELECT * FROM {table}").fetchall()]


class TestCodes:
    """A code links what it was made for."""

    def test_a_code_links_and_proves(self, world: World, clock: TestClock) -> None:
        """The identifier is the user's, proven at that time, and every change has its row."""
        alice = world.user(MAIL)
        started = world.start(MAIL, SLACK)
        assert re.fullmatch(r"[0-9A-HJKMNP-TV-Z]{4}-[0-9A-HJKMNP-TV-Z]{6}", started.code)
        assert (started.expires_at - clock.now).total_seconds() == 600 and started.identifier == "U1"
        clock.move(60)
        assert world.confirm(started.code).id == alice
        assert world.identities.resolve(SLACK).id == alice
        linked = world.identities.identifiers(alice)[-1]
        assert (linked.shown, linked.verified_at, linked.linked_by) == ("U1", clock.now, "code")
        assert world.actions(alice)[-3:] == ["verification.started", "identifier.linked", "identifier.verified"]

    @pytest.mark.parametrize("typed", [str.lower, lambda c: c.replace("-", ""), lambda c: f" {c[:2]} {c[2:]} -"])
    def test_how_a_code_is_typed_does_not_matter(self, world: World, typed: Callable[[str], str]) -> None:
        """Case, spaces and dashes."""
        alice = world.user(MAIL)
        assert world.confirm(typed(world.start(MAIL, SLACK).code)).id == alice

    def test_a_code_works_once(self, world: World) -> None:
        """The second time it is as wrong as any."""
        world.user(MAIL)
        code = world.start(MAIL, SLACK).code
        world.confirm(code)
        with pytest.raises(InvalidProofError):
            world.confirm(code)

    def test_a_code_works_once_even_at_the_same_moment(self, world: World) -> None:
        """Eight threads with the right code: one links, and the others are told nothing else than wrong."""
        alice = world.user(MAIL)
        code = world.start(MAIL, SLACK).code

        def confirm(_: int) -> str:
            try:
                return world.confirm(code).id
            except InvalidProofError:
                return "wrong"

        with ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(confirm, range(8)))
        assert sorted(answers) == sorted([alice, *["wrong"] * 7])

    def test_a_code_ends_after_ten_minutes(self, world: World, clock: TestClock) -> None:
        """A moment before it works, at the moment it does not."""
        world.user(MAIL)
        first, second = world.start(MAIL, SLACK).code, world.start(MAIL, ("U2", "slack")).code
        clock.move(599.9)
        world.confirm(first)
        started = world.start(MAIL, ("U2", "slack"))
        assert started.code != second
        clock.move(600)
        with pytest.raises(InvalidProofError):
            world.confirm(started.code)

    def test_the_fifth_wrong_try_ends_it(self, world: World) -> None:
        """Four leave it alive; each is kept though the call fails."""
        alice = world.user(MAIL)
        code = world.start(MAIL, SLACK).code
        for _ in range(TRIES - 1):
            with pytest.raises(InvalidProofError):
                world.confirm(wrong(code))
        assert world.confirm(code).id == alice
        code = world.start(MAIL, ("U2", "slack")).code
        for _ in range(TRIES):
            with pytest.raises(InvalidProofError):
                world.confirm(wrong(code))
        with pytest.raises(InvalidProofError):
            world.confirm(code)

    def test_many_guesses_at_once_are_counted_each(self, world: World) -> None:
        """Thirty wrong guesses at the same moment: no more than five were looked at, so the code is dead."""
        world.user(MAIL)
        code = world.start(MAIL, SLACK).code
        guesses = [code[:-2] + f"{n:02}" for n in range(30) if code[:-2] + f"{n:02}" != code]

        def guess(code: str) -> bool:
            try:
                world.confirm(code)
            except InvalidProofError:
                return False
            return True

        with ThreadPoolExecutor(8) as pool:
            assert not any(pool.map(guess, guesses))
        assert not guess(code)

    @pytest.mark.parametrize(
        "code", ["", "-", "ABCD", "ABCD-EFGHJ", "ABCD-EFGHJKM", "ABCD-EFGHU*", "\ud800" * 10, "é" * 10]
    )
    def test_what_cannot_be_a_code_is_a_wrong_one(self, world: World, code: str) -> None:
        """The same error, whatever was typed."""
        with pytest.raises(InvalidProofError):
            world.confirm(code)

    def test_nothing_stored_tells_the_code(self, world: World, storage: Storage) -> None:
        """Neither the row nor the audit holds the secret part, and nobody but the user is named in the audit."""
        world.user(MAIL)
        code = world.start(MAIL, SLACK).code
        kept = repr(rows(storage, "verifications")) + repr(rows(storage, "audit"))
        assert code[:4] in kept and code[5:] not in kept
        world.confirm(code)
        told = repr(rows(storage, "audit"))
        assert code[:4] not in told and "U1" not in told and "alice" not in told


class TestBinding:
    """A code is bound to formation, user, identifier and requester."""

    def test_it_links_no_other_identifier(self, world: World) -> None:
        """A named identifier has to be the same; leaving it out is enough."""
        alice = world.user(MAIL)
        code = world.start(MAIL, SLACK).code
        with pytest.raises(InvalidProofError):
            world.confirm(code, ("U2", "slack"))
        assert world.confirm(code, SLACK).id == alice

    def test_it_is_the_requesters(self, world: World) -> None:
        """Another actor is a wrong try, counted like any."""
        alice = world.user(MAIL)
        code = world.start(MAIL, SLACK, actor="client key").code
        with pytest.raises(InvalidProofError):
            world.confirm(code, actor="admin key")
        assert world.confirm(code, actor="client key").id == alice
        code = world.start(MAIL, ("U2", "slack"), actor="client key").code
        for _ in range(TRIES):
            with pytest.raises(InvalidProofError):
                world.confirm(code)
        with pytest.raises(InvalidProofError):
            world.confirm(code, actor="client key")

    def test_another_formation_knows_nothing_of_it(self, world: World, elsewhere: World) -> None:
        """The code is wrong there, and its tries here are untouched."""
        alice = world.user(MAIL)
        elsewhere.user(MAIL)
        code = world.start(MAIL, SLACK).code
        for _ in range(TRIES):
            with pytest.raises(InvalidProofError):
                elsewhere.confirm(code)
        assert world.confirm(code).id == alice
        assert elsewhere.identities.find(SLACK) is None

    @pytest.mark.parametrize(
        "change",
        [
            lambda w: w.identities.associate([("T9", "telegram")], MAIL),
            lambda w: w.identities.associate([SLACK, "bob@acme.com"]),
            lambda w: w.identities.unlink(("E1", "internal")),
            lambda w: w.identities.associate([MAIL], verified=True),
            lambda w: w.merges.merge([MAIL, ("M1", "internal")]),
            lambda w: w.merges.split(w.merges.merge([MAIL, ("M1", "internal")]).id),
            lambda w: w.confirm(w.start(MAIL, ("P1", "telegram")).code),
        ],
        ids=["user linked", "identifier linked", "unlinked", "verified", "merged", "split", "proven"],
    )
    def test_it_ends_with_any_change(self, world: World, change: Callable[[World], object]) -> None:
        """To the user or to the identifier."""
        world.user(MAIL, ("E1", "internal"))
        world.user(("M1", "internal"))
        code = world.start(MAIL, SLACK).code
        change(world)
        with pytest.raises(InvalidProofError):
            world.confirm(code)

    def test_it_ends_when_whoever_has_the_identifier_is_merged(self, world: World) -> None:
        """The identifier's owner changes, though not the user who asked."""
        world.user(MAIL)
        world.user(SLACK)
        world.user("carol@acme.com")
        code = world.start(MAIL, SLACK).code
        world.merges.merge([SLACK, "carol@acme.com"])
        with pytest.raises(InvalidProofError):
            world.confirm(code)

    def test_a_first_contact_is_no_change(self, world: World) -> None:
        """Whoever has to prove it writes from there."""
        alice = world.user(MAIL)
        code = world.start(MAIL, SLACK).code
        assert world.identities.resolve(SLACK).id != alice
        assert world.confirm(code).id == alice
        assert world.identities.resolve(SLACK).id == alice

    def test_a_new_request_ends_the_one_before(self, world: World) -> None:
        """One open request for an identifier, whoever asks."""
        alice, bob = world.user(MAIL), world.user("bob@acme.com")
        first, second = world.start(alice, SLACK).code, world.start(bob, SLACK).code
        with pytest.raises(InvalidProofError):
            world.confirm(first)
        assert world.confirm(second).id == bob

    def test_ten_requests_are_open_at_most(self, world: World, clock: TestClock) -> None:
        """For one user; they end by themselves, and another user has their own ten."""
        alice, bob = world.user(MAIL), world.user("bob@acme.com")
        for n in range(MOST_OPEN):
            world.start(alice, (f"U{n}", "slack"))
        with pytest.raises(ConflictError):
            world.start(alice)
        world.start(alice, ("U3", "slack"))
        assert world.start(bob).identifier is None
        clock.move(600)
        assert world.start(alice).identifier is None


class TestPairing:
    """A code without an identifier links whichever it comes back from."""

    def test_it_links_where_it_comes_back_from(self, world: World) -> None:
        """Without knowing who that is beforehand."""
        alice = world.user(MAIL)
        code = world.start(MAIL).code
        with pytest.raises(InvalidIdentifierError):
            world.confirm(code)
        assert world.confirm(code, SLACK).id == alice
        assert world.shown(alice) == {MAIL: False, "U1": True}

    def test_looking_up_uses_nothing_up(self, world: World) -> None:
        """Whom it joins is told to who has the code, and a wrong look is a try."""
        alice = world.user(MAIL)
        code = world.start(MAIL).code
        assert world.proofs.look_up(code) == alice == world.proofs.look_up(code)
        for _ in range(TRIES):
            with pytest.raises(InvalidProofError):
                world.proofs.look_up(wrong(code))
        with pytest.raises(InvalidProofError):
            world.confirm(code, SLACK)

    def test_a_users_own_id_is_not_linked(self, world: World) -> None:
        """A usr_ id is no identifier that could be proven."""
        alice, bob = world.user(MAIL), world.user("bob@acme.com")
        with pytest.raises(InvalidIdentifierError):
            world.start(alice, bob)
        with pytest.raises(InvalidIdentifierError):
            world.confirm(world.start(alice).code, bob)


class TestWhoHasIt:
    """Proof goes before a claim, and does not go before another proof."""

    def test_an_unproven_claim_is_evicted(self, world: World) -> None:
        """The other user loses it, keeps the rest, and has a row that says so."""
        thief = world.user(MAIL, ("T1", "telegram"))
        alice = world.user("alice@home.org")
        assert world.confirm(world.start(alice, MAIL).code).id == alice
        assert world.shown(alice) == {"alice@home.org": False, MAIL: True}
        assert world.shown(thief) == {"T1": False}
        assert world.identities.resolve(MAIL).id == alice
        assert world.actions(thief)[-1] == "identifier.evicted"

    def test_the_last_identifier_can_be_evicted(self, world: World) -> None:
        """The user is left, reachable by usr_ id only."""
        thief, alice = world.user(MAIL), world.user("alice@home.org")
        world.confirm(world.start(alice, MAIL).code)
        assert world.shown(thief) == {} and world.identities.get(thief).id == thief

    def test_an_untyped_claim_to_the_value_is_evicted_too(self, world: World) -> None:
        """What was seen without a type would otherwise still mean the other."""
        other, alice = world.user("U1"), world.user(MAIL)
        world.confirm(world.start(alice, SLACK).code)
        assert world.identities.resolve("U1").id == alice == world.identities.resolve(SLACK).id
        assert world.shown(other) == {}

    def test_a_proof_without_a_type_is_of_the_row_that_it_means(self, world: World) -> None:
        """The typed row is proven; of several, one has to be named, and nothing is used up."""
        alice = world.user(MAIL, SLACK)
        assert world.confirm(world.start(alice, "U1").code).id == alice
        assert world.shown(alice) == {MAIL: False, "U1": True}
        world.identities.associate([("U2", "slack"), ("U2", "telegram")], alice)
        with pytest.raises(AmbiguousIdentifierError):
            world.confirm(world.start(alice, "U2").code)

    def test_what_is_proven_stays(self, world: World) -> None:
        """A conflict that names the identifier; the code is not used up."""
        bob, alice = world.user(MAIL, verified=True), world.user("alice@home.org")
        code = world.start(alice, MAIL).code
        with pytest.raises(IdentifierConflictError) as error:
            world.confirm(code)
        assert error.value.details["identifiers"] == [MAIL] and world.identities.resolve(MAIL).id == bob
        assert world.confirm(code, merge=True).id == alice

    @pytest.mark.parametrize("verified", [False, True])
    def test_merging_takes_in_the_other_user(self, world: World, verified: bool) -> None:
        """Everything of it, under the user who asked; old ids keep working."""
        bob, alice = world.user(MAIL, verified=verified), world.user("alice@home.org")
        assert world.confirm(world.start(alice, MAIL).code, merge=True).id == alice
        assert world.identities.get(bob).id == alice and world.shown(alice)[MAIL]
        assert [merge.merged_ids for merge in world.merges.of(alice)] == [(bob,)]

    def test_merging_brings_nothing_unproven_along(self, world: World) -> None:
        """The other user has an identifier that nobody has proven: it may be a third person's."""
        bob, alice = world.user(MAIL, verified=True), world.user("alice@home.org")
        world.identities.associate([("T1", "telegram")], bob)
        code = world.start(alice, MAIL).code
        with pytest.raises(IdentifierConflictError):
            world.confirm(code, merge=True)
        assert world.identities.get(bob).id == bob and world.shown(alice) == {"alice@home.org": False}

    def test_who_only_claimed_it_comes_in_by_nothing_else(self, world: World) -> None:
        """A squatter's own proven address would open the victim's user: refused with merge, evicted without."""
        squatter, alice = world.user("mallory@evil.org", verified=True), world.user("alice@home.org")
        world.identities.associate([MAIL], squatter)
        code = world.start(alice, MAIL).code
        with pytest.raises(IdentifierConflictError):
            world.confirm(code, merge=True)
        assert world.identities.get("mallory@evil.org").id == squatter != alice
        assert world.confirm(code).id == alice and world.shown(squatter) == {"mallory@evil.org": True}

    def test_ones_own_identifier_is_proven(self, world: World) -> None:
        """What was only used is verified, without being linked again."""
        alice = world.user(MAIL)
        world.confirm(world.start(alice, MAIL).code)
        assert world.shown(alice) == {MAIL: True}
        assert world.actions(alice)[-2:] == ["verification.started", "identifier.verified"]

    def test_starting_says_nothing_of_who_has_it(self, world: World) -> None:
        """Nobody's, one's own, and somebody else's: the same shape, and no error."""
        alice = world.user(MAIL)
        world.user("bob@acme.com", verified=True)
        answers = [world.start(alice, one) for one in ("new@acme.com", MAIL, "bob@acme.com")]
        assert len({(len(one.code), one.expires_at) for one in answers}) == 1
        assert [one.identifier for one in answers] == ["new@acme.com", MAIL, "bob@acme.com"]

    def test_a_user_who_is_not_there_starts_nothing(self, world: World, elsewhere: World) -> None:
        """Neither an unknown identifier nor another formation's user."""
        there = elsewhere.user(MAIL)
        for who in ("nobody@acme.com", there):
            with pytest.raises(UserNotFoundError):
                world.start(who, SLACK)


class TestVerified:
    """What trusted callers may say, and others may not."""

    def test_a_trusted_backend_says_that_it_is_proven(self, world: World) -> None:
        """Once; the same call again changes nothing and writes nothing."""
        alice = world.user(MAIL, SLACK, verified=True)
        assert world.shown(alice) == {MAIL: True, "U1": True}
        before = world.audit.verify().rows
        assert world.user(MAIL, SLACK, verified=True) == alice and world.audit.verify().rows == before

    def test_only_what_is_proven_is_enough_for_more(self, world: World) -> None:
        """require_proven: an unproven identifier is refused; a proven one and a usr_ id are not."""
        alice = world.user(MAIL)
        world.identities.associate([SLACK], alice, verified=True)
        assert world.identities.require_proven(SLACK).id == alice == world.identities.require_proven(alice).id
        assert world.identities.require_proven("U1").id == alice
        with pytest.raises(UnprovenIdentifierError):
            world.identities.require_proven(MAIL)
        with pytest.raises(UserNotFoundError):
            world.identities.require_proven("nobody@acme.com")

    @pytest.mark.parametrize("here", [False, True])
    @pytest.mark.parametrize("there", [False, True])
    def test_a_person_reaches_a_user_only_by_what_both_sides_have_proven(
        self, world: World, here: bool, there: bool
    ) -> None:
        """Rule of pre-hijacking: neither a squatter's e-mail nor one's own word is enough."""
        found = world.user(MAIL, verified=there)

        def associate() -> UserId:
            return world.identities.associate([MAIL, SLACK], trusted=False, verified=here).id

        if here and there:
            assert associate() == found
            return
        with pytest.raises(IdentifierConflictError):
            associate()
        assert world.identities.find(SLACK) is None

    def test_a_person_may_link_what_nobody_has(self, world: World) -> None:
        """A new user, and the same call again finds it."""
        made = world.identities.associate([MAIL, SLACK], trusted=False).id
        assert world.identities.associate([MAIL, SLACK], trusted=False).id == made
        assert world.shown(made) == {MAIL: False, "U1": False}

    def test_a_person_merges_nobody_in_without_proof(self, world: World) -> None:
        """Naming oneself and saying merge takes no unproven user."""
        alice, bob = world.user(MAIL), world.user(SLACK)
        with pytest.raises(IdentifierConflictError):
            world.identities.associate([SLACK], alice, merge=True, trusted=False)
        assert world.identities.get(bob).id == bob


def test_confirming_while_merging_never_leaves_two_owners(world: World) -> None:
    """Codes are confirmed while both users are merged and split: errors are typed, and one owner is left."""
    alice, bob = world.user(MAIL), world.user("bob@acme.com")
    world.user(SLACK)

    def prove(n: int) -> None:
        # Errors of any other kind come out of the pool below.
        with suppress(InvalidProofError, IdentifierConflictError, UserNotFoundError, MergeConflictError):
            if n % 3 == 0:
                world.merges.split(world.merges.merge([alice, bob]).id)
            else:
                world.confirm(world.start((MAIL, "bob@acme.com")[n % 2], SLACK).code)

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(prove, range(30)))
    owner = world.identities.resolve(SLACK).id
    assert [one.shown for one in world.identities.identifiers(owner)].count("U1") == 1


def test_starting_takes_the_same_work_whoever_has_the_identifier(tmp_path: Path, clock: TestClock) -> None:
    """Nobody's, one's own, somebody else's: the very same statements run, so time tells nothing."""
    storage = open_storage(tmp_path / "muxi.db")
    storage.migrate()
    world = World(storage.for_formation("f", clock()), clock)
    alice = world.user(MAIL)
    world.user("bob@acme.com", verified=True)
    world.user("carol@acme.com")
    ran: list[list[str]] = []
    conn = storage._database._connect()  # type: ignore[attr-defined]
    for wanted in ("new@acme.com", MAIL, "bob@acme.com", "carol@acme.com"):
        statements: list[str] = []
        conn.set_trace_callback(statements.append)
        world.start(alice, wanted)
        conn.set_trace_callback(None)
        ran.append([re.sub(r"'[^']*'|\b\d+\b", "?", one) for one in statements])
    assert len(ran[0]) > 5 and ran == [ran[0]] * 4
    storage.close()
