"""``muxi import``: what other systems remember, and conversations."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from dataclasses import asdict
from datetime import datetime
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.progress import Progress

from muxi.cli import output
from muxi.cli.access import Shape
from muxi.cli.imports import progress_bar
from muxi.cli.options import Json
from muxi.cli.place import POSTGRES, Place, placed_in_store

if TYPE_CHECKING:
    from muxi.core.imports.types import ImportResult

app = typer.Typer(help="Bring in what other systems remember.", no_args_is_help=True)

DryRun = Annotated[bool, typer.Option("--dry-run", help="Only say what would be stored.", show_default=False)]
Whose = Annotated[
    str | None, typer.Option("--user", help="Whose it is where the file does not say so.", show_default=False)
]
OfType = Annotated[
    str | None, typer.Option("--type", help="The type of the users' identifiers; none if not told.", show_default=False)
]


@app.command()
@placed_in_store
def mem0(
    place: Place,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="What get_all returns: .json, or .jsonl")],
    user: Whose = None,
    type: OfType = None,
    dry_run: DryRun = False,
    json: Json = False,
) -> None:
    """Bring in the memories of mem0. The same file twice adds nothing."""
    _run(place, "mem0", str(file), {"user": user, "type": type}, dry_run, json)


@app.command()
@placed_in_store
def langgraph(
    place: Place,
    source: Annotated[str, typer.Argument(metavar="FILE", help="Items as .jsonl or .json, or postgresql://...")],
    user_at: Annotated[
        int | None,
        typer.Option("--user-at", help="Which part of a namespace is the user, from 0.", show_default=False),
    ] = None,
    text: Annotated[
        str | None,
        typer.Option("--text", help="The field of a value that is its text, such as content.", show_default=False),
    ] = None,
    user: Whose = None,
    type: OfType = None,
    dry_run: DryRun = False,
    json: Json = False,
) -> None:
    """Bring in the items of a LangGraph store, from a file or from its Postgres. Twice adds nothing."""
    if user_at is None and user is None:
        raise typer.BadParameter(
            "Say which part of a namespace is the user: of ('memories', 'alice') it is 1.", param_hint="--user-at"
        )
    _run(place, "langgraph", source, {"user": user, "type": type, "user_at": user_at, "text": text}, dry_run, json)


@app.command()
@placed_in_store
def jsonl(
    place: Place,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A message, or a conversation, a line: .jsonl")],
    user: Whose = None,
    type: OfType = None,
    dry_run: DryRun = False,
    json: Json = False,
) -> None:
    """Bring in conversations: into the log, remembered, and read for facts. The same file twice adds nothing."""
    _run(place, "jsonl", str(file), {"user": user, "type": type}, dry_run, json)


def _run(place: Place, kind: str, source: str, reading: dict[str, Any], dry_run: bool, json: bool) -> None:
    types, service = import_module("muxi.core.imports.types"), import_module("muxi.core.imports.service")
    with closing(place.formation()) as formation, progress_bar() as bar:
        given = {"reading": types.Reading(**reading), "dry_run": dry_run, "progress": _teller(bar)}
        if source.startswith(POSTGRES):
            items = import_module("muxi.storage.langgraph").items(source)
            result = service.import_items(formation, kind, items, **given)
        else:
            result = service.import_file(formation, kind, source, **given)
    if json:
        output.as_json(_shape(result))
    else:
        _show(result)


def _shape(result: ImportResult) -> Shape:
    return {name: value.isoformat() if isinstance(value, datetime) else value for name, value in asdict(result).items()}


def _show(result: ImportResult) -> None:
    told = _shape(result)
    dry = told.pop("dry_run")
    rows = ((name.replace("_", " "), "-" if value is None else value) for name, value in told.items())
    output.table(("of the file", "number"), rows, empty="")
    if dry:
        output.done("Nothing was changed.")
    else:
        output.done(f"{result.memories} memories and {result.messages} messages stored; {result.unchanged} were here.")


def _teller(bar: Progress) -> Callable[[str, int, int], None]:
    tasks = {step: bar.add_task(step, total=None, visible=False) for step in ("checking", "writing")}
    return lambda step, done, total: bar.update(tasks[step], completed=done, total=total or None, visible=True)
