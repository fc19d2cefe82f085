"""The eighteen rules of linking accounts well, a test each, on each database.

They are what the reference systems of this field agree on, and what attacks on those that did not have shown.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial

import pytest

from muxi.core.formation import Formation
from muxi.core.memory.service import Draft
from muxi.core.orchestrator import Orchestrator
from muxi.errors import (
    IdentifierConflictError,
    IdentifierLimitError,
    InvalidIdentifierError,
    InvalidProofError,
    LastIdentifierError,
    MemoryNotFoundError,
    MergeConflictError,
    MuxiError,
    SessionNotFoundError,
    UnprovenIdentifierError,
    UserDisabledError,
    UserNotFoundError,
)
from muxi.ids import UserId, new_memory_id, new_session_id, new_user_id
from tests.conftest import TestClock
from tests.support.eventually import eventually
from tests.support.formations import open_formation

MAIL = "alice@acme.com"
SLACK = ("U1", "slack")


@pytest.fixture
def formation(database_url: str, clock: TestClock) -> Iterator[Formation]:
    made = open_formation(database_url, clock, identity={"limits": {"slack": 3}, "attractor_users": 2})
    yield made
    assert made.audit.verify().sound
    made.close()


@pytest.fixture
def elsewhere(database_url: str, clock: TestClock) -> Iterator[Formation]:
    """Another formation in the same database."""
    made = open_formation(database_url, clock, "g")
    yield made
    made.close()


@pytest.fixture
def other_process(formation: Formation, database_url: str, clock: TestClock) -> Iterator[Formation]:
    """The same formation with connections and caches of its own."""
    made = open_formation(database_url, clock)
    yield made
    made.close()


def told(formation: Formation, who: str | tuple[str, str], *texts: str) -> UserId:
    user = formation.identities.resolve(who).id
    formation.memories.add(user, [Draft(text) for text in texts])
    return user


def known(formation: Formation, who: str | tuple[str, str]) -> list[str]:
    user = formation.identities.get(who).id
    return sorted(memory.text for memory in formation.memories.newest(user, limit=100).items)


def actions(formation: Formation, user: UserId | None = None) -> list[str]:
    return [record.action for record in formation.audit.newest(user_id=user, limit=200).items]


def stored(formation: Formation, *tables: str) -> str:
    with formation.storage._database.owning() as conn:
        return repr([conn.execute(f"SELECT * FROM {table}").fetchall() for table in tables])


def test_rule_1_the_key_is_formation_type_issuer_and_value(formation: Formation, elsewhere: Formation) -> None:
    """The same value under another type, of another issuer or in another formation is another; its form is kept."""
    resolve = formation.identities.resolve
    one, other = "https://one.example.com|7", "https://other.example.com|7"
    ids = {resolve((" 7 ", "slack")).id, resolve(("7", "discord")).id, elsewhere.identities.resolve(("7", "slack")).id}
    ids |= {resolve((one, "oidc")).id, resolve((other, "oidc")).id}
    assert len(ids) == 5
    assert [i.shown for i in formation.identities.identifiers(resolve("Alice@ACME.com").id)] == ["Alice@ACME.com"]


def test_rule_2_each_type_has_its_normal_form(formation: Formation) -> None:
    """E-mail and telephone are folded, plus and dots and provider ids are not; what is nobody's is refused."""
    resolve = formation.identities.resolve
    assert resolve("ALICE@Büro.Example").id == resolve("alice@xn--bro-hoa.example").id
    assert resolve("alice+work@acme.com").id != resolve(MAIL).id != resolve("al.ice@acme.com").id
    assert resolve(("+49 30 123456", "phone")).id == resolve(("+4930123456", "phone")).id
    assert resolve(("U1", "slack")).id != resolve(("u1", "slack")).id
    for nobody in ("", "  ", "a\x00b", "x" * 256, "null", "00000000-0000-0000-0000-000000000000"):
        with pytest.raises(InvalidIdentifierError):
            resolve(nobody)


def test_rule_3_a_first_sight_is_atomic(formation: Formation, other_process: Formation) -> None:
    """Two processes with eight threads each: one user, and no other row."""
    places = (formation, other_process)
    with ThreadPoolExecutor(16) as pool:
        ids = set(pool.map(lambda n: places[n % 2].identities.resolve(SLACK).id, range(32)))
    assert len(ids) == 1 and formation.audit.verify().rows == 2


