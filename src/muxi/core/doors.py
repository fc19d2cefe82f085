"""Access, wired by hand: keys, tokens, roles and refusals of one formation."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from pathlib import Path

from muxi.core.access.built_in import Keys
from muxi.core.access.denials import Denials
from muxi.core.access.keys import ApiKeys
from muxi.core.access.remembered import Remembered
from muxi.core.access.repeats import Repeats
from muxi.core.access.roles import Roles
from muxi.core.access.tokens import Tokens
from muxi.core.clock import Clock
from muxi.core.identity.id_tokens import IdTokens, Provider
from muxi.core.identity.service import Identities
from muxi.core.keys_file import open_keys
from muxi.core.sessions.service import Lifetimes
from muxi.settings import AccessSettings, FormationSettings, OidcSettings
from muxi.storage.open import FormationStores


@dataclass(frozen=True, slots=True)
class Access:
    """Who may do what in one formation.

    Attributes:
        keys: of applications.
        tokens: of users.
        outside: tokens of users from identity providers.
        roles: what each may do.
        denials: what was refused.
        repeats: requests that may be sent again.
    """

    keys: ApiKeys
    tokens: Tokens
    outside: IdTokens
    roles: Roles
    denials: Denials
    repeats: Repeats

    def close(self) -> None:
        """Writes down what waits."""
        self.keys.close()


def open_access(
    settings: FormationSettings, stores: FormationStores, identities: Identities, data_dir: Path, clock: Clock
) -> Access:
    """Builds access to one formation.

    Args:
        settings: what was set.
        stores: bound to the formation.
        identities: says whom an identifier means.
        data_dir: where the file with the keys is that are not set; looked at when a key is needed.
        clock: the time, in UTC.
    """
    known = Remembered(stores.keys.watch)
    roles = Roles(stores.roles, known, clock)
    keys = ApiKeys(
        stores.keys,
        roles,
        stores.hash_key,
        settings.id,
        settings.access.environment,
        _built_in(settings, data_dir),
        known,
        clock,
    )
    tokens = Tokens(stores.tokens, stores.hash_key, settings.id, settings.access.token_algorithm, known, clock)
    outside = IdTokens(providers(settings.access.issuers, any_client=True), stores.proofs, identities, clock)
    repeats = Repeats(stores.repeats, stores.hash_key, clock)
    return Access(keys, tokens, outside, roles, Denials(stores.keys, clock), repeats)


def lifetimes(settings: AccessSettings) -> Lifetimes:
    """When sessions that are opened by themselves end."""
    idle, whole = settings.session_idle, settings.session_lifetime
    return Lifetimes(timedelta(seconds=idle) if idle else None, timedelta(seconds=whole) if whole else None)


def providers(settings: Sequence[OidcSettings], *, any_client: bool = False) -> list[Provider]:
    """Whose tokens are believed; with ``any_client`` also those that were given to other applications of the provider
    for our audience, as access tokens are."""
    return [
        Provider(one.issuer, one.audience, one.algorithms, one.jwks_url, one.jwks, any_client=any_client)
        for one in settings
    ]


def _built_in(settings: FormationSettings, data_dir: Path) -> Callable[[], Keys]:
    @cache
    def built_in() -> Keys:
        return open_keys([settings], data_dir)[settings.id]

    return built_in
