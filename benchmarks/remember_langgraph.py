"""LangGraph's part of `remember.py`: one `put` into its PostgresStore an exchange, the embeddings handed over.

Run by its own environment. One connection, and the vector index that it makes by itself (HNSW).
"""

from __future__ import annotations

import sys
from itertools import count
from pathlib import Path

from langgraph.store.postgres import PostgresStore
from remember_handed import Said, read, serve


def main() -> None:
    """Remembers what lies in the folder that is the first argument, in the database that is the second."""
    exchanges, vectors = read(Path(sys.argv[1]))
    index = {
        "dims": len(next(iter(vectors.values()))),
        "embed": lambda texts: [vectors[text] for text in texts],
        "fields": ["text"],
    }
    with PostgresStore.from_conn_string(sys.argv[2], index=index) as store:
        store.setup()
        numbers = count()

        def remember(said: Said) -> None:
            store.put(("memories", said.user), str(next(numbers)), {"text": said.text, "answer": said.answer})

        serve(exchanges, remember)


if __name__ == "__main__":
    main()
