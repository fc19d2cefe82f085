"""``muxi users import``: the identifiers of many users from a file."""

from __future__ import annotations

import json as json_text
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import asdict
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TextIO

import typer
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from muxi.cli import output
from muxi.cli.access import Shape
from muxi.cli.options import Json
from muxi.cli.place import Place, placed_in_store

if TYPE_CHECKING:
    from muxi.core.identity.bulk_types import BulkResult, Conflict

#: How many conflicts are shown as a table; a file holds them all.
SHOWN = 50


@placed_in_store
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
    with closing(place.formation()) as formation, _conflict_file(conflicts) as report, _bar() as progress:
        result = formation.bulk.import_file(
            file,
            dry_run=dry_run,
            progress=_teller(progress),
            report=report,
            actor=import_module("muxi.cli.embedded").ACTOR,
        )
    if json:
        output.as_json(bulk_result(result))
    else:
        _show(result)


def bulk_result(result: BulkResult) -> Shape:
    """What came of many groups, in the shape of the HTTP interface."""
    return asdict(result)


def _show(result: BulkResult) -> None:
    if result.resumed_after:
        output.note(f"The first {result.resumed_after} lines were imported before.")
    if result.conflicts:
        rows = ((one.place, one.code, one.message) for one in result.conflicts[:SHOWN])
        output.table(("line", "code", "what is wrong"), rows, empty="", title="Not linked")
    if result.conflict_count > SHOWN:
        output.note(f"And {result.conflict_count - SHOWN} more: --conflicts FILE writes them all.")
    would = "Would link" if result.dry_run else "Linked"
    output.done(
        f"{would} {result.linked} identifiers; {result.users_made} users made, {result.unchanged} identifiers "
        f"unchanged, {result.conflict_count} conflicts."
    )


@contextmanager
def _conflict_file(path: Path | None) -> Iterator[Callable[[Conflict], None] | None]:
    with ExitStack() as open_files:
        if path is None:
            yield None
            return
        try:
            written = open_files.enter_context(path.open("w", encoding="utf-8"))
        except OSError as error:
            raise typer.BadParameter(f"{path} cannot be written.", param_hint="--conflicts") from error
        yield lambda conflict: _write(written, conflict)


def _write(file: TextIO, conflict: Conflict) -> None:
    file.write(json_text.dumps(asdict(conflict), ensure_ascii=False) + "\n")


def _teller(progress: Progress) -> Callable[[str, int, int], None]:
    tasks = {step: progress.add_task(step, total=None, visible=False) for step in ("checking", "linking")}
    return lambda step, done, total: progress.update(tasks[step], completed=done, total=total, visible=True)


def _bar() -> Progress:
    # On the other stream: the result can be piped.
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=output.notes,
        transient=True,
    )
