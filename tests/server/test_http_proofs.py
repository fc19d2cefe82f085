"""Proof of an identifier, visitors and signing in, through both clients and on each kind of database."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from muxi.errors import (
    IdentifierConflictError,
    InvalidIdentifierError,
    InvalidInputError,
    InvalidProofError,
    PermissionDeniedError,
    UnprovenIdentifierError,
    UserNotFoundError,
)
from tests.server.conftest import IDENTITY_PROVIDER, OTHER_CLIENT_KEY
from tests.support.identity_provider import IdentityProvider
from tests.support.server_process import ServerProcess

Call = Callable[..., Any]
Someone = Callable[[str], str]


@pytest.fixture
def other(server: ServerProcess, request: pytest.FixtureRequest) -> Call:
    """As `call`, in the other formation."""
    kind: Call = request.node.callspec.params["call"]
    return lambda name, *args, **kwargs: kind(server.url, OTHER_CLIENT_KEY, name, *args, formation="globex", **kwargs)


def proven(call: Call, user: Any) -> set[str]:
    """What of a user is proven."""
    return {one.identifier for one in call("get_user", user).identifiers if one.verified_at}


def id_token(subject: str, provider: IdentityProvider = IDENTITY_PROVIDER, **claims: object) -> str:
    """An ID token made now."""
    return provider.token(datetime.now(UTC), subject, **claims)


def wrong(code: str) -> str:
    """The same code with another secret."""
    return code[:-1] + ("0" if code[-1] != "0" else "1")


def test_a_code_links_what_it_was_sent_to(call: Call, someone: Someone) -> None:
    """Typed in any case, with or without the dash, it links the identifier as proven; once, within ten minutes."""
    alice, slack = call("resolve_user", someone("alice")).muxi_user_id, (someone("U1"), "slack")
    started = call("proofs.start_verification", alice, slack)
    left = started.expires_at - datetime.now(UTC)
    assert started.identifier == slack[0] and timedelta(minutes=9) < left <= timedelta(minutes=10)
    user = call("proofs.confirm_verification", started.code.lower().replace("-", " "), slack)
    assert user.muxi_user_id == alice == call("resolve_user", slack).muxi_user_id
    assert proven(call, alice) == {slack[0]}
    with pytest.raises(InvalidProofError) as error:
        call("proofs.confirm_verification", started.code, slack)
    assert error.value.status == 422


def test_pairing_links_whichever_identifier_the_code_comes_back_from(call: Call, someone: Someone) -> None:
    """Started without an identifier, the code needs one when it is confirmed, and links that."""
    email, telegram = someone("alice"), (someone("tg"), "telegram")
    call("resolve_user", email)
    started = call("proofs.start_verification", email)
    assert started.identifier is None
    with pytest.raises(InvalidIdentifierError):
        call("proofs.confirm_verification", started.code)
    user = call("proofs.confirm_verification", started.code, telegram)
    assert {one.identifier for one in user.identifiers} == {email, telegram[0]}
    assert proven(call, email) == {telegram[0]}


def test_five_wrong_tries_end_a_code(call: Call, someone: Someone) -> None:
    """The right code is refused after five wrong ones, with the same answer."""
    email, slack = someone("alice"), (someone("U1"), "slack")
    call("resolve_user", email)
    code = call("proofs.start_verification", email, slack).code
    answers = set()
    for tried in [wrong(code)] * 5 + [code, "nonsense", ""]:
        with pytest.raises(InvalidProofError) as error:
            call("proofs.confirm_verification", tried)
        answers.add(error.value.message)
    assert len(answers) == 1
    assert call("get_user_identifiers", email) == [email]


def test_a_code_is_bound_to_who_asked_and_where(call: Call, admin: Call, other: Call, someone: Someone) -> None:
    """The other key, another formation and another identifier cannot confirm it; who asked can."""
    email, slack = someone("alice"), (someone("U1"), "slack")
    call("resolve_user", email)
    code = call("proofs.start_verification", email, slack).code
    for caller, identifier in ((admin, slack), (other, slack), (call, (someone("U2"), "slack"))):
        with pytest.raises(InvalidProofError):
            caller("proofs.confirm_verification", code, identifier)
    assert call("proofs.confirm_verification", code).identifiers[-1].identifier == slack[0]


def test_an_unproven_claim_of_somebody_else_ends(call: Call, admin: Call, someone: Someone) -> None:
    """Who proves an identifier gets it from who only claimed it; and the answer to the start told nothing of them."""
    mallory, alice, slack = someone("mallory"), someone("alice"), (someone("U1"), "slack")
    call("associate_user_identifiers", [mallory, slack])
    call("resolve_user", alice)
    started = call("proofs.start_verification", alice, slack)
    free = call("proofs.start_verification", alice, (someone("U2"), "slack"))
    assert len(started.code) == len(free.code) and started.identifier == slack[0]
    call("proofs.confirm_verification", started.code)
    assert call("get_user_identifiers", mallory) == [mallory]
    assert slack[0] in call("get_user_identifiers", alice)
    evicted = admin("list_audit", mallory, "identifier.evicted").items
    assert len(evicted) == 1 and slack[0] not in str(evicted)


def test_what_both_have_proven_conflicts_or_merges(call: Call, someone: Someone) -> None:
    """The conflict does not name the other user to the client key; with `merge` they become one."""
    alice, bob, slack = someone("alice"), someone("bob"), (someone("U1"), "slack")
    ids = [call("resolve_user", one).muxi_user_id for one in (alice, bob)]
    for user, identifier in ((bob, bob), (bob, slack)):
        call("proofs.confirm_verification", call("proofs.start_verification", user, identifier).code)
    code = call("proofs.start_verification", alice, slack).code
    with pytest.raises(IdentifierConflictError) as error:
        call("proofs.confirm_verification", code)
    assert error.value.details["identifiers"] == [slack[0]] and "owners" not in error.value.details
    assert ids[1] not in error.value.message
    assert call("resolve_user", slack).muxi_user_id == ids[1]
    merged = call("proofs.confirm_verification", code, merge=True)
    assert merged.muxi_user_id == ids[0] == call("resolve_user", bob).muxi_user_id


def test_a_link_token_works_once(call: Call, other: Call, someone: Someone) -> None:
    """It links its identifier as proven to who brings it; used, changed or of another formation it is refused."""
    email, slack = someone("alice"), (someone("U1"), "slack")
    call("resolve_user", email)
    made = call("proofs.create_link_token", slack, timedelta(minutes=2))
    assert timedelta(0) < made.expires_at - datetime.now(UTC) <= timedelta(minutes=2)
    other("resolve_user", email)
    for caller, token in ((call, made.token[:-2]), (call, "x.y.z"), (other, made.token)):
        with pytest.raises(InvalidProofError):
            caller("proofs.redeem_link_token", token, email)
    user = call("proofs.redeem_link_token", made.token, email)
    assert [one.identifier for one in user.identifiers if one.verified_at] == [slack[0]]
    with pytest.raises(InvalidProofError):
        call("proofs.redeem_link_token", made.token, email)


@pytest.mark.parametrize("seconds", [0, -1, 8 * 24 * 3600, 10**11])
def test_a_link_token_lives_for_a_while(call: Call, someone: Someone, seconds: int) -> None:
    """No time at all, and more than a week, are refused."""
    with pytest.raises(InvalidInputError):
        call("proofs.create_link_token", someone("alice"), timedelta(seconds=seconds))


def test_an_id_token_links_the_identity_and_the_address(call: Call, someone: Someone) -> None:
    """The issuer's subject and a verified e-mail address belong to one user; an unverified address is not looked at."""
    email, subject = someone("alice"), someone("sub").partition("@")[0]
    alice = call("resolve_user", email).muxi_user_id
    token = id_token(subject, email=email, email_verified=True)
    user = call("proofs.associate_id_token", token, alice)
    assert user.muxi_user_id == alice
    assert {one.type for one in user.identifiers if one.verified_at} == {"oidc", "email"}
    assert call("proofs.associate_id_token", id_token(subject)).muxi_user_id == alice
    stranger = id_token(subject + "2", email=email, email_verified=False)
    assert call("proofs.associate_id_token", stranger).muxi_user_id != alice


