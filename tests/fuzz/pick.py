"""What one random call is made of: who calls, for whom, and ids of their own, of others, and made up."""

from __future__ import annotations

import json
import random
from typing import Any
from urllib.parse import quote

from muxi.ids import (
    new_credential_id,
    new_extraction_failure_id,
    new_key_id,
    new_memory_id,
    new_merge_id,
    new_message_id,
    new_session_id,
    new_team_id,
    new_user_id,
)
from tests.fuzz.model import EVERYBODY, Call, Credential, Person
from tests.fuzz.words import CONTENT
from tests.fuzz.world import FORMATIONS, Team, World

#: Permissions of somebody who may not do much.
FEW = 5
NEW_IDS = {
    "usr": new_user_id,
    "ses": new_session_id,
    "msg": new_message_id,
    "mem": new_memory_id,
    "mrg": new_merge_id,
    "exf": new_extraction_failure_id,
    "key": new_key_id,
    "crd": new_credential_id,
}


class Pick:
    """One call in the making.

    Args:
        world: what there is.

    Attributes:
        call: the call, as far as it is made.
    """

    def __init__(self, world: World) -> None:
        self.world = world
        self.rng: random.Random = world.rng
        formation = self.rng.choice(FORMATIONS)
        credential = self._credential(formation)
        self.call = Call(("", ""), "", formation, credential)
        self.in_body: dict[str, Any] = {}

    @property
    def formation(self) -> str:
        return self.call.formation

    @property
    def acting(self) -> Person | None:
        """For whom it is, if all goes well."""
        return self.call.credential.bound or self.call.person

    def chance(self, likely: float) -> bool:
        return self.rng.random() < likely

    def name_user_or_nobody(self, *, body: bool) -> None:
        """As `name_user`, but an application may also act by itself, and then for all."""
        if self.call.credential.bound is None and self.chance(0.4):
            self.call.of = EVERYBODY
            self.call.more = True  # who acts by itself needs one more permission
        else:
            self.name_user(body=body)

    def name_user(self, *, body: bool, proven: bool = False) -> None:
        """Names an acting user: in a header, or in the body where a route takes that."""
        bound = self.call.credential.bound
        if bound is not None and self.chance(0.5):
            if self.chance(0.5):
                return
            person = bound
        else:
            person = self._anybody()
        self.call.person = person
        written, type = person.identifiers[0] if proven and self.chance(0.8) else self._written(person)
        if body and self.chance(0.4):
            self.in_body["user_id"] = [written, type] if type else written
        else:
            self.call.headers["X-Muxi-User-Id"] = written
            self.call.headers |= {"X-Muxi-User-Id-Type": type} if type else {}

    def target(self) -> str:
        """The user in the address."""
        bound, person = self.call.credential.bound, self.call.person
        known = bound or person
        chosen = known if known is not None and self.chance(0.6) else self._anybody()
        self.call.target = chosen
        return chosen.user_id

    def id(self, prefix: str) -> str:
        """One of the acting user's, of somebody else's here or elsewhere, or of nobody's."""
        acting = self.acting
        if acting is not None and self.chance(0.5):
            ids = self.world.seen_ids.get((acting.name, prefix))
            if ids:
                return self.rng.choice(ids)
        other = self._anybody()
        ids = self.world.seen_ids.get((other.name, prefix))
        if ids and self.chance(0.7):
            found = self.rng.choice(ids)
            # What an acting user was shown is theirs, too.
            owners = self.world.model.ids.get(found, {other.name})
            self.call.owners.add(acting.name if acting is not None and acting.name in owners else other.name)
            return found
        self.call.owners.add("nobody")
        return str(NEW_IDS[prefix]())

    def team(self) -> Team:
        """A team of the acting user's, or another one of here, of elsewhere, or none at all; it is in the call then."""
        acting, chosen = self.acting, None
        here = self.world.teams[self.formation]
        if acting is not None and self.chance(0.6):
            own = self.world.model.teams_of(acting)
            chosen = next((one for one in here if one.name in own), None)
        if chosen is None and self.chance(0.15):
            self.call.owners.add("nobody")
            return Team("nobody", self.formation, str(new_team_id()))
        if chosen is None:
            formation = self.formation if self.chance(0.85) else self.rng.choice(FORMATIONS)
            chosen = self.rng.choice(self.world.teams[formation])
        self.call.team = chosen.name
        self.call.owners.add(chosen.name)
        return chosen

    def spare(self, kind: str, *, keep: bool = False) -> Any:
        """Something that may be used up: of this formation, now and then of another, or ``None``: there is none."""
        formation = self.formation if self.chance(0.7) else self.rng.choice(FORMATIONS)
        if not keep and not self.may_use_up:
            keep = True
        there = self.world.spare.get((formation, kind))
        if not there:
            return None
        if formation != self.formation:
            self.call.owners.add(f"elsewhere: {formation}")
        return there[0] if keep or formation != self.formation else there.popleft()

    @property
    def may_use_up(self) -> bool:
        return self.call.credential.opens(self.formation)

    def text(self) -> str:
        return self.world.text(self._writer)

    def word(self) -> str:
        """The content word of the acting user."""
        writer = self._writer
        return "nothing" if writer is None else self.world.words.of(writer.name, CONTENT)

    def anothers_word(self) -> str:
        """What somebody else said: to be looked for, never to be found."""
        return self.world.words.of(self._anybody().name, CONTENT)

    def stranger(self) -> str:
        """An identifier that nobody has."""
        return f"stranger{self.world.number()}@example.org"

    def may(self, permission: str) -> bool:
        return permission in self.call.credential.permissions

    def finish(self, path: str, body: Any, content_type: str = "application/json") -> Call:
        """The call, with its address and body."""
        call = self.call
        own = call.formation == FORMATIONS[0] and self.chance(0.5)
        if path.startswith("/v1") and not own:
            path = f"/api/{call.formation}{path}"
        call.address = path
        if isinstance(body, dict):
            call.body = json.dumps(body | self.in_body).encode()
        elif isinstance(body, str):
            call.body = body.encode()
        if call.body:
            call.headers["Content-Type"] = content_type
        return call

    @property
    def _writer(self) -> Person | None:
        """Whose words are written, if all goes well."""
        acting = self.acting
        return acting if acting is not None and acting.formation == self.formation and not acting.gone else None

    def _credential(self, formation: str) -> Credential:
        """Mostly one that opens the formation, of somebody who may do much; any other now and then."""
        everything = self.world.credentials
        if self.chance(0.2):
            return self.rng.choice(everything)
        bound = self.chance(0.45)
        chosen = self.rng.choice(everything)
        while not chosen.opens(formation) or (chosen.bound is None) == bound:
            chosen = self.rng.choice(everything)
        if bound or len(chosen.permissions) > FEW or self.chance(0.3):
            return chosen
        return self.world.admins[formation]

    def _anybody(self) -> Person:
        formation = self.formation if self.chance(0.9) else self.rng.choice(FORMATIONS)
        return self.world.person_in(formation)

    def _written(self, person: Person) -> tuple[str, str]:
        if person.formation == self.formation and self.chance(0.4):
            return person.user_id, ""
        shared_elsewhere = person.formation != self.formation
        value, type = self.rng.choice(person.identifiers[:2] if shared_elsewhere else person.identifiers)
        # The address says what it is by itself.
        return value, "" if type == "email" and self.chance(0.5) else type


def in_path(text: str) -> str:
    """A text as one part of an address."""
    return quote(text, safe="")
