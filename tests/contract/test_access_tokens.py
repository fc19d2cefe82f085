"""Tokens of users: what is believed of them, and what is not, on each kind of database."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import jwt
import pytest

from muxi.core.formation import Formation
from muxi.core.orchestrator import Orchestrator
from muxi.errors import AuthenticationError, InvalidInputError
from muxi.ids import UserId
from tests.conftest import TestClock
from tests.support.eventually import eventually
from tests.support.formations import open_formation

DAY = 86_400


@pytest.fixture(params=["HS256", "EdDSA"])
def formation(request: pytest.FixtureRequest, database_url: str, clock: TestClock) -> Iterator[Formation]:
    opened = open_formation(database_url, clock, access={"token_algorithm": request.param})
    yield opened
    opened.close()


@pytest.fixture
def user(formation: Formation) -> UserId:
    return formation.identities.resolve("alice@acme.com").id


def forged(token: str, header: dict[str, Any] | None = None, **claims: Any) -> str:
    """The token with another header or other claims, and its old signature."""
    head, body, signature = token.split(".")
    read = json.loads(base64.urlsafe_b64decode(body + "=="))
    parts = [json.dumps(header) if header else None, json.dumps(read | claims)]
    written = [base64.urlsafe_b64encode(part.encode()).decode().rstrip("=") if part else head for part in parts]
    return ".".join([*written, signature])


def refused(formation: Formation, token: str) -> bool:
    try:
        formation.access.tokens.validate(token)
    except AuthenticationError as error:
        return error.message == "The token is wrong, expired or revoked."
    return False


def test_a_token_says_whose_it_is(formation: Formation, user: UserId, clock: TestClock) -> None:
    """It names issuer, audience, user, times and itself, and works from now until its end."""
    made = formation.access.tokens.create(user, timedelta(hours=1))
    claims = formation.access.tokens.validate(made.token)
    now = int(clock.now.timestamp())
    assert claims == {
        "iss": "muxi",
        "aud": "f",
        "sub": user,
        "jti": made.jti,
        "iat": now,
        "nbf": now,
        "exp": now + 3600,
    }
    clock.move(3599)
    assert not refused(formation, made.token)
    clock.move(1)
    assert refused(formation, made.token)
    clock.move(-3601)
    assert refused(formation, made.token)
    assert made.token not in repr(made)


def test_nothing_of_a_forged_token_is_believed(formation: Formation, user: UserId) -> None:
    """Another algorithm, `none`, a key of its own, a path as `kid`, other claims, or no token at all."""
    token = formation.access.tokens.create(user).token
    head = jwt.get_unverified_header(token)
    algorithms = [{"alg": alg} for alg in ("none", "None", "HS256", "HS512", "RS256", "EdDSA") if alg != head["alg"]]
    tricks = [{"kid": kid} for kid in ("../../dev/null", "", "' OR 1=1 --", "x" * 500, None)]
    more = [{"jku": "http://evil.example/keys"}, {"jwk": {"kty": "oct", "k": "AA"}}, {"typ": "jwt"}]
    assert all(refused(formation, forged(token, head | change)) for change in [*algorithms, *tricks, *more])
    assert refused(formation, forged(token, sub="usr_01h455vb4pex5vsknk084sn02q"))
    assert refused(formation, forged(token, exp=9_999_999_999))
    assert refused(formation, token.rpartition(".")[0] + ".")
    assert all(
        refused(formation, wrong) for wrong in ("", "a.b.c", "jwt_token_123", token[:-2], token + "é", token * 99)
    )


def test_a_public_key_is_no_secret(database_url: str, clock: TestClock) -> None:
    """The oldest trick: the public key of EdDSA, taken as the secret of HS256, signs nothing."""
    formation = open_formation(database_url, clock, access={"token_algorithm": "EdDSA"})
    token = formation.access.tokens.create(formation.identities.resolve("alice@acme.com").id).token
    (public,) = formation.access.tokens.public_keys()["keys"]
    secret = base64.urlsafe_b64decode(public["x"] + "==")
    claims = jwt.decode(token, options={"verify_signature": False})
    headers = {"kid": public["kid"]}
    assert refused(formation, jwt.encode(claims, secret, algorithm="HS256", headers=headers))
    formation.close()


def test_public_keys_check_tokens(formation: Formation, user: UserId) -> None:
    """Others can check EdDSA tokens with the published keys; of HS256 nothing is published."""
    token = formation.access.tokens.create(user).token
    published = formation.access.tokens.public_keys()
    if jwt.get_unverified_header(token)["alg"] == "HS256":
        assert published == {"keys": []}
        return
    (key,) = published["keys"]
    assert sorted(key) == ["alg", "crv", "kid", "kty", "use", "x"]
    options: Any = {"verify_exp": False, "verify_nbf": False, "verify_iat": False}
    checked = jwt.decode(token, jwt.PyJWK(key), algorithms=["EdDSA"], audience="f", issuer="muxi", options=options)
    assert checked["sub"] == user


def test_another_formations_token_is_none(
    formation: Formation, user: UserId, database_url: str, clock: TestClock
) -> None:
    """Tokens of two formations on one database are apart."""
    other = open_formation(database_url, clock, "g")
    assert refused(other, formation.access.tokens.create(user).token)
    other.close()


def test_rotation_keeps_what_was_signed(formation: Formation, user: UserId, clock: TestClock) -> None:
    """Tokens of the old key work until they end; it signs nothing any more, and is forgotten after its last token."""
    tokens = formation.access.tokens
    old = tokens.create(user, timedelta(days=7)).token
    clock.move(1)
    key = tokens.rotate()
    new = tokens.create(user, timedelta(days=7)).token
    assert jwt.get_unverified_header(new)["kid"] == key.kid != jwt.get_unverified_header(old)["kid"]
    assert not refused(formation, old) and not refused(formation, new)
    clock.move(7 * DAY + 1)
    tokens.rotate()
    assert refused(formation, old)
    with formation.storage._database.owning() as conn:
        assert len(conn.execute("SELECT kid FROM signing_keys").fetchall()) == 2


def test_revocation_of_one_and_of_all(formation: Formation, user: UserId, database_url: str, clock: TestClock) -> None:
    """A revoked token is worth nothing in every process within a second, and the user's others stay until all go."""
    elsewhere = open_formation(database_url, clock)
    tokens, bob = formation.access.tokens, formation.identities.resolve("bob@acme.com").id
    one, two, his = (tokens.create(whose) for whose in (user, user, bob))
    assert not refused(elsewhere, one.token)
    tokens.revoke(one.jti, user)
    assert refused(formation, one.token) and not refused(formation, two.token)
    assert eventually(lambda: refused(elsewhere, one.token), within_s=1.0)
    tokens.revoke_all(user)
    assert refused(formation, two.token) and not refused(formation, his.token)
    assert eventually(lambda: refused(elsewhere, two.token), within_s=1.0)
    clock.move(0.001)
    assert not refused(formation, tokens.create(user).token)
    assert [row.action for row in formation.audit.newest().items][:2] == ["tokens.revoked", "token.revoked"]
    elsewhere.close()


