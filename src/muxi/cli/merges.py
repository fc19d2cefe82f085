"""``muxi users merge``, ``split`` and ``merges``: users that are one person, and that are not after all."""

from __future__ import annotations

from json import dumps
from typing import Annotated

import typer

from muxi.cli import output
from muxi.cli.access import Shape
from muxi.cli.options import Ident, Json, Type, identifier
from muxi.cli.place import Place, placed
from muxi.cli.users import day


@placed
def merge(
    place: Place,
    idents: Annotated[list[str], typer.Argument(metavar="IDENT...", help="All of them become one user.")],
    into: Annotated[
        str | None,
        typer.Option(metavar="IDENT", help="The user that survives; the oldest if not told.", show_default=False),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only say what each of them has.", show_default=False)
    ] = False,
    json: Json = False,
) -> None:
    """Make users one: all of them, or none and an error."""
    users, survivor = [identifier(one) for one in idents], identifier(into) if into else None
    with place.open() as access:
        answer = access.preview(users, survivor) if dry_run else access.merge(users, survivor)
    if json:
        output.as_json(answer)
    elif dry_run:
        _holdings_table(answer)
    else:
        output.done(f"{answer['merge_id']}: {', '.join(answer['merged'])} merged into {answer['survivor']}.")


@placed
def split(
    place: Place,
    merge_id: Annotated[str, typer.Argument(metavar="MERGE", help="Its mrg_ id.")],
    json: Json = False,
) -> None:
    """Undo a merge. What was written since stays with the user that survived."""
    with place.open() as access:
        answer = access.split(merge_id)
    if json:
        output.as_json(answer)
    else:
        output.done(f"{answer['merge_id']} is undone: {', '.join(answer['merged'])} split from {answer['survivor']}.")


@placed
def merges(
    place: Place,
    ident: Ident,
    type: Type = None,
    json: Json = False,
) -> None:
    """The merges that made a user, and those that were undone, newest first."""
    with place.open() as access:
        answer = access.merges(identifier(ident, type))
    if json:
        output.as_json(answer)
        return
    rows = (
        (
            one["merge_id"],
            one["survivor"],
            "\n".join(one["merged"]),
            day(one["merged_at"]),
            one["merged_by"],
            day(one["split_at"]) if one["split_at"] else "-",
        )
        for one in answer["merges"]
    )
    output.table(("merge", "into", "merged", "when", "by", "split"), rows, empty="Never merged.")


def _holdings_table(preview: Shape) -> None:
    held = preview["holdings"]
    columns = ("identifiers", "sessions", "messages", "memories", "facts")
    rows = ((user, *(held[user][name] for name in columns)) for user in held)
    output.table(
        ("user", *columns),
        rows,
        empty="Nobody.",
        title=f"All would be {preview['survivor']}; nothing was changed.",
    )
    if preview["disagreements"]:
        differing = (
            (one["path"], user, dumps(value, ensure_ascii=False))
            for one in preview["disagreements"]
            for user, value in one["values"].items()
        )
        output.table(("path", "user", "value"), differing, empty="", title="What was said last would be shown of:")
