"""Why a memory was found, on the command line: embedded and at a server."""

from __future__ import annotations

from pathlib import Path

import pytest

from muxi.core.memory.weights import WEIGHTS
from tests.acceptance.test_cli import keys_in, muxi, read, serving


def test_explain(tmp_path: Path) -> None:
    """A bar for what each feature adds, the longest first; in JSON the features and a sum that is the score."""
    data = ("--data-dir", tmp_path)
    muxi("memories", "add", "Plays the cello", "--as", "ann@x.org", *data)
    muxi("memories", "add", "Likes tea in the morning", "--as", "ann@x.org", *data)
    asked = ("memories", "search", "cello", "--as", "ann@x.org", "--explain")
    hit = read(*asked, *data)["hits"][0]
    assert set(hit["features"]) == set(hit["adds"]) == set(WEIGHTS)
    assert sum(hit["adds"].values()) == pytest.approx(hit["score"])
    shown = muxi(*asked, *data).stdout
    assert shown.index("Plays the cello") < shown.index("window_words") < shown.index("Likes tea")
    row = next(line for line in shown.splitlines() if "window_words" in line)
    assert f"{hit['adds']['window_words']:+.2f}" in row and "\u2588" * 5 in row
    assert read(*asked[:-1], *data)["hits"][0]["features"] is None
    with serving(*data) as (url, lines):
        there = read(*asked, "--url", url, **keys_in(lines))["hits"][0]
    # Vectors of windows may have been made meanwhile; the words are the same.
    assert there["adds"]["words"] == pytest.approx(hit["adds"]["words"], abs=0.001)
    assert set(there["adds"]) == set(hit["adds"])
