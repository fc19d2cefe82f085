"""Writing everything of a user: to a file that nobody else sees, so that no transaction waits for a slow reader."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import ExitStack
from datetime import UTC, datetime
from tempfile import SpooledTemporaryFile
from typing import IO, Any

from muxi.core.privacy.store import PrivacyStore
from muxi.core.privacy.tables import TABLES
from muxi.core.privacy.types import FORMAT, VERSION, UserExport
from muxi.ids import UserId

#: Up to here it stays in memory.
SPOOLED_BYTES = 1024 * 1024


def export(store: PrivacyStore, user_id: UserId, now: datetime) -> UserExport | None:
    """Everything of a canonical user, as it is at one moment; ``None`` if there is no such user."""
    with ExitStack() as if_it_fails:
        file: IO[str] = if_it_fails.enter_context(
            SpooledTemporaryFile(SPOOLED_BYTES, "w+", encoding="utf-8", newline="\n")
        )
        header = {
            "format": FORMAT,
            "version": VERSION,
            "formation": store.formation_id,
            "key": store.key_mark,
            "user_id": user_id,
            "exported_at": _as_json(now),
        }
        file.write(json.dumps(header) + "\n")
        counts = _write_rows(store, user_id, file)
        if not counts["users"]:
            return None
        file.write(json.dumps({"counts": counts}) + "\n")
        if_it_fails.pop_all()
    return UserExport(user_id, counts, now, file)


def _write_rows(store: PrivacyStore, user_id: UserId, file: IO[str]) -> Mapping[str, int]:
    counts = dict.fromkeys(TABLES, 0)
    names = {table: [column.name for column in columns] for table, columns in TABLES.items()}
    # In ASCII: a reader may take other characters than the line feed for the end of a line.
    encode = json.JSONEncoder(default=_as_json).encode
    with store.rows(user_id) as rows:
        for table, values in rows:
            row = encode(dict(zip(names[table], values, strict=True)))
            file.write(f'{{"table": "{table}", "row": {row}}}\n')
            counts[table] += 1
    return counts


def _as_json(value: Any) -> str:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="microseconds")
    raise TypeError(f"{type(value).__name__} is not JSON")
