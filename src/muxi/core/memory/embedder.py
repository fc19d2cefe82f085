"""Gives memories their vectors, behind the answers.

The memories without a vector are the queue: what a crash leaves is done at the next start.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections import Counter
from collections.abc import Sequence

import numpy as np

from muxi.core.memory.packing import Packer
from muxi.core.memory.store import EmbeddingSpace, MemoryStore, Unplaced
from muxi.core.memory.traits import traits_of
from muxi.core.models.base import EmbeddingModel, Vectors
from muxi.errors import EmbeddingMismatchError, ModelContextFullError, ModelError, StorageError

BATCH = 64
#: A text that does not fit is halved, but never below so many characters: then something else is wrong.
SHORTEST_TEXT = 500
#: So many characters of a memory stand before the next one in its window.
MOST_BEFORE = 400
#: While people talk, windows take one part in so many of a thread's time; for so long after a word they still do.
WINDOWS_SHARE = 10
#: It rests less the more full batches came one after the other, and not at all after so many: what waits must not only
#: grow.
RESTLESS_BATCHES = 256
TALKING_S = 0.5
FIRST_RETRY_S = 1.0
LAST_RETRY_S = 60.0

_log = logging.getLogger("muxi.memory")


class Embedder:
    """One background thread that embeds what waits.

    Args:
        store: bound to the formation.
        model: makes the vectors.
        packer: packs what is embedded, when nothing waits to be.
        fits: the stored vectors are known to be of this model.
    """

    def __init__(
        self, store: MemoryStore, model: EmbeddingModel, packer: Packer | None = None, *, fits: bool = False
    ) -> None:
        self._store = store
        self._packer = packer
        self.model = model
        #: Once they were of this model: if they are of another one later, the formation was re-embedded meanwhile.
        self._fitted = fits
        self._told = False
        self._woken = threading.Event()
        self._at_once = threading.Event()
        self._closed = threading.Event()
        self._idle = threading.Event()
        self._idle.set()
        self._woken_at = self._windows_from = 0.0
        self._lock = threading.Lock()
        #: Of windows, one after the other.
        self._full_batches = 0
        self._thread: threading.Thread | None = None

    def wake(self, *, at_once: bool = True) -> None:
        """There is something to embed; ``at_once`` if no window, which can wait until answers leave the time for it."""
        self._idle.clear()
        self._woken_at = time.monotonic()
        if at_once:
            self._at_once.set()
        self._woken.set()
        with self._lock:
            if self._thread is None and not self._closed.is_set():
                self._thread = threading.Thread(target=self._run, name="muxi-embedder", daemon=True)
                self._thread.start()

    def settled(self, timeout_s: float) -> bool:
        """Waits until nothing is left to embed; False after the time-out (seconds)."""
        return self._idle.wait(timeout_s)

    def close(self) -> None:
        """Stops after the batch under way; what is left waits in the store."""
        self._closed.set()
        self._at_once.set()
        self._woken.set()
        with self._lock:
            if self._thread is not None:
                self._thread.join()

    def check_space(self, vectors: Vectors) -> None:
        """Makes sure that these vectors may stand beside those in the store.

        If the formation was re-embedded while it was open here, they count for this process only: a store keeps none of
        them, and reads none of the others.

        Raises:
            EmbeddingMismatchError: they are of another model or dimension, and always were.
        """
        made = EmbeddingSpace(self.model.name, int(vectors.shape[1]))
        # Once it is set, reading it is enough: writers wait for nobody.
        stored = self._store.embedding_space() or self._store.claim_embedding_space(made)
        if stored == made:
            self._fitted = True
        elif not self._is_left_behind(stored):
            raise mismatch(stored, f"{made.model} with {made.dimension} dimensions")

    def _is_left_behind(self, stored: EmbeddingSpace | None) -> bool:
        """Whether the formation has changed to another model since it was opened here."""
        if stored is None or stored.model == self.model.name or not self._fitted:
            return False
        if not self._told:
            self._told = True
            _log.warning(
                "the vectors are of %s now, made by 'muxi db reembed': with %s this process ranks by words and embeds "
                "nothing. Start it anew with the new model.",
                stored.model,
                self.model.name,
            )
        return True

    def _run(self) -> None:
        retry_s = FIRST_RETRY_S
        with asyncio.Runner() as runner:
            while not self._closed.is_set():
                try:
                    while not self._closed.is_set() and runner.run(self._embed_batch()):
                        retry_s = FIRST_RETRY_S
                    self._settle()
                except (ModelError, StorageError) as error:
                    _log.warning("embedding failed (%s), next try in %g s", error.code, retry_s)
                    self._closed.wait(retry_s)
                    retry_s = min(2 * retry_s, LAST_RETRY_S)
                    continue
                # Closed after the last look at it, it was woken after that, too.
                if not self._closed.is_set():
                    self._woken.wait()

    def _settle(self) -> None:
        # Woken meanwhile: then there is more, and nobody may think that it is done.
        if not self._woken.is_set():
            self._idle.set()

    async def _embed_batch(self) -> bool:
        # What is said is found by its own vector first; that of its window makes it found better.
        self._woken.clear()
        self._at_once.clear()
        if self._fitted and self._is_left_behind(self._store.embedding_space()):
            return False
        return await self._embed_memories() or self._rest() or await self._embed_windows() or self._pack()

    def _rest(self) -> bool:
        """Leaves the processor to the answers; a window costs as much of it as several of them."""
        now = time.monotonic()
        left = min(self._windows_from, self._woken_at + TALKING_S) - now
        if left > 0 and not self._closed.is_set():
            self._at_once.wait(left)
        return left > 0

    def _pack(self) -> bool:
        return self._packer is not None and self._packer.step()

    async def _embed_memories(self) -> bool:
        waiting = self._store.unembedded(BATCH)
        if not waiting:
            return False
        vectors = await embed_fitting(self.model, [memory.text for memory in waiting])
        self.check_space(vectors)
        self._store.set_vectors(waiting, vectors, self.model.name)
        return True

    async def _embed_windows(self) -> bool:
        started = time.monotonic()
        waiting = self._store.unplaced(BATCH)
        if not waiting:
            return False
        vectors = await embed_fitting(self.model, [window(memory) for memory in waiting])
        self.check_space(vectors)
        self._store.set_windows(waiting, vectors, [traits_of(memory.text, memory.said_at) for memory in waiting])
        for owner, count in Counter(memory.user_id for memory in waiting).items():
            if self._packer is not None and owner is not None:
                self._packer.changed(owner, count)
        self._full_batches = self._full_batches + 1 if len(waiting) == BATCH else 0
        hurry = min(1.0, self._full_batches / RESTLESS_BATCHES)
        self._windows_from = time.monotonic() + (1 - hurry) * (WINDOWS_SHARE - 1) * (time.monotonic() - started)
        return True


def window(memory: Unplaced) -> str:
    """A memory and those just before it as one text: of long ones their ends, so that it reaches the memory itself."""
    return "\n".join([*(text[-MOST_BEFORE:] for text in memory.before), memory.text])


async def embed_fitting(model: EmbeddingModel, texts: Sequence[str]) -> Vectors:
    """The texts' vectors; of one that is longer than the model reads, its beginning's.

    Raises:
        ModelError: the model failed.
    """
    try:
        return await model.embed(texts)
    except ModelContextFullError:
        if len(texts) > 1:
            return np.concatenate([await embed_fitting(model, [text]) for text in texts])
        if len(texts[0]) <= SHORTEST_TEXT:
            raise
        return await embed_fitting(model, [texts[0][: len(texts[0]) // 2]])


def check_space(stored: EmbeddingSpace | None, model: str) -> None:
    """Makes sure that a model may be used on a store.

    Raises:
        EmbeddingMismatchError: the store holds vectors of another model.
    """
    if stored is not None and stored.model != model:
        raise mismatch(stored, model)


def mismatch(stored: EmbeddingSpace, model: str) -> EmbeddingMismatchError:
    return EmbeddingMismatchError(
        f"The stored vectors are of {stored.model} ({stored.dimension} dimensions), the model set is {model}. "
        "Set that model again, or run 'muxi db reembed' to make the vectors anew.",
        stored=stored.model,
        configured=model,
    )
