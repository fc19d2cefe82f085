"""What ID tokens do, on each database."""

from __future__ import annotations

import base64
import hmac
import json
from typing import Any

import jwt
import pytest

from muxi.core.audit.service import Audit
from muxi.core.identity.id_tokens import IdTokens, Provider
from muxi.core.identity.service import Identities
from muxi.errors import IdentifierConflictError, IdentityProviderError, InvalidProofError, UserNotFoundError
from muxi.ids import UserId
from muxi.storage.open import FormationStores, Storage
from tests.conftest import TestClock
from tests.support.identity_provider import AUDIENCE, ISSUER, IdentityProvider, serving_jwks

MAIL = "alice@acme.com"
SUB = "248289761001"
ACCOUNT = (f"{ISSUER}|{SUB}", "oidc")
ALL = ("RS256", "ES256", "EdDSA")


def signed_with_a_secret(secret: bytes, header: dict[str, object], body: str) -> str:
    """By hand: the library refuses to."""
    start = f"{encoded(json.dumps(header).encode())}.{body}"
    return f"{start}.{encoded(hmac.digest(secret, start.encode(), 'sha256'))}"


def encoded(part: bytes) -> str:
    return base64.urlsafe_b64encode(part).decode().rstrip("=")


class World:
    """One formation's services on given stores."""

    def __init__(self, stores: FormationStores, clock: TestClock, idp: IdentityProvider, **provider: Any) -> None:
        self.idp, self.clock = idp, clock
        self.identities = Identities(stores.identity, stores.hash_key, clock)
        keys = {} if "jwks_url" in provider else {"jwks": idp.jwks}
        accepted = Provider(ISSUER, AUDIENCE, **({"algorithms": ALL} | keys | provider))
        self.tokens = IdTokens([accepted], stores.proofs, self.identities, clock)
        self.audit = Audit(stores.audit)
        self.associate = self.tokens.associate_id_token

    def token(self, **claims: object) -> str:
        return self.idp.token(self.clock(), **claims)

    def user(self, *identifiers: str | tuple[str, str], verified: bool = False) -> UserId:
        return self.identities.associate(list(identifiers), verified=verified).id

    def shown(self, user: UserId) -> dict[str, bool]:
        return {one.shown: one.verified_at is not None for one in self.identities.identifiers(user)}


@pytest.fixture(scope="module")
def idp() -> IdentityProvider:
    return IdentityProvider()


@pytest.fixture
def world(stores: FormationStores, clock: TestClock, idp: IdentityProvider) -> World:
    return World(stores, clock, idp)


