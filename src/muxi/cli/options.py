"""The options that commands share, and what an identifier looks like on the command line."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated

import typer

_STORE = "The store"
_SERVER = "The server"

Config = Annotated[
    Path | None, typer.Option("--config", help="A formation.yaml.", show_default=False, rich_help_panel=_STORE)
]
Secrets = Annotated[
    Path | None,
    typer.Option(
        "--secrets",
        help="A file of NAME=value lines, instead of secrets.env beside the formation.yaml.",
        show_default=False,
        rich_help_panel=_STORE,
    ),
]
DataDir = Annotated[
    Path | None,
    typer.Option(
        "--data-dir",
        help="Where files are kept; MUXI_DATA_DIR, else the user's data directory.",
        show_default=False,
        rich_help_panel=_STORE,
    ),
]
DatabaseUrl = Annotated[
    str | None,
    typer.Option(
        "--database-url",
        help="postgresql://... or the path of a SQLite file; MUXI_DATABASE_URL if not told.",
        show_default=False,
        rich_help_panel=_STORE,
    ),
]
Url = Annotated[
    str | None,
    typer.Option(
        "--url",
        help="A running server, with the key of MUXI_API_KEY, MUXI_CLIENT_KEY or MUXI_ADMIN_KEY; MUXI_URL if not told.",
        show_default=False,
        rich_help_panel=_SERVER,
    ),
]
FormationId = Annotated[
    str | None,
    typer.Option("--formation", help="Which of the server's formations.", show_default=False, rich_help_panel=_SERVER),
]
Json = Annotated[bool, typer.Option("--json", help="Plain JSON instead of a table.", show_default=False)]
Type = Annotated[
    str | None,
    typer.Option("--type", help="The identifier's type; then it is taken as it stands.", show_default=False),
]
As = Annotated[
    str,
    typer.Option("--as", metavar="IDENT", help="Whose: an e-mail address, slack:U98765ABC, a usr_ id ..."),
]
Ident = Annotated[str, typer.Argument(metavar="IDENT", help="alice@email.com, slack:U98765ABC, a usr_ id ...")]
Limit = Annotated[int, typer.Option("--limit", help="At most so many.", min=1, max=200)]
Cursor = Annotated[str | None, typer.Option(help="next_cursor of the page before (see --json).", show_default=False)]

Who = str | tuple[str, str]

_TYPED = re.compile(r"([a-z][a-z0-9_-]*):(?!//)(.+)", re.DOTALL)


def identifier(written: str, type: str | None = None) -> Who:
    """The identifier that was written: ``slack:U98765ABC`` is the value U98765ABC of type slack.

    Args:
        written: what stands on the command line.
        type: of ``--type``; then ``written`` is the value as it stands, with its colons. Empty: it has no type.
    """
    if type is not None:
        return (written, type) if type else written
    typed = _TYPED.fullmatch(written)
    return (typed.group(2), typed.group(1)) if typed else written
