"""Merging without a server."""

from __future__ import annotations

from pathlib import Path

import pytest

from muxi.core.formation import Formation
from muxi.core.identity.types import Merge, MergePreview
from muxi.core.orchestrator import Orchestrator
from muxi.errors import IdentifierConflictError
from muxi.settings import FormationSettings
from tests.support.vectors import WordVectors


async def test_the_orchestrator_merges_and_splits(tmp_path: Path) -> None:
    """A dry run counts; merged, each identifier recalls what the other said; split, not any more; linking can merge."""
    formation = Formation.open(FormationSettings(), tmp_path, embedding_model=WordVectors())
    with Orchestrator(formation=formation) as orchestrator:
        await orchestrator.chat("I like green tea", user_id="a@b.com")
        slack = await orchestrator.reply("Hello", user_id=("U1", "slack"))
        preview = orchestrator.merge_users(["a@b.com", ("U1", "slack")], dry_run=True)
        assert isinstance(preview, MergePreview) and preview.holdings[slack.user_id].messages == 2
        merge = orchestrator.merge_users(["a@b.com"], into=("U1", "slack"))
        assert isinstance(merge, Merge) and merge.survivor_id == slack.user_id
        recalled = (await orchestrator.reply("Which tea do I like?", user_id=("U1", "slack"))).recalled
        assert "I like green tea" in [hit.text for hit in recalled]
        assert orchestrator.split_merge(merge.id).split_at is not None
        recalled = (await orchestrator.reply("Which tea do I like?", user_id=("U1", "slack"))).recalled
        assert "I like green tea" not in [hit.text for hit in recalled]
        with pytest.raises(IdentifierConflictError):
            orchestrator.associate_user_identifiers(["a@b.com", ("U1", "slack")])
        linked = orchestrator.associate_user_identifiers(["a@b.com", ("U1", "slack")], merge=True)
        assert [one.shown for one in orchestrator.get_user_identifiers(linked.id)] == ["a@b.com", "U1"]
    formation.close()
