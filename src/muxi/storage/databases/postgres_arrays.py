"""Many values in few parameters: in the text of Postgres' arrays, which the driver would take ten times as long for."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

# No text in Postgres holds it: so it can stand for what is between two values.
_BETWEEN = "\0"


def array_text(values: Iterable[str | int | None]) -> str:
    """An array of some values: text, whole numbers or ``None``."""
    listed = list(values)
    if listed and None not in listed:
        joined = _BETWEEN.join(map(str, listed))
        if joined.count(_BETWEEN) == len(listed) - 1:
            return '{"' + _escaped(joined).replace(_BETWEEN, '","') + '"}'
    return "{" + ",".join(map(_element, listed)) + "}"


def insertion(
    table: str, columns: Sequence[str], types: Mapping[str, str], rows: Collection[Sequence[Any]]
) -> tuple[str, dict[str, Any]]:
    """The statement that adds some rows to a table, and its parameters: an array for each column whose cells differ."""
    cells = dict(zip(columns, zip(*rows, strict=True), strict=True))
    differ = [name for name in columns if len(set(cells[name])) > 1] or columns
    selected = [name if name in differ else f"CAST(%(all_{name})s AS {types[name]})" for name in columns]
    arrays = [f"CAST(%(all_{name})s AS {types[name]}[])" for name in differ]
    # Names of ours; every value is a parameter.
    statement = (
        f"INSERT INTO {table} ({', '.join(columns)}) SELECT {', '.join(selected)}"  # nosec B608
        f" FROM unnest({', '.join(arrays)}) AS r ({', '.join(differ)})"
    )
    return statement, {f"all_{name}": array_text(of) if name in differ else of[0] for name, of in cells.items()}


def _element(value: str | int | None) -> str:
    return "NULL" if value is None else f'"{_escaped(str(value))}"'


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')