def test_an_id_token_of_somebody_else_is_refused(call: Call, other: Call, someone: Someone) -> None:
    """Another key, another audience, an ended token, and a formation without this issuer."""
    subject = someone("sub").partition("@")[0]
    for caller, token in (
        (call, id_token(subject, IdentityProvider())),
        (call, id_token(subject, aud="somebody-else")),
        (call, id_token(subject, exp=1)),
        (call, "x"),
        (other, id_token(subject)),
    ):
        with pytest.raises(InvalidProofError):
            caller("proofs.associate_id_token", token)


def test_a_visitor_signs_in(call: Call, admin: Call, someone: Someone) -> None:
    """What a visitor said is remembered of who they turn out to be, and the token means nobody from then on.

    Nobody joins who has only claimed the identifier; that it is the visitor's, only admins say.
    """
    email = someone("alice")
    alice = call("resolve_user", email).muxi_user_id
    visitor = call("proofs.resolve_anonymous")
    token = (visitor.token, "anonymous")
    call("add_memory", "Looks for a red bicycle.", token)
    assert call("resolve_user", token).muxi_user_id == visitor.muxi_user_id != alice
    assert visitor.token not in str(call("get_user_identifiers", visitor.muxi_user_id))
    with pytest.raises(UnprovenIdentifierError):
        call("proofs.sign_in", visitor.token, email)
    with pytest.raises(PermissionDeniedError):
        call("proofs.sign_in", visitor.token, email, verified=True)
    user = admin("proofs.sign_in", visitor.token, email, verified=True)
    assert user.muxi_user_id == alice
    assert [memory.text for memory in call("iter_memories", email)] == ["Looks for a red bicycle."]
    for name, args in (("resolve_user", (token,)), ("proofs.sign_in", (visitor.token, email))):
        with pytest.raises(UserNotFoundError):
            call(name, *args)


