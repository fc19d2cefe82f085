"""The threat model names real tests."""

from __future__ import annotations

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
ROW = re.compile(r"^\| (?!threat \|)(?!-)(.+?) \| (.+?) \| (.+?) \|$", re.MULTILINE)
TEST = re.compile(r"`(tests/[\w/]+\.py)(?:::(\w+))?`")


def those_of(path: Path) -> set[str]:
    """Every test of a file, also in classes."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    return {node.name for node in ast.walk(tree) if isinstance(node, kinds) and node.name.startswith("test_")}


def test_every_threat_has_a_wall_and_a_test() -> None:
    """Each row of docs/security.md names at least one test, and every named file and test is there."""
    rows = [row for row in ROW.findall((ROOT / "docs" / "security.md").read_text(encoding="utf-8")) if row[0] != "---"]
    assert len(rows) > 25
    named = {threat: TEST.findall(tests) for threat, _, tests in rows}
    assert [threat for threat, tests in named.items() if not tests] == []
    missing = [
        (file, test)
        for tests in named.values()
        for file, test in tests
        if not (ROOT / file).is_file() or (test and test not in those_of(ROOT / file))
    ]
    assert missing == []
