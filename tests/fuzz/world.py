"""Three formations, their people, what each has, and every kind of key and token: all of it made over HTTP."""

from __future__ import annotations

import asyncio
import base64
import itertools
import json
import random
from collections import defaultdict, deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import jwt

from muxi.core.access.key_text import make_key
from muxi.ids import KeyId, new_key_id
from tests.fuzz.connection import Answer, Connection
from tests.fuzz.model import Credential, Model, Person, ids_of
from tests.fuzz.rules import Rules
from tests.fuzz.words import CONTENT, FORMATION, IDENTITY, LABEL, SECRET, Words

FORMATIONS = ("acme", "globex", "initech")
TOPICS = ("budget", "tea", "train", "garden", "cello", "office", "harbour", "printer", "winter", "lamp")
#: Ids that are kept of one kind and owner, to be asked for again.
MOST_IDS = 60
EXPIRED_AFTER_S = 1.0
#: In each formation, and how many members each has at first.
TEAMS, MEMBERS = 2, 3


@dataclass(frozen=True, slots=True)
class Team:
    """A team: in the model it is one who owns words, as a person does."""

    name: str
    formation: str
    team_id: str


class RefusedError(RuntimeError):
    """What the administrator wanted was not done."""


class World:
    """All there is, and how to ask for it.

    Args:
        rules: the document's.
        seed: of everything that is random.
    """

    def __init__(self, rules: Rules, seed: int) -> None:
        self.rng = random.Random(seed)
        self.rules = rules
        self.words = Words(self.rng)
        self.model = Model(rules, self.words)
        self.keys = {one: (f"{one}-client-key-{seed:020d}", f"{one}-admin-key-{seed:020d}") for one in FORMATIONS}
        self.agents = {one: self.words.of(one, FORMATION) for one in FORMATIONS}
        self.persons: dict[str, list[Person]] = {one: [] for one in FORMATIONS}
        self.teams: dict[str, list[Team]] = {one: [] for one in FORMATIONS}
        self.credentials: list[Credential] = []
        self.admins: dict[str, Credential] = {}
        #: Ids that answers showed, by owner and prefix.
        self.seen_ids: dict[tuple[str, str], deque[str]] = defaultdict(lambda: deque(maxlen=MOST_IDS))
        #: What may be used up: users, keys, tokens, by formation and kind.
        self.spare: dict[tuple[str, str], deque[Any]] = defaultdict(lambda: deque(maxlen=MOST_IDS))
        self._made = itertools.count(1)
        self._joined = {one: itertools.count() for one in FORMATIONS}

    def number(self) -> int:
        """One that was not given out before."""
        return next(self._made)

    async def settle(self, connection: Connection, people: int) -> None:
        """Makes people and their keys. What has to expire has expired when it is through."""
        for formation in FORMATIONS:
            self._set_keys(formation)
        for number in range(people):
            await self.add_person(connection, FORMATIONS[number % len(FORMATIONS)], expiring=True)
        for formation in FORMATIONS:
            await self._make_keys(connection, formation)
            for _ in range(TEAMS):
                await self._make_team(connection, formation)
        await asyncio.sleep(EXPIRED_AFTER_S + 0.5)

    async def add_person(self, connection: Connection, formation: str, *, expiring: bool = False) -> Person:
        """Somebody new, with something of every kind; ``expiring``: also with keys that soon end by themselves."""
        number = self.number()
        person = Person(f"p{number:04d}", formation)
        name = self.words.of(person.name, IDENTITY)
        person.identifiers = [(f"{name}@example.com", "email"), (f"U{name}", "slack")]
        # The same in every formation: somebody else in each.
        person.identifiers.append((f"shared{next(self._joined[formation])}", "telegram"))
        made = await self.ask(
            connection, formation, "post", "/v1/identifiers", {"identifiers": person.identifiers, "verified": True}
        )
        person.user_id = made["muxi_user_id"]
        self.model.persons[person.name] = person
        self.model.ids[person.user_id] = {person.name}
        self.persons[formation].append(person)
        await self._fill(connection, person)
        await self._give_keys(connection, person, expiring=expiring)
        return person

    async def ask(
        self, connection: Connection, formation: str, method: str, path: str, body: Any = None, user: str = ""
    ) -> Any:
        """As the formation's administrator: JSON of what must succeed."""
        headers = {"X-Muxi-Admin-Key": self.keys[formation][1], "Content-Type": "application/json"}
        headers |= {"X-Muxi-User-Id": user} if user else {}
        sent = b"" if body is None else json.dumps(body).encode()
        answer = await connection.send(method, f"/api/{formation}{path}", headers, sent)
        if answer.status >= 300:
            raise RefusedError(f"{method} {path} -> {answer.status} {answer.body[:300]!r}")
        return answer.json

    async def add_member(self, connection: Connection, team: Team, person: Person, role: str) -> None:
        """Lets somebody into a team."""
        body = {"member": person.user_id, "role": role}
        await self.ask(connection, team.formation, "post", f"/v1/teams/{team.team_id}/members", body)
        self.model.join(person, team.name, role)

    async def _make_team(self, connection: Connection, formation: str) -> None:
        """A team with a manager and members, and something that it shares."""
        name = f"t{self.number():04d}"
        word = self.words.of(name, CONTENT)
        made = await self.ask(connection, formation, "post", "/v1/teams", {"name": f"Team {word}"})
        team = Team(name, formation, made["team_id"])
        self.teams[formation].append(team)
        self.model.teams[name] = formation
        self.model.ids[team.team_id] = {name}
        members = self.rng.sample(self.persons[formation], MEMBERS)
        for number, person in enumerate(members):
            await self.add_member(connection, team, person, "member" if number else "manager")
        path, author = f"/v1/teams/{team.team_id}", members[0].user_id
        body = {"memories": [{"text": f"The {topic} of all of us: {word}."} for topic in TOPICS[:3]]}
        shared = await self.ask(connection, formation, "post", f"{path}/memories", body, author)
        facts = await self.ask(connection, formation, "patch", f"{path}/context", {"knowledge": {"on_call": word}})
        for prefix, id in [*_ids_in(shared), *_ids_in(facts)]:
            if prefix != "usr":
                self.seen_ids[name, prefix].append(id)
                self.model.ids[id].add(name)

    def note(self, owner: str, answer: Answer) -> None:
        """Keeps ids that an answer showed to their owner."""
        document = answer.json
        for name, id in _ids_in(document):
            self.seen_ids[owner, name].append(id)

    def person_in(self, formation: str) -> Person:
        return self.rng.choice(self.persons[formation])

    def text(self, person: Person | None) -> str:
        """Something that somebody says."""
        one, other = self.rng.sample(TOPICS, 2)
        word = self.words.of(person.name, CONTENT) if person is not None and not person.gone else "nothing"
        forms = (
            f"My {one} is {word}.",
            f"I like {word} and the {other}.",
            f"Remember the {one} of the {other}: {word}.",
            f"My favourite {one} is {word}, says {other}.",
        )
        return self.rng.choice(forms)

    async def _fill(self, connection: Connection, person: Person) -> None:
        formation, user = person.formation, person.user_id
        word, label = self.words.of(person.name, CONTENT), self.words.of(person.name, LABEL)

        async def put(method: str, path: str, body: Any) -> None:
            answer = await self.ask(connection, formation, method, path, body, user)
            for name, id in _ids_in(answer):
                self.seen_ids[person.name, name].append(id)
                self.model.ids[id].add(person.name)

        await put("post", "/v1/memories", {"memories": [{"text": self.text(person)} for _ in range(4)]})
        await put("post", "/v1/chat", {"message": self.text(person), "metadata": {"note": word}})
        await put("post", "/v1/chat", {"message": self.text(person), "session_id": f"talk {word}"})
        await put("post", "/v1/sessions", {"metadata": {"device": word}})
        await put("patch", "/v1/context", {"knowledge": {"likes": [word], "home": {"town": word}}, "source": word})
        secret = {"secret": f"{self.words.of(person.name, SECRET)}-and-more-of-it", "metadata": {"of": label}}
        await put("put", f"/v1/credentials/github/{label}", secret)

    async def _give_keys(self, connection: Connection, person: Person, *, expiring: bool) -> None:
        formation, own = person.formation, self.rules.of_one_user
        keys = [("user", ""), ("admin", ""), ("user", "revoked"), ("user", "expired")]
        for role, dead in keys if expiring else keys[:3]:
            body = {"role": role, "user_id": person.user_id, "name": self.words.of(formation, FORMATION)}
            made = await self.ask(connection, formation, "post", "/v1/keys", body | _lifetime(dead))
            key = self.add_key(made, formation, own, f"{dead} {role} key of {person.name}".strip(), person)
            key.dead = bool(dead)
            if dead == "revoked":
                await self.ask(connection, formation, "delete", f"/v1/keys/{key.key_id}")
        for dead in ("", "revoked", "expired") if expiring else ("", "revoked"):
            body = {"user_id": person.user_id}
            made = await self.ask(connection, formation, "post", "/v1/tokens", body | _lifetime(dead))
            headers, called = {"Authorization": f"Bearer {made['token']}"}, f"{dead} token of {person.name}".strip()
            self.credentials.append(Credential(called, headers, formation, own, person, bool(dead)))
            if dead == "revoked":
                await self.ask(connection, formation, "post", "/v1/tokens/revoke", {"jti": made["jti"]})

    def add_key(
        self,
        made: Mapping[str, Any],
        formation: str,
        permissions: frozenset[str],
        name: str,
        bound: Person | None = None,
    ) -> Credential:
        """A key that was just made, to be used from now on."""
        key, key_id = made["key"], made["record"]["key_id"]
        headers = {"X-API-Key": key} if self.rng.random() < 0.5 else {"Authorization": f"Bearer {key}"}
        credential = Credential(name, headers, formation, permissions, bound, key_id=key_id)
        self.credentials.append(credential)
        self.model.ids[key_id] = {key_id, ids_of(formation)} | ({bound.name} if bound else set())
        return credential

    def _set_keys(self, formation: str) -> None:
        client, admin = self.keys[formation]
        roles = self.rules.roles
        owner = Credential("admin key", {"X-Muxi-Admin-Key": admin}, formation, roles["owner"])
        self.admins[formation] = owner
        self.credentials += [
            owner,
            Credential("client key", {"X-Muxi-Client-Key": client}, formation, roles["developer"]),
            Credential("client key as admin key", {"X-Muxi-Admin-Key": client}, formation, dead=True),
            Credential("admin key as client key", {"X-Muxi-Client-Key": admin}, formation, dead=True),
            Credential("no key", {}, formation, dead=True),
            Credential("guessed words", {"X-API-Key": f"{formation}-admin"}, formation, dead=True),
            Credential("guessed key", {"X-API-Key": make_key("live", new_key_id())}, formation, dead=True),
            Credential("unsigned token", {"Authorization": f"Bearer {_unsigned(formation)}"}, formation, dead=True),
            Credential("forged token", {"Authorization": f"Bearer {_forged(formation)}"}, formation, dead=True),
        ]

    async def _make_keys(self, connection: Connection, formation: str) -> None:
        roles = self.rules.roles
        reads = frozenset({"memories:read", "context:read"})
        await self.ask(connection, formation, "put", "/v1/roles/reader", {"permissions": sorted(reads)})
        wanted: list[tuple[dict[str, Any], frozenset[str], str]] = [
            ({"role": name}, roles[name], f"{name} key") for name in ("owner", "admin", "support", "developer")
        ]
        wanted += [
            ({"role": "reader"}, reads, "key of an own role"),
            ({"role": "admin", "scopes": ["users:*"]}, _all_of("users", roles["admin"]), "scoped key"),
            ({"role": "developer"}, roles["developer"], "revoked key"),
            ({"role": "owner", "expires_in": 1}, roles["owner"], "expired key"),
            ({"role": "admin"}, roles["admin"], "replaced key"),
        ]
        for body, permissions, name in wanted:
            made = await self.ask(connection, formation, "post", "/v1/keys", body)
            key = self.add_key(made, formation, permissions, name)
            key.dead = name.startswith(("revoked", "expired", "replaced"))
            if name == "revoked key":
                await self.ask(connection, formation, "delete", f"/v1/keys/{key.key_id}")
            if name == "replaced key":
                new = await self.ask(connection, formation, "post", f"/v1/keys/{key.key_id}/rotate", {"overlap": 0})
                self.add_key(new, formation, permissions, "key in its place")
            if name == "developer key":  # its id is there, its secret is not
                forged = {"X-API-Key": make_key("live", KeyId(key.key_id))}
                self.credentials.append(Credential("known id, guessed secret", forged, formation, dead=True))