class TestLinking:
    """An account, and the address that its provider has verified."""

    def test_account_and_verified_address_are_linked(self, world: World) -> None:
        """Both proven; the same token again changes nothing; the audit says how."""
        token = world.token(email=MAIL, email_verified=True)
        made = world.associate(token)
        assert made.new and world.shown(made.id) == {ACCOUNT[0]: True, MAIL: True}
        assert world.identities.resolve(ACCOUNT).id == made.id == world.identities.resolve(MAIL).id
        rows = world.audit.verify().rows
        again = world.associate(token)
        assert again.id == made.id and not again.new and world.audit.verify().rows == rows
        assert world.audit.newest(action="identifier.verified").items[0].details["by"] == "id_token"

    def test_the_user_can_be_named(self, world: World) -> None:
        """Who has signed in keeps what they have."""
        slack = world.user(("U1", "slack"))
        assert world.associate(world.token(), ("U1", "slack")).id == slack
        assert world.shown(slack) == {"U1": False, ACCOUNT[0]: True}
        with pytest.raises(UserNotFoundError):
            world.associate(world.token(sub="other"), "nobody@acme.com")

    @pytest.mark.parametrize("verified", [False, None, 0, 1, "false", "yes", [True]])
    def test_an_address_that_is_not_verified_is_not_looked_at(self, world: World, verified: object) -> None:
        """Whoever typed a victim's address at the provider gets no part of the victim."""
        victim = world.user(MAIL, verified=True)
        made = world.associate(world.token(email=MAIL, email_verified=verified))
        assert made.id != victim and world.shown(made.id) == {ACCOUNT[0]: True}
        assert world.shown(victim) == {MAIL: True}

    def test_a_provider_may_write_true_as_a_word(self, world: World) -> None:
        """Some do."""
        assert MAIL in world.shown(world.associate(world.token(email=MAIL, email_verified="true")).id)

    def test_what_is_no_address_is_left_out(self, world: World) -> None:
        """The account is linked all the same."""
        made = world.associate(world.token(email="not an address", email_verified=True))
        assert world.shown(made.id) == {ACCOUNT[0]: True}

    def test_an_account_is_who_proved_it_whatever_its_address(self, world: World) -> None:
        """The address at the provider has changed: it is one more of the same user."""
        made = world.associate(world.token(email=MAIL, email_verified=True))
        again = world.associate(world.token(email="alice@home.org", email_verified=True))
        assert again.id == made.id and set(world.shown(made.id)) == {ACCOUNT[0], MAIL, "alice@home.org"}

    def test_a_proven_address_finds_its_user(self, world: World) -> None:
        """Both sides have proven it: that is the same person."""
        alice = world.user(MAIL, verified=True)
        assert world.associate(world.token(email=MAIL, email_verified=True)).id == alice

    def test_an_unproven_claim_to_the_address_is_evicted(self, world: World) -> None:
        """The squatter keeps the rest; the owner starts clean."""
        squatter = world.user(MAIL, ("E1", "slack"))
        made = world.associate(world.token(email=MAIL, email_verified=True))
        assert made.new and world.shown(made.id) == {ACCOUNT[0]: True, MAIL: True}
        assert world.shown(squatter) == {"E1": False}

    def test_a_proven_address_of_another_user_is_a_conflict(self, world: World) -> None:
        """Nothing is linked, the account neither; with merge they are one."""
        bob, slack = world.user(MAIL, verified=True), world.user(("U1", "slack"))
        token = world.token(email=MAIL, email_verified=True)
        with pytest.raises(IdentifierConflictError) as error:
            world.associate(token, slack)
        assert error.value.details["identifiers"] == [MAIL] and world.identities.find(ACCOUNT) is None
        assert world.associate(token, slack, merge=True).id == slack
        assert world.identities.get(bob).id == slack

    def test_another_formation_learns_nothing(
        self, world: World, other_stores: FormationStores, clock: TestClock
    ) -> None:
        """The same provider may be set there: the user is another."""
        elsewhere = World(other_stores, clock, world.idp)
        here = world.associate(world.token(email=MAIL, email_verified=True))
        assert elsewhere.identities.find(ACCOUNT) is None
        assert elsewhere.associate(world.token()).id != here.id

    def test_the_token_is_stored_nowhere(self, world: World, storage: Storage) -> None:
        """Nor is its signature."""
        token = world.token()
        world.associate(token)
        with storage._database.owning() as conn:
            kept = repr([conn.execute(f"SELECT * FROM {table}").fetchall() for table in ("identifiers", "audit")])
        assert token.rsplit(".", 1)[1] not in kept


