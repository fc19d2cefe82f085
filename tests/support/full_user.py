"""A user with rows in every table: as many kinds of them as there are."""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta
from pathlib import Path

from muxi.core.access.repeats import Answer, Begun
from muxi.core.chat import reply as recipe
from muxi.core.chat.types import Turn
from muxi.core.credentials.envelope import new_master_key
from muxi.core.formation import Formation
from muxi.core.identity.types import IdentifierInput
from muxi.core.memory.edit_store import Edit
from muxi.core.memory.facts import Origin
from muxi.core.memory.service import Draft
from muxi.core.models.base import ChatModel
from muxi.core.models.providers.quote import QuoteModel
from muxi.errors import SettingsError
from muxi.ids import UserId
from muxi.settings import CredentialSettings, FormationSettings, MemorySettings, PersistentSettings
from tests.support.extraction import bury
from tests.support.packing import pack
from tests.support.vectors import WordVectors

MASTER_KEY = new_master_key()


def opened(address: str, formation_id: str, owner: str | None = None, **models: ChatModel) -> Formation:
    """A formation on a database, with vectors that cost nothing."""
    provider = "postgres" if address.startswith("postgres") else "sqlite"
    persistent = PersistentSettings.model_validate(
        {"provider": provider, "connection_string": address, "owner_connection_string": owner}
    )
    settings = FormationSettings(
        id=formation_id,
        memory=MemorySettings(persistent=persistent),
        credentials=CredentialSettings.model_validate({"master_key": MASTER_KEY}),
    )
    return Formation.open(settings, Path(), chat_model=QuoteModel(), embedding_model=WordVectors(), **models)


async def said(formation: Formation, who: IdentifierInput, text: str, key: str | None = None) -> None:
    """One turn, and what is read behind it."""
    await recipe.reply(formation, Turn(text, who, None, None, {"from": "test"}, key))
    assert formation.extraction.settled()


async def full_user(formation: Formation, name: str) -> UserId:
    """Two users who wrote, were merged, and wrote again; with something in every table."""
    mail, slack = f"{name}@x.org", (f"U{name}", "slack")
    await said(formation, mail, f"{name} likes tea", f"{name}-1")
    await said(formation, slack, f"{name} likes rain")
    first = formation.identities.resolve(mail).id
    formation.identities.associate([(f"key-of-{name}", "api_key")], first)
    formation.merges.merge([mail, slack], into=mail)
    await said(formation, slack, f"{name} likes umbrellas")
    formation.memories.add(
        first, [Draft(f"a note on {name} \u2028 ünïcode 🎈", {"n": [1, None, "x"]}, session_id="own")]
    )
    [_, note] = formation.memories.newest(first, limit=2).items
    formation.edits.edit(first, note.id, Edit(importance=0.9))
    formation.context.merge(first, {"likes": ["tea", name], "a.b": {"c": None}}, Origin("test", 0.7))
    formation.context.set(first, r"a\.b.c", 1.5)
    bury(formation, first)
    formation.profiles.of(first)
    assert formation.extraction.settled()
    formation.sessions.clear_buffer(first, "assistant")
    formation.agents.set_default(first, "assistant")
    with suppress(SettingsError):  # where no master key is set
        formation.credentials.put(first, "github", f"secret of {name}", expires_in=timedelta(days=1))
        formation.credentials.put(first, "github", f"second of {name}", "work", {"n": 1})
    formation.teams.add_member(formation.teams.create(f"team of {name}").id, first)
    formation.proofs.start_verification(mail, (f"{name}-phone", "telegram"))
    formation.access.keys.create(role="user", user_id=first)
    formation.access.tokens.revoke_all(first)
    repeats = formation.access.repeats
    begun = repeats.begin(repeats.asked("key", first, f"key of {name}", "", b"POST /v1/chat"))
    assert isinstance(begun, Begun)
    repeats.finish(begun, Answer(200, "text/plain", f"answer to {name}".encode(), first))
    pack(formation, first)
    return first
