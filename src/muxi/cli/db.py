"""``muxi db``: the schema of the database, and its vectors."""

from __future__ import annotations

import asyncio
from contextlib import closing
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from muxi.cli import output
from muxi.cli.access import Shape
from muxi.cli.options import Json
from muxi.cli.place import Place, placed_in_store, store_name
from muxi.errors import StorageUnavailableError

if TYPE_CHECKING:
    from muxi.core.formation import Formation
    from muxi.core.memory.store import MemoryStore
    from muxi.core.privacy.retention_store import RetentionStore
    from muxi.storage.migrate import Migration
    from muxi.storage.open import Storage

PENDING = "not yet: run 'muxi db migrate'"

app = typer.Typer(help="The database: its schema and its vectors.", no_args_is_help=True)


@app.command()
@placed_in_store
def migrate(place: Place, json: Json = False) -> None:
    """Bring the schema up to date. A server does it at its start, too."""
    with closing(_storage(place)) as storage:
        applied = storage.migrate()
        steps = storage.migrations()
    if json:
        output.as_json({"applied": [step.number for step in applied], "migrations": [_step(one) for one in steps]})
    else:
        output.done(f"The schema is at {steps[-1].number}; applied just now: {len(applied)}.")


@app.command()
@placed_in_store
def status(place: Place, json: Json = False) -> None:
    """Which migrations are applied, and which model made the vectors."""
    with closing(_storage(place, must_exist=True)) as storage:
        steps = storage.migrations()
        dialect = storage.dialect
    pending = [one for one in steps if one.applied_at is None]
    found = {
        "database": store_name(place.settings(), place.files()),
        "dialect": dialect,
        "migrations": [_step(one) for one in steps],
        "embeddings": None if pending else _embeddings(place),
    }
    if json:
        output.as_json(found)
    else:
        _show(found)


@app.command()
@placed_in_store
def reembed(place: Place, json: Json = False) -> None:
    """Make the vectors anew with the embedding model that is set, while servers go on serving with the old one.

    Then start them anew with the new one. Interrupted, it goes on where it was when it is run again.
    """
    with closing(place.formation(check_embeddings=False)) as formation, _progress() as progress:
        task = progress.add_task("re-embedding", total=None)
        stores = formation.storage.for_formation(formation.id, formation.clock())
        made: int = asyncio.run(
            import_module("muxi.core.memory.reembed").reembed(
                stores.memory,
                formation.memories.embedder.model,
                lambda done, total: progress.update(task, completed=done, total=total),
                stores.new_vectors,
            )
        )
        model = formation.memories.embedder.model.name
    if json:
        output.as_json({"reembedded": made, "model": model})
    else:
        output.done(f"{made} memories embedded with {model}.")


@app.command()
@placed_in_store
def sweep(
    place: Place,
    rewrite: Annotated[
        bool,
        typer.Option(
            "--rewrite",
            help="Write the tables anew, too: no byte of what was deleted is left in them. Nobody can write meanwhile.",
            show_default=False,
        ),
    ] = False,
    json: Json = False,
) -> None:
    """Remove what has expired or is too old, and visitors whose token has ended. A server does it now and then, too."""
    with closing(place.formation(check_embeddings=False)) as formation:
        swept = formation.sweeper.sweep()
        clean = _retention(formation).scrub(rewrite=True) if rewrite else swept is not None and swept.clean
    counts = dict(swept.counts) if swept else {}
    if json:
        visitors = swept.visitors if swept else 0
        output.as_json({"swept": swept is not None, "counts": counts, "visitors": visitors, "clean": clean})
        return
    if swept is None:
        output.note("Another process is sweeping at this moment: it will remove the same.")
    else:
        output.done(f"Swept. Visitors erased: {swept.visitors}.")
        output.table(("table", "removed"), counts.items(), empty="Nothing had expired.")
    if not clean:
        output.note("What was deleted is not out of the files yet: somebody still reads it. Run it again.")


def _retention(formation: Formation) -> RetentionStore:
    return formation.storage.for_formation(formation.id, formation.clock()).retention


def _storage(place: Place, *, must_exist: bool = False) -> Storage:
    settings = place.settings()
    address = settings.database(place.files())
    name = store_name(settings, place.files())
    if must_exist and name != "Postgres" and not Path(name).expanduser().exists():
        raise StorageUnavailableError(
            f"There is no database at {name} yet; 'muxi db migrate' or 'muxi serve' makes it."
        )
    storage: Storage = import_module("muxi.storage.open").open_storage(address, owner=settings.database_owner())
    return storage


def _store(formation: Formation) -> MemoryStore:
    return formation.storage.for_formation(formation.id, formation.clock()).memory


def _embeddings(place: Place) -> Shape:
    with closing(place.formation(check_embeddings=False)) as formation:
        store, configured = _store(formation), formation.memories.embedder.model.name
        space = store.embedding_space()
        return {
            "formation": formation.id,
            "configured": configured,
            "stored": space.model if space else None,
            "dimension": space.dimension if space else None,
            "to_do": store.count_of_other_models(configured),
        }


def _step(step: Migration) -> Shape:
    return {"number": step.number, "name": step.name, "applied_at": step.applied_at}


def _show(found: dict[str, Any]) -> None:
    output.done(f"{found['database']} ({found['dialect']})")
    steps = ((one["number"], one["name"], one["applied_at"] or PENDING) for one in found["migrations"])
    output.table(("migration", "name", "applied"), steps, empty="No migrations.")
    vectors = found["embeddings"]
    if vectors is not None:
        stored = f"{vectors['stored']}, {vectors['dimension']} dimensions" if vectors["stored"] else "none yet"
        output.table(
            ("formation", "vectors of", "model set", "without its vector"),
            [(vectors["formation"], stored, vectors["configured"], vectors["to_do"])],
            empty="",
        )


def _progress() -> Progress:
    # On the other stream: the result can be piped.
    return Progress(
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(), console=output.notes
    )
