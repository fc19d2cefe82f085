"""``muxi teams``: users who share memories and a context."""

from __future__ import annotations

from typing import Annotated

import typer

from muxi.cli import output
from muxi.cli.access import Shape
from muxi.cli.context import (
    Add,
    Forget,
    Remove,
    Value,
    context_shown,
    facts_table,
    path_ended,
    written_op,
    written_value,
)
from muxi.cli.options import Cursor, Ident, Json, Limit, Who, identifier
from muxi.cli.place import Place, placed
from muxi.cli.users import day

app = typer.Typer(help="Users who share memories and a context.", no_args_is_help=True)

Team = Annotated[str, typer.Argument(metavar="TEAM", help="Its team_ id.")]
Path = Annotated[str, typer.Argument(metavar="PATH", help="Dotted: deploy.day; a dot within a key is \\.")]
By = Annotated[
    str | None,
    typer.Option(
        "--as", metavar="IDENT", help="Who does it: only their teams are there. You, if not told.", show_default=False
    ),
]


@app.command()
@placed
def create(place: Place, name: Annotated[str, typer.Argument(help="What to call it.")], json: Json = False) -> None:
    """Make a team without members."""
    with place.open() as access:
        made = access.teams.create(name)
    if json:
        output.as_json(made)
    else:
        output.done(f"{made['name']} is {made['team_id']}.")


@app.command("list")
@placed
def list_teams(place: Place, who: By = None, limit: Limit = 50, cursor: Cursor = None, json: Json = False) -> None:
    """Every team, newest first; with --as those that somebody is in."""
    with place.open() as access:
        page = access.teams.list(_by(who), limit, cursor)
    if json:
        output.as_json(page)
        return
    rows = ((one["team_id"], one["name"], one["role"] or "-", day(one["created_at"])) for one in page["teams"])
    output.table(("team", "name", "role", "made"), rows, empty="There are no teams.")
    output.more(page)


@app.command()
@placed
def show(place: Place, team: Team, who: By = None, json: Json = False) -> None:
    """A team, and who is in it."""
    with place.open() as access:
        found = access.teams.show(team, _by(who))
    if json:
        output.as_json(found)
        return
    output.done(f"{found['name']} ({found['team_id']}), made {day(found['created_at'])}")
    _members(found)


@app.command()
@placed
def rename(
    place: Place,
    team: Team,
    name: Annotated[str, typer.Argument(help="What to call it from now on.")],
    who: By = None,
    json: Json = False,
) -> None:
    """Give a team another name."""
    with place.open() as access:
        renamed = access.teams.rename(team, name, _by(who))
    if json:
        output.as_json(renamed)
    else:
        output.done(f"{renamed['team_id']} is called {renamed['name']}.")


@app.command()
@placed
def delete(
    place: Place,
    team: Team,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.", show_default=False)] = False,
    json: Json = False,
) -> None:
    """Delete a team with all that it shares, for good. Asks first."""
    if json and not yes:
        raise typer.BadParameter("--json cannot ask: say --yes, too.")
    with place.open() as access:
        if not yes:
            found = access.teams.show(team, None)
            if not typer.confirm(f"Delete {found['name']} with all that it shares, for good?", err=True):
                output.note("Nothing was deleted.")
                raise typer.Exit(1)
        gone = access.teams.delete(team)
    if json:
        output.as_json(gone)
        return
    output.done(f"{gone['team_id']} is deleted. The receipt is row {gone['receipt']} of the audit.")
    output.table(("table", "rows"), gone["counts"].items(), empty="It shared nothing.")


@app.command()
@placed
def add(
    place: Place,
    team: Team,
    ident: Ident,
    manager: Annotated[
        bool, typer.Option("--manager", help="Who may let in and put out others.", show_default=False)
    ] = False,
    who: By = None,
    json: Json = False,
) -> None:
    """Let a user into a team, or change their role in it."""
    with place.open() as access:
        found = access.teams.add(team, identifier(ident), "manager" if manager else "member", _by(who))
    if json:
        output.as_json(found)
    else:
        _members(found)


