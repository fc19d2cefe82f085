"""``muxi context``: what is known of a user, by path."""

from __future__ import annotations

from datetime import datetime
from json import JSONDecodeError, dumps, loads
from typing import Annotated, Any

import typer

from muxi.cli import output
from muxi.cli.access import Op, Shape
from muxi.cli.options import As, Cursor, Json, Limit, Type, identifier
from muxi.cli.place import Place, placed
from muxi.cli.users import day

app = typer.Typer(help="What is known of a user, by path.", no_args_is_help=True)

Path = Annotated[str, typer.Argument(metavar="PATH", help="Dotted: preferences.theme; a dot within a key is \\.")]
Value = Annotated[str, typer.Argument(help="JSON, or else a text as it stands.")]
Add = Annotated[bool, typer.Option("--add", help="Add it to the list there.", show_default=False)]
Remove = Annotated[bool, typer.Option("--remove", help="Take it from the list.", show_default=False)]
Forget = Annotated[bool, typer.Option("--forget", help="Its history, too: nothing of it is left.", show_default=False)]


@app.command()
@placed
def show(
    place: Place,
    who: As,
    at: Annotated[
        datetime | None,
        typer.Option(
            help="As it was at this time (UTC).",
            formats=["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M:%S.%f%z", "%Y-%m-%dT%H:%M:%S%z"],
            show_default=False,
        ),
    ] = None,
    type: Type = None,
    json: Json = False,
) -> None:
    """The context of a user, as JSON."""
    with place.open() as access:
        answer = access.context.show(identifier(who, type), at)
    context_shown(answer, json)


@app.command("set")
@placed
def set_value(
    place: Place,
    path: Path,
    value: Value,
    who: As,
    add: Add = False,
    remove: Remove = False,
    text: Annotated[bool, typer.Option("--text", help="It is a text, also if it looks like JSON.")] = False,
    source: Annotated[str, typer.Option(help="Who or what says so.")] = "command line",
    importance: Annotated[float, typer.Option(help="0 to 1.", min=0, max=1)] = 0.5,
    type: Type = None,
    json: Json = False,
) -> None:
    """Give a path its value. What was there goes to the history."""
    op = written_op(add, remove)
    given = value if text else written_value(value)
    with place.open() as access:
        answer = access.context.change(identifier(who, type), path, given, op, source, importance)
    if json:
        output.as_json(answer)
        return
    for fact in answer["facts"]:
        output.done(f"{_said(fact)} ({fact['fact_id']})")
    if not answer["facts"]:
        output.note("Nothing was changed.")


@app.command()
@placed
def delete(
    place: Place,
    path: Path,
    who: As,
    forget: Forget = False,
    type: Type = None,
    json: Json = False,
) -> None:
    """End what is at a path and below it."""
    with place.open() as access:
        answer = access.context.delete(identifier(who, type), path, forget)
    path_ended(answer, path, forget, json)


@app.command()
@placed
def history(
    place: Place,
    who: As,
    path: Annotated[str, typer.Argument(metavar="PATH", help="All paths if not told.", show_default=False)] = "",
    limit: Limit = 50,
    cursor: Cursor = None,
    type: Type = None,
    json: Json = False,
) -> None:
    """How the context, or what is at a path, came to be, newest first."""
    with place.open() as access:
        page = access.context.history(identifier(who, type), path, limit, cursor)
    if json:
        output.as_json(page)
        return
    facts_table(page["facts"])
    output.more(page)


def context_shown(answer: Shape, json: bool) -> None:
    """What a context holds."""
    if json:
        output.as_json(answer)
    elif answer["context"]:
        output.as_json(answer["context"])
    else:
        output.note("Nothing is known.")


def path_ended(answer: Shape, path: str, forget: bool, json: bool) -> None:
    """What became of what was at a path."""
    if json:
        output.as_json(answer)
    elif answer["deleted"]:
        output.done(f"{path} is {'forgotten' if forget else 'deleted'}.")
    else:
        output.note(f"There is nothing at {path}.")


def facts_table(facts: list[Shape]) -> None:
    """How a context came to be, as a table."""
    rows = (
        (
            _said(fact),
            fact["source"] or "-",
            fact["times"],
            day(fact["observed_at"]),
            day(fact["superseded_at"]) if fact["superseded_at"] else "-",
        )
        for fact in facts
    )
    output.table(("what", "source", "times", "said", "until"), rows, empty="Nothing was ever known.")


_SIGNS = {"set": "=", "add": "+", "remove": "-"}


def _said(fact: Shape) -> str:
    if fact["op"] == "delete":
        return f"{fact['path']} deleted"
    return f"{fact['path']} {_SIGNS[fact['op']]} {dumps(fact['value'], ensure_ascii=False)}"


def written_op(add: bool, remove: bool) -> Op:
    """What is done with a value.

    Raises:
        typer.BadParameter: both options were given.
    """
    if add and remove:
        raise typer.BadParameter("--add and --remove cannot go together.")
    return "add" if add else "remove" if remove else "set"


def written_value(written: str) -> Any:
    """What was written on the command line: JSON, or else a text."""
    try:
        return loads(written)
    except (JSONDecodeError, RecursionError):
        return written
