"""The model: who may see what. It knows the document's tables and what was written for whom, nothing of the code."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field

from tests.fuzz.connection import Answer
from tests.fuzz.rules import ANY, OPEN, Route, Rules
from tests.fuzz.words import ACTORS, FORMATION, ID, IDENTITY, WORD, Words

#: Whose things an answer may hold: the acting user's, those of everybody in the formation, or nobody's.
ACTING, EVERYBODY, NOBODY = "acting", "everybody", "nobody"
#: Ids that administration hands about; others are learned from answers to one user only.
OF_FORMATIONS = ("usr_", "key_", "mrg_")


#: Characters before and after what was shown wrongly, to be told with it.
AROUND = 200


def ids_of(formation: str) -> str:
    """Who owns the ids that administration hands about."""
    return f"ids of {formation}"


@dataclass(slots=True)
class Person:
    """Somebody in one formation.

    Attributes:
        name: in the model.
        formation: where.
        user_id: theirs.
        identifiers: each as value and type; the first is proven.
        disabled: shut out for now.
        gone: erased.
        teams: their role in each team that they are in, by its name.
    """

    name: str
    formation: str
    user_id: str = ""
    identifiers: list[tuple[str, str]] = field(default_factory=list)
    disabled: bool = False
    gone: bool = False
    teams: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Credential:
    """A key or token, or what pretends to be one.

    Attributes:
        name: what kind it is.
        headers: as it is sent.
        formation: which it opens, if any.
        permissions: what it allows.
        bound: the only person it acts for.
        dead: revoked, expired, made up.
        key_id: its own.
    """

    name: str
    headers: dict[str, str]
    formation: str
    permissions: frozenset[str] = frozenset()
    bound: Person | None = None
    dead: bool = False
    key_id: str = ""

    def opens(self, formation: str) -> bool:
        return not self.dead and self.formation == formation and not (self.bound and self.bound.gone)


@dataclass(slots=True)
class Call:
    """One request.

    Attributes:
        route: as the OpenAPI document has it.
        address: as it is sent.
        formation: which is asked.
        credential: by what.
        headers, body: as they are sent.
        person: the acting user, as it is named.
        target: the user in the address; told apart from ``person`` where a route knows both.
        owners: whose things are asked for by id.
        shows: kinds of words that the answer may hold.
        of: whose.
        any_with: the permission with which ``target`` may be anybody.
        names_user: whether the route looks at the acting user at all.
        more: whether more than the route's permission may be wanted.
        team: the name of the team in the address: what the answer shows is the team's.
    """

    route: Route
    address: str
    formation: str
    credential: Credential
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    person: Person | None = None
    target: Person | None = None
    owners: set[str] = field(default_factory=set)
    shows: str = ""
    of: str = ACTING
    any_with: str = ""
    names_user: bool = True
    more: bool = False
    team: str = ""

    @property
    def sent(self) -> str:
        """Everything that the caller knows already."""
        heads = [*self.headers.values(), *self.credential.headers.values()]
        return "\n".join([self.address, *heads, self.body.decode("utf-8", "replace")])


@dataclass(frozen=True, slots=True)
class Expected:
    """What an answer may be.

    Attributes:
        statuses: those that are right; empty: any but a refusal of the caller.
        persons: whose words it may hold, and, but for ``left``, whose ids.
        left: teams of which words may have stayed with somebody who left them, and nothing else.
        kinds: of words.
        success: whether it may be a success.
    """

    statuses: frozenset[int]
    persons: frozenset[str] = frozenset()
    kinds: str = ""
    success: bool = True
    left: frozenset[str] = frozenset()

    @property
    def reached(self) -> frozenset[str]:
        """Whose ids it may hold."""
        return self.persons - self.left


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that must not be."""

    what: str
    call: Call
    answer: Answer

    def __str__(self) -> str:
        call, answer = self.call, self.answer
        who = call.person.name if call.person else "nobody named"
        return (
            f"{self.what}\n  {call.route[0].upper()} {call.address} by {call.credential.name} for {who}"
            f" -> {answer.status}\n  sent: {call.body[:300]!r}\n  got: {answer.body[:600]!r}"
        )


