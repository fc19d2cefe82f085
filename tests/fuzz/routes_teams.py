"""Teams: what several people share, and who is in them."""

from __future__ import annotations

from typing import Any

from tests.fuzz.model import EVERYBODY
from tests.fuzz.pick import Pick, in_path
from tests.fuzz.routes import keeps, way
from tests.fuzz.words import CONTENT
from tests.fuzz.world import TOPICS, Team

PATHS = ("on_call", "rules.friday", "notes")


def _address(pick: Pick, *, body: bool = False) -> tuple[Team, str]:
    """A team, asked for by a user or by the application itself."""
    pick.name_user_or_nobody(body=body)
    team = pick.team()
    return team, f"/v1/teams/{team.team_id}"


def _word(pick: Pick, team: Team) -> str:
    return pick.world.words.of(team.name, CONTENT)


def _manages(pick: Pick, team: Team) -> bool:
    """Whether what is asked for may change who is in a team of ours."""
    acting = pick.acting
    if acting is None:
        return True
    names = {acting.name, *pick.world.model.sees[acting.name]}
    persons = pick.world.model.persons
    return any(persons[name].teams.get(team.name) == "manager" for name in names if name in persons)


@way("post", "/v1/teams", weight=0.3, shows=CONTENT, of=EVERYBODY, names="", learn=keeps("team", "team_id"))
def create_team(pick: Pick) -> tuple[str, Any]:
    return "/v1/teams", {"name": f"spare {pick.world.number()}"}


@way("delete", "/v1/teams/{team_id}", weight=0.3, of=EVERYBODY, names="")
def delete_team(pick: Pick) -> tuple[str, Any]:
    found = pick.spare("team")
    if found is None or pick.chance(0.2):
        elsewhere = [one for teams in pick.world.teams.values() for one in teams if one.formation != pick.formation]
        pick.call.owners.add("elsewhere")
        return f"/v1/teams/{pick.rng.choice(elsewhere).team_id}", None
    return f"/v1/teams/{found}", None


@way("get", "/v1/teams", weight=2, shows=CONTENT, names="team")
def list_teams(pick: Pick) -> tuple[str, Any]:
    pick.name_user_or_nobody(body=False)
    return "/v1/teams", None


@way("get", "/v1/teams/{team_id}", weight=2, shows=CONTENT, names="team")
def show_team(pick: Pick) -> tuple[str, Any]:
    return _address(pick)[1], None


@way("patch", "/v1/teams/{team_id}", weight=0.5, shows=CONTENT, names="team", more=True)
def rename_team(pick: Pick) -> tuple[str, Any]:
    team, address = _address(pick)
    return address, {"name": f"Team {_word(pick, team)}"}


@way("get", "/v1/teams/{team_id}/members", weight=2, shows=CONTENT, names="team")
def list_members(pick: Pick) -> tuple[str, Any]:
    return f"{_address(pick)[1]}/members", None


@way("post", "/v1/teams/{team_id}/members", shows=CONTENT, names="team", more=True)
def add_member(pick: Pick) -> tuple[str, Any]:
    team, address = _address(pick)
    inside = [one for one in pick.world.persons[team.formation] if team.name in one.teams]
    if _manages(pick, team) and inside:  # who may do it changes nothing: changes are made between the rounds
        member = pick.rng.choice(inside)
        return f"{address}/members", {"member": member.user_id, "role": member.teams[team.name]}
    if _manages(pick, team):
        return f"{address}/members", {"member": {}}
    acting = pick.acting
    return f"{address}/members", {"member": acting.user_id if acting else "x", "role": "manager"}


@way("delete", "/v1/teams/{team_id}/members/{user_id}", names="team", more=True)
def remove_member(pick: Pick) -> tuple[str, Any]:
    team, address = _address(pick)
    acting = pick.acting
    persons = [one for one in pick.world.persons[team.formation] if acting is None or one.name != acting.name]
    joined = pick.world.model.teams_of
    # Everybody may leave, and a manager may put out: only who is not in it, or by who may not.
    chosen = [one for one in persons if not _manages(pick, team) or team.name not in joined(one)]
    together = set() if acting is None else pick.world.model.sees[acting.name]
    chosen = [one for one in chosen if one.name not in together]
    if not chosen:
        return f"{address}/members/nobody", None
    pick.call.owners.add("nobody")
    return f"{address}/members/{pick.rng.choice(chosen).user_id}", None


@way("get", "/v1/teams/{team_id}/memories", weight=3, shows=CONTENT, names="team")
def list_shared(pick: Pick) -> tuple[str, Any]:
    return f"{_address(pick)[1]}/memories?limit=20", None


@way("post", "/v1/teams/{team_id}/memories", weight=2, shows=CONTENT, names="team")
def share(pick: Pick) -> tuple[str, Any]:
    team, address = _address(pick, body=True)
    text = f"The {pick.rng.choice(TOPICS)} of the {pick.rng.choice(TOPICS)}: {_word(pick, team)}"
    return f"{address}/memories", {"text": text, "metadata": {"tag": _word(pick, team)}}


@way("delete", "/v1/teams/{team_id}/memories/{memory_id}", shows=CONTENT, names="team", more=True)
def delete_shared(pick: Pick) -> tuple[str, Any]:
    team, address = _address(pick)
    ids = pick.world.seen_ids.get((team.name, "mem"))
    return f"{address}/memories/{pick.rng.choice(ids) if ids and pick.chance(0.7) else pick.id('mem')}", None


@way("get", "/v1/teams/{team_id}/context", weight=2, shows=CONTENT, names="team")
def get_team_context(pick: Pick) -> tuple[str, Any]:
    return f"{_address(pick)[1]}/context", None


@way("get", "/v1/teams/{team_id}/context/facts", shows=CONTENT, names="team")
def get_team_facts(pick: Pick) -> tuple[str, Any]:
    return f"{_address(pick)[1]}/context/facts", None


@way("get", "/v1/teams/{team_id}/context/history", shows=CONTENT, names="team")
def get_team_history(pick: Pick) -> tuple[str, Any]:
    return f"{_address(pick)[1]}/context/history?limit=20", None


@way("patch", "/v1/teams/{team_id}/context", weight=0.5, shows=CONTENT, names="team")
def merge_team_context(pick: Pick) -> tuple[str, Any]:
    team, address = _address(pick, body=True)
    return f"{address}/context", {"knowledge": {"notes": [_word(pick, team)]}}


@way("put", "/v1/teams/{team_id}/context/{path}", weight=0.5, shows=CONTENT, names="team")
def put_team_value(pick: Pick) -> tuple[str, Any]:
    team, address = _address(pick, body=True)
    return f"{address}/context/{in_path(pick.rng.choice(PATHS))}", {"value": _word(pick, team)}


@way("delete", "/v1/teams/{team_id}/context/{path}", weight=0.5, shows=CONTENT, names="team", more=True)
def delete_team_path(pick: Pick) -> tuple[str, Any]:
    forget = pick.rng.choice(("true", "false"))
    return f"{_address(pick)[1]}/context/{in_path(pick.rng.choice(PATHS))}?forget={forget}", None
