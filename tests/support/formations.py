"""Whole formations on a given database."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from muxi.core.formation import Formation
from muxi.core.models.base import ChatModel, EmbeddingModel
from muxi.settings import FormationSettings
from tests.conftest import TestClock
from tests.support.vectors import WordVectors


def open_formation(
    url: str,
    clock: TestClock,
    formation_id: str = "f",
    *,
    chat_model: ChatModel | None = None,
    extraction_model: ChatModel | None = None,
    extraction: dict[str, Any] | None = None,
    embedding_model: EmbeddingModel | None = None,
    check_embeddings: bool = True,
    **settings: Any,
) -> Formation:
    """A formation with vectors of words, on the database at ``url``."""
    provider = "postgres" if url.startswith("postgresql") else "sqlite"
    persistent = {"provider": provider, "connection_string": url, "pool_size": 8}
    memory = {"persistent": persistent, "extraction": extraction or {}}
    checked = FormationSettings.model_validate({"id": formation_id, "memory": memory} | settings)
    return Formation.open(
        checked,
        Path(),
        chat_model=chat_model,
        embedding_model=embedding_model or WordVectors(),
        extraction_model=extraction_model,
        check_embeddings=check_embeddings,
        clock=clock,
    )
