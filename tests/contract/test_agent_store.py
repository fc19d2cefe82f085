"""What every agent store does, on each database."""

from __future__ import annotations

from muxi.core.identity.service import Identities
from muxi.storage.open import FormationStores
from tests.conftest import TestClock


class TestDefault:
    """Which agent a user talks to."""

    def test_the_last_one_set_counts_for_this_user_only(
        self, stores: FormationStores, other_stores: FormationStores, clock: TestClock
    ) -> None:
        """Nobody else's default changes, nor the same user's id in another formation."""
        identities = Identities(stores.identity, stores.hash_key, clock)
        alice, bob = identities.resolve("alice@acme.com").id, identities.resolve("bob@acme.com").id
        stores.agents.set_default(alice, "first")
        stores.agents.set_default(alice, "second")
        assert stores.agents.default(alice) == "second"
        assert stores.agents.default(bob) is None and other_stores.agents.default(alice) is None