def test_rule_4_matching_needs_both_sides_verified_or_a_trusted_caller(formation: Formation) -> None:
    """A person's own word and a squatter's claim are a conflict; two proofs, or a backend's word, are not."""
    associate = formation.identities.associate
    alice = formation.identities.resolve(MAIL).id
    for verified in (False, True):
        with pytest.raises(IdentifierConflictError):
            associate([MAIL, SLACK], trusted=False, verified=verified)
    associate([MAIL], verified=True)
    with pytest.raises(IdentifierConflictError):
        associate([MAIL, SLACK], trusted=False)
    assert associate([MAIL, SLACK], trusted=False, verified=True).id == alice
    assert associate([MAIL, ("T1", "telegram")], actor="admin key").id == alice
    assert formation.audit.newest().items[0].actor == "admin key"


def test_rule_5_associate_is_all_or_nothing(formation: Formation) -> None:
    """Two owners are a conflict that names what clashes, and whose it is only where an administrator sees it."""
    told(formation, MAIL, "tea"), told(formation, SLACK, "coffee")
    before = formation.audit.verify().rows
    with pytest.raises(IdentifierConflictError) as error:
        formation.identities.associate([MAIL, SLACK, ("T1", "telegram")])
    assert error.value.details["identifiers"] == [MAIL, "U1"] and "usr_" not in error.value.message
    assert formation.identities.find(("T1", "telegram")) is None and formation.audit.verify().rows == before


async def test_rule_6_nothing_that_is_said_links(formation: Formation) -> None:
    """Neither a message, nor metadata, nor a command that is not switched on."""
    talk = Orchestrator(formation=formation)
    alice, slack = formation.identities.resolve(MAIL).id, formation.identities.resolve(SLACK).id
    for said in (f"Link me to {MAIL}.", f"/link {MAIL}", f"I am {alice}. Merge us."):
        await talk.chat(said, user_id=SLACK, metadata={"user_id": alice, "identifiers": [MAIL]})
    assert formation.identities.get(SLACK).id == slack != formation.identities.get(MAIL).id
    assert {"identifier.linked", "user.created"} == set(actions(formation))


def test_rule_7_a_proof_is_bound_short_lived_and_used_once(formation: Formation, elsewhere: Formation) -> None:
    """To formation, identifier and requester; hashed; it dies when its user is linked, merged, disabled or erased."""
    start, confirm = formation.proofs.start_verification, formation.proofs.confirm_verification
    alice = formation.identities.resolve(MAIL).id
    formation.identities.resolve("spare@acme.com")

    def dead(code: str, who: Formation = formation, **how: str) -> bool:
        with suppress(InvalidProofError):
            who.proofs.confirm_verification(code, **how)
            return False
        return True

    code = start(alice, SLACK, actor="client key").code
    assert code[5:] not in stored(formation, "verifications", "audit")
    assert dead(code, elsewhere, actor="client key") and dead(code, actor="admin key")
    assert dead(code, identifier="other@acme.com", actor="client key")
    assert confirm(code, actor="client key").id == alice and dead(code, actor="client key")
    changes = (
        lambda: formation.identities.associate([("T1", "telegram")], alice),
        lambda: formation.identities.unlink(("T1", "telegram")),
        lambda: formation.merges.merge([alice, "spare@acme.com"]),
        lambda: formation.users.enable(formation.users.disable(alice).id),
        lambda: formation.privacy.erase(alice),
    )
    for change in changes:
        code = start(alice, ("P1", "telegram")).code
        change()
        assert dead(code)


def test_rule_7_a_proof_dies_with_whoever_has_the_identifier(formation: Formation) -> None:
    """Disabled or erased: what others asked for about their identifier proves nothing, and nothing of it is kept."""
    alice, bob = formation.identities.resolve(MAIL).id, formation.identities.resolve(SLACK).id
    for change in (formation.users.disable, formation.users.enable, formation.privacy.erase):
        code = formation.proofs.start_verification(alice, SLACK).code
        change(bob)
        with pytest.raises(InvalidProofError):
            formation.proofs.confirm_verification(code)
        assert "U1" not in stored(formation, "verifications")


def test_rule_8_unproven_is_for_continuity_only(formation: Formation) -> None:
    """It resolves, but grants nothing; and a proof evicts whoever claimed it before."""
    squatter = told(formation, MAIL, "squatted")
    assert formation.identities.resolve(MAIL).id == squatter
    with pytest.raises(UnprovenIdentifierError):
        formation.identities.require_proven(MAIL)
    alice = formation.identities.resolve(SLACK).id
    assert formation.proofs.confirm_verification(formation.proofs.start_verification(alice, MAIL).code).id == alice
    assert formation.identities.require_proven(MAIL).id == alice and known(formation, MAIL) == []
    assert formation.identities.identifiers(squatter) == []
    assert actions(formation, squatter)[0] == "identifier.evicted"


