"""What a merge would join: what each user holds, and where their contexts disagree."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Protocol

from muxi.core.identity.merging import Merges
from muxi.core.identity.types import Disagreement, IdentifierInput, MergePreview
from muxi.core.memory.context import Context


class Joined(Protocol):
    """As much of a formation as it takes."""

    merges: Merges
    context: Context


def preview(parts: Joined, users: Sequence[IdentifierInput], into: IdentifierInput | None = None) -> MergePreview:
    """What `Merges.merge` with the same arguments would do, contexts included. Changes nothing. Errors as `merge`."""
    found = parts.merges.preview(users, into)
    disagreeing = parts.context.disagreements(list(found.holdings))
    return replace(found, disagreements=tuple(Disagreement(path, values) for path, values in disagreeing.items()))
