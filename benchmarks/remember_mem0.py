"""mem0's part of `remember.py`: without a model call (`infer=False`), local Qdrant, the embeddings handed over.

Run by its own environment. Both messages of an exchange are one call, as its documents show it.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from locomo_mem0 import opened
from remember_handed import Said, read, serve


def main() -> None:
    """Remembers what lies in the folder that is the first argument."""
    exchanges, vectors = read(Path(sys.argv[1]))
    with tempfile.TemporaryDirectory() as folder:
        memory = opened(folder, vectors)

        def remember(said: Said) -> None:
            messages = [{"role": "user", "content": said.text}, {"role": "assistant", "content": said.answer}]
            memory.add(messages, user_id=said.user, infer=False)

        serve(exchanges, remember)


if __name__ == "__main__":
    main()
