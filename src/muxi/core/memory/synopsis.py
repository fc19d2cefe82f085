"""A short text about a user, in two tiers: who they are, which rarely changes, and what they like, do and want."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, Protocol

from muxi.core.memory.document import MISSING, node_at, replay, standing, value_of
from muxi.core.memory.facts import Fact
from muxi.core.memory.paths import keys_of
from muxi.core.memory.values import written
from muxi.core.models.base import Known
from muxi.core.tokens import cut, tokens
from muxi.ids import UserId

Tier = Literal["identity", "current"]
TIERS: tuple[Tier, ...] = ("identity", "current")
#: Tokens of a tier at most.
MOST_TOKENS = 200
#: Tokens of one value in it.
MOST_OF_A_VALUE = 60

# By the first key of its path a fact is about who the user is; all else is current.
_IDENTITY = frozenset(
    {
        "name", "nickname", "age", "birthday", "gender", "pronouns", "location", "work", "education", "languages",
        "relations", "pets", "health", "time_zone", "contact",
    }
)  # fmt: skip
# How what stands at a path is said; {} is the value. The order is that of the text.
_PHRASES: Mapping[str, str] = {
    "name": "Name: {}.",
    "nickname": "Called {}.",
    "age": "Aged {}.",
    "birthday": "Born {}.",
    "location.city": "Lives in {}.",
    "location.region": "Region: {}.",
    "location.country": "Country: {}.",
    "location.origin": "Comes from {}.",
    "work.role": "Works as {}.",
    "work.employer": "Works at {}.",
    "languages": "Speaks {}.",
    "health.allergies": "Allergic to {}.",
    "health.avoids": "Does not eat {}.",
    "health.diet": "Diet: {}.",
    "time_zone": "Time zone: {}.",
    "preferences.likes": "Likes {}.",
    "preferences.dislikes": "Dislikes {}.",
    "goals": "Wants to {}.",
    "budget": "Budget: {}.",
}
_ORDER = {path: place for place, path in enumerate(_PHRASES)}


@dataclass(frozen=True, slots=True)
class Synopsis:
    """One tier, as it is kept.

    Attributes:
        tier: which.
        text: what it says.
        basis: hash of the facts that it was made of.
        model: what wrote it; empty: the template.
        made_at: when, in UTC.
    """

    tier: Tier
    text: str
    basis: str
    model: str
    made_at: datetime


@dataclass(frozen=True, slots=True)
class State:
    """What a user's synopsis rests on.

    Attributes:
        version: changes whenever the facts or the synopses do.
        wanted: false: the user has opted out of being read, under whichever name. No synopsis is made then.
    """

    version: tuple[object, ...]
    wanted: bool = True


class SynopsisStore(Protocol):
    """Synopses. Bound to one formation; ``user_id`` is a canonical user."""

    def state(self, user_id: UserId) -> State:
        """How it stands with a user."""

    def read(self, user_id: UserId) -> list[Synopsis]:
        """What is kept of a user."""

    def write(self, user_id: UserId, synopses: Sequence[Synopsis], state: State) -> bool:
        """Keeps synopses that were made of a state; false: it has changed since, and nothing was kept."""

    def spend(self, user_id: UserId, today: str, most: int) -> bool:
        """Counts a model call of a user on a day; false: there were as many as there may be, and none is to be made."""


def known(facts: Sequence[Fact]) -> list[tuple[Known, float]]:
    """What a user's context holds, a value a path, each with its importance; the most important first.

    Args:
        facts: that hold, in the order in which they were last said.
    """
    tree = replay(facts)
    at: dict[str, list[Fact]] = {}
    for fact in standing(tree):
        at.setdefault(fact.path, []).append(fact)
    found = []
    for path, said in at.items():
        value = value_of(node_at(tree, path))
        if value is not MISSING:
            since, importance = max(fact.last_at for fact in said), max(fact.importance for fact in said)
            found.append((Known(path, shown(value), since), importance))
    return sorted(found, key=lambda one: (-one[1], one[0].path))


def shown(value: Any) -> str:
    """A value of the context as a text."""
    if isinstance(value, str):
        return value
    if isinstance(value, list) and all(isinstance(one, str | int | float) for one in value):
        return ", ".join(map(str, value))
    return written(value)


def tier_of(path: str) -> Tier:
    """The tier to which a path belongs."""
    return "identity" if keys_of(path)[0] in _IDENTITY else "current"


def basis(facts: Iterable[Known]) -> str:
    """What says whether a text about these facts is still right."""
    told = "\n".join(sorted(f"{one.path}\t{one.value}" for one in facts))
    return hashlib.blake2b(told.encode(errors="replace"), digest_size=16).hexdigest()


def templated(facts: Sequence[Known]) -> str:
    """The facts as sentences, the most telling first, as far as there is room."""
    said, room = [], MOST_TOKENS
    for one in sorted(facts, key=lambda one: _ORDER.get(one.path, len(_ORDER))):
        phrase = _PHRASES.get(one.path) or f"{_label(one.path)}: {{}}."
        sentence = phrase.replace("{}", cut(" ".join(one.value.split()), MOST_OF_A_VALUE).rstrip("."))
        room -= tokens(sentence) + 1
        if room < 0:
            break
        said.append(sentence)
    return " ".join(said)


def _label(path: str) -> str:
    keys = [key.replace("_", " ") for key in keys_of(path) if key not in ("preferences", "relations", "events", "name")]
    label = " ".join(keys or keys_of(path))
    return label[:1].upper() + label[1:]
