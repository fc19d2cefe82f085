"""Vectors and traits as bytes: float32 and int32, little-endian, the same in every database."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def write_vector(vector: NDArray[np.float32] | None) -> bytes | None:
    return None if vector is None else np.asarray(vector, dtype="<f4").tobytes()


def read_vector(stored: bytes | memoryview | None) -> NDArray[np.float32] | None:
    return None if stored is None else np.frombuffer(stored, dtype="<f4")


def write_traits(traits: NDArray[np.int32]) -> bytes:
    return np.asarray(traits, dtype="<i4").tobytes()


def read_traits(stored: bytes | memoryview | None) -> NDArray[np.int32] | None:
    return None if stored is None else np.frombuffer(stored, dtype="<i4")
