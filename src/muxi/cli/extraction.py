"""``muxi extraction``: finding what users say about themselves, behind the answers."""

from __future__ import annotations

from typing import Annotated

import typer

from muxi.cli import output
from muxi.cli.access import ExtractionAccess
from muxi.cli.options import Cursor, Ident, Json, Limit, Type, identifier
from muxi.cli.place import Place, placed
from muxi.cli.users import User, day
from muxi.errors import ModelError

app = typer.Typer(help="Finding what users say about themselves.", no_args_is_help=True)


@app.command()
@placed
def status(place: Place, json: Json = False) -> None:
    """How many users wait to be read, and what fails."""
    with place.open() as access:
        answer = access.extraction.status()
    if json:
        output.as_json(answer)
        return
    since = f", the first since {day(answer['waiting_since'])}" if answer["waiting_since"] else ""
    output.done(f"{answer['waiting']} users wait to be read{since}; {answer['failing']} of them after a failure.")
    for code, users in answer["errors"].items():
        output.note(f"{code}: {users}")
    if answer["failures"]:
        output.note(f"{answer['failures']} failed for good: muxi extraction list")


@app.command("list")
@placed
def list_failures(
    place: Place,
    user: User = None,
    limit: Limit = 50,
    cursor: Cursor = None,
    json: Json = False,
) -> None:
    """Messages that could not be read, newest first."""
    with place.open() as access:
        page = access.extraction.failures(identifier(user) if user else None, limit, cursor)
    if json:
        output.as_json(page)
        return
    rows = (
        (one["failure_id"], one["muxi_user_id"], one["messages"], one["code"], one["tries"], day(one["failed_at"]))
        for one in page["failures"]
    )
    output.table(("failure", "user", "messages", "error", "tries", "last try"), rows, empty="Nothing failed for good.")
    output.more(page)


@app.command()
@placed
def replay(
    place: Place,
    failure: Annotated[str | None, typer.Argument(metavar="[FAILURE]", help="exf_..., as list shows it.")] = None,
    every: Annotated[bool, typer.Option("--all", help="All that failed.", show_default=False)] = False,
    json: Json = False,
) -> None:
    """Read messages again that could not be read. What was said since stays."""
    if (failure is None) != every:
        raise typer.BadParameter("Name a failure, or say --all.")
    with place.open() as access:
        failures = _all(access.extraction) if failure is None else [failure]
        answers, failed = {}, 0
        for one in failures:
            try:
                answers[one] = access.extraction.replay(one)
            except ModelError as error:
                if failure is not None:
                    raise
                failed += 1
                output.failed(error)
    if json:
        output.as_json(answers[failure] if failure is not None else {"replayed": answers, "failed": failed})
    else:
        facts = sum(one["facts"] for one in answers.values())
        output.done(f"{len(answers)} read, {facts} facts written{f'; {failed} failed again' if failed else ''}.")
    if failed:
        raise typer.Exit(1)


@app.command()
@placed
def off(place: Place, ident: Ident, type: Type = None, json: Json = False) -> None:
    """Look for nothing any more in what a user says. What is known already stays."""
    _choose(place, ident, type, False, json)


@app.command()
@placed
def on(place: Place, ident: Ident, type: Type = None, json: Json = False) -> None:
    """Read again what a user says from now on."""
    _choose(place, ident, type, True, json)


def _choose(place: Place, ident: str, type: str | None, enabled: bool, json: bool) -> None:
    with place.open() as access:
        answer = access.extraction.choose(identifier(ident, type), enabled)
    if json:
        output.as_json(answer)
    elif answer["opted_out_at"]:
        output.done(f"Nothing is looked for in what {ident} says, since {day(answer['opted_out_at'])}.")
    else:
        output.done(f"What {ident} says from now on is read.")


def _all(extraction: ExtractionAccess) -> list[str]:
    found: list[str] = []
    cursor: str | None = None
    while True:
        page = extraction.failures(None, 200, cursor)
        found += [one["failure_id"] for one in page["failures"]]
        cursor = page["next_cursor"]
        if cursor is None:
            return found
