"""What link tokens do, on each database."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import jwt
import pytest

from muxi.core.audit.service import Audit
from muxi.core.identity.link_tokens import LinkTokens
from muxi.core.identity.merging import Merges
from muxi.core.identity.service import Identities
from muxi.errors import (
    IdentifierConflictError,
    InvalidIdentifierError,
    InvalidInputError,
    InvalidProofError,
    UserNotFoundError,
)
from muxi.ids import UserId
from muxi.storage.open import FormationStores, Storage
from tests.conftest import TestClock

MAIL = "alice@acme.com"
KEY = "sk-live-0123456789abcdef0123456789abcdef"


class World:
    """One formation's services on given stores."""

    def __init__(self, stores: FormationStores, formation_id: str, clock: TestClock) -> None:
        self.identities = Identities(stores.identity, stores.hash_key, clock)
        self.merges = Merges(stores.merges, self.identities, clock)
        self.tokens = LinkTokens(stores.proofs, self.identities, stores.hash_key, formation_id, clock)
        self.audit = Audit(stores.audit)
        self.create, self.redeem = self.tokens.create_link_token, self.tokens.redeem_link_token

    def user(self, *identifiers: str | tuple[str, str]) -> UserId:
        return self.identities.associate(list(identifiers)).id


@pytest.fixture
def world(stores: FormationStores, clock: TestClock) -> World:
    return World(stores, "f", clock)


@pytest.fixture
def elsewhere(other_stores: FormationStores, clock: TestClock) -> World:
    return World(other_stores, "g", clock)


def read(token: str) -> dict[str, Any]:
    claims: dict[str, Any] = jwt.decode(token, options={"verify_signature": False})
    return claims


def unsigned(claims: dict[str, Any]) -> str:
    parts = ({"alg": "none", "typ": "JWT"}, claims)
    return ".".join(base64.urlsafe_b64encode(json.dumps(one).encode()).decode().rstrip("=") for one in parts) + "."


def test_a_token_links_what_it_is_of(world: World, clock: TestClock) -> None:
    """Whoever brings it has the identifier, proven; the audit says how, and by whom."""
    slack = world.user(("U1", "slack"))
    made = world.create(MAIL, actor="admin key")
    assert made.expires_at == clock.now + timedelta(minutes=10)
    assert world.redeem(made.token, ("U1", "slack"), actor="client key").id == slack
    assert world.identities.resolve(MAIL).id == slack
    linked = world.identities.identifiers(slack)[-1]
    assert (linked.shown, linked.verified_at, linked.linked_by) == (MAIL, clock.now, "link_token")
    newest = world.audit.newest().items
    assert [(one.action, one.actor) for one in newest[:3]] == [
        ("identifier.verified", "client key"),
        ("identifier.linked", "client key"),
        ("link_token.created", "admin key"),
    ]
    assert newest[0].details["by"] == "link_token" and world.audit.verify().sound


def test_a_token_works_once(world: World) -> None:
    """Also from eight threads at the same moment."""
    slack = world.user(("U1", "slack"))
    token = world.create(MAIL).token

    def redeem(_: int) -> str:
        try:
            return world.redeem(token, slack).id
        except InvalidProofError:
            return "wrong"

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(redeem, range(8)))
    assert sorted(answers) == sorted([slack, *["wrong"] * 7])
    assert redeem(0) == "wrong"


def test_a_token_ends(world: World, clock: TestClock) -> None:
    """At the moment that was said, and not before it was made."""
    slack = world.user(("U1", "slack"))
    token = world.create(MAIL, expires_in=timedelta(seconds=30)).token
    clock.move(-1)
    with pytest.raises(InvalidProofError):
        world.redeem(token, slack)
    clock.move(31)
    with pytest.raises(InvalidProofError):
        world.redeem(token, slack)
    clock.move(-0.5)
    assert world.redeem(token, slack).id == slack


@pytest.mark.parametrize("expires_in", [timedelta(0), timedelta(seconds=-5), timedelta(days=8)])
def test_a_lifetime_is_bounded(world: World, expires_in: timedelta) -> None:
    """A second to seven days."""
    with pytest.raises(InvalidInputError):
        world.create(MAIL, expires_in=expires_in)


def test_another_formation_refuses_it(world: World, elsewhere: World) -> None:
    """Its key is another, and its name is too."""
    world.user(MAIL)
    there = elsewhere.user(("U1", "slack"))
    with pytest.raises(InvalidProofError):
        elsewhere.redeem(world.create(MAIL).token, there)
    assert elsewhere.identities.find(MAIL) is None