def _lifetime(dead: str) -> dict[str, int]:
    return {"expires_in": 1 if dead == "expired" else 3600}


def _all_of(kind: str, permissions: frozenset[str]) -> frozenset[str]:
    return frozenset(one for one in permissions if one.startswith(f"{kind}:"))


def _ids_in(document: Any) -> list[tuple[str, str]]:
    """Every id in JSON, by its prefix."""
    if isinstance(document, Mapping):
        return [found for value in document.values() for found in _ids_in(value)]
    if isinstance(document, list):
        return [found for value in document for found in _ids_in(value)]
    if isinstance(document, str) and len(document) == 30 and document[3] == "_":
        return [(document[:3], document)]
    return []


def _claims(formation: str) -> dict[str, Any]:
    return {
        "iss": "muxi",
        "aud": formation,
        "sub": "usr_01h455vb4pex5vsknk084sn02q",
        "exp": 4_000_000_000,
        "nbf": 1_700_000_000,
        "iat": 1_700_000_000,
        "jti": "x",
    }


def _unsigned(formation: str) -> str:
    parts = [{"alg": "none", "typ": "JWT"}, _claims(formation)]
    return ".".join(base64.urlsafe_b64encode(json.dumps(one).encode()).decode().rstrip("=") for one in parts) + "."


def _forged(formation: str) -> str:
    return jwt.encode(_claims(formation), "k" * 32, algorithm="HS256", headers={"kid": "../../dev/null"})
