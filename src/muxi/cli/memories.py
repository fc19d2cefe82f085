"""``muxi memories``: what is remembered of a user."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

import typer

from muxi.cli import output
from muxi.cli.access import Shape
from muxi.cli.options import As, Cursor, Json, Limit, Type, identifier
from muxi.cli.place import Place, placed
from muxi.cli.users import day

app = typer.Typer(help="What is remembered of a user.", no_args_is_help=True)

#: Characters of the longest bar, and what adds too little to be shown.
BAR = 24
LEAST_SHOWN = 0.005


@app.command()
@placed
def add(
    place: Place,
    text: Annotated[str, typer.Argument(help="What to remember.")],
    who: As,
    importance: Annotated[float, typer.Option(help="0 to 1.", min=0, max=1)] = 0.5,
    meta: Annotated[
        list[str] | None, typer.Option("--meta", metavar="KEY=VALUE", help="May be repeated.", show_default=False)
    ] = None,
    days: Annotated[
        float | None,
        typer.Option(help="For how long; for ever if not told.", min=0.0001, max=36_500, show_default=False),
    ] = None,
    type: Type = None,
    json: Json = False,
) -> None:
    """Remember a text."""
    metadata = dict(_pair(one) for one in meta or [])
    lifetime = None if days is None else timedelta(days=days)
    with place.open() as access:
        stored = access.remember(identifier(who, type), text, metadata, importance, lifetime)
    if json:
        output.as_json(stored)
    else:
        output.done(f"Remembered as {stored['memory_id']}.")


@app.command()
@placed
def search(
    place: Place,
    query: Annotated[str, typer.Argument(help="In words.")],
    who: As,
    limit: Limit = 10,
    agent: Annotated[str | None, typer.Option(help="Only what was said to this agent.", show_default=False)] = None,
    explain: Annotated[bool, typer.Option("--explain", help="Show why each was found.")] = False,
    type: Type = None,
    json: Json = False,
) -> None:
    """What is remembered about something, the best first."""
    with place.open() as access:
        found = access.search(identifier(who, type), query, limit, agent, explain=explain)
    if json:
        output.as_json(found)
    elif explain and found["hits"]:
        for hit in found["hits"]:
            _explained(hit)
    else:
        shared = any(one["owner"] != "user" for one in found["hits"])
        rows = (
            (f"{one['score']:.2f}", *_row(one["memory"]), *([_shared_by(one)] if shared else []))
            for one in found["hits"]
        )
        columns = ("score", "text", "channel", "said", "memory", *(["shared by"] if shared else []))
        output.table(columns, rows, empty="Nothing is remembered of that.")


@app.command("list")
@placed
def newest(
    place: Place,
    who: As,
    limit: Limit = 50,
    cursor: Cursor = None,
    type: Type = None,
    json: Json = False,
) -> None:
    """A user's memories, newest first."""
    with place.open() as access:
        page = access.memories(identifier(who, type), limit, cursor)
    if json:
        output.as_json(page)
        return
    memory_table(page["memories"])
    output.more(page)


@app.command()
@placed
def delete(
    place: Place,
    memory_id: Annotated[str, typer.Argument(metavar="MEMORY", help="Its mem_ id.")],
    who: As,
    type: Type = None,
    json: Json = False,
) -> None:
    """Forget one memory."""
    with place.open() as access:
        access.forget(identifier(who, type), memory_id)
    if json:
        output.as_json({"deleted": memory_id})
    else:
        output.done(f"{memory_id} is forgotten.")


def memory_table(memories: list[Shape], title: str | None = None) -> None:
    """Memories as a table."""
    output.table(
        ("text", "channel", "said", "memory"), map(_row, memories), empty="Nothing is remembered.", title=title
    )


def _explained(hit: Shape) -> None:
    """A hit, and its features: those that count most first, each with a bar of what it adds."""
    adds: dict[str, float] = hit["adds"]
    longest = max(map(abs, adds.values()))
    rows = (
        (name, _value(hit, name), f"{added:+.2f}", _bar(added / longest if longest else 0.0))
        for name, added in sorted(adds.items(), key=lambda one: -abs(one[1]))
        if abs(added) >= LEAST_SHOWN
    )
    by = _shared_by(hit)
    output.done(f"{hit['score']:.2f}  {hit['memory']['text']}" + (f" (shared by {by})" if by else ""))
    output.table(("feature", "value", "adds", ""), rows, empty="Nothing speaks for it.")


def _value(hit: Shape, name: str) -> str:
    return _shared_by(hit) if name == "owner" else f"{hit['features'][name]:.2f}"


def _shared_by(hit: Shape) -> str:
    return {"user": "", "team": hit["team_name"], "formation": "everybody"}[hit["owner"]] or ""


def _bar(share: float) -> str:
    """Of its length at most: filled for what is added, light for what is taken away."""
    return ("\u2588" if share > 0 else "\u2591") * round(abs(share) * BAR)


def _row(memory: Shape) -> tuple[str, str, str, str]:
    return memory["text"], memory["channel"], day(memory["said_at"]), memory["memory_id"]


def _pair(written: str) -> tuple[str, str]:
    key, found, value = written.partition("=")
    if not found or not key:
        raise typer.BadParameter(f"--meta {written!r} is not KEY=VALUE.")
    return key, value
