"""``muxi users import``: the identifiers of many users from a file."""

from __future__ import annotations

import json as json_text
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Annotated, TextIO

import typer
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from muxi.cli import output
from muxi.cli.access import Report, Shape, Step
from muxi.cli.options import Json
from muxi.cli.place import Place, placed

#: The first is one of an import through a server only.
STEPS = ("sending", "checking", "linking")
#: How many conflicts are shown as a table; a file holds them all.
SHOWN = 50


@placed
def import_users(
    place: Place,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="users.csv or users.jsonl")],
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only say what would be linked.", show_default=False)
    ] = False,
    conflicts: Annotated[
        Path | None,
        typer.Option("--conflicts", help="Write every conflict to this file, as JSON Lines.", show_default=False),
    ] = None,
    json: Json = False,
) -> None:
    """Link the identifiers of many users. Broken off, the same command goes on where it was.

    A wrong line changes nothing. What belongs to somebody else is reported, and the rest is linked.
    """
    with place.open() as access, _conflict_file(conflicts) as report, progress_bar() as progress:
        result = access.users.import_file(file, dry_run, _teller(progress), report)
    if json:
        output.as_json(result)
    else:
        _show(result)


def _show(result: Shape) -> None:
    if result["resumed_after"]:
        output.note(f"The first {result['resumed_after']} lines were imported before.")
    if result["conflicts"]:
        rows = ((one["place"], one["code"], one["message"]) for one in result["conflicts"][:SHOWN])
        output.table(("line", "code", "what is wrong"), rows, empty="", title="Not linked")
    if result["conflict_count"] > SHOWN:
        output.note(f"And {result['conflict_count'] - SHOWN} more: --conflicts FILE writes them all.")
    would = "Would link" if result["dry_run"] else "Linked"
    output.done(
        f"{would} {result['linked']} identifiers; {result['users_made']} users made, {result['unchanged']} identifiers "
        f"unchanged, {result['conflict_count']} conflicts."
    )


@contextmanager
def _conflict_file(path: Path | None) -> Iterator[Report | None]:
    with ExitStack() as open_files:
        if path is None:
            yield None
            return
        try:
            written = open_files.enter_context(path.open("w", encoding="utf-8"))
        except OSError as error:
            raise typer.BadParameter(f"{path} cannot be written.", param_hint="--conflicts") from error
        yield lambda conflict: _write(written, conflict)


def _write(file: TextIO, conflict: Shape) -> None:
    file.write(json_text.dumps(conflict, ensure_ascii=False) + "\n")


def _teller(progress: Progress) -> Step:
    tasks = {step: progress.add_task(step, total=None, visible=False) for step in STEPS}
    return lambda step, done, total: progress.update(tasks[step], completed=done, total=total, visible=True)


def progress_bar() -> Progress:
    """How far an import is."""
    # On the other stream: the result can be piped.
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=output.notes,
        transient=True,
        disable=not output.notes.is_terminal,
    )
