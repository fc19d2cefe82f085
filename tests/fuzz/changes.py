"""What changes between rounds of random calls, when none is under way, so that the model knows what holds in each."""

from __future__ import annotations

import json
from dataclasses import dataclass

from tests.fuzz.connection import Connection
from tests.fuzz.model import Credential, Person
from tests.fuzz.world import FORMATIONS, RefusedError, World


@dataclass(slots=True)
class _Merged:
    """Two people who are one for now; ``saw``: whose things the second one saw before."""

    merge_id: str
    survivor: Person
    merged: Person
    saw: set[str]


class Changes:
    """Revokes, disables, merges, splits and erases, one of each a round.

    Args:
        world: what there is.
        connection: by which it is done.
    """

    def __init__(self, world: World, connection: Connection) -> None:
        self._world = world
        self._connection = connection
        self._disabled: list[Person] = []
        self._merged: list[_Merged] = []

    async def round(self) -> None:
        """One of each, somewhere."""
        formation = self._world.rng.choice(FORMATIONS)
        await self._revoke(formation)
        await self._disable(formation)
        await self._split_or_merge(formation)
        await self._erase(formation)
        await self._take_along(formation)
        await self._join_or_leave(formation)

    async def _revoke(self, formation: str) -> None:
        """A key of somebody, and every token of somebody else; each gets new ones."""
        world = self._world
        keys = [one for one in world.credentials if one.bound and one.key_id and one.opens(formation)]
        key = world.rng.choice(keys)
        await world.ask(self._connection, formation, "delete", f"/v1/keys/{key.key_id}")
        key.dead = True
        self._forget_the_dead(key)
        person = world.person_in(formation)
        if person.disabled or any(person in (one.survivor, one.merged) for one in self._merged):
            return
        await world.ask(self._connection, formation, "post", "/v1/tokens/revoke", {}, person.user_id)
        for one in world.credentials:
            if one.bound is person and "token" in one.name:
                one.dead = True
        made = await world.ask(
            self._connection, formation, "post", "/v1/keys", {"role": "user", "user_id": person.user_id}
        )
        world.add_key(made, formation, world.rules.of_one_user, f"new key of {person.name}", person)

    async def _disable(self, formation: str) -> None:
        for person in self._disabled:
            await self._set(person, "enable")
        self._disabled = []
        person = self._world.person_in(formation)
        if not any(person in (one.survivor, one.merged) for one in self._merged):
            await self._set(person, "disable")
            self._disabled = [person]

    async def _set(self, person: Person, what: str) -> None:
        if not person.gone:
            await self._world.ask(self._connection, person.formation, "post", f"/v1/users/{person.user_id}/{what}")
            person.disabled = what == "disable"

    async def _split_or_merge(self, formation: str) -> None:
        """Merges two people; the ones who were merged a round ago are two again."""
        world = self._world
        while self._merged:
            one = self._merged.pop()
            await self._split(one)
            # What was written meanwhile stays with the survivor, who goes on seeing it.
            world.model.sees[one.merged.name] = one.saw
        free = [one for one in world.persons[formation] if not one.disabled]
        survivor, merged = world.rng.sample(free, 2)
        body = {"users": [merged.user_id], "into": survivor.user_id}
        made = await world.ask(self._connection, formation, "post", "/v1/users/merge", body)
        sees, saw = world.model.sees, set(world.model.sees[merged.name])
        both = {survivor.name, merged.name} | sees[survivor.name] | sees[merged.name]
        sees[survivor.name], sees[merged.name] = set(both), set(both)
        world.model.ids[made["merge_id"]] = {survivor.name, merged.name}
        # A member is shown to the others by the id of the one that both are now.
        world.model.ids[survivor.user_id] |= merged.teams.keys()
        self._merged.append(_Merged(made["merge_id"], survivor, merged, saw))

    async def _split(self, one: _Merged) -> None:
        body = {"merge_id": one.merge_id}
        try:
            await self._world.ask(self._connection, one.survivor.formation, "post", "/v1/users/split", body)
        except RefusedError as refused:
            # A random call with an administrator's key may have been quicker.
            if "was split already" not in str(refused):
                raise

    async def _erase(self, formation: str) -> None:
        """Somebody goes, and leaves nothing; somebody new comes."""
        world = self._world
        busy = {one.name for pair in self._merged for one in (pair.survivor, pair.merged)}
        person = world.person_in(formation)
        if person.name in busy or person.disabled:
            return
        await world.ask(self._connection, formation, "delete", f"/v1/users/{person.user_id}")
        person.gone = True
        world.persons[formation].remove(person)
        for one in world.credentials:
            one.dead = one.dead or one.bound is person
        await world.add_person(self._connection, formation)

    async def _take_along(self, formation: str) -> None:
        """A stranger is exported and erased, to be restored by whoever may."""
        spare = self._world.spare[formation, "user"]
        if not spare:
            return
        user = spare.popleft()
        try:
            document = await self._world.ask(self._connection, formation, "get", f"/v1/users/{user}/export")
            await self._world.ask(self._connection, formation, "delete", f"/v1/users/{user}")
        except RefusedError:  # it was merged or erased meanwhile
            return
        self._world.spare[formation, "export"].append(json.dumps(document))

    async def _join_or_leave(self, formation: str) -> None:
        """Somebody leaves a team, which ends what they see of it at once, or joins one."""
        world = self._world
        team, person = world.rng.choice(world.teams[formation]), world.person_in(formation)
        if person.disabled or any(person in (one.survivor, one.merged) for one in self._merged):
            return
        members = f"/v1/teams/{team.team_id}/members"
        if team.name in person.teams:
            await world.ask(self._connection, formation, "delete", f"{members}/{person.user_id}")
            del person.teams[team.name]
        else:
            await world.add_member(self._connection, team, person, "member")

    def _forget_the_dead(self, key: Credential) -> None:
        """Keeps the number of keys that are worth nothing within bounds."""
        dead = [one for one in self._world.credentials if one.dead and one.name.startswith("new key")]
        for one in dead[:-20]:
            self._world.credentials.remove(one)
