"""Whether "not there" and "not yours" are one answer, and take one time."""

from __future__ import annotations

import json
import re
import statistics
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from muxi.ids import new_credential_id, new_key_id, new_memory_id, new_merge_id, new_session_id, new_user_id
from tests.fuzz.connection import Answer, Connection
from tests.fuzz.model import Credential, Person
from tests.fuzz.words import ID, LABEL
from tests.fuzz.world import FORMATIONS, World

#: The two may differ by so many milliseconds, or by so many times the shorter: of medians, taken in turns.
MOST_MS, MOST_TIMES = 1.0, 0.75
TWO_TIMES, TRIES = "two times", 3
#: What stands for the id that was asked for, and what differs from answer to answer anyway.
_ASKED = re.compile(r'"request_id": ?"[^"]*"|zq[a-z]\d{4}[a-z]{8}|nobody-at-all-\d+')


@dataclass(frozen=True, slots=True)
class Asked:
    """One of a pair."""

    method: str
    path: str
    body: Any = None
    user: str = ""


@dataclass(frozen=True, slots=True)
class Pair:
    """Two questions that must be answered alike: about something of somebody else, and about nothing.

    Attributes:
        name: of the route, and who asks.
        credential: who asks.
        theirs: makes the question about somebody else's.
        none: makes the question about what is not there.
    """

    name: str
    credential: Credential
    theirs: Callable[[], Asked]
    none: Callable[[], Asked]


@dataclass(frozen=True, slots=True)
class Verdict:
    """How a pair was answered.

    Attributes:
        name: of the pair.
        status: of both; 0 if they differ.
        theirs_ms, none_ms: medians.
        fault: what is wrong, or nothing.
    """

    name: str
    status: int
    theirs_ms: float
    none_ms: float
    fault: str


def pairs_of(world: World) -> Iterable[Pair]:
    """Every pair, by a key that acts for anybody and by one that acts for one person."""
    formation, elsewhere = FORMATIONS[0], FORMATIONS[1]
    people = [one for one in world.persons[formation] if not one.disabled]
    me = people[0]
    other = next(one for one in people[1:] if not world.model.same(me, one))
    client = next(one for one in world.credentials if one.name == "client key" and one.formation == formation)
    own = next(one for one in world.credentials if one.bound is me and one.opens(formation) and one.key_id)
    for credential, user in ((client, me.user_id), (own, "")):
        yield from _of_things(world, credential, user, other)
        yield from _of_things(world, credential, user, world.persons[elsewhere][0])
    yield from _of_people(own, other)
    yield from _of_formations(world, world.admins[formation], world.persons[elsewhere][0])


def _of_things(world: World, credential: Credential, user: str, other: Person) -> Iterable[Pair]:
    def name(route: str) -> str:
        return f"{route} of {other.formation} by {credential.name}"

    def ids(prefix: str) -> list[str]:
        return [one for one in world.seen_ids[other.name, prefix] if world.model.ids[one] == {other.name}]

    def id(prefix: str) -> str:
        return world.rng.choice(ids(prefix))

    rows: list[tuple[str, str, str, Any, Callable[[], str]]] = [
        ("get", "/v1/sessions/{}/messages", "ses", None, new_session_id),
        ("post", "/v1/sessions/{}/end", "ses", None, new_session_id),
        ("delete", "/v1/memories/{}", "mem", None, new_memory_id),
        ("post", "/v1/chat", "ses", {"message": "Hello"}, new_session_id),
    ]
    for method, path, prefix, body, new in rows:
        if ids(prefix):
            yield Pair(
                name(f"{method} {path}"),
                credential,
                lambda method=method, path=path, prefix=prefix, body=body: _asked(method, path, id(prefix), body, user),  # type: ignore[misc]
                lambda method=method, path=path, new=new, body=body: _asked(method, path, new(), body, user),  # type: ignore[misc]
            )
    if not user:  # a key that acts for anybody needs a proven identifier here, whatever is asked for
        label = world.words.of(other.name, LABEL)
        yield Pair(
            name("delete /v1/credentials"),
            credential,
            lambda: Asked("delete", f"/v1/credentials/github/{label}"),
            lambda: Asked("delete", f"/v1/credentials/github/nobody-at-all-{world.number()}"),
        )


def _asked(method: str, path: str, id: str, body: Any, user: str) -> Asked:
    if body is not None:
        return Asked(method, path, body | {"session_id": id}, user)
    return Asked(method, path.format(id), None, user)


