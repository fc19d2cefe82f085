"""Types of identifiers, limits and claims as each database keeps them."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from muxi.core.audit.service import Audit
from muxi.core.audit.types import IDENTIFIER_ATTRACTS, Record
from muxi.core.formation import Formation
from muxi.core.identity.kinds import KNOWN, IdentifierKind, Kinds
from muxi.core.identity.merging import Merges
from muxi.core.identity.normal_form import fingerprint
from muxi.core.identity.proofs import Proofs
from muxi.core.identity.service import Identities
from muxi.core.orchestrator import Orchestrator
from muxi.errors import (
    IdentifierConflictError,
    IdentifierLimitError,
    InvalidIdentifierError,
    SettingsError,
    UserNotFoundError,
)
from muxi.settings import FormationSettings
from muxi.storage.open import FormationStores, Storage
from tests.conftest import TestClock

DEVICE = ("living-room-tv", "device")
SECRET = "sk-live-0123456789abcdef0123456789abcdef"
#: For each type, an identifier as it may be written.
ONE_OF_EACH: list[Any] = [
    ("Alice@ACME.com", "email"), ("+49 30 901820", "phone"), ("U98765ABC", "slack"), ("Octo-Cat", "github"),
    (5551234, "telegram"), ("80351110224678912", "discord"), (SECRET, "api_key"), ("user_77", "internal"),
    ("https://login.example.com|248289761001", "oidc"), ("C-77", "crm"), "without a type",
]  # fmt: skip


def opened(stores: FormationStores, clock: TestClock, **settings: Any) -> Identities:
    return Identities(stores.identity, stores.hash_key, clock, **settings)


@pytest.fixture
def identities(stores: FormationStores, clock: TestClock) -> Identities:
    return opened(stores, clock)


@pytest.fixture
def others(other_stores: FormationStores, clock: TestClock) -> Identities:
    """The same database, another formation."""
    return opened(other_stores, clock)


def alarms(stores: FormationStores) -> list[Record]:
    return list(Audit(stores.audit).newest(action=IDENTIFIER_ATTRACTS).items)


def claims(storage: Storage) -> list[tuple[str, str]]:
    with storage._database.owning() as conn:
        rows = conn.execute("SELECT formation_id, user_id FROM claims ORDER BY user_id").fetchall()
    return [(row[0], row[1]) for row in rows]


def test_every_known_type_is_tried_here() -> None:
    """Anonymous tokens have rules of their own, tested with them."""
    assert {one[1] for one in ONE_OF_EACH if isinstance(one, tuple)} - {"crm"} == {kind.name for kind in KNOWN} - {
        "anonymous"
    }


@pytest.mark.parametrize("raw", ONE_OF_EACH, ids=str)
class TestEachType:
    """What holds for an identifier of any type."""

    def test_unlinked_and_seen_again_it_is_a_new_users(self, identities: Identities, raw: Any) -> None:
        """Rule 12: never the old one's, cached or not, however often, and the old user keeps working."""
        old = identities.associate(["keeps@acme.org", raw])
        assert identities.resolve(raw).id == old.id
        identities.unlink(raw, old.id)
        new = identities.resolve(raw)
        assert new.new and new.id != old.id
        identities.unlink(raw, force=True)
        assert identities.resolve(raw).id not in (old.id, new.id)
        assert identities.resolve("keeps@acme.org").id == old.id

    def test_another_formation_has_its_own(self, identities: Identities, others: Identities, raw: Any) -> None:
        """The same identifier there is another user, and unlinking it there changes nothing here."""
        here, there = identities.resolve(raw), others.resolve(raw)
        assert there.new and here.id != there.id
        others.unlink(raw, force=True)
        assert identities.resolve(raw).id == here.id
        with pytest.raises(UserNotFoundError):
            others.unlink(raw, force=True)

    def test_first_contacts_at_once_make_one_user(self, stores: FormationStores, clock: TestClock, raw: Any) -> None:
        """Rule 3 for each type, each thread with a cache of its own."""
        with ThreadPoolExecutor(4) as pool:
            ids = set(pool.map(lambda _: opened(stores, clock).resolve(raw).id, range(8)))
        assert len(ids) == 1


