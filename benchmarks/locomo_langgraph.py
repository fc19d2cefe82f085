"""LangGraph's part of `locomo.py`: its InMemoryStore with the embeddings handed over. Run by its own environment."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from langgraph.store.memory import InMemoryStore
from locomo_handed import DEPTH, measure, read


def main() -> None:
    """Measures on what lies in the folder that is the first argument."""
    conversations, vectors = read(Path(sys.argv[1]))
    store = InMemoryStore(
        index={
            "dims": len(next(iter(vectors.values()))),
            "embed": lambda texts: [vectors[text] for text in texts],
            "fields": ["text"],
        }
    )

    def add(user: str, turn: str, text: str, metadata: dict[str, Any]) -> None:
        store.put(("memories", user), turn, {"text": text, **metadata})

    def search(user: str, question: str) -> list[str]:
        return [item.key for item in store.search(("memories", user), query=question, limit=DEPTH)]

    measure("langgraph", conversations, add, search)


if __name__ == "__main__":
    main()