def _of_people(own: Credential, other: Person) -> Iterable[Pair]:
    """Of a key that acts for one person, who asks about another one."""
    number = iter(range(10**9))
    for path in ("/v1/memories", "/v1/context", "/v1/sessions", "/v1/identifiers", "/v1/credentials"):
        yield Pair(
            f"get {path} for {other.formation}'s user by {own.name}",
            own,
            lambda path=path: Asked("get", path, user=other.identifiers[0][0]),  # type: ignore[misc]
            lambda path=path: Asked("get", path, user=f"nobody-at-all-{next(number)}@example.com"),  # type: ignore[misc]
        )
    for path in ("/v1/users/{}", "/v1/users/{}/export"):
        yield Pair(
            f"get {path} by {own.name}",
            own,
            lambda path=path: Asked("get", path.format(other.user_id)),  # type: ignore[misc]
            lambda path=path: Asked("get", path.format(new_user_id())),  # type: ignore[misc]
        )


def _of_formations(world: World, admin: Credential, other: Person) -> Iterable[Pair]:
    """Of one formation's administrator, who asks about another formation."""
    key = next(one for one in world.credentials if one.formation == other.formation and one.key_id)
    merge = next((one for one in world.seen_ids[other.name, "mrg"]), new_merge_id())
    rows: list[tuple[str, str, str, Callable[[], str], Any]] = [
        ("get", "/v1/users/{}", other.user_id, new_user_id, None),
        ("get", "/v1/users/{}/details", other.user_id, new_user_id, None),
        ("get", "/v1/users/{}/export", other.user_id, new_user_id, None),
        ("post", "/v1/users/{}/disable", other.user_id, new_user_id, None),
        ("delete", "/v1/users/{}", other.user_id, new_user_id, None),
        ("get", "/v1/keys/{}", key.key_id, new_key_id, None),
        ("delete", "/v1/keys/{}", key.key_id, new_key_id, None),
        ("post", "/v1/keys/{}/rotate", key.key_id, new_key_id, {}),
        ("post", "/v1/extraction/failures/{}/replay", "exf_01h455vb4pex5vsknk084sn02q", new_credential_id, None),
        ("post", "/v1/users/split", merge, new_merge_id, {"merge_id": ""}),
    ]
    for method, path, theirs, new, body in rows:
        yield Pair(
            f"{method} {path} of {other.formation} by the admin key",
            admin,
            lambda method=method, path=path, theirs=theirs, body=body: _filled(method, path, theirs, body),  # type: ignore[misc]
            lambda method=method, path=path, new=new, body=body: _filled(method, path, new(), body),  # type: ignore[misc]
        )


def _filled(method: str, path: str, id: str, body: Any) -> Asked:
    return Asked(method, path.format(id), {"merge_id": id} if body and "merge_id" in body else body)


async def judge(connection: Connection, pair: Pair, times: int) -> Verdict:
    """Asks both in turns, and compares; what differs in time alone is asked again: a machine may be busy."""
    verdict = await _compared(connection, pair, times)
    for _ in range(TRIES):
        if verdict.fault != TWO_TIMES:
            break
        times *= 2
        verdict = await _compared(connection, pair, times)
    return verdict


async def _compared(connection: Connection, pair: Pair, times: int) -> Verdict:
    theirs, none = [], []
    for number in range(times):
        order = ((pair.theirs, theirs), (pair.none, none))
        for make, answers in order if number % 2 else reversed(order):
            answers.append(await _send(connection, pair.credential, make()))
    bodies = {(one.status, _shape(one)) for one in (*theirs, *none)}
    medians = [statistics.median(one.seconds for one in answers) * 1000 for answers in (theirs, none)]
    fault = ""
    if len(bodies) > 1:
        fault = f"two answers: {sorted(bodies)[:2]}"
    elif abs(medians[0] - medians[1]) > max(MOST_MS, MOST_TIMES * min(medians)):
        fault = TWO_TIMES
    return Verdict(pair.name, theirs[0].status if len(bodies) == 1 else 0, *medians, fault)


async def _send(connection: Connection, credential: Credential, asked: Asked) -> Answer:
    headers = {**credential.headers, "Content-Type": "application/json"}
    headers |= {"X-Muxi-User-Id": asked.user} if asked.user else {}
    body = b"" if asked.body is None else json.dumps(asked.body).encode()
    return await connection.send(asked.method, f"/api/{FORMATIONS[0]}{asked.path}", headers, body)


def _shape(answer: Answer) -> str:
    """A body without what was asked for."""
    return _ASKED.sub("...", ID.sub("...", answer.body.decode("utf-8", "replace")))
