"""Access tokens of an identity provider, as tokens of users: what is checked of them, and whom they mean."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest

from muxi.core.access.policy import ROLES
from muxi.core.formation import Formation
from muxi.errors import AuthenticationError, UserDisabledError
from muxi.server.authentication import enter
from tests.conftest import TestClock
from tests.support.formations import open_formation
from tests.support.identity_provider import AUDIENCE, ISSUER, IdentityProvider

PROVIDER, STRANGER = IdentityProvider(), IdentityProvider()
SUBJECT = (f"{ISSUER}|alice", "oidc")


@pytest.fixture
def formation(database_url: str, clock: TestClock) -> Iterator[Formation]:
    issuer = {"issuer": ISSUER, "audience": AUDIENCE, "jwks": PROVIDER.jwks}
    opened = open_formation(database_url, clock, access={"issuers": [issuer]})
    yield opened
    opened.close()


async def entered(formation: Formation, token: str) -> str | None:
    """The user whom a token is of; ``None``: it opens nothing."""
    try:
        found = await enter(formation, "Authorization", token)
    except AuthenticationError:
        return None
    assert found.permissions == ROLES["user"].permissions
    return found.bound


async def test_its_subject_is_an_identifier(formation: Formation, clock: TestClock) -> None:
    """The first token makes a user, the next one finds them, also by what was linked to them meanwhile."""
    token = PROVIDER.token(clock.now, "alice", azp="some-client-of-theirs")
    user_id = await entered(formation, token)
    assert user_id == formation.identities.get(SUBJECT).id
    email = formation.identities.associate(["alice@acme.com"], SUBJECT)
    assert email.id == user_id == await entered(formation, token)
    assert await entered(formation, PROVIDER.token(clock.now, "bob")) not in (None, user_id)


async def test_a_wrong_one_opens_nothing(formation: Formation, clock: TestClock) -> None:
    """Another signer, issuer or audience, an old or a future one: refused, and nobody is made."""
    later = clock.now + timedelta(hours=1)
    wrong = [
        STRANGER.token(clock.now, "alice"),
        PROVIDER.token(clock.now, "alice", iss="https://evil.example"),
        PROVIDER.token(clock.now, "alice", aud="another-app"),
        PROVIDER.token(clock.now - timedelta(hours=1), "alice"),
        PROVIDER.token(later, "alice"),
        PROVIDER.token(clock.now, None),
        "a.b.c",
    ]
    assert [await entered(formation, token) for token in wrong] == [None] * len(wrong)
    assert formation.identities.find(SUBJECT) is None


async def test_id_tokens_that_link_do_not_open(database_url: str, clock: TestClock) -> None:
    """An issuer whose ID tokens link accounts is not thereby trusted to let users in."""
    issuer = {"issuer": ISSUER, "audience": AUDIENCE, "jwks": PROVIDER.jwks}
    formation = open_formation(database_url, clock, identity={"oidc": [issuer]})
    assert await entered(formation, PROVIDER.token(clock.now, "alice")) is None
    formation.close()


async def test_a_disabled_user_stays_outside(formation: Formation, clock: TestClock) -> None:
    """The provider's word does not let in whom the formation has shut out."""
    token = PROVIDER.token(clock.now, "alice")
    await entered(formation, token)
    formation.users.disable(SUBJECT)
    with pytest.raises(UserDisabledError):
        await enter(formation, "Authorization", token)