@app.command()
@placed
def remove(place: Place, team: Team, ident: Ident, who: By = None, json: Json = False) -> None:
    """Put a user out of a team: from now on they see nothing of it."""
    with place.open() as access:
        access.teams.remove(team, identifier(ident), _by(who))
    if json:
        output.as_json({"removed": ident})
    else:
        output.done(f"{ident} is not in the team any more.")


@app.command()
@placed
def remember(
    place: Place,
    team: Team,
    text: Annotated[str, typer.Argument(help="What to share.")],
    who: By = None,
    importance: Annotated[float, typer.Option(help="0 to 1.", min=0, max=1)] = 0.5,
    json: Json = False,
) -> None:
    """Share a text with a team: each member recalls it beside their own memories."""
    with place.open() as access:
        stored = access.teams.remember(team, text, {}, importance, _by(who))
    if json:
        output.as_json(stored)
    else:
        output.done(f"Shared as {stored['memory_id']}.")


@app.command()
@placed
def memories(
    place: Place, team: Team, who: By = None, limit: Limit = 50, cursor: Cursor = None, json: Json = False
) -> None:
    """What a team shares, newest first."""
    with place.open() as access:
        page = access.teams.memories(team, _by(who), limit, cursor)
    if json:
        output.as_json(page)
        return
    rows = ((one["text"], one["author"] or "-", day(one["created_at"]), one["memory_id"]) for one in page["memories"])
    output.table(("text", "author", "shared", "memory"), rows, empty="Nothing is shared.")
    output.more(page)


@app.command()
@placed
def forget(
    place: Place,
    team: Team,
    memory_id: Annotated[str, typer.Argument(metavar="MEMORY", help="Its mem_ id.")],
    who: By = None,
    json: Json = False,
) -> None:
    """Delete what was shared, for all."""
    with place.open() as access:
        access.teams.forget(team, memory_id, _by(who))
    if json:
        output.as_json({"deleted": memory_id})
    else:
        output.done(f"{memory_id} is forgotten.")


@app.command()
@placed
def context(place: Place, team: Team, who: By = None, json: Json = False) -> None:
    """A team's context, as JSON."""
    with place.open() as access:
        answer = access.teams.context(team, _by(who))
    context_shown(answer, json)


@app.command("set")
@placed
def set_value(
    place: Place,
    team: Team,
    path: Path,
    value: Value,
    who: By = None,
    add: Add = False,
    remove: Remove = False,
    json: Json = False,
) -> None:
    """Give a path of a team's context its value. What was there goes to the history."""
    op = written_op(add, remove)
    with place.open() as access:
        answer = access.teams.change(team, path, written_value(value), op, _by(who))
    if json:
        output.as_json(answer)
    elif answer["facts"]:
        output.done(f"{path} is changed.")
    else:
        output.note("Nothing was changed.")


@app.command()
@placed
def unset(
    place: Place,
    team: Team,
    path: Path,
    forget: Forget = False,
    who: By = None,
    json: Json = False,
) -> None:
    """End what is at a path of a team's context, and below it."""
    with place.open() as access:
        answer = access.teams.unset(team, path, forget, _by(who))
    path_ended(answer, path, forget, json)


@app.command()
@placed
def history(
    place: Place,
    team: Team,
    path: Annotated[str, typer.Argument(metavar="PATH", help="All paths if not told.", show_default=False)] = "",
    who: By = None,
    limit: Limit = 50,
    cursor: Cursor = None,
    json: Json = False,
) -> None:
    """How a team's context, or what is at a path, came to be, newest first."""
    with place.open() as access:
        page = access.teams.history(team, path, _by(who), limit, cursor)
    if json:
        output.as_json(page)
        return
    facts_table(page["facts"])
    output.more(page)


def _by(who: str | None) -> Who | None:
    return None if who is None else identifier(who)


def _members(found: Shape) -> None:
    rows = ((one["muxi_user_id"], one["role"], day(one["joined_at"])) for one in found["members"])
    output.table(("user", "role", "joined"), rows, empty="Nobody is in it.")
