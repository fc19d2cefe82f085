"""The keys that open a formation: as set, else made at the first start and kept in a file that only we can read."""

from __future__ import annotations

import json
import os
import secrets
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from muxi.core.access.built_in import BUILT_IN, Keys
from muxi.errors import SettingsError
from muxi.settings import FormationSettings

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

FILE = "keys.json"


def open_keys(formations: Sequence[FormationSettings], data_dir: Path) -> dict[str, Keys]:
    """The keys of each formation, by its id. Those that are not set are made once and kept in ``keys.json``.

    Args:
        formations: their settings.
        data_dir: where the file is; made if missing.

    Raises:
        SettingsError: the file cannot be read or written.
    """
    chosen = {one.id: _chosen(one) for one in formations}
    missing = {id for id, keys in chosen.items() if len(keys) < 2}
    if not missing:
        return {id: Keys(keys["client"], keys["admin"]) for id, keys in chosen.items()}
    path = data_dir / FILE
    try:
        data_dir.mkdir(parents=True, exist_ok=True)
        with _alone(data_dir / f"{FILE}.lock"):
            kept = _read(path)
            made = _complete(kept, missing, chosen)
            if made:
                _write(path, kept)
    except OSError as error:
        raise SettingsError(
            f"{path} cannot be read or written ({error.strerror}). Make the folder writable, or set both keys."
        ) from error
    whole = {id: kept.get(id, {}) | keys for id, keys in chosen.items()}
    return {id: Keys(keys["client"], keys["admin"], made=id in made) for id, keys in whole.items()}


def _chosen(settings: FormationSettings) -> dict[str, str]:
    pairs = {"client": settings.keys.client_key, "admin": settings.keys.admin_key}
    return {role: key.get_secret_value() for role, key in pairs.items() if key}


def _complete(kept: dict[str, dict[str, str]], missing: set[str], chosen: Mapping[str, dict[str, str]]) -> set[str]:
    """Makes the keys that are neither set nor kept, and says of which formations."""
    made = set()
    for id in sorted(missing):
        keys = kept.setdefault(id, {})
        for role in BUILT_IN:
            if role not in keys and role not in chosen[id]:
                keys[role] = f"muxi_{role}_{secrets.token_urlsafe(32)}"
                made.add(id)
    return made


def _read(path: Path) -> dict[str, dict[str, str]]:
    if not path.exists():
        return {}
    try:
        read: Any = json.loads(path.read_bytes())
        return {
            id: {role: str(keys[role]) for role in ("client", "admin") if role in keys} for id, keys in read.items()
        }
    except (ValueError, AttributeError, TypeError) as error:
        raise SettingsError(
            f"{path} does not hold keys as JSON. Repair it, or remove it to have new ones made."
        ) from error


def _write(path: Path, kept: Mapping[str, Mapping[str, str]]) -> None:
    """Whole or not at all, and at no moment readable by others."""
    fresh = path.with_name(f"{FILE}.{secrets.token_hex(8)}")
    number = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with open(number, "w", encoding="utf-8") as file:
        json.dump(kept, file, indent=2)
        file.flush()
        os.fsync(number)
    fresh.replace(path)


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Only one process at a time, however many start at once; a process that dies lets go."""
    number = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        if sys.platform == "win32":
            msvcrt.locking(number, msvcrt.LK_LOCK, 1)
        else:
            fcntl.flock(number, fcntl.LOCK_EX)
        yield
    finally:
        os.close(number)