class TestForms:
    """One person, however it is written."""

    @pytest.mark.parametrize(
        ("one", "other"),
        [
            (("+49 30 901820", "phone"), ("+49 (0)30 90-18-20", "phone")),
            (("Octo-Cat", "github"), ("octo-cat", "github")),
            (("https://a.org/|x", "oidc"), ("https://a.org|x", "oidc")),
            ("\uff41lice@acme.com", "ALICE@acme.com"),
        ],
    )
    def test_two_forms_are_one_user(self, identities: Identities, one: Any, other: Any) -> None:
        """By resolving, linking and unlinking."""
        user = identities.resolve(one)
        assert identities.resolve(other).id == user.id
        assert identities.associate(["new@acme.com", other]).id == user.id
        identities.unlink(other)
        assert identities.find(one) is None

    def test_a_hash_that_leaked_finds_nobody(self, identities: Identities) -> None:
        """What is stored of a key is no key."""
        alice = identities.associate(["alice@acme.com", (SECRET, "api_key")])
        stored = next(one.value for one in identities.identifiers(alice.id) if one.type == "api_key")
        for raw in (stored, stored.strip(), (stored.strip(), "api_key")):
            assert identities.find(raw) is None
        assert identities.resolve(SECRET).id == alice.id

    def test_an_applications_own_types(self, stores: FormationStores, clock: TestClock) -> None:
        """Its normal form, and a secret that is found, and unlinked, without its type."""
        kinds = Kinds([IdentifierKind("ticket", lambda text: str(int(text))), IdentifierKind("badge", secret=True)])
        identities = opened(stores, clock, kinds=kinds)
        kim = identities.associate([("007", "ticket"), (SECRET, "badge")])
        assert identities.resolve((7, "ticket")).id == kim.id
        assert identities.resolve(SECRET).id == kim.id
        identities.unlink(SECRET)
        assert [one.type for one in identities.identifiers(kim.id)] == ["ticket"]

    def test_what_is_refused_since_can_be_taken_away(self, stores: FormationStores, clock: TestClock) -> None:
        """A value that turned out to be everybody's is found by nobody, and unlinked by whoever keeps order."""
        before = opened(stores, clock, kinds=Kinds(refused=()))
        crowd = before.associate([("kiosk", "device"), "someone@acme.com"])
        since = opened(stores, clock, kinds=Kinds(refused=["kiosk"]))
        for ask in (since.resolve, since.find, lambda raw: since.associate([raw])):
            with pytest.raises(InvalidIdentifierError):
                ask(("Kiosk", "device"))
        since.unlink(("kiosk", "device"))
        assert [one.shown for one in since.identifiers(crowd.id)] == ["someone@acme.com"]


