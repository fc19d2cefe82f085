"""What a command writes: tables for people, JSON for programs, one line for an error."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from muxi.errors import MuxiError

#: Answers and tables. Everything about them goes to `notes`, so that an answer can be piped.
answers = Console(highlight=False, markup=False, emoji=False)
notes = Console(highlight=False, markup=False, emoji=False, stderr=True)

JSON_FLAG = "--json"
ID_COLUMNS = {"memory", "user", "team", "merge", "key", "session", "credential"}
ID_WIDTH = 30


def as_json(value: Any) -> None:
    """Writes one JSON document, whatever the terminal's width."""
    sys.stdout.write(json.dumps(value, ensure_ascii=False, indent=2) + "\n")


def note(text: str) -> None:
    """A dim line about what is going on."""
    notes.print(text, style="dim", soft_wrap=True)


def done(text: str) -> None:
    """A line that says that it worked."""
    answers.print(Text(printable(text)), style="green", soft_wrap=True)


def table(columns: Sequence[str], rows: Iterable[Sequence[object]], *, empty: str, title: str | None = None) -> None:
    """Writes a table, or the line ``empty`` if it has no rows. Ids stay whole: people copy them."""
    made = Table(title=title, title_justify="left", header_style="bold")
    for column in columns:
        made.add_column(column, overflow="fold", min_width=ID_WIDTH if column in ID_COLUMNS else None)
    for row in rows:
        made.add_row(*(Text(printable(str(cell))) for cell in row))
    if made.row_count:
        answers.print(made)
    else:
        answers.print(empty, style="dim")


def more(page: Mapping[str, Any]) -> None:
    """Says how to come by the next page, if there is one."""
    if page["next_cursor"]:
        note(f"There are more: --cursor {page['next_cursor']}")


def failed(error: MuxiError) -> None:
    """Writes what went wrong: one red line, or the problem document for a program."""
    if JSON_FLAG in sys.argv:
        as_json(problem(error))
    else:
        notes.print(Text(f"error: {printable(error.message)} ({error.code})"), style="red", soft_wrap=True)


def problem(error: MuxiError) -> Mapping[str, Any]:
    """The error in the form that the server gives it."""
    return {
        "type": f"urn:muxi:problem:{error.code}",
        "title": error.title(),
        "status": error.status,
        "detail": error.message,
        "code": error.code,
        **error.details,
    }


def printable(text: str) -> str:
    """The text without what a terminal would obey: remembered words come from anybody."""
    return "".join(char if char.isprintable() or char in "\n\t" else "\N{REPLACEMENT CHARACTER}" for char in text)