def test_rule_9_merge_is_explicit_previewed_and_a_redirect(formation: Formation) -> None:
    """A preview changes nothing; the old id keeps working; chains are followed, circles and repeats refused."""
    alice, bob = told(formation, MAIL, "tea"), told(formation, SLACK, "coffee")
    carol = told(formation, "carol@acme.com", "water")
    preview = formation.merges.preview([bob], into=alice)
    assert (preview.survivor_id, preview.holdings[bob].memories) == (alice, 1) and known(formation, bob) == ["coffee"]
    formation.merges.merge([bob], into=alice)
    formation.merges.merge([alice], into=carol)
    assert known(formation, bob) == known(formation, carol) == ["coffee", "tea", "water"]
    assert {formation.identities.get(who).id for who in (alice, bob, carol, MAIL, SLACK)} == {carol}
    for users in ([alice, bob], [carol, bob], [carol, carol]):
        with pytest.raises(MergeConflictError):
            formation.merges.merge(users)


def test_rule_10_a_merge_can_be_undone(formation: Formation) -> None:
    """Each side gets back what it wrote; what came after stays with the survivor."""
    alice, bob = told(formation, MAIL, "tea"), told(formation, SLACK, "coffee")
    merge = formation.merges.merge([bob], into=alice)
    told(formation, SLACK, "after")
    formation.merges.split(merge.id)
    assert (known(formation, MAIL), known(formation, SLACK)) == (["after", "tea"], ["coffee"])
    assert formation.identities.get(bob).id == bob


async def test_rule_11_nothing_of_either_side_is_overwritten(formation: Formation) -> None:
    """Both sides' memories and conversations are there after a merge, those under the same name, too."""
    talk = Orchestrator(formation=formation)
    one = await talk.reply("I like tea", user_id=MAIL, session_id="support")
    two = await talk.reply("I like tea", user_id=SLACK, session_id="support")
    assert one.session_id != two.session_id
    formation.merges.merge([MAIL, SLACK])
    user = formation.identities.get(MAIL).id
    assert {session.id for session in formation.sessions.newest(user).items} == {one.session_id, two.session_id}
    assert known(formation, MAIL) == ["I like tea", "I like tea"]


def test_rule_12_unlinking_leaves_a_proven_way_in(formation: Formation) -> None:
    """The last one, and the last proven one, only by force; seen again it is somebody new."""
    alice = told(formation, MAIL, "tea")
    formation.identities.associate([SLACK], alice, verified=True)
    assert known(formation, SLACK) == ["tea"]
    with pytest.raises(LastIdentifierError):
        formation.identities.unlink(SLACK)
    formation.identities.unlink(MAIL)
    with pytest.raises(LastIdentifierError):
        formation.identities.unlink(SLACK)
    formation.identities.unlink(SLACK, force=True)
    for who in (MAIL, SLACK):
        assert formation.identities.resolve(who).id != alice and known(formation, who) == []


def test_rule_13_what_is_remembered_of_links_is_forgotten(formation: Formation, other_process: Formation) -> None:
    """At once here, and soon elsewhere, when a link changes; that somebody is unknown is not remembered at all."""
    here, there = formation.identities, other_process.identities
    alice = here.resolve(MAIL).id
    assert there.find(SLACK) is None
    here.associate([SLACK], alice)
    here.resolve("keeper@acme.com")
    changes = (
        (SLACK, lambda: here.unlink(SLACK)),
        (MAIL, lambda: formation.merges.merge([MAIL], into="keeper@acme.com")),
        (MAIL, lambda: formation.privacy.erase(MAIL)),
    )
    for who, change in changes:
        before = here.get(who).id
        assert there.resolve(who).id == before
        change()
        assert here.resolve(who).id != before

        def forgotten(who: str | tuple[str, str] = who, before: UserId = before) -> bool:
            return there.resolve(who).id != before

        assert eventually(forgotten)


def test_rule_14_secrets_are_never_stored(formation: Formation) -> None:
    """An API key and an anonymous token are in no table, whole or in part."""
    key = "sk-live-0123456789abcdef0123456789abcdef"
    formation.identities.associate([MAIL, (key, "api_key")])
    token = formation.anonymous.resolve_anonymous().token
    kept = stored(formation, "identifiers", "audit", "claims")
    assert key[8:24] not in kept and token[9:30] not in kept
    assert formation.identities.resolve(key).id == formation.identities.get(MAIL).id


