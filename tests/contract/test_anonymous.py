"""What anonymous users do, on each database."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from muxi.core.formation import Formation
from muxi.core.identity.bulk_types import Group
from muxi.core.identity.types import AnonymousUser
from muxi.core.memory.service import Draft
from muxi.errors import InvalidIdentifierError, InvalidInputError, UnprovenIdentifierError, UserNotFoundError
from muxi.ids import UserId
from tests.conftest import TestClock
from tests.support.formations import open_formation

MAIL = "alice@acme.com"


@pytest.fixture
def formation(database_url: str, clock: TestClock) -> Iterator[Formation]:
    made = open_formation(database_url, clock)
    yield made
    assert made.audit.verify().sound
    made.close()


@pytest.fixture
def elsewhere(database_url: str, clock: TestClock) -> Iterator[Formation]:
    made = open_formation(database_url, clock, "g")
    yield made
    made.close()


def remember(formation: Formation, user: UserId, text: str) -> None:
    formation.memories.add(user, [Draft(text)])


def remembered(formation: Formation, who: str) -> list[str]:
    user = formation.identities.get(who).id
    return sorted(memory.text for memory in formation.memories.newest(user, limit=100).items)


def visit(formation: Formation, said: str = "tea") -> AnonymousUser:
    visitor = formation.anonymous.resolve_anonymous()
    remember(formation, visitor.user_id, said)
    return visitor


class TestVisit:
    """Each visitor is a user of their own, found by the token."""

    def test_a_visitor_is_a_user_like_any(self, formation: Formation, clock: TestClock) -> None:
        """With or without the type, until thirty days are over; two visitors are two users."""
        first, second = visit(formation, "tea of one"), visit(formation, "tea of two")
        assert first.token.startswith("anon_") and len(first.token) == 48 and first.user_id != second.user_id
        assert first.expires_at == clock.now + timedelta(days=30)
        assert formation.identities.resolve(first.token).id == first.user_id
        assert formation.identities.resolve((first.token, "anonymous")).id == first.user_id
        assert remembered(formation, second.token) == ["tea of two"]

    def test_a_token_that_nobody_has_makes_nobody(self, formation: Formation, elsewhere: Formation) -> None:
        """Made up, or another formation's."""
        there = visit(elsewhere)
        before = formation.audit.verify().rows
        for token in ("anon_" + "x" * 43, there.token):
            for raw in (token, (token, "anonymous"), {"identifier": token, "type": "Anonymous"}):
                with pytest.raises(UserNotFoundError):
                    formation.identities.resolve(raw)
            with pytest.raises(UserNotFoundError):
                formation.anonymous.sign_in(token, MAIL)
        assert formation.audit.verify().rows == before

    def test_a_token_ends_at_once_when_its_time_is_over(self, formation: Formation, clock: TestClock) -> None:
        """Though it was looked up a moment before; its end can be chosen."""
        visitor = formation.anonymous.resolve_anonymous(expires_in=timedelta(minutes=5))
        clock.move(299)
        assert formation.identities.resolve(visitor.token).id == visitor.user_id
        clock.move(1)
        for raw in (visitor.token, (visitor.token, "anonymous")):
            with pytest.raises(UserNotFoundError):
                formation.identities.resolve(raw)
        assert formation.identities.find(visitor.token) is None
        with pytest.raises(InvalidInputError):
            formation.anonymous.resolve_anonymous(expires_in=timedelta(0))

    def test_the_token_is_not_stored(self, formation: Formation) -> None:
        """Only its keyed hash; it is shown masked, and the audit knows nothing of it."""
        visitor = visit(formation)
        with formation.storage._database.owning() as conn:
            kept = repr([conn.execute(f"SELECT * FROM {table}").fetchall() for table in ("identifiers", "audit")])
        assert visitor.token[9:-4] not in kept
        (one,) = formation.identities.identifiers(visitor.user_id)
        assert one.shown == f"anon…{visitor.token[-4:]}"


