"""A process that embeds anew, slowly, and says how far it is: `python -m tests.support.reembedding_process`."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence

from muxi.core.clock import utc_now
from muxi.core.memory import reembed as reembedding
from muxi.core.models.base import Vectors
from muxi.storage.open import open_storage
from tests.support.vectors import WordVectors


class Slow(WordVectors):
    """Takes its time, so that it can be killed in between."""

    async def embed(self, texts: Sequence[str]) -> Vectors:
        await asyncio.sleep(0.2)
        return await super().embed(texts)


def say(done: int, total: int) -> None:
    sys.stdout.write(f"{done}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    reembedding.BATCH = 16
    stores = open_storage(sys.argv[1]).for_formation("f", utc_now())
    asyncio.run(reembedding.reembed(stores.memory, Slow("words-24", 24), say, stores.new_vectors))