class TestChecking:
    """OpenID Connect Core 1.0, section 3.1.3.7."""

    @pytest.mark.parametrize(
        "claims",
        [
            {"iss": "https://evil.example.com"},
            {"iss": ISSUER + "/"},
            {"iss": None},
            {"iss": [ISSUER]},
            {"aud": "another-app"},
            {"aud": None},
            {"aud": [AUDIENCE, "another-app"]},
            {"aud": [AUDIENCE, "another-app"], "azp": "another-app"},
            {"azp": "another-app"},
            {"sub": None},
            {"sub": ""},
            {"sub": 42},
            {"exp": None},
            {"exp": "soon"},
            {"exp": True},
            {"iat": None},
            {"nbf": "now"},
        ],
        ids=repr,
    )
    def test_every_claim_is_checked(self, world: World, claims: dict[str, object]) -> None:
        """One error for all, and nothing is linked."""
        with pytest.raises(InvalidProofError):
            world.associate(world.token(**claims))
        assert world.audit.verify().rows == 0

    def test_several_audiences_need_the_authorized_party(self, world: World) -> None:
        """Which has to be this application."""
        token = world.token(aud=["another-app", AUDIENCE], azp=AUDIENCE)
        assert world.associate(token).new

    def test_times_are_compared_with_a_minute_to_spare(self, world: World, clock: TestClock) -> None:
        """exp, iat and nbf, by the formation's clock."""
        now = clock.now.timestamp()
        world.associate(world.token(exp=now - 59))
        world.associate(world.token(iat=now + 59, nbf=now + 59))
        for claims in ({"exp": now - 60}, {"iat": now + 61}, {"nbf": now + 61}):
            with pytest.raises(InvalidProofError):
                world.associate(world.token(**claims))

    @pytest.mark.parametrize("token", ["", "a.b.c", "é", "x" * 20_000, "....", "e30.e30."])
    def test_rubbish_is_refused(self, world: World, token: str) -> None:
        """As a forged token is."""
        with pytest.raises(InvalidProofError):
            world.associate(token)

    def test_forged_signatures_are_refused(self, world: World) -> None:
        """Another key with the same name, none at all, and the public key taken for a secret."""
        good = world.token()
        head, body, _ = good.split(".")
        forger = IdentityProvider(key_id=world.idp.key_id)
        secret = json.dumps(world.idp.jwks["keys"][0]).encode()
        claims = jwt.decode(good, options={"verify_signature": False})
        for token in (
            forger.token(world.clock()),
            f"{head}.{body}.",
            jwt.encode(claims, None, algorithm="none", headers={"kid": world.idp.key_id}),
            signed_with_a_secret(secret, {"alg": "HS256", "kid": world.idp.key_id}, body),
        ):
            with pytest.raises(InvalidProofError):
                world.associate(token)

    def test_only_the_algorithms_that_are_set_count(
        self, stores: FormationStores, clock: TestClock, idp: IdentityProvider
    ) -> None:
        """Whatever the token says of itself."""
        world = World(stores, clock, idp, algorithms=("RS256",))
        with pytest.raises(InvalidProofError):
            world.associate(world.token())

    def test_a_key_that_the_provider_does_not_have_is_refused(self, world: World) -> None:
        """By its name."""
        with pytest.raises(InvalidProofError):
            world.associate(IdentityProvider(key_id="k2").token(world.clock()))


class TestKeys:
    """Where a provider's keys come from."""

    @pytest.mark.parametrize("algorithm", ALL)
    @pytest.mark.parametrize("key_id", ["k1", None])
    def test_each_algorithm_works(
        self, stores: FormationStores, clock: TestClock, algorithm: str, key_id: str | None
    ) -> None:
        """With a named key, and with the only one."""
        world = World(stores, clock, IdentityProvider(algorithm, key_id))
        assert world.associate(world.token()).new

    def test_keys_are_fetched_once_over_http(
        self, stores: FormationStores, clock: TestClock, idp: IdentityProvider
    ) -> None:
        """And kept; a token of an unknown key does not make the provider be asked each time."""
        with serving_jwks(idp.jwks) as server:
            world = World(stores, clock, idp, jwks_url=server.url)
            for sub in ("one", "two", "three"):
                assert world.associate(world.token(sub=sub)).new
            stranger = IdentityProvider(key_id="unknown")
            for _ in range(3):
                with pytest.raises(InvalidProofError):
                    world.associate(stranger.token(clock()))
            assert server.asked == 1

    @pytest.mark.parametrize(
        ("status", "body"), [(500, b""), (200, b"<html>"), (200, b"[]"), (200, b'{"keys": []}'), (302, b"")]
    )
    def test_a_provider_that_fails_is_said_to(
        self, stores: FormationStores, clock: TestClock, idp: IdentityProvider, status: int, body: bytes
    ) -> None:
        """Not that the token is wrong; it works when the provider is back."""
        with serving_jwks(idp.jwks) as server:
            good, server.body, server.status = server.body, body, status
            world = World(stores, clock, idp, jwks_url=server.url)
            with pytest.raises(IdentityProviderError):
                world.associate(world.token())
            server.body, server.status = good, 200
            assert world.associate(world.token()).new

    def test_a_provider_that_is_gone_is_said_to_be(
        self, stores: FormationStores, clock: TestClock, idp: IdentityProvider
    ) -> None:
        """Nobody listens at the address."""
        with serving_jwks(idp.jwks) as server:
            url = server.url
        world = World(stores, clock, idp, jwks_url=url)
        with pytest.raises(IdentityProviderError):
            world.associate(world.token())
