"""What every identity store does, on each database."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from muxi.core.identity.kinds import Kinds
from muxi.core.identity.service import Identities
from muxi.errors import (
    AmbiguousIdentifierError,
    IdentifierConflictError,
    InvalidIdentifierError,
    LastIdentifierError,
    UserNotFoundError,
)
from muxi.storage.open import FormationStores, Storage
from tests.conftest import TestClock
from tests.support.eventually import eventually


@pytest.fixture
def identities(stores: FormationStores, clock: TestClock) -> Identities:
    return Identities(stores.identity, stores.hash_key, clock)


@pytest.fixture
def others(other_stores: FormationStores, clock: TestClock) -> Identities:
    """The same database, another formation."""
    return Identities(other_stores.identity, other_stores.hash_key, clock)


@pytest.fixture
def elsewhere(stores: FormationStores, clock: TestClock) -> Identities:
    """The same formation as another process has it: with a cache of its own."""
    return Identities(stores.identity, stores.hash_key, clock)


def shown(identities: Identities, user: str) -> list[str]:
    return [one.shown for one in identities.identifiers(user)]


class TestResolve:
    """Whoever writes is one user."""

    def test_first_contact_makes_a_user_and_later_ones_find_it(self, identities: Identities, clock: TestClock) -> None:
        """One identifier, one user; only the first call is new."""
        first = identities.resolve("alice@acme.com")
        again = identities.resolve("alice@acme.com")
        assert first.new and not again.new
        assert again.id == first.id and first.created_at == clock.now
        assert first.id.startswith("usr_") and len(first.id) == 30

    def test_the_forms_of_one_identifier_are_one_user(self, identities: Identities) -> None:
        """E-mail case, spaces, numbers as text, tuple and mapping mean the same."""
        assert identities.resolve(" Alice@ACME.com ").id == identities.resolve("alice@acme.com").id
        assert identities.resolve(42).id == identities.resolve("42").id
        slack = identities.resolve(("U98765ABC", "slack"))
        assert identities.resolve({"identifier": "U98765ABC", "type": "slack"}).id == slack.id
        assert identities.resolve("U98765ABC").id == slack.id
        assert identities.resolve("u98765abc").id != slack.id

    def test_a_typed_value_is_another_person_under_another_type(self, identities: Identities) -> None:
        """Rule 2: 123 at Telegram and 123 at Discord are two people, and 123 alone is neither."""
        telegram = identities.resolve(("123", "telegram"))
        discord = identities.resolve(("123", "discord"))
        assert telegram.id != discord.id
        with pytest.raises(AmbiguousIdentifierError) as error:
            identities.resolve("123")
        assert error.value.details["types"] == ["discord", "telegram"]

    def test_a_typed_look_up_falls_back_to_the_untyped_row(self, identities: Identities) -> None:
        """Rule 2: what was seen without a type is found with one."""
        untyped = identities.resolve("U1")
        assert identities.resolve(("U1", "slack")).id == untyped.id

    def test_a_user_id_is_an_identifier_but_is_never_made(self, identities: Identities) -> None:
        """Rule 2: a usr_ id finds its user; an unknown one is an error and makes nobody."""
        alice = identities.resolve("alice@acme.com")
        assert identities.resolve(alice.id).id == alice.id
        unknown = alice.id[:-4] + "0000"
        with pytest.raises(UserNotFoundError):
            identities.resolve(unknown)
        assert identities.find(unknown) is None

    def test_finding_makes_nobody(self, identities: Identities) -> None:
        """Looking for an unknown identifier leaves the store as it was."""
        assert identities.find("nobody@acme.com") is None
        assert identities.resolve("nobody@acme.com").new

    def test_a_formation_knows_nothing_of_another(self, identities: Identities, others: Identities) -> None:
        """The same e-mail in two formations is two users, and neither id works in the other."""
        here = identities.resolve("alice@acme.com")
        there = others.resolve("alice@acme.com")
        assert here.id != there.id and there.new
        assert others.find(here.id) is None

    def test_one_new_identifier_from_many_threads_makes_one_user(
        self, stores: FormationStores, clock: TestClock, storage: Storage
    ) -> None:
        """Rule 3: no error, one user, no orphan; each thread has a cache of its own, as a process would."""

        def contact(_: int) -> str:
            return Identities(stores.identity, stores.hash_key, clock).resolve(("U1", "slack")).id

        with ThreadPoolExecutor(16) as pool:
            ids = set(pool.map(contact, range(64)))
        assert len(ids) == 1
        assert count(storage, "users") == 1 and count(storage, "identifiers") == 1


class TestSecrets:
    """Rule 5: an API key is an identifier, but never stored."""

    KEY = "sk-live-0123456789abcdef0123456789abcdef"

    def test_only_a_hash_is_stored_and_a_mask_is_shown(self, identities: Identities, storage: Storage) -> None:
        """The key resolves with and without its type; no table holds it."""
        alice = identities.associate(["alice@acme.com", (self.KEY, "api_key")])
        assert identities.resolve((self.KEY, "api_key")).id == alice.id
        assert identities.resolve(self.KEY).id == alice.id
        assert shown(identities, alice.id) == ["alice@acme.com", "sk-l…cdef"]
        with storage._database.owning() as conn:
            rows = conn.execute("SELECT value, shown FROM identifiers").fetchall()
        assert not any(self.KEY in field for row in rows for field in row)

    def test_a_key_is_unlinked_by_itself(self, identities: Identities) -> None:
        """Without its type too."""
        alice = identities.associate(["alice@acme.com", (self.KEY, "api_key")])
        identities.unlink(self.KEY)
        assert shown(identities, alice.id) == ["alice@acme.com"]

    def test_two_formations_hash_one_key_differently(
        self, stores: FormationStores, other_stores: FormationStores
    ) -> None:
        """What leaks from one formation says nothing of another."""
        here = Kinds().normal_form((self.KEY, "api_key"), stores.hash_key)
        there = Kinds().normal_form((self.KEY, "api_key"), other_stores.hash_key)
        assert here.value != there.value


class TestAssociate:
    """Rule 4: all or nothing."""

    def test_new_identifiers_make_one_new_user(self, identities: Identities) -> None:
        """The three forms of the specification, in one call."""
        user = identities.associate(
            ["alice@email.com", {"identifier": "U98765ABC", "type": "slack"}, ("user_123", "internal")]
        )
        assert user.new
        assert shown(identities, user.id) == ["alice@email.com", "U98765ABC", "user_123"]

    def test_the_rest_is_linked_to_the_one_owner(self, identities: Identities) -> None:
        """Matched by e-mail: the Slack id becomes the same person's."""
        alice = identities.resolve("alice@acme.com")
        linked = identities.associate(["alice@acme.com", ("U1", "slack")])
        assert linked.id == alice.id and not linked.new
        assert identities.resolve(("U1", "slack")).id == alice.id

    def test_twice_is_once(self, identities: Identities) -> None:
        """The same call again changes nothing and says the same user."""
        first = identities.associate(["a@x.org", ("1", "slack")])
        again = identities.associate(["a@x.org", ("1", "slack")])
        assert again.id == first.id and len(identities.identifiers(first.id)) == 2

    def test_identifiers_of_two_users_conflict_and_nothing_is_linked(
        self, identities: Identities, storage: Storage
    ) -> None:
        """The clashing ones are named; the new one in the same call is not linked; no user is left behind."""
        identities.resolve("a@x.org")
        identities.resolve("b@x.org")
        with pytest.raises(IdentifierConflictError) as error:
            identities.associate(["new@x.org", "a@x.org", "b@x.org"])
        assert error.value.details["identifiers"] == ["a@x.org", "b@x.org"]
        assert identities.find("new@x.org") is None and count(storage, "users") == 2

    def test_another_users_identifier_conflicts(self, identities: Identities) -> None:
        """The specification's case: alice's e-mail for bob."""
        alice, bob = identities.resolve("alice@email.com"), identities.resolve("bob@email.com")
        with pytest.raises(IdentifierConflictError) as error:
            identities.associate([("U1", "slack"), "alice@email.com"], bob.id)
        assert error.value.details == {"identifiers": ["alice@email.com"], "owners": [alice.id]}
        assert alice.id not in error.value.message and identities.find(("U1", "slack")) is None

    def test_to_a_user_that_is_not_there(self, identities: Identities, others: Identities) -> None:
        """Neither an unknown user nor another formation's can be linked to."""
        stranger = others.resolve("alice@acme.com")
        with pytest.raises(UserNotFoundError):
            identities.associate(["bob@acme.com"], stranger.id)
        with pytest.raises(UserNotFoundError):
            identities.associate(["bob@acme.com"], "nobody@acme.com")
        assert identities.find("bob@acme.com") is None

    @pytest.mark.parametrize("bad", ["", " ", "a\nb", "x" * 256, ("x", "NOT A TYPE"), ("nobody", "email"), True, None])
    def test_one_bad_identifier_links_nothing(self, identities: Identities, bad: object) -> None:
        """The good one before it is not linked either."""
        with pytest.raises(InvalidIdentifierError):
            identities.associate(["good@x.org", bad])  # type: ignore[list-item]
        assert identities.find("good@x.org") is None

    def test_nothing_and_user_ids_cannot_be_linked(self, identities: Identities) -> None:
        """An empty list and a usr_ id are refused."""
        alice = identities.resolve("alice@acme.com")
        for bad in ([], [alice.id]):
            with pytest.raises(InvalidIdentifierError):
                identities.associate(bad)

    def test_the_same_from_many_threads_makes_one_user(
        self, stores: FormationStores, clock: TestClock, storage: Storage
    ) -> None:
        """Overlapping sets in different orders meet without deadlock and agree."""
        identifiers = [("a@x.org", "email"), ("1", "slack"), ("2", "telegram"), ("3", "discord")]

        def link(turn: int) -> str:
            mine = identifiers[turn % 4 :] + identifiers[: turn % 4]
            return Identities(stores.identity, stores.hash_key, clock).associate(list(mine)).id

        with ThreadPoolExecutor(8) as pool:
            ids = set(pool.map(link, range(32)))
        assert len(ids) == 1 and count(storage, "users") == 1


