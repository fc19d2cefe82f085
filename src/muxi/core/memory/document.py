"""The document that facts make: they are replayed in the order in which they were last said.

A user's own facts never contradict each other, since each ends what it replaces. Those of users who were merged may:
then what was said last wins, and what it hides comes back with a split.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Protocol

from muxi.core.memory.facts import Document, Entry, Op
from muxi.core.memory.paths import keys_of
from muxi.core.memory.values import token


class Said(Protocol):
    """A fact, or as much of it as counts here."""

    @property
    def path(self) -> str: ...
    @property
    def op(self) -> Op: ...
    @property
    def value(self) -> Any: ...


#: An inner node is a dictionary by key; a leaf is the list of what was said about its path.
Tree = dict[str, Any]


class _Missing:
    """There is no value."""


MISSING = _Missing()


def document_of(entries: Sequence[Entry]) -> Document:
    """The document of facts, in the order in which they were last said."""
    if all(entry.op == "set" for entry in entries):
        return _plain(entries)
    return document(replay(entries))


def _plain(entries: Sequence[Entry]) -> Document:
    """The same where nothing was added, removed or deleted; in half the time."""
    made: Document = {}
    for path, _, value in entries:
        keys = keys_of(path)
        node = made
        for key in keys[:-1]:
            inner = node.get(key)
            if type(inner) is not dict:
                inner = node[key] = {}
            node = inner
        node[keys[-1]] = value
    return made


def replay(facts: Iterable[Said]) -> Tree:
    """What facts, in the order in which they were last said, leave at each path."""
    tree: Tree = {}
    for fact in facts:
        say(tree, fact)
    return tree


def say(tree: Tree, fact: Said) -> None:
    """Changes a tree as one more fact does."""
    keys = keys_of(fact.path)
    if fact.op == "delete":
        found = _parent(tree, keys)
        if found is not None:
            found.pop(keys[-1], None)
        return
    if fact.op == "remove":
        found = _parent(tree, keys)
        if found is not None and type(found.get(keys[-1])) is list:
            found[keys[-1]].append(fact)
        return
    node = tree
    for key in keys[:-1]:
        inner = node.get(key)
        if type(inner) is not dict:
            inner = node[key] = {}
        node = inner
    leaf = node.get(keys[-1])
    if fact.op == "add" and type(leaf) is list:
        leaf.append(fact)
    else:
        node[keys[-1]] = [fact]


def document(tree: Tree) -> Document:
    """The tree as a plain document; without what has lost its last value."""
    made: Document = {}
    for key, node in tree.items():
        value = value_of(node)
        if value is not MISSING:
            made[key] = value
    return made


def value_of(node: Any) -> Any:
    """The value of a node; `MISSING` if it has none."""
    if type(node) is dict:
        return document(node) or MISSING
    if node is None:
        return MISSING
    first = node[0]
    if len(node) == 1:
        return first.value if first.op == "set" else [first.value]
    values, is_list = _folded(node)
    if not values:
        return MISSING
    return values if is_list else values[0]


def node_at(tree: Tree, path: str) -> Any:
    """What is at a path: an inner node, a leaf, or ``None``."""
    keys = keys_of(path)
    found = _parent(tree, keys)
    return None if found is None else found.get(keys[-1])


def standing(tree: Tree) -> Iterator[Any]:
    """The facts that the document rests on."""
    for node in tree.values():
        if type(node) is dict:
            yield from standing(node)
        elif len(node) == 1:
            yield node[0]
        else:
            values, _ = _folded(node)
            left = {token(value) for value in values}
            for fact in node:
                if left and (fact.op == "set" or (fact.op == "add" and token(fact.value) in left)):
                    yield fact


def paths_of(node: Any) -> Iterator[str]:
    """The paths at and below a node that have a value, as they are written."""
    if type(node) is dict:
        for inner in node.values():
            yield from paths_of(inner)
    elif node is not None and value_of(node) is not MISSING:
        yield node[0].path


def _parent(tree: Tree, keys: Sequence[str]) -> Tree | None:
    node = tree
    for key in keys[:-1]:
        inner = node.get(key)
        if type(inner) is not dict:
            return None
        node = inner
    return node


def _folded(leaf: Sequence[Said]) -> tuple[list[Any], bool]:
    """A leaf's values, and whether they are a list."""
    first = leaf[0]
    is_list = first.op == "add" or isinstance(first.value, list)
    if first.op == "add":
        values = [first.value]
    elif is_list:
        values = list(first.value)
    else:
        values = [] if first.value is None or first.value == {} else [first.value]
    seen = {token(value) for value in values}
    for fact in leaf[1:]:
        mark = token(fact.value)
        if fact.op == "remove":
            values = [value for value in values if token(value) != mark]
            seen.discard(mark)
        elif mark not in seen:
            values.append(fact.value)
            seen.add(mark)
            is_list = True
    return values, is_list