class TestSignIn:
    """Signing in makes a visitor somebody."""

    def test_a_visitor_becomes_who_has_the_identifier(self, formation: Formation) -> None:
        """The known user survives with both memories; old ids work, the token does not."""
        alice = formation.identities.associate([MAIL], verified=True).id
        remember(formation, alice, "tea of alice")
        visitor = visit(formation, "tea of the visit")
        assert formation.anonymous.sign_in(visitor.token, MAIL).id == alice
        assert remembered(formation, MAIL) == ["tea of alice", "tea of the visit"]
        assert formation.identities.get(visitor.user_id).id == alice
        assert [one.shown for one in formation.identities.identifiers(alice)] == [MAIL]
        with pytest.raises(UserNotFoundError):
            formation.identities.resolve(visitor.token)

    def test_nobody_joins_who_only_claims_the_identifier(self, formation: Formation) -> None:
        """Whoever claimed an address first gets nothing of its owner's, by its type or without; the visit goes on."""
        squatter = formation.identities.associate([MAIL, ("U666", "slack")]).id
        visitor = visit(formation, "secret")
        before = formation.audit.verify().rows
        for raw in (MAIL, (MAIL, "email"), ("U666", "slack"), "U666"):
            with pytest.raises(UnprovenIdentifierError):
                formation.anonymous.sign_in(visitor.token, raw)
        assert formation.audit.verify().rows == before
        assert remembered(formation, squatter) == [] and remembered(formation, visitor.token) == ["secret"]

    @pytest.mark.parametrize("raw", [MAIL, ("U1", "slack"), "U1"])
    def test_a_trusted_caller_says_that_it_is_verified(self, formation: Formation, raw: str | tuple[str, str]) -> None:
        """Then the claim is proven, and joined; and so is what nobody had."""
        alice = formation.identities.resolve((raw, "slack") if raw == "U1" else raw).id
        visitor = visit(formation)
        assert formation.anonymous.sign_in(visitor.token, raw, verified=True).id == alice
        assert [one.verified_at is not None for one in formation.identities.identifiers(alice)] == [True]
        late = visit(formation)
        assert formation.anonymous.sign_in(late.token, "new@acme.com", verified=True).id == late.user_id
        assert formation.identities.require_proven("new@acme.com").id == late.user_id

    def test_a_visitor_becomes_somebody_new(self, formation: Formation) -> None:
        """If nobody has the identifier, the visitor gets it, and nothing is merged."""
        visitor = visit(formation)
        assert formation.anonymous.sign_in(visitor.token, MAIL).id == visitor.user_id
        assert formation.identities.resolve(MAIL).id == visitor.user_id
        assert formation.merges.of(MAIL) == []
        with pytest.raises(UserNotFoundError):
            formation.anonymous.sign_in(visitor.token, "bob@acme.com")

    def test_signing_in_twice_at_once_happens_once(self, formation: Formation) -> None:
        """Eight threads, eight identifiers: one of them gets the visit."""
        visitor = visit(formation)

        def sign_in(n: int) -> str:
            try:
                return formation.anonymous.sign_in(visitor.token, f"u{n}@acme.com").id
            except UserNotFoundError:
                return "late"

        with ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(sign_in, range(8)))
        assert sorted(answers) == sorted([visitor.user_id, *["late"] * 7])
        assert len(formation.identities.identifiers(visitor.user_id)) == 1


class TestExpiry:
    """What ended and became nobody is erased."""

    def test_only_ended_visits_are_erased(self, formation: Formation, elsewhere: Formation, clock: TestClock) -> None:
        """Not those who signed in, were given another identifier, were merged, or are another formation's."""
        gone, signed_in, linked, merged = (visit(formation, f"tea {n}") for n in range(4))
        there = visit(elsewhere)
        formation.anonymous.sign_in(signed_in.token, MAIL)
        formation.identities.associate([("U1", "slack")], linked.user_id)
        keeper = formation.identities.resolve("keeper@acme.com").id
        formation.merges.merge([merged.user_id], into=keeper)
        clock.move(29 * 86_400)
        fresh = visit(formation)
        assert formation.anonymous.expire_anonymous() == 0
        clock.move(86_400)
        assert formation.anonymous.expire_anonymous() == 1
        with pytest.raises(UserNotFoundError):
            formation.identities.get(gone.user_id)
        assert remembered(formation, MAIL) == ["tea 1"] and remembered(formation, "U1") == ["tea 2"]
        assert remembered(formation, keeper) == ["tea 3"]
        assert [one.shown for one in formation.identities.identifiers(linked.user_id)] == ["U1"]
        assert formation.identities.resolve(fresh.token).id == fresh.user_id
        assert elsewhere.identities.get(there.user_id).id == there.user_id
        assert formation.anonymous.expire_anonymous() == 0

    def test_many_ended_visits_are_erased(self, formation: Formation, clock: TestClock) -> None:
        """All of them, each with what was said."""
        for n in range(20):
            visit(formation, f"tea {n}")
        clock.move(31 * 86_400)
        assert formation.anonymous.expire_anonymous() == 20
        with formation.storage._database.owning() as conn:
            left = [conn.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in ("users", "memories")]
        assert left == [0, 0]


class TestMadeUpTokens:
    """Only `resolve_anonymous` makes tokens: what somebody made up would never end."""

    def test_they_are_linked_nowhere(self, formation: Formation) -> None:
        """Neither to a new user nor to a known one, nor by a proof, a file or signing in."""
        identities, made_up = formation.identities, ("anything", "anonymous")
        identities.resolve(MAIL)
        visitor = visit(formation)
        before = formation.audit.verify().rows
        refused = (
            lambda: identities.associate([made_up]),
            lambda: identities.associate([made_up], MAIL),
            lambda: formation.proofs.start_verification(MAIL, made_up),
            lambda: formation.link_tokens.create_link_token(made_up),
            lambda: formation.bulk.associate_many([Group([made_up])], on_conflict="raise"),
            lambda: formation.anonymous.sign_in(visitor.token, made_up),
        )
        for link in refused:
            with pytest.raises(InvalidIdentifierError):
                link()
        assert formation.audit.verify().rows == before