class TestLimits:
    """How many identifiers of a type one user may have."""

    @pytest.fixture
    def limited(self, stores: FormationStores, clock: TestClock) -> Identities:
        return opened(stores, clock, kinds=Kinds(limits={"slack": 2}))

    def test_one_more_is_refused_and_nothing_is_linked(self, limited: Identities) -> None:
        """By the user's name and by matching; what was in the same call is not linked either."""
        kim = limited.associate([("U1", "slack"), ("U2", "slack")])
        for call in (
            lambda: limited.associate(["kim@acme.com", ("U3", "slack")], kim.id),
            lambda: limited.associate([("U1", "slack"), ("U3", "slack"), "kim@acme.com"]),
            lambda: limited.associate([("V1", "slack"), ("V2", "slack"), ("V3", "slack")]),
        ):
            with pytest.raises(IdentifierLimitError) as error:
                call()
            assert error.value.details == {"type": "slack", "limit": 2}
        assert [one.shown for one in limited.identifiers(kim.id)] == ["U1", "U2"]
        assert limited.find(("U3", "slack")) is limited.find("kim@acme.com") is limited.find(("V1", "slack")) is None
        assert limited.associate([("U1", "slack"), ("U2", "slack"), ("T1", "telegram")]).id == kim.id

    def test_those_of_merged_users_count(self, limited: Identities, stores: FormationStores, clock: TestClock) -> None:
        """Linking that merges brings both sides' identifiers together, and nothing is merged if they are too many."""
        one = limited.associate([("U1", "slack"), ("U2", "slack")])
        other = limited.associate([("U3", "slack"), "other@acme.com"])
        with pytest.raises(IdentifierLimitError):
            limited.associate([("U1", "slack"), "other@acme.com"], merge=True)
        assert limited.resolve("other@acme.com").id == other.id
        Merges(stores.merges, limited, clock).merge([other.id], into=one.id)
        with pytest.raises(IdentifierLimitError):
            limited.associate([("U4", "slack")], one.id)

    def test_two_at_once_cannot_pass_it(self, stores: FormationStores, clock: TestClock) -> None:
        """The count is taken while the user is locked."""
        kinds = Kinds(limits={"slack": 2})
        kim = opened(stores, clock, kinds=kinds).resolve("kim@acme.com")

        def link(n: int) -> bool:
            try:
                opened(stores, clock, kinds=kinds).associate([(f"U{n}", "slack")], kim.id)
            except IdentifierLimitError:
                return False
            return True

        with ThreadPoolExecutor(8) as pool:
            assert sum(pool.map(link, range(8))) == 2
        assert len(opened(stores, clock).identifiers(kim.id)) == 3

    def test_twenty_unless_told_and_any_number_without_a_type(self, identities: Identities) -> None:
        """The default is documented."""
        kim = identities.associate([(f"U{n}", "slack") for n in range(20)])
        with pytest.raises(IdentifierLimitError, match="20"):
            identities.associate([("U20", "slack")], kim.id)
        identities.associate([f"name {n}" for n in range(21)], kim.id)