def test_a_merged_users_tokens_go_with_all(formation: Formation, user: UserId) -> None:
    """A token of a user who was merged acts for the survivor, and goes when all of the survivor's go."""
    second = formation.identities.resolve("alice@home.com").id
    token = formation.access.tokens.create(second).token
    formation.merges.merge([second], user)
    orchestrator = Orchestrator(formation=formation)
    assert orchestrator.validate_jwt_token(token) is not None
    orchestrator.revoke_jwt_tokens(user)
    assert orchestrator.validate_jwt_token(token) is None


def test_users_who_are_gone_have_no_tokens(formation: Formation, user: UserId) -> None:
    """A token of a disabled user is worth nothing until they are let in again, that of an erased one for good."""
    orchestrator = Orchestrator(formation=formation)
    token = orchestrator.generate_jwt_token(user)
    formation.users.disable(user)
    assert orchestrator.validate_jwt_token(token) is None
    formation.users.enable(user)
    assert orchestrator.validate_jwt_token(token) is not None
    formation.privacy.erase(user)
    assert orchestrator.validate_jwt_token(token) is None


@pytest.mark.parametrize("seconds", [0, -1, 7 * DAY + 1])
def test_tokens_are_short_lived(formation: Formation, user: UserId, seconds: int) -> None:
    """A token for less than a second, or for more than seven days, is not made."""
    with pytest.raises(InvalidInputError):
        formation.access.tokens.create(user, timedelta(seconds=seconds))
