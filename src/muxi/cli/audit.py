"""``muxi audit``: what was changed about who is who."""

from __future__ import annotations

import json as jsonlib
from typing import Annotated

import typer

from muxi.cli import output
from muxi.cli.access import Shape
from muxi.cli.options import Cursor, Json, Limit, identifier
from muxi.cli.place import Place, placed
from muxi.cli.users import User, day


@placed
def audit(
    place: Place,
    user: User = None,
    action: Annotated[str | None, typer.Option(help="Only this one, such as users.merged.", show_default=False)] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
    verify: Annotated[
        bool, typer.Option("--verify", help="Check that no row was changed or taken out.", show_default=False)
    ] = False,
    json: Json = False,
) -> None:
    """What was changed about who is who, newest first; or whether that record is as it was written."""
    if verify:
        if user or action or cursor:
            raise typer.BadParameter("--verify reads the whole audit: leave the other options out.")
        _verify(place, json)
        return
    with place.open() as access:
        page = access.audit(identifier(user) if user else None, action, limit, cursor)
    if json:
        output.as_json(page)
        return
    rows = (_row(one) for one in page["records"])
    output.table(("row", "when", "by", "what", "user", "details"), rows, empty="Nothing was changed.")
    output.more(page)


def _verify(place: Place, json: bool) -> None:
    with place.open() as access:
        verdict = access.verify_audit()
    if json:
        output.as_json(verdict)
    elif verdict["sound"]:
        output.done(f"The audit is sound: {verdict['rows']} rows, none changed or missing.")
    else:
        output.note(f"The audit is broken: row {verdict['broken_at']} was changed or is missing.")
    if not verdict["sound"]:
        raise typer.Exit(1)


def _row(record: Shape) -> tuple[object, ...]:
    details = jsonlib.dumps(record["details"], ensure_ascii=False)
    return record["seq"], day(record["at"]), record["actor"], record["action"], record["muxi_user_id"] or "-", details