class TestAttractors:
    """An identifier that many users ask for is told of, once."""

    def ask(self, identities: Identities, users: int, first: int = 0) -> list[str]:
        asking = [identities.resolve(f"u{n}@acme.com").id for n in range(first, first + users)]
        for user in asking:
            try:
                identities.associate([DEVICE], user, actor="kiosk")
            except IdentifierConflictError:
                continue
        return asking

    def test_the_sixth_user_rings(self, identities: Identities, stores: FormationStores, clock: TestClock) -> None:
        """Five may; the row names the type, the keyed hash and the number, and neither the value nor a user."""
        self.ask(identities, 5)
        assert alarms(stores) == []
        self.ask(identities, 3, first=5)
        (alarm,) = alarms(stores)
        known_by = fingerprint("device", "living-room-tv", stores.hash_key)
        assert alarm.details == {"type": "device", "identifier": known_by, "users": 6}
        assert alarm.user_id is None and alarm.actor == "kiosk"
        assert Audit(stores.audit).verify().sound

    def test_the_number_is_a_setting(self, stores: FormationStores, clock: TestClock) -> None:
        """Two users are one too many for one."""
        self.ask(opened(stores, clock, attractor_users=1), 2)
        assert len(alarms(stores)) == 1

    def test_a_claim_outlives_its_conflict(self, identities: Identities, storage: Storage) -> None:
        """All else of the call is taken back; who has the identifier and who asked for it are noted, once."""
        owner, asker = identities.resolve(DEVICE), identities.resolve("asker@acme.com")
        for _ in range(2):
            with pytest.raises(IdentifierConflictError):
                identities.associate([("new", "crm"), DEVICE], asker.id)
        assert claims(storage) == sorted([("f", owner.id), ("f", asker.id)])
        assert identities.find(("new", "crm")) is None

    def test_without_a_user_each_owner_asks_for_the_others(self, identities: Identities, storage: Storage) -> None:
        """A shared device that is sent along with everybody's own e-mail address."""
        identities.associate([DEVICE, "u0@acme.com"])
        for n in range(1, 7):
            identities.resolve(f"u{n}@acme.com")
            with pytest.raises(IdentifierConflictError):
                identities.associate([f"u{n}@acme.com", DEVICE])
        with storage._database.owning() as conn:
            most = conn.execute(
                "SELECT count(*) FROM claims GROUP BY fingerprint ORDER BY count(*) DESC LIMIT 1"
            ).fetchone()
        assert most[0] == 7

    def test_passed_on_by_unlinking(self, identities: Identities, stores: FormationStores) -> None:
        """One after the other counts like all at once."""
        for n in range(6):
            identities.associate([f"u{n}@acme.com", DEVICE])
            identities.unlink(DEVICE)
        assert len(alarms(stores)) == 1

    def test_asking_for_a_code_counts(
        self, identities: Identities, stores: FormationStores, clock: TestClock, storage: Storage
    ) -> None:
        """And so does confirming one for somebody else's proven identifier, though nothing is linked."""
        proofs = Proofs(stores.proofs, identities, stores.hash_key, clock)
        owner = identities.associate([DEVICE], verified=True)
        asking = [identities.resolve(f"u{n}@acme.com").id for n in range(2)]
        proofs.start_verification(asking[0], DEVICE)
        with pytest.raises(IdentifierConflictError):
            proofs.confirm_verification(proofs.start_verification(asking[1]).code, DEVICE)
        assert claims(storage) == sorted(("f", user) for user in (owner.id, *asking))

    def test_first_contact_claims_nothing(self, identities: Identities, storage: Storage) -> None:
        """It is the way of every message, and it stays as it is."""
        identities.resolve(DEVICE)
        assert claims(storage) == []

    def test_another_formation_counts_for_itself(
        self, identities: Identities, others: Identities, stores: FormationStores, other_stores: FormationStores
    ) -> None:
        """Five here and five there are nobody's alarm."""
        self.ask(identities, 5)
        self.ask(others, 5)
        assert alarms(stores) == alarms(other_stores) == []

    def test_many_at_once_ring_once(self, stores: FormationStores, clock: TestClock) -> None:
        """Whoever is the sixth, somebody is."""
        users = [opened(stores, clock).resolve(f"u{n}@acme.com").id for n in range(12)]

        def ask(user: str) -> None:
            opened(stores, clock).note_claims(
                [(opened(stores, clock).normal_form(DEVICE), opened(stores, clock).get(user).id)]
            )

        with ThreadPoolExecutor(6) as pool:
            list(pool.map(ask, users))
        assert len(alarms(stores)) == 1


def test_the_doors(tmp_path: Path) -> None:
    """Settings and an application's own types reach the formation; a wrong region does not start it."""
    settings = FormationSettings.model_validate(
        {"identity": {"phone_region": "DE", "limits": {"slack": 1}, "refused_values": ["kiosk"], "attractor_users": 1}}
    )
    with Orchestrator(data_dir=tmp_path, settings=settings, identifier_kinds=[IdentifierKind("crm", str.upper)]) as one:
        kim = one.associate_user_identifiers([("030 901820", "phone"), ("c1", "crm"), "null", ("U1", "slack")])
        assert [linked.value for linked in one.get_user_identifiers(kim.id)] == ["+4930901820", "C1", "null", "U1"]
        for raw, error in ((("U2", "slack"), IdentifierLimitError), ("kiosk", InvalidIdentifierError)):
            with pytest.raises(error):
                one.associate_user_identifiers([raw], kim.id)
    with pytest.raises(SettingsError):
        Formation.open(FormationSettings.model_validate({"identity": {"phone_region": "XX"}}), tmp_path / "other")
    assert not (tmp_path / "other").exists()
