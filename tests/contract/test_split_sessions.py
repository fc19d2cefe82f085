"""What was said in one's session while two users were one: after a split it is the survivor's, and nobody else's."""

from __future__ import annotations

from muxi.core.chat import reply as recipe
from muxi.core.chat.search import search
from muxi.core.chat.types import Turn
from muxi.core.formation import Formation
from muxi.core.sessions.types import USER

ALICE, BOB = "alice@acme.com", "bob@acme.com"


async def said(formation: Formation, who: str, text: str, session: str) -> str:
    return (await recipe.reply(formation, Turn(text, who, session, None, {}, None))).text


async def test_a_session_keeps_what_its_own_user_said(formation: Formation) -> None:
    """Alice, merged with Bob by mistake, speaks in his session: split again, he reads and is told nothing of it."""
    await said(formation, BOB, "My boat is green", "talk")
    await said(formation, ALICE, "My cat is blue", "own")
    bob, alice = (formation.identities.get(one).id for one in (BOB, ALICE))
    [session] = formation.sessions.newest(bob).items

    def log(user: str) -> list[str]:
        messages = formation.sessions.messages(formation.identities.get(user).id, session.id).items
        return [one.text for one in messages if one.role == USER]

    merge = formation.merges.merge([BOB], into=ALICE)
    await said(formation, ALICE, "My violet secret", session.id)
    assert log(alice) == ["My violet secret", "My boat is green"]

    formation.merges.split(merge.id)

    assert log(bob) == ["My boat is green"]
    window = await search(formation, "violet secret", user=BOB)
    assert {one.memory.text for one in window if one.memory.kind == "said" and "boat" in one.memory.text}
    assert not [one.memory.text for one in window if "violet" in one.memory.text]
    place = formation.sessions.open(bob, session.id, 10)
    assert not [text for _, text in place[1] if "violet" in text]
    place = formation.sessions.open(bob, "talk", 10)
    assert not [text for _, text in place[1] if "violet" in text]
    assert "violet" not in await said(formation, BOB, "What is the secret?", session.id)