class Model:
    """Judges answers.

    Args:
        rules: the document's.
        words: the sentinels.
    """

    def __init__(self, rules: Rules, words: Words) -> None:
        self.rules = rules
        self.words = words
        self.persons: dict[str, Person] = {}
        #: The formation of each team.
        self.teams: dict[str, str] = {}
        #: Whose things each may see, besides their own: of those who were merged into them.
        self.sees: dict[str, set[str]] = defaultdict(set)
        #: Who may see an id. The first one it is shown to is whose it is.
        self.ids: dict[str, set[str]] = defaultdict(set)
        #: By which call an id became known: said where it is shown wrongly.
        self._taught: dict[str, str] = {}
        #: Identifiers of people elsewhere that somebody in a formation was called by: there they are new users'.
        self._told: set[tuple[str, str]] = set()

    def seen_by(self, *names: str) -> frozenset[str]:
        """Whose things they may see."""
        return frozenset(names).union(*(self.sees[name] for name in names))

    def expected(self, call: Call) -> Expected:
        """What the answer to a call may be."""
        if call.route in OPEN:
            return Expected(frozenset({200}))
        credential = call.credential
        if not credential.opens(call.formation):
            return Expected(frozenset({401}), success=False)
        if credential.bound and credential.bound.disabled:
            return Expected(frozenset({403}), success=False)
        if call.route not in ANY and self.rules.routes[call.route] not in credential.permissions:
            return Expected(frozenset({403}), success=False)
        return self._of_who_may(call)

    def judge(self, call: Call, answer: Answer) -> list[Fault]:
        """What is wrong with an answer; learns whose the ids in it are."""
        expected = self.expected(call)
        if answer.status != 401:
            self._told |= {(call.formation, word) for word in WORD.findall(call.sent.lower())}
        faults = [*self._status_faults(call, answer, expected), *self._leaks(call, answer, expected)]
        if not faults and answer.status < 300:
            self._learn(call, answer, expected)
        return [Fault(what, call, answer) for what in faults]

    def _of_who_may(self, call: Call) -> Expected:
        bound, named = call.credential.bound, call.person
        if call.of == EVERYBODY and bound is None:
            everybody = self._everybody(call.formation)
            return Expected(frozenset(), everybody, call.shows + FORMATION, call.owners <= everybody)
        if bound is not None and call.names_user and named is not None and not self.same(named, bound):
            return Expected(frozenset({404}), success=False)
        acting = bound or named
        if call.target is not None:
            if not self._may_have(call, acting):
                return Expected(frozenset({403, 404, 422}), success=False)
            acting = call.target
        seen = self.seen_by(acting.name) if acting and call.of == ACTING else frozenset()
        if acting is not None and call.names_user and (self._nobody(acting, call) or self._shut_out(acting, call)):
            # Called by who they are elsewhere, they are somebody new here.
            there = frozenset({call.formation, ids_of(call.formation)})
            return Expected(frozenset(), there, call.shows + FORMATION, self._nobody(acting, call))
        left = self._left(acting) if acting else frozenset()
        shown = seen | {call.formation, call.credential.key_id}
        if ACTORS in call.shows:
            shown |= {ids_of(call.formation)}
        return Expected(frozenset(), shown, call.shows + FORMATION, call.owners <= seen - left, left)

    def _may_have(self, call: Call, acting: Person | None) -> bool:
        """Whether the user in the address may be asked for."""
        target, bound = call.target, call.credential.bound
        if target is None or target.formation != call.formation or target.gone:
            return False
        if bound is None and (call.any_with == "" or call.any_with in call.credential.permissions):
            return True
        return acting is not None and self.same(target, acting)

    def teams_of(self, person: Person) -> set[str]:
        """The teams that somebody is in, also as one of several who are merged."""
        return {team for name in self._one_with(person) for team in self.persons[name].teams}

    def join(self, person: Person, team: str, role: str) -> None:
        """Somebody is in a team from now on. What they are told of it stays with them."""
        person.teams[team] = role
        self.sees[person.name].add(team)
        self.ids[person.user_id].add(team)

    def _left(self, acting: Person) -> frozenset[str]:
        return frozenset(self.seen_by(acting.name) & self.teams.keys()) - self.teams_of(acting)

    def _everybody(self, formation: str) -> frozenset[str]:
        there = [name for name, one in self.persons.items() if one.formation == formation]
        teams = {name for name, its in self.teams.items() if its == formation}
        return self.seen_by(*there) | {formation, ids_of(formation)} | teams

    def _nobody(self, acting: Person, call: Call) -> bool:
        return acting.gone or acting.formation != call.formation

    def _shut_out(self, acting: Person, call: Call) -> bool:
        return acting.disabled and "users:read" not in call.credential.permissions

    def same(self, one: Person, other: Person) -> bool:
        """Whether they are one at this moment."""
        if one.formation != other.formation:
            return False
        return one.name == other.name or (other.name in self.sees[one.name] and one.name in self.sees[other.name])

    def _one_with(self, person: Person) -> set[str]:
        """Everybody who is merged with somebody at this moment: what is shown to one may be any one's."""
        return {person.name, *(name for name in set(self.sees[person.name]) if person.name in self.sees.get(name, ()))}

    def _status_faults(self, call: Call, answer: Answer, expected: Expected) -> list[str]:
        status, found = answer.status, []
        if status >= 500:
            found.append(f"a fault of the server: {status}")
        elif expected.statuses and status not in expected.statuses:
            found.append(f"{status} where {sorted(expected.statuses)} is right")
        elif not expected.success and status < 400:
            found.append(f"{status}, a success with what is not theirs")
        elif not expected.statuses and status == 401:
            found.append("a right key or token was refused")
        elif not expected.statuses and status == 403 and not call.more and b"permission_denied" in answer.body:
            found.append("denied what the document allows")
        return found

    def _leaks(self, call: Call, answer: Answer, expected: Expected) -> list[str]:
        text, sent, found = answer.text.lower(), call.sent.lower(), []
        for word in set(WORD.findall(text)):
            owner, kind = self.words.owner(word)
            told = kind == IDENTITY and (call.formation, word) in self._told
            if word not in sent and not (kind in expected.kinds and (told or self._may_be_read(owner, expected))):
                found.append(f"a word of {owner} ({kind}) was shown: {word}")
        for id in set(ID.findall(text)):
            owners = self.ids.get(id)
            if owners and id not in sent and not owners & expected.reached:
                place = text.find(id)
                around = text[max(0, place - AROUND) : place + AROUND]
                found.append(f"an id of {sorted(owners)} was shown: {id}, known by {self._taught.get(id)}, in {around}")
        return found

    def _may_be_read(self, owner: str, expected: Expected) -> bool:
        """Of who is erased there is left what somebody else had of them; their ids stay in the audit."""
        if owner not in expected.persons:
            return False
        person = self.persons.get(owner)
        return person is None or not person.gone or any(owner in self.sees[one] for one in expected.persons)

    def _learn(self, call: Call, answer: Answer, expected: Expected) -> None:
        acting = call.target or call.credential.bound or call.person
        if acting is not None and self._nobody(acting, call):
            return
        for id in set(ID.findall(answer.text)):
            self._taught.setdefault(id, f"{call.route[0]} {call.address} for {acting.name if acting else 'nobody'}")
            if call.team:
                self.ids[id].add(call.team)
            elif call.of == ACTING and acting is not None:
                # What a team shares is shown to each of its members.
                self.ids[id] |= self._one_with(acting) | (self.teams_of(acting) if id.startswith("mem_") else set())
            elif (id not in self.ids or id in call.sent) and id.startswith(OF_FORMATIONS):
                self.ids[id].add(ids_of(call.formation))
        if acting is not None and call.of == ACTING:
            # What somebody was told to keep may be shown to them again.
            for id in set(ID.findall(call.sent)):
                self.ids[id].add(acting.name)