def test_a_visitor_is_the_first_who_has_the_identifier(call: Call, someone: Someone) -> None:
    """If nobody has it, the visitor gets it."""
    visitor = call("proofs.resolve_anonymous", timedelta(hours=1))
    assert call("proofs.sign_in", visitor.token, someone("new")).muxi_user_id == visitor.muxi_user_id


def test_only_admins_say_that_something_is_verified(call: Call, admin: Call, someone: Someone) -> None:
    """With the client key `verified` is refused and nothing is linked; with the admin key it is proven."""
    email = someone("alice")
    with pytest.raises(PermissionDeniedError):
        call("associate_user_identifiers", [email], verified=True)
    with pytest.raises(UserNotFoundError):
        call("get_user", email)
    admin("associate_user_identifiers", [email], verified=True)
    assert proven(call, email) == {email}


def test_nobody_proves_anything_for_a_stranger(call: Call, someone: Someone) -> None:
    """Starting and redeeming need a user who is there; asking makes nobody."""
    email = someone("nobody")
    token = call("proofs.create_link_token", ("U1", "slack")).token
    for name, args in (("start_verification", (email, email)), ("redeem_link_token", (token, email))):
        with pytest.raises(UserNotFoundError):
            call(f"proofs.{name}", *args)
    with pytest.raises(UserNotFoundError):
        call("get_user", email)


def test_the_shapes_on_the_wire(someone: Someone, server: ServerProcess) -> None:
    """Each answer has the documented members and status."""
    email = someone("alice")
    headers = {name.encode(): value for name, value in server.headers(email).items()}
    with httpx.Client(base_url=server.url, headers=headers, trust_env=False) as http:
        http.post("/v1/users/resolve", json={"identifier": email})
        started = http.post("/v1/verifications", json={"identifier": "U1" + email, "type": "slack"})
        confirmed = http.post("/v1/verifications/confirm", json={"code": started.json()["code"]})
        made = http.post("/v1/link-tokens", json={"identifier": "U2" + email, "type": "slack", "expires_in": 60})
        redeemed = http.post("/v1/link-tokens/redeem", json={"token": made.json()["token"]})
        visitor = http.post("/v1/users/anonymous")
        signed_in = http.post(
            "/v1/users/sign-in", json={"token": visitor.json()["token"], "identifier": "U3" + email, "type": "slack"}
        )
        refused = http.post("/v1/verifications/confirm", json={"code": "AAAA-AAAAAA"}).json()
        odd = http.post("/v1/verifications", json={"type": "slack"})
    assert (started.status_code, sorted(started.json())) == (201, ["code", "expires_at", "identifier"])
    assert (made.status_code, sorted(made.json())) == (201, ["expires_at", "token"])
    assert (visitor.status_code, sorted(visitor.json())) == (201, ["expires_at", "muxi_user_id", "token"])
    for user in (confirmed, redeemed, signed_in):
        assert (user.status_code, sorted(user.json())) == (200, ["created_at", "identifiers", "muxi_user_id"])
    assert (refused["code"], refused["status"]) == ("invalid_proof", 422)
    assert (odd.status_code, odd.json()["code"]) == (422, "invalid_input")
