"""What a peer is given to remember. Runs in every peer's environment: standard library and numpy only."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

_EXCHANGES, _VECTORS = "exchanges.json", "vectors.npy"


@dataclass(frozen=True, slots=True)
class Said:
    """One exchange.

    Attributes:
        user: who said it.
        text: what was said.
        answer: what was answered.
    """

    user: str
    text: str
    answer: str


def write(folder: Path, exchanges: list[Said], vectors: NDArray[np.float32]) -> None:
    """Puts exchanges into a folder, with the vectors of what was said and then of the answers."""
    (folder / _EXCHANGES).write_text(json.dumps([asdict(one) for one in exchanges]), encoding="utf-8")
    np.save(folder / _VECTORS, vectors)


def read(folder: Path) -> tuple[list[Said], dict[str, list[float]]]:
    """What `write` put there: the exchanges, and each text's vector as plain numbers."""
    exchanges = [Said(**one) for one in json.loads((folder / _EXCHANGES).read_text(encoding="utf-8"))]
    texts = [one.text for one in exchanges] + [one.answer for one in exchanges]
    return exchanges, dict(zip(texts, np.load(folder / _VECTORS).tolist(), strict=True))


def serve(exchanges: list[Said], remember: Callable[[Said], object]) -> None:
    """For each line on stdin, which is a number, remembers so many more of them, and prints the seconds of each."""
    coming = iter(exchanges)
    print("ready", flush=True)
    for line in sys.stdin:
        print(json.dumps([timed(remember, next(coming)) for _ in range(int(line))]), flush=True)


def timed(remember: Callable[[Said], object], said: Said) -> float:
    """Seconds."""
    start = time.perf_counter()
    remember(said)
    return time.perf_counter() - start
