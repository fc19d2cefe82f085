"""The register of routes: how a random call of each is made, and what its answer may show."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.fuzz.connection import Answer
from tests.fuzz.model import ACTING, Call
from tests.fuzz.pick import Pick
from tests.fuzz.rules import Route
from tests.fuzz.world import World

#: Makes the address and the body of a call.
Make = Callable[[Pick], tuple[str, Any]]
#: Keeps what a success has given, to be used by later calls.
Learn = Callable[[World, Call, Answer], None]


@dataclass(frozen=True, slots=True)
class Way:
    """How a route is called.

    Attributes:
        make: makes its calls.
        weight: how often, beside the others.
        shows: kinds of words that its answers may hold.
        of: whose.
        any_with: the permission with which the user in its address may be anybody.
        names: how it takes the acting user: "body" (or a header), "header", "proven", "team" (its maker names them), or
            "": it does not look.
        content_type: of what is sent.
        more: whether more than its permission may be wanted.
        learn: keeps what a success gave.
    """

    make: Make
    weight: float = 1.0
    shows: str = ""
    of: str = ACTING
    any_with: str = ""
    names: str = "header"
    content_type: str = "application/json"
    more: bool = False
    learn: Learn | None = None


WAYS: dict[Route, Way] = {}


def way(method: str, path: str, **more: Any) -> Callable[[Make], Make]:
    """Registers how a route is called."""

    def register(make: Make) -> Make:
        WAYS[method, path] = Way(make, **more)
        return make

    return register


def random_call(world: World, route: Route) -> Call:
    """A call of a route: by a random caller, for a random user."""
    found, pick = WAYS[route], Pick(world)
    call = pick.call
    call.route, call.shows, call.of, call.any_with, call.more = route, found.shows, found.of, found.any_with, found.more
    call.names_user = found.names != ""
    if found.names and found.names != "team":
        pick.name_user(body=found.names == "body", proven=found.names == "proven")
    address, body = found.make(pick)
    return pick.finish(address, body, found.content_type)


def learn(world: World, call: Call, answer: Answer) -> None:
    """Keeps what a success showed: ids of their owner, and what may be used up."""
    found = WAYS[call.route]
    acting = call.target or call.credential.bound or call.person
    if call.team:
        world.note(call.team, answer)
    elif acting is not None and acting.formation == call.formation and found.of == ACTING:
        world.note(acting.name, answer)
    if found.learn is not None:
        found.learn(world, call, answer)


def keeps(kind: str, name: str) -> Learn:
    """Keeps a member of an answer as something to be used up."""

    def keep(world: World, call: Call, answer: Answer) -> None:
        value = answer.json
        for part in name.split("."):
            value = value.get(part) if isinstance(value, dict) else None
        if value:
            world.spare[call.formation, kind].append(value)

    return keep