class TestUnlink:
    """Rule 6, and what is unlinked is nobody's."""

    def test_what_was_unlinked_makes_a_new_user(self, identities: Identities) -> None:
        """Seen again it is never the old user, in this process at once."""
        alice = identities.associate(["alice@acme.com", ("U1", "slack")])
        assert identities.resolve(("U1", "slack")).id == alice.id
        assert identities.unlink(("U1", "slack")).id == alice.id
        again = identities.resolve(("U1", "slack"))
        assert again.new and again.id != alice.id

    def test_the_last_identifier_stays_unless_forced(self, identities: Identities) -> None:
        """A user nobody can reach is made only on purpose."""
        alice = identities.resolve("alice@acme.com")
        with pytest.raises(LastIdentifierError):
            identities.unlink("alice@acme.com")
        assert identities.resolve("alice@acme.com").id == alice.id
        identities.unlink("alice@acme.com", force=True)
        assert identities.identifiers(alice.id) == []

    def test_somebody_elses_is_not_there(self, identities: Identities, others: Identities) -> None:
        """Another user's, another formation's and nobody's identifier: one answer, and nothing changes."""
        identities.associate(["alice@acme.com", ("U1", "slack")])
        bob = identities.resolve("bob@acme.com")
        for unlink in (
            lambda: identities.unlink(("U1", "slack"), bob.id),
            lambda: identities.unlink(("U2", "slack")),
            lambda: others.unlink(("U1", "slack")),
        ):
            with pytest.raises(UserNotFoundError):
                unlink()
        assert identities.find(("U1", "slack")) is not None

    def test_two_at_once_cannot_take_the_last_two(self, stores: FormationStores, clock: TestClock) -> None:
        """The guard of the last identifier holds against a race."""
        identities = Identities(stores.identity, stores.hash_key, clock)
        for turn in range(10):
            pair = [(f"a{turn}", "slack"), (f"b{turn}", "slack")]
            user = identities.associate(list(pair))

            def take(one: tuple[str, str]) -> bool:
                try:
                    Identities(stores.identity, stores.hash_key, clock).unlink(one)
                except LastIdentifierError:
                    return False
                return True

            with ThreadPoolExecutor(2) as pool:
                assert sorted(pool.map(take, pair)) == [False, True]
            assert len(identities.identifiers(user.id)) == 1


class TestManyProcesses:
    """Rule 10: what another process unlinked is not served."""

    def test_an_unlink_elsewhere_is_seen(self, identities: Identities, elsewhere: Identities) -> None:
        """The other one is told, or asks."""
        alice = identities.associate(["alice@acme.com", ("U1", "slack")])
        assert elsewhere.resolve(("U1", "slack")).id == alice.id
        identities.unlink(("U1", "slack"))
        assert eventually(lambda: elsewhere.resolve(("U1", "slack")).id != alice.id)

    def test_a_second_type_elsewhere_makes_the_bare_value_ambiguous(
        self, identities: Identities, elsewhere: Identities
    ) -> None:
        """A cached untyped look-up must not hide that the value now means two people."""
        identities.resolve(("123", "telegram"))
        assert elsewhere.resolve("123") is not None
        identities.resolve(("123", "discord"))

        def ambiguous() -> bool:
            try:
                elsewhere.resolve("123")
            except AmbiguousIdentifierError:
                return True
            return False

        assert eventually(ambiguous)


def count(storage: Storage, table: str) -> int:
    with storage._database.owning() as conn:
        return int(conn.execute(f"SELECT count(*) FROM {table}").fetchone()[0])
