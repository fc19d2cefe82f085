"""``muxi demo``: one person on two channels, first as two users, then as one."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from rich.panel import Panel
from rich.text import Text

from muxi.cli import output
from muxi.cli.access import Access, Asked
from muxi.cli.memories import memory_table
from muxi.cli.options import Who
from muxi.cli.place import Place
from muxi.cli.users import identifier_table

TOLD = "My budget is $5,000"
ASKED = "What's my budget?"
EMAIL = "alice@email.com"


@dataclass(frozen=True, slots=True)
class Channel:
    """Where a person writes, how they are known there, and the colour of it here."""

    name: str
    who: Who
    colour: str


WEB = Channel("Web chat (user_123)", ("user_123", "web"), "cyan")
SLACK = Channel("Slack (U98765ABC)", ("U98765ABC", "slack"), "magenta")


def demo() -> None:
    """One person on the web, then on Slack: forgotten, linked, known. On a temporary store, without a key."""
    with TemporaryDirectory(prefix="muxi-demo-", ignore_cleanup_errors=True) as folder:
        with _store(Path(folder) / "without") as access:
            _chapter("Without linking", "Each identifier is a user of its own.")
            _say(access, WEB, TOLD)
            _say(access, SLACK, ASKED)
            _remark("↑ Another identifier, another user: the context is lost.")
        with _store(Path(folder) / "with") as access:
            _chapter("With linking", "muxi link alice@email.com web:user_123 slack:U98765ABC")
            _say(access, WEB, TOLD)
            user = access.link([EMAIL, WEB.who, SLACK.who], None)
            _remark(f"Linked: three identifiers, one user ({user['muxi_user_id']}).")
            _say(access, SLACK, ASKED)
            _remark("↑ The same user on another channel: found.")
            _summary(access)
    output.note("All of this was on a temporary store, which is gone. Next: muxi chat --as alice@email.com")


def _store(folder: Path) -> Access:
    # All told, so that nothing of the environment leads to a store that is somebody's.
    return Place(data_dir=folder, database_url=str(folder / "muxi.db")).open()


def _chapter(title: str, subtitle: str) -> None:
    output.answers.print()
    output.answers.print(Panel(Text(subtitle), title=Text(title), title_align="left", style="bold", expand=False))


def _say(access: Access, channel: Channel, message: str) -> None:
    output.answers.print(Text(f"\n{channel.name}:", style=f"bold {channel.colour}"))
    output.answers.print(Text.assemble(("  User: ", channel.colour), message), soft_wrap=True)
    output.answers.print(Text("  muxi: ", style=channel.colour), end="")
    for piece in access.stream(Asked(message, channel.who)):
        output.answers.print(Text(output.printable(piece)), end="", soft_wrap=True)
    output.answers.print()


def _remark(text: str) -> None:
    output.answers.print(Text(f"  {text}", style="yellow"), soft_wrap=True)


def _summary(access: Access) -> None:
    output.answers.print()
    identifier_table(access.show(EMAIL), title="The user's identifiers")
    memory_table(access.memories(EMAIL, 50, None)["memories"], title="What is remembered of them")
