"""``muxi users list``, ``disable`` and ``enable``: users as things."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated

import typer

from muxi.cli import output
from muxi.cli.access import Shape
from muxi.cli.options import Cursor, Ident, Json, Limit, Type, identifier
from muxi.cli.place import Place, placed
from muxi.cli.users import day


@placed
def list_users(
    place: Place,
    search: Annotated[
        str, typer.Argument(help="How an identifier begins, or a usr_ id; all users if not told.", show_default=False)
    ] = "",
    disabled: Annotated[
        bool | None,
        typer.Option("--disabled/--enabled", help="Only those who are, or are not.", show_default=False),
    ] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
    json: Json = False,
) -> None:
    """Users, newest first."""
    with place.open() as access:
        page = access.users.list(search, disabled, limit, cursor)
    if json:
        output.as_json(page)
        return
    output.table(("user", "identifiers", "since", "last said", "disabled"), _rows(page["users"]), empty="No users.")
    output.more(page)


@placed
def disable(place: Place, ident: Ident, type: Type = None, json: Json = False) -> None:
    """Shut a user out, at once and in every process: nothing of them is read or written."""
    with place.open() as access:
        user = access.users.disable(identifier(ident, type))
    _changed(user, json)


@placed
def enable(place: Place, ident: Ident, type: Type = None, json: Json = False) -> None:
    """Let a user in again."""
    with place.open() as access:
        user = access.users.enable(identifier(ident, type))
    _changed(user, json)


def _changed(user: Shape, json: bool) -> None:
    if json:
        output.as_json(user)
        return
    since = user["disabled_at"]
    output.done(f"{user['muxi_user_id']} is {f'disabled since {day(since)}' if since else 'enabled'}.")


def _rows(users: Iterable[Shape]) -> Iterable[tuple[str, ...]]:
    for user in users:
        yield (
            user["muxi_user_id"],
            "\n".join(one["identifier"] for one in user["identifiers"]) or "-",
            day(user["created_at"]),
            day(user["last_at"]) if user["last_at"] else "-",
            day(user["disabled_at"]) if user["disabled_at"] else "-",
        )