@pytest.mark.parametrize(
    "forged",
    [
        lambda token: "",
        lambda token: "not a token",
        lambda token: "é.ü.ö",
        lambda token: "a" * 5000,
        lambda token: token[:-3] + ("AAA" if token[-3:] != "AAA" else "BBB"),
        lambda token: unsigned(read(token)),
        lambda token: jwt.encode(read(token), "x" * 32, algorithm="HS256"),
        lambda token: jwt.encode(read(token) | {"aud": "g"}, "x" * 32, algorithm="HS256"),
        lambda token: token.split(".")[0] + "." + jwt.encode({"sub": "x"}, "x" * 32).split(".")[1] + ".AAAA",
    ],
)
def test_what_was_not_made_here_is_refused(world: World, forged: Callable[[str], str]) -> None:
    """Rubbish, another signature, none at all: one error, and nothing changes."""
    slack = world.user(("U1", "slack"))
    with pytest.raises(InvalidProofError):
        world.redeem(forged(world.create(MAIL).token), slack)
    assert world.identities.find(MAIL) is None


@pytest.mark.filterwarnings("ignore:The HMAC key is:jwt.warnings.InsecureKeyLengthWarning")
@pytest.mark.parametrize(
    "other",
    [{"algorithm": "HS512"}, {"iss": "somebody"}, {"aud": "g"}, {"exp": None}, {"jti": None}, {"owner": None}],
)
def test_a_token_of_the_right_key_has_to_be_whole(
    world: World, stores: FormationStores, other: dict[str, str | None]
) -> None:
    """Even signed with the formation's key: algorithm, issuer, audience and every claim are checked."""
    slack = world.user(("U1", "slack"))
    changes = dict(other)
    algorithm = changes.pop("algorithm", None) or "HS256"
    claims = {name: value for name, value in (read(world.create(MAIL).token) | changes).items() if value is not None}
    with pytest.raises(InvalidProofError):
        world.redeem(jwt.encode(claims, world.tokens._key, algorithm=algorithm), slack)


@pytest.mark.parametrize(
    "change",
    [
        lambda w: w.identities.associate([MAIL]),
        lambda w: w.identities.resolve(MAIL),
    ],
    ids=["linked", "first contact"],
)
def test_a_token_ends_when_somebody_takes_the_identifier(world: World, change: Callable[[World], object]) -> None:
    """It said that nobody has it."""
    slack = world.user(("U1", "slack"))
    token = world.create(MAIL).token
    change(world)
    with pytest.raises(InvalidProofError):
        world.redeem(token, slack)


def test_a_token_ends_when_the_owner_changes(world: World) -> None:
    """Unlinked, or merged into another user."""
    slack, carol = world.user(("U1", "slack")), world.user("carol@acme.com")
    world.user(MAIL, "alice@home.org")
    first, second = world.create(MAIL).token, world.create("alice@home.org").token
    world.identities.unlink(MAIL)
    world.merges.merge(["alice@home.org"], into=carol)
    for token in (first, second):
        with pytest.raises(InvalidProofError):
            world.redeem(token, slack)


def test_an_unproven_claim_is_evicted_and_a_proven_one_stays(world: World) -> None:
    """As with a code; a conflict leaves the token unused."""
    slack, thief = world.user(("U1", "slack")), world.user(MAIL)
    assert world.redeem(world.create(MAIL).token, slack).id == slack
    assert world.identities.identifiers(thief) == []
    bob = world.user(("B1", "slack"))
    token = world.create(MAIL).token
    with pytest.raises(IdentifierConflictError):
        world.redeem(token, bob)
    world.identities.associate([("U1", "slack")], verified=True)
    token = world.create(MAIL).token
    assert world.redeem(token, bob, merge=True).id == bob
    assert world.identities.get(slack).id == bob


def test_a_secret_is_not_in_its_token(world: World, storage: Storage) -> None:
    """A token of an API key holds its keyed hash; the key resolves afterwards."""
    slack = world.user(("U1", "slack"))
    token = world.create((KEY, "api_key")).token
    assert KEY not in json.dumps(read(token)) and KEY[8:-4] not in json.dumps(read(token))
    world.redeem(token, slack)
    assert world.identities.resolve((KEY, "api_key")).id == slack == world.identities.resolve(KEY).id


def test_only_what_can_be_linked_gets_a_token_and_only_for_a_user(world: World, elsewhere: World) -> None:
    """No usr_ id, nobody unknown, nobody of another formation; the token stays unused."""
    slack, there = world.user(("U1", "slack")), elsewhere.user(("U1", "slack"))
    with pytest.raises(InvalidIdentifierError):
        world.create(slack)
    token = world.create(MAIL).token
    for who in ("nobody@acme.com", there):
        with pytest.raises(UserNotFoundError):
            world.redeem(token, who)
    assert world.redeem(token, slack).id == slack


def test_used_tokens_are_forgotten_when_they_have_ended(world: World, storage: Storage, clock: TestClock) -> None:
    """The table holds what could still be brought back, and no more."""
    slack = world.user(("U1", "slack"))
    world.redeem(world.create(MAIL).token, slack)
    clock.move(601)
    world.redeem(world.create("alice@home.org").token, slack)
    with storage._database.owning() as conn:
        assert conn.execute("SELECT count(*) FROM used_tokens").fetchone()[0] == 1
