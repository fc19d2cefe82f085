"""The command ``muxi``: every command and its name, and how it ends when something is wrong."""

from __future__ import annotations

import sys
from importlib.metadata import version
from typing import Annotated

import typer

from muxi.cli import (
    audit,
    chat,
    context,
    credentials,
    db,
    demo,
    extraction,
    import_memories,
    imports,
    keys,
    memories,
    merges,
    output,
    people,
    privacy,
    serve,
    sessions,
    teams,
    tokens,
    user_tokens,
    users,
    verify,
)
from muxi.errors import MuxiError
from muxi.garbage import collect_seldom

app = typer.Typer(
    help="One person, many identifiers, one memory.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command()(serve.serve)
app.command()(chat.chat)
app.command()(demo.demo)
users.app.command("list")(people.list_users)
users.app.command()(people.disable)
users.app.command()(people.enable)
users.app.command()(privacy.export)
users.app.command()(privacy.restore)
users.app.command()(privacy.erase)
users.app.command("delete-data")(privacy.delete_data)
users.app.command()(privacy.expire)
users.app.command()(tokens.anonymous)
users.app.command("sign-in")(tokens.sign_in)
users.app.command("import")(imports.import_users)
users.app.command()(merges.merge)
users.app.command()(merges.split)
users.app.command()(merges.merges)
app.add_typer(users.app, name="users")
app.command()(users.link)
app.command()(users.unlink)
verify.app.command("id-token")(tokens.id_token)
app.add_typer(verify.app, name="verify")
app.add_typer(tokens.app, name="link-tokens")
app.add_typer(memories.app, name="memories")
app.add_typer(context.app, name="context")
app.add_typer(import_memories.app, name="import")
app.add_typer(extraction.app, name="extraction")
app.add_typer(keys.app, name="keys")
app.add_typer(keys.roles_app, name="roles")
app.add_typer(user_tokens.app, name="tokens")
app.add_typer(sessions.app, name="sessions")
app.add_typer(credentials.app, name="credentials")
app.add_typer(teams.app, name="teams")
app.command()(audit.audit)
app.add_typer(db.app, name="db")


def _say_version(asked: bool) -> None:
    if asked:
        output.answers.print(f"muxi-core {version('muxi-core')}")
        raise typer.Exit


@app.callback()
def _everywhere(
    _version: Annotated[
        bool, typer.Option("--version", help="Say the version.", is_eager=True, callback=_say_version)
    ] = False,
) -> None:
    """One person, many identifiers, one memory."""


def main() -> None:
    """Runs the command line. Ends with 0, with 1 for an error that was explained, with 2 for wrong usage."""
    collect_seldom()
    try:
        app(prog_name="muxi")
    except MuxiError as error:
        output.failed(error)
        sys.exit(1)
