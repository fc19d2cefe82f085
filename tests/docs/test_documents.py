"""What the documents name is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_links_lead_somewhere(document: Path) -> None:
    """Every relative link of a document is a file of this project."""
    for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", document.read_text()):
        assert (document.parent / target).exists(), target


def test_architecture_names_real_files() -> None:
    """The table of where to look is true."""
    table = (ROOT / "docs" / "architecture.md").read_text().split("| to find |")[1]
    named = re.findall(r"`([\w/.]+?)(?:<domain>\.sql)?`", table)
    assert len(named) > 8
    for path in named:
        folder = path if "/" in path or path.endswith(".py") else None
        if folder and path not in ("normal_form.py", "recall.py"):
            assert (ROOT / "src" / "muxi" / path).exists(), path


def test_the_readme_lists_every_document() -> None:
    """Nobody has to guess what can be read."""
    readme = (ROOT / "README.md").read_text()
    for document in (ROOT / "docs").glob("*.md"):
        assert f"docs/{document.name}" in readme
