"""A process that chats until it is killed, and says what was answered: `python -m tests.support.talking_process`."""

from __future__ import annotations

import asyncio
import sys

from tests.support.extraction import say
from tests.support.full_user import opened

USERS = 5


async def talk(address: str, first: int) -> None:
    """Says "I like word<n>" as one user after the other, from ``first`` on."""
    formation = opened(address, "f")
    sys.stdout.write("ready\n")
    number = first
    while True:
        await say(formation, f"u{number % USERS}@x.org", f"I like word{number}")
        sys.stdout.write(f"{number}\n")
        sys.stdout.flush()
        number += 1


if __name__ == "__main__":
    asyncio.run(talk(sys.argv[1], int(sys.argv[2])))
