"""``muxi sessions``: users' conversations, listed, opened and ended."""

from __future__ import annotations

import json as json_text
from typing import Annotated, Any

import typer

from muxi.cli import output
from muxi.cli.keys import ExpiresIn
from muxi.cli.options import As, Cursor, Json, Limit, Type, identifier
from muxi.cli.place import Place, placed
from muxi.cli.spans import span
from muxi.cli.users import day

app = typer.Typer(help="Users' conversations.", no_args_is_help=True)


@app.command("list")
@placed
def list_sessions(
    place: Place, who: As, type: Type = None, limit: Limit = 50, cursor: Cursor = None, json: Json = False
) -> None:
    """A user's conversations, the last used first."""
    with place.open() as access:
        page = access.doors.sessions(identifier(who, type), limit, cursor)
    if json:
        output.as_json(page)
        return
    rows = (
        (one["session_id"], one["name"] or "-", one["messages"], day(one["last_at"]), day(one["ends_at"] or "never"))
        for one in page["sessions"]
    )
    output.table(("session", "name", "messages", "last", "ends"), rows, empty="No conversations.")
    output.more(page)


@app.command()
@placed
def create(
    place: Place,
    who: As,
    metadata: Annotated[str, typer.Option(help="A JSON object that is kept with it.")] = "{}",
    idle: Annotated[
        str | None, typer.Option(metavar="SPAN", help="How much silence ends it.", show_default=False)
    ] = None,
    expires_in: ExpiresIn = None,
    type: Type = None,
    json: Json = False,
) -> None:
    """Open a conversation, before anything is said in it."""
    spans = span(idle, "--idle"), span(expires_in, "--expires-in")
    with place.open() as access:
        session = access.doors.create_session(identifier(who, type), _object(metadata), *spans)
    if json:
        output.as_json(session)
    else:
        output.done(session["session_id"])


@app.command()
@placed
def end(
    place: Place,
    session: Annotated[str, typer.Argument(metavar="SESSION", help="ses_..., as list shows it.")],
    who: As,
    type: Type = None,
    json: Json = False,
) -> None:
    """End a conversation: nothing can be said in it any more. What was said stays."""
    with place.open() as access:
        ended = access.doors.end_session(session, identifier(who, type))
    if json:
        output.as_json(ended)
    else:
        output.done(f"{ended['session_id']} has ended.")


def _object(written: str) -> dict[str, Any]:
    try:
        read = json_text.loads(written)
    except ValueError as error:
        raise typer.BadParameter(f"--metadata is not JSON: {error}.") from error
    if not isinstance(read, dict):
        raise typer.BadParameter("--metadata has to be a JSON object.")
    return read
