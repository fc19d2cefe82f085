"""mem0's part of `locomo.py`: without a model call (`infer=False`), local Qdrant, the embeddings handed over.

Run by its own environment. Its keyword search needs a package and a model that its plain installation lacks.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path
from typing import Any

from locomo_handed import DEPTH, measure, read
from mem0 import Memory
from mem0.embeddings.base import EmbeddingBase


class Handed(EmbeddingBase):
    """Looks vectors up instead of making them."""

    def __init__(self, vectors: dict[str, list[float]]) -> None:
        super().__init__()
        # It trims what it is asked.
        self._vectors = {text.strip(): vector for text, vector in vectors.items()}

    def embed(self, text: str, memory_action: str | None = None) -> list[float]:
        """The text's vector."""
        return self._vectors[text.strip()]


def main() -> None:
    """Measures on what lies in the folder that is the first argument."""
    conversations, vectors = read(Path(sys.argv[1]))
    with tempfile.TemporaryDirectory() as folder:
        memory = opened(folder, vectors)

        def add(user: str, turn: str, text: str, metadata: dict[str, Any]) -> None:
            memory.add(text, user_id=user, infer=False, metadata={**metadata, "turn": turn})

        def search(user: str, question: str) -> list[str]:
            found = memory.search(question, filters={"user_id": user}, top_k=DEPTH, threshold=0.0)
            return [hit["metadata"]["turn"] for hit in found["results"]]

        measure("mem0", conversations, add, search)


def opened(folder: str, vectors: dict[str, list[float]]) -> Memory:
    """A mem0 on a folder. It cannot be had without a chat and an embedding model: no call is made to these."""
    unused = {"provider": "openai", "config": {"api_key": "unused"}}
    dimension = len(next(iter(vectors.values())))
    memory = Memory.from_config(
        {
            "llm": unused,
            "embedder": unused,
            "vector_store": {
                "provider": "qdrant",
                "config": {"path": os.path.join(folder, "qdrant"), "embedding_model_dims": dimension},
            },
            "history_db_path": os.path.join(folder, "history.db"),
        }
    )
    memory.embedding_model = Handed(vectors)
    return memory


if __name__ == "__main__":
    main()
