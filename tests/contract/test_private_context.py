"""What is private gets into no context, by whichever way it is written, on each database."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from muxi.core.formation import Formation
from muxi.core.memory.context import Context
from muxi.core.memory.context_schema import ContextSchema
from muxi.core.memory.facts import Change
from muxi.core.orchestrator import Orchestrator
from muxi.errors import InvalidContextError
from muxi.ids import UserId
from tests.conftest import TestClock
from tests.support.formations import open_formation
from tests.support.sentinels import left_in_tables

CARD = "4111 1111 1111 1111"
IBAN = "DE89 3704 0044 0532 0130 00"
KEY = "sk-proj-abcdefghijklmnopqrstuvwxyz0123456789ABCD"  # pragma: allowlist secret
Opened = Callable[[str], Formation]


@pytest.fixture
def opened(database_url: str, clock: TestClock) -> Iterator[Opened]:
    """Opens a formation with this setting."""
    made: list[Formation] = []

    def open_it(private_values: str) -> Formation:
        provider = "postgres" if database_url.startswith("postgresql") else "sqlite"
        persistent = {"provider": provider, "connection_string": database_url, "pool_size": 4}
        memory = {"persistent": persistent, "private_values": private_values}
        made.append(open_formation(database_url, clock, memory=memory))
        return made[-1]

    yield open_it
    for one in made:
        one.close()


def alice(formation: Formation) -> UserId:
    return formation.identities.resolve("alice@acme.com").id


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ({"card": CARD}, {"card": "[payment card]"}),
        ({"card": 4111111111111111}, {"card": "[payment card]"}),
        ({"notes": f"pays with {CARD}, likes tea"}, {"notes": "pays with [payment card], likes tea"}),
        ({"banks": ["Acme", IBAN]}, {"banks": ["Acme", "[bank account]"]}),
        ({"a": {"b": [{"c": [KEY]}]}}, {"a": {"b": [{"c": ["[api key]"]}]}}),
        ({"wifi": {"password": "blue sky 77"}}, {"wifi": {"password": "[password]"}}),
        ({"vaultPassword": "secret"}, {"vaultPassword": "[password]"}),
        ({"logins": [{"site": "x.org", "pwd": "Never!"}]}, {"logins": [{"site": "x.org", "pwd": "[password]"}]}),
        ({"pin": 1234}, {"pin": "[password]"}),
        ({"ssn": "123-45-6789"}, {"ssn": "[national id]"}),
    ],
)
def test_values(opened: Opened, given: dict[str, Any], kept: dict[str, Any]) -> None:
    """Texts and numbers, alone, within lists and objects, each by itself or by the key before it."""
    formation = opened("redact")
    user = alice(formation)
    formation.context.merge(user, given)
    assert formation.context.get(user) == kept


def test_what_is_not_private_stays(opened: Opened) -> None:
    """As it was given, of the same type."""
    known = {
        "name": "Ann",
        "phone": "+1 555 010 4477",
        "budget": 5000,
        "born": "1990-04-12",
        "seen_ms": 1700000000123,
        "passport_expires": "2031-05-01",
        "password_manager": "Bitwarden",
        "has_password": True,
        "ratio": 0.4111111111111111,
        "list": [1, "two", {"three": None}],
        "tax": {"country": "Germany"},
    }
    formation = opened("redact")
    user = alice(formation)
    formation.context.merge(user, known)
    assert formation.context.get(user) == known


async def test_every_way_in(opened: Opened) -> None:
    """The documented names, single values, lists and several changes: no word of it is in any table."""
    formation = opened("redact")
    orchestrator = Orchestrator(formation=formation)
    await orchestrator.add_user_context_memory("alice@acme.com", {"card": CARD})
    await orchestrator.update_user_context_memory("alice@acme.com", "bank", IBAN)
    await orchestrator.update_user_context_memory("alice@acme.com", "cards", CARD, op="add")
    await orchestrator.update_user_context_memory("alice@acme.com", "cards", "5500 0000 0000 0004", op="add")
    await orchestrator.chat(f"My name is Alice. My budget is {CARD}.", user_id="alice@acme.com")
    await orchestrator.add_user_memory("alice@acme.com", f"my key is {KEY}")
    assert formation.extraction.settled()
    user = alice(formation)
    formation.context.write(user, [Change("set", "a", [IBAN]), Change("set", "b", {"c": KEY})])
    known = formation.context.get(user)
    assert (known["card"], known["bank"], known["cards"]) == ("[payment card]", "[bank account]", ["[payment card]"])
    assert (known["a"], known["b"]) == (["[bank account]"], {"c": "[api key]"})
    assert left_in_tables(formation.storage, [CARD, IBAN, KEY, "5500 0000 0000 0004"]) == set()
    formation.context.remove(user, "cards", CARD)
    assert "cards" not in formation.context.get(user)


@pytest.mark.parametrize(
    "given", [{CARD: "mine"}, {"a": {IBAN: 1}}, {"a": [{KEY: 1}]}, {"my password is swordfish": 1}]
)
def test_keys(opened: Opened, given: dict[str, Any]) -> None:
    """A key that is private is refused, nothing of the call is written, and the error does not repeat it."""
    formation = opened("redact")
    user = alice(formation)
    with pytest.raises(InvalidContextError, match="private value") as caught:
        formation.context.merge(user, {"name": "Ann"} | given)
    assert formation.context.get(user) == {}
    told = str(caught.value) + str(caught.value.details)
    assert not any(word in told for word in (CARD, IBAN, KEY, "swordfish"))


def test_it_can_be_switched_off(opened: Opened) -> None:
    """private_values: keep; what was kept then can be deleted and forgotten once the filter is on."""
    keeping = opened("keep")
    user = alice(keeping)
    given = {"card": CARD, "pin": 1234, IBAN: "mine"}
    keeping.context.merge(user, given)
    assert keeping.context.get(user) == given
    formation = opened("redact")
    assert formation.context.delete(user, IBAN) and formation.context.delete(user, "card", forget=True)
    assert formation.context.get(user) == {"pin": 1234}


def test_what_is_found_is_filtered_once_more(opened: Opened, clock: TestClock) -> None:
    """Changes inside the transaction of an extraction: keys are refused and told of, values cut, the rest written."""
    formation = opened("redact")
    user = alice(formation)
    store = formation.storage.for_formation("f", clock()).facts
    changes = [Change("set", CARD, 1), Change("set", "card", CARD), Change("set", "name", "Ann")]
    with store.writing(user) as writer:
        plan, refused = formation.context.write_what_fits(writer, user, changes, clock())
    assert len(plan.added) == 2 and ["private value" in str(one) for one in refused] == [True]
    assert formation.context.get(user) == {"card": "[payment card]", "name": "Ann"}


def test_a_schema_sees_what_is_kept(opened: Opened, clock: TestClock) -> None:
    """A number that has to be one is refused rather than stored as a text."""
    formation = opened("redact")
    user = alice(formation)
    store = formation.storage.for_formation("f", clock()).facts
    context = Context(store, clock, ContextSchema({"properties": {"card": {"type": "integer"}}}))
    with pytest.raises(InvalidContextError):
        context.merge(user, {"card": 4111111111111111})
    assert context.get(user) == {}