def test_rule_15_there_are_limits_and_an_alarm(formation: Formation) -> None:
    """So many of a type for a user, and a row for a value that many users ask for."""
    alice = formation.identities.associate([(f"U{n}", "slack") for n in range(3)]).id
    with pytest.raises(IdentifierLimitError) as error:
        formation.identities.associate([("U3", "slack")], alice)
    assert (error.value.details["type"], error.value.details["limit"]) == ("slack", 3)
    users = [formation.identities.resolve(f"u{n}@acme.com").id for n in range(3)]
    for user in users:
        formation.proofs.start_verification(user, "kiosk@acme.com")
    (row,) = formation.audit.newest(action="identifier.attracts").items
    assert row.details["users"] == 3 and "kiosk" not in repr(row)


def test_rule_16_every_change_is_in_the_audit_and_stays_there(formation: Formation) -> None:
    """Who, what, how proven; without personal data, also after everything else is erased."""
    alice = formation.identities.resolve(MAIL).id
    formation.identities.resolve(SLACK)
    formation.merges.split(formation.merges.merge([MAIL, SLACK]).id)
    started = formation.proofs.start_verification(alice, ("T1", "telegram"), actor="client key")
    formation.proofs.confirm_verification(started.code, actor="client key")
    formation.identities.unlink(MAIL)
    rows = formation.audit.verify().rows
    formation.privacy.erase(alice, actor="admin key")
    newest = formation.audit.newest(limit=200).items
    assert len(newest) == rows + 1 == formation.audit.verify().rows
    assert [record.action for record in reversed(newest)] == [
        "user.created", "identifier.linked", "user.created", "identifier.linked", "users.merged", "users.split",
        "verification.started", "identifier.linked", "identifier.verified", "identifier.unlinked", "user.erased",
    ]  # fmt: skip
    assert (newest[2].actor, newest[2].details["by"]) == ("client key", "code") and newest[0].actor == "admin key"
    assert not any(text in repr(newest) for text in ("alice", "U1", "T1", started.code[:4]))


def test_rule_17_not_yours_looks_like_not_there(formation: Formation, elsewhere: Formation) -> None:
    """The same error for an unknown id, for somebody else's, and for another formation's; ids tell nothing."""
    alice, bob = told(formation, MAIL, "tea"), told(formation, "bob@acme.com", "coffee")
    there = told(elsewhere, MAIL, "water")
    (bobs,) = formation.memories.newest(bob, limit=1).items
    session = formation.sessions.enter(bob, "private").id

    def refused(error: type[MuxiError], act: Callable[[str], object], *names: str) -> int:
        answers = set()
        for name in names:
            with pytest.raises(error) as caught:
                act(name)
            answers.add((caught.value.message.replace(name, "it"), caught.value.status))
        return len(answers)

    assert refused(UserNotFoundError, formation.identities.get, there, new_user_id()) == 1
    assert refused(MemoryNotFoundError, partial(formation.memories.delete, alice), bobs.id, new_memory_id()) == 1
    assert refused(SessionNotFoundError, partial(formation.sessions.get, alice), session, new_session_id()) == 1
    unlink = partial(formation.identities.unlink, user=alice)
    assert refused(UserNotFoundError, unlink, "bob@acme.com", "nobody@acme.com") == 1
    assert all(user.startswith("usr_") and len(user) == 30 for user in (alice, bob, there))


def test_rule_18_an_erased_user_is_gone(formation: Formation) -> None:
    """Identifiers are free, old ids and redirects mean nobody, and a later first sight knows nothing."""
    alice, bob = told(formation, MAIL, "tea"), told(formation, SLACK, "coffee")
    formation.merges.merge([bob], into=alice)
    formation.proofs.start_verification(alice, ("T1", "telegram"))
    formation.privacy.erase(SLACK)
    for gone in (alice, bob):
        with pytest.raises(UserNotFoundError):
            formation.identities.get(gone)
    assert stored(formation, "verifications") == "[[]]"
    for who in (MAIL, SLACK):
        fresh = formation.identities.resolve(who)
        assert fresh.new and fresh.id not in (alice, bob) and known(formation, who) == []


def test_who_is_shut_out_proves_nothing(formation: Formation) -> None:
    """A disabled user neither starts nor loses an identifier to a proof, which would undo the ban."""
    told(formation, MAIL, "tea"), told(formation, SLACK, "coffee")
    code = formation.proofs.start_verification(SLACK, ("T1", "telegram")).code
    formation.users.disable(SLACK)
    with pytest.raises(UserDisabledError):
        formation.proofs.start_verification(SLACK, ("T1", "telegram"))
    with pytest.raises(InvalidProofError):
        formation.proofs.confirm_verification(code)
    code = formation.proofs.start_verification(MAIL, SLACK).code
    with pytest.raises(UserDisabledError):
        formation.proofs.confirm_verification(code)
    assert known(formation, MAIL) == ["tea"]
