"""Gives a formation's memories new vectors, when its embedding model changes, while it serves.

The new vectors are made beside the old ones, which searches go on using. When all are there, the formation changes to
the new model, and they are put in their place. A vector counts only for processes of the model that made it: one that
still has the old model ranks by words where the old vectors are gone, until it is started anew.
"""

from __future__ import annotations

from collections.abc import Callable

from muxi.core.memory.embedder import embed_fitting
from muxi.core.memory.new_vectors import NewVectorStore
from muxi.core.memory.store import EmbeddingSpace, MemoryStore
from muxi.core.models.base import EmbeddingModel
from muxi.core.threads import in_thread
from muxi.ids import MemoryId

BATCH = 256

_BEFORE_ALL = MemoryId("")

Progress = Callable[[int, int], None]


async def reembed(
    store: MemoryStore, model: EmbeddingModel, on_progress: Progress, beside: NewVectorStore | None = None
) -> int:
    """Makes every vector anew that is not of this model.

    Interrupted at any moment, it goes on where it was when called again; searches are right throughout.

    Args:
        store: bound to the formation.
        model: makes the vectors.
        on_progress: told (memories done, memories in all) after each batch.
        beside: of the same formation; without it the vectors are replaced one by one, and whoever serves meanwhile
            finds by words what has none of theirs.

    Returns:
        How many memories got a new vector.

    Raises:
        ModelError, StorageError: the model or the database failed; what is done stays done.
    """
    space = await in_thread(store.embedding_space)
    total = await in_thread(store.count_of_other_models, model.name)
    if total or space is None or space.model != model.name:
        probe = await model.embed(["How many dimensions has this model?"])
        new = EmbeddingSpace(model.name, int(probe.shape[1]))
        done = 0
        if beside is None:
            await in_thread(store.change_embedding_space, new)
        elif space != new:
            done = await _make_beside(beside, model, total, lambda done: on_progress(done, max(total, done)))
            await in_thread(beside.switch, new)
        if beside is not None:
            done = max(done, await _put_in_place(beside, model))
        total = max(total, await _fill(store, model, done, lambda done: on_progress(done, max(total, done))))
    if beside is not None:
        await in_thread(beside.clear, model.name)
    return total


async def _make_beside(beside: NewVectorStore, model: EmbeddingModel, total: int, told: Callable[[int], None]) -> int:
    """Makes what is missing until hardly anything is, while others go on writing; how many there are then."""
    done = await in_thread(beside.count, model.name)
    told(done)
    made, most = BATCH, _most(total)
    while made >= BATCH and done < most:
        made, after = 0, _BEFORE_ALL
        while done + made < most and (batch := await in_thread(beside.missing, model.name, after, BATCH)):
            vectors = await embed_fitting(model, [memory.text for memory in batch])
            await in_thread(beside.keep, batch, vectors, model.name)
            made, after = made + len(batch), batch[-1].id
            told(done + made)
        done += made
    return done


async def _put_in_place(beside: NewVectorStore, model: EmbeddingModel) -> int:
    """Puts what was made beside in its place; how many these were."""
    count = await in_thread(beside.count, model.name)
    after: MemoryId | None = _BEFORE_ALL
    while after is not None:
        after = await in_thread(beside.put_in_place, model.name, after, BATCH)
    return count


async def _fill(store: MemoryStore, model: EmbeddingModel, done: int, told: Callable[[int], None]) -> int:
    """Makes what is missing still, written or changed meanwhile, in its place; how many are done then."""
    told(done)
    after, most = _BEFORE_ALL, done + _most(await in_thread(store.count_of_other_models, model.name))
    while done < most and (batch := await in_thread(store.of_other_models, model.name, after, BATCH)):
        vectors = await embed_fitting(model, [memory.text for memory in batch])
        await in_thread(store.set_vectors, batch, vectors, model.name)
        done, after = done + len(batch), batch[-1].id
        told(done)
    return done


def _most(count: int) -> int:
    """Others may write as quickly as it embeds: it does not follow them for ever.

    What has no vector then is embedded by the next process that opens the formation.
    """
    return 2 * count + BATCH
