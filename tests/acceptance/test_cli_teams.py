"""``muxi teams``, on a store and through a server: the same answers."""

from __future__ import annotations

from tests.acceptance.test_cli_users import Where, where

__all__ = ["where"]

ANN, BOB = "ann.teams@email.com", "slack:UBOBTEAMS"


def test_the_life_of_a_team(where: Where) -> None:
    """Made, joined, shared with, read, left and deleted: as tables and as JSON."""
    made = where.read("teams", "create", "Platform CLI")
    team = made["team_id"]
    assert made["role"] is None and team.startswith("team_")
    assert where.muxi("teams", "add", team, ANN, "--manager").returncode == 0
    members = where.read("teams", "add", team, BOB, "--as", ANN)["members"]
    assert [one["role"] for one in members] == ["manager", "member"]
    shown = where.read("teams", "show", team, "--as", BOB)
    assert (shown["name"], shown["members"]) == ("Platform CLI", members)
    assert members[1]["muxi_user_id"] in where.muxi("teams", "show", team).stdout
    [mine] = where.read("teams", "list", "--as", BOB)["teams"]
    assert (mine["team_id"], mine["role"]) == (team, "member") and mine["joined_at"]
    assert team in where.muxi("teams", "list").stdout
    refused = where.muxi("teams", "rename", team, "Mine", "--as", BOB)
    assert refused.returncode == 1 and refused.stderr.endswith("(permission_denied)\n")
    assert where.muxi("teams", "rename", team, "Tools CLI", "--as", ANN).stdout == f"{team} is called Tools CLI.\n"

    shared = where.read("teams", "remember", team, "we never deploy on Fridays", "--as", BOB)
    assert shared["author"] == members[1]["muxi_user_id"]
    assert where.read("teams", "memories", team, "--as", ANN)["memories"] == [shared]
    assert "never deploy" in where.muxi("teams", "memories", team).stdout
    [hit] = where.read("memories", "search", "deploy Fridays", "--as", ANN)["hits"]
    assert (hit["owner"], hit["team_name"], hit["author"]) == ("team", "Tools CLI", shared["author"])
    for more in ((), ("--explain",)):
        assert "Tools CLI" in where.muxi("memories", "search", "deploy Fridays", "--as", ANN, *more).stdout
    assert where.muxi("teams", "forget", team, shared["memory_id"]).returncode == 0

    assert where.muxi("teams", "set", team, "on_call", "Dana", "--as", BOB).stdout == "on_call is changed.\n"
    where.muxi("teams", "set", team, "tools", '"git"', "--add")
    assert where.read("teams", "context", team, "--as", ANN) == {"context": {"on_call": "Dana", "tools": ["git"]}}
    assert where.muxi("teams", "set", team, "a", "1", "--add", "--remove").returncode == 2
    assert where.muxi("teams", "unset", team, "on_call", "--forget", "--as", BOB).returncode == 1
    assert where.muxi("teams", "unset", team, "on_call").stdout == "on_call is deleted.\n"
    assert 'on_call = "Dana"' in where.muxi("teams", "history", team, "on_call").stdout

    assert where.muxi("teams", "remove", team, BOB).stdout == f"{BOB} is not in the team any more.\n"
    gone = where.muxi("teams", "show", team, "--as", BOB)
    assert gone.returncode == 1 and gone.stderr.endswith("(not_found)\n")
    kept = where.muxi("teams", "delete", team, says="n\n")
    assert kept.returncode == 1 and "Nothing was deleted." in kept.stderr
    deleted = where.read("teams", "delete", team, "--yes")
    assert (deleted["team_id"], deleted["counts"]["team_members"]) == (team, 1)
    assert where.muxi("teams", "delete", team, "--yes").stderr.endswith("(not_found)\n")
    assert where.muxi("teams", "list", "--as", ANN).stdout == "There are no teams.\n"
