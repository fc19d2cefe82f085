"""Gives a formation's memories new vectors, when its embedding model changes."""

from __future__ import annotations

from collections.abc import Callable

from muxi.core.memory.store import EmbeddingSpace, MemoryStore
from muxi.core.models.base import EmbeddingModel
from muxi.core.threads import in_thread
from muxi.ids import MemoryId

BATCH = 256
#: Put behind the model's name while the work goes on: half-done, a formation fits neither model.
UNFINISHED = " (re-embedding, not finished)"

_BEFORE_ALL = MemoryId("")


async def reembed(store: MemoryStore, model: EmbeddingModel, on_progress: Callable[[int, int], None]) -> int:
    """Makes every vector anew that is not of this model.

    Interrupted, it goes on where it was when called again; until it is finished the formation cannot be opened for
    anything else. No server may run on the store meanwhile: it would go on writing vectors of the old model.

    Args:
        store: bound to the formation.
        model: makes the vectors.
        on_progress: told (memories done, memories in all) after each batch.

    Returns:
        How many memories got a new vector.

    Raises:
        ModelError, StorageError: the model or the database failed; what is done stays done.
    """
    space = await in_thread(store.embedding_space)
    total = await in_thread(store.count_of_other_models, model.name)
    if total == 0 and (space is None or space.model == model.name):
        return 0
    probe = await model.embed(["How many dimensions has this model?"])
    dimension = int(probe.shape[1])
    await in_thread(store.change_embedding_space, EmbeddingSpace(model.name + UNFINISHED, dimension))
    done, after = 0, _BEFORE_ALL
    on_progress(done, total)
    while batch := await in_thread(store.of_other_models, model.name, after, BATCH):
        vectors = await model.embed([memory.text for memory in batch])
        await in_thread(store.set_vectors, batch, vectors, model.name)
        done, after = done + len(batch), batch[-1].id
        on_progress(done, max(total, done))
    await in_thread(store.change_embedding_space, EmbeddingSpace(model.name, dimension))
    return done
