"""``muxi chat``: a conversation in the terminal."""

from __future__ import annotations

import sys
from contextlib import closing, suppress
from importlib import import_module
from typing import Annotated

import typer
from rich.text import Text

from muxi.cli import output
from muxi.cli.access import Access, Asked
from muxi.cli.options import As, Json, Type, Who, identifier
from muxi.cli.place import Place, placed
from muxi.errors import MuxiError

PROMPT = "you> "
LEAVING = {"/quit", "/exit"}


@placed
def chat(
    place: Place,
    who: As,
    message: Annotated[
        str | None, typer.Argument(help="One message; without it, a conversation line by line.", show_default=False)
    ] = None,
    agent: Annotated[str | None, typer.Option(help="Who should answer.", show_default=False)] = None,
    session: Annotated[
        str | None, typer.Option(help="A ses_ id, or your own name of a conversation.", show_default=False)
    ] = None,
    type: Type = None,
    json: Json = False,
) -> None:
    """Talk as a user; the answer streams."""
    if json and message is None:
        raise typer.BadParameter("--json goes with a MESSAGE.")
    by = identifier(who, type)
    with place.open() as access:
        if json and message is not None:
            output.as_json(access.reply(Asked(message, by, agent, session)))
            return
        output.note(f"[{access.where}]")
        if message is not None:
            _answer(access, Asked(message, by, agent, session))
        else:
            _converse(access, by, agent, session)


def _converse(access: Access, who: Who, agent: str | None, session: str | None) -> None:
    if sys.stdin.isatty():
        output.note("An empty line or Ctrl-D ends the conversation, Ctrl-C stops an answer.")
        # Gives the prompt line editing and history where Python has it.
        with suppress(ImportError):
            import_module("readline")
    while (message := _read()) is not None:
        try:
            _answer(access, Asked(message, who, agent, session))
        except MuxiError as error:
            output.failed(error)
        except KeyboardInterrupt:
            output.note("\n(stopped; nothing of this was stored)")


def _read() -> str | None:
    """The next message; ``None`` at the end."""
    try:
        line = input(PROMPT if sys.stdin.isatty() else "").strip()
    except EOFError:
        return None
    return None if not line or line in LEAVING else line


def _answer(access: Access, asked: Asked) -> None:
    # Closed at once when the person stops it, so that the model stops too.
    with closing(access.stream(asked)) as pieces:
        for piece in pieces:
            output.answers.print(Text(output.printable(piece)), end="", soft_wrap=True)
            output.answers.file.flush()
    output.answers.print()
