"""What can be set about proof, anonymous users and chat commands."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from muxi.core.identity.id_tokens import IdTokens, Provider
from muxi.errors import SettingsError
from muxi.settings import FormationSettings

OIDC: dict[str, Any] = {
    "issuer": "https://login.example.com",
    "audience": "our-app",
    "jwks_url": "https://login.example.com/jwks",
}


def checked(**oidc: object) -> FormationSettings:
    return FormationSettings.model_validate({"identity": {"oidc": [OIDC | oidc]}})


def test_what_holds_unless_set() -> None:
    """Thirty days for anonymous users, no providers, no commands."""
    settings = FormationSettings()
    assert settings.identity.anonymous_ttl == 30 * 86_400
    assert settings.identity.oidc == () and settings.chat.commands is False


def test_a_provider_is_set() -> None:
    """With the algorithms that are signed with, never a shared secret's."""
    (provider,) = checked().identity.oidc
    assert provider.algorithms == ("RS256", "ES256", "EdDSA") and provider.audience == "our-app"
    assert checked(jwks_url="http://localhost:8080/jwks").identity.oidc[0].jwks_url == "http://localhost:8080/jwks"


@pytest.mark.parametrize(
    "wrong",
    [
        {"jwks_url": None},
        {"jwks": {"keys": []}},
        {"jwks_url": "http://login.example.com/jwks"},
        {"jwks_url": "file:///etc/passwd"},
        {"jwks_url": "https://["},
        {"issuer": "http://login.example.com"},
        {"issuer": ""},
        {"audience": ""},
        {"algorithms": ["HS256"]},
        {"algorithms": ["none"]},
        {"algorithms": []},
        {"jwks_url": None, "jwks": {}},
        {"jwks_url": None, "jwks": {"keys": ["key"]}},
        {"secret": "x"},
    ],
    ids=repr,
)
def test_a_wrong_provider_is_refused(wrong: dict[str, object]) -> None:
    """Keys from one place, over https, for public-key signatures."""
    with pytest.raises(ValidationError):
        checked(**wrong)


@pytest.mark.parametrize("keys", [[], [{}], [{"kty": "oct", "k": "AAAA", "alg": "nonsense"}]])
def test_keys_that_cannot_be_used_are_a_wrong_setting(keys: list[dict[str, str]]) -> None:
    """Said when the formation opens, not at the first token."""
    provider = Provider("https://login.example.com", "our-app", ("ES256",), jwks={"keys": keys})
    with pytest.raises(SettingsError):
        IdTokens([provider], None, None, None)  # type: ignore[arg-type]
