"""``muxi serve``: the server, and what to try next."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
from collections.abc import Iterator, Mapping
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from muxi.cli import output
from muxi.cli.options import DatabaseUrl, DataDir, Secrets
from muxi.cli.place import Place, read_settings, store_name, with_database
from muxi.errors import SettingsError

if TYPE_CHECKING:
    from muxi.server.run import Started
    from muxi.settings import FormationSettings

KEY_VARIABLES = {"client_key": "MUXI_CLIENT_KEY", "admin_key": "MUXI_ADMIN_KEY"}
TRY = """curl -s {url}/v1/chat -H "X-Muxi-Client-Key: $MUXI_CLIENT_KEY" -H "X-Muxi-User-Id: alice@email.com" \\
    -H "Content-Type: application/json" -d '{{"message": "My budget is $5,000"}}'"""


def serve(
    host: Annotated[str, typer.Option(help="The address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="The port to listen on; 0 for any free one.", min=0, max=65535)] = 8000,
    workers: Annotated[int, typer.Option(help="Processes that share the port.", min=1, max=64)] = 1,
    config: Annotated[
        list[Path] | None,
        typer.Option("--config", help="A formation.yaml; repeat it to serve several formations.", show_default=False),
    ] = None,
    secrets: Secrets = None,
    data_dir: DataDir = None,
    database_url: DatabaseUrl = None,
) -> None:
    """Serve one formation, or several. MUXI_CLIENT_KEY and MUXI_ADMIN_KEY set the first one's keys."""
    place = Place(data_dir=data_dir, database_url=database_url)
    files: list[Path | None] = [*config] if config else [None]
    formations = [with_database(read_settings(file, secrets), place.address()) for file in files]
    formations[0] = _with_keys(formations[0], os.environ)
    _refuse_twins(formations, files)

    def greet(started: Started) -> None:
        for line in _greeting(started, formations, place.files(), _same_place(config, secrets, data_dir, database_url)):
            output.answers.print(line, soft_wrap=True)
        output.answers.file.flush()

    import_module("muxi.server.run").serve(formations, place.files(), host, port, workers, greet)
    output.note("muxi has stopped.")


def _with_keys(settings: FormationSettings, environment: Mapping[str, str]) -> FormationSettings:
    given = {name: environment[variable] for name, variable in KEY_VARIABLES.items() if environment.get(variable)}
    if not given:
        return settings
    try:
        # Which of them is wrong is told below: pydantic's error may not be shown, it holds the key.
        checked = type(settings.keys).model_validate(given)
    except ValueError:
        short = [KEY_VARIABLES[name] for name, key in given.items() if len(key) < 16]
        raise SettingsError(f"{' and '.join(short)} must have at least 16 characters.") from None
    return settings.model_copy(
        update={"keys": settings.keys.model_copy(update={name: getattr(checked, name) for name in given})}
    )


def _refuse_twins(formations: list[FormationSettings], files: list[Path | None]) -> None:
    seen: dict[str, Path | None] = {}
    for settings, file in zip(formations, files, strict=True):
        if settings.id in seen:
            raise SettingsError(
                f"{file}: id: {settings.id!r} is the id in {seen[settings.id]}, too. Give each its own."
            )
        seen[settings.id] = file


def _greeting(started: Started, formations: list[FormationSettings], data_dir: Path, options: str) -> Iterator[Text]:
    yield Text.assemble(("muxi", "bold green"), " is at ", (started.url, "bold cyan"), "   (Ctrl-C stops it)")
    for settings in formations:
        route = "/v1" if settings.id == started.own else f"/api/{settings.id}/v1"
        yield _row(f"formation {settings.id}", f"{route}, kept in {store_name(settings, data_dir)}")
    made = [id for id, keys in started.keys.items() if keys.made]
    kept = data_dir / "keys.json"
    if made:
        yield Text(f"\nNew keys, shown this once and kept in {kept}:", style="bold yellow")
    elif kept.exists():
        yield _row("keys", str(kept))
    for settings in formations:
        if settings.id in made:
            if len(formations) > 1:
                yield Text(f"  # formation {settings.id}", style="dim")
            yield Text("\n".join(_exports(settings, started)))
    yield Text("\nTry next, in a second terminal:", style="bold")
    for line in (f"{_program()} demo", f"{_program()} chat --as alice@email.com{options}", TRY.format(url=started.url)):
        yield Text(f"  {line}", style="cyan")


def _exports(settings: FormationSettings, started: Started) -> Iterator[str]:
    """Lines to paste; without a key that was set, which whoever set it knows."""
    keys = started.keys[settings.id]
    if settings.keys.client_key is None:
        yield f"  export MUXI_CLIENT_KEY={keys.client}"
    if settings.keys.admin_key is None:
        yield f"  export MUXI_ADMIN_KEY={keys.admin}"


def _row(name: str, value: str) -> Text:
    return Text.assemble((f"  {name}  ", "dim"), value)


def _program() -> str:
    """How this program can be called from a terminal: ``make run`` does not put it on the path."""
    if shutil.which("muxi"):
        return "muxi"
    called = Path(sys.argv[0])
    return f"{shlex.quote(sys.executable)} -m muxi" if called.name == "__main__.py" else shlex.quote(str(called))


def _same_place(
    config: list[Path] | None, secrets: Path | None, data_dir: Path | None, database_url: str | None
) -> str:
    """The options that lead another command to the same store; nothing of an address, which may hold a password."""
    given = {"--config": config[0] if config else None, "--secrets": secrets, "--data-dir": data_dir}
    options = "".join(f" {name} {shlex.quote(str(value))}" for name, value in given.items() if value is not None)
    return options + (" --database-url ..." if database_url else "")
