"""Where a command works: the settings of a store that it opens itself, or the address of a running server."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import wraps
from importlib import import_module
from inspect import Parameter, Signature, signature
from pathlib import Path
from typing import TYPE_CHECKING, Any

import platformdirs
import typer

from muxi.cli.options import Config, DatabaseUrl, DataDir, FormationId, Secrets, Url
from muxi.errors import SettingsError

if TYPE_CHECKING:
    from muxi.cli.access import Access
    from muxi.core.formation import Formation
    from muxi.settings import FormationSettings, PersistentSettings

POSTGRES = ("postgresql://", "postgres://")

_OF_STORE = {"config": Config, "secrets": Secrets, "data_dir": DataDir, "database_url": DatabaseUrl}
_OPTIONS = {**_OF_STORE, "url": Url, "formation_id": FormationId}


@dataclass(frozen=True, slots=True)
class Place:
    """What the options of a command say about where to work.

    Attributes:
        config: a formation.yaml.
        secrets: its secrets file.
        data_dir: where files are kept.
        database_url: before the one in the settings.
        url: a running server.
        formation_id: which of the server's formations.
    """

    config: Path | None = None
    secrets: Path | None = None
    data_dir: Path | None = None
    database_url: str | None = None
    url: str | None = None
    formation_id: str | None = None

    def server(self) -> str | None:
        """The server's address: ``--url``, or MUXI_URL unless an option names a store."""
        names_store = any(given is not None for given in (self.config, self.data_dir, self.database_url))
        if self.url is not None and names_store:
            raise typer.BadParameter("--url means a server; --config, --data-dir and --database-url mean a store.")
        return self.url or (None if names_store else os.environ.get("MUXI_URL") or None)

    def files(self) -> Path:
        """The data directory."""
        chosen = self.data_dir or os.environ.get("MUXI_DATA_DIR")
        return Path(chosen).expanduser() if chosen else platformdirs.user_data_path("muxi")

    def settings(self) -> FormationSettings:
        """The formation's settings.

        Raises:
            SettingsError: the file is wrong.
        """
        read = read_settings(self.config, self.secrets)
        return with_database(read, self.address())

    def address(self) -> str | None:
        """The database that goes before the one in the settings."""
        return self.database_url or os.environ.get("MUXI_DATABASE_URL") or None

    def formation(self, *, check_embeddings: bool = True) -> Formation:
        """The store, open; the caller closes it.

        Raises:
            SettingsError, StorageError, EmbeddingMismatchError: it cannot be opened.
        """
        return self._open(self.settings(), check_embeddings)

    def open(self) -> Access:
        """The server or the store, ready for use; the caller closes it.

        Raises:
            SettingsError, StorageError, EmbeddingMismatchError: it cannot be opened.
        """
        if (url := self.server()) is not None:
            remote: Access = import_module("muxi.cli.remote").Remote(url, self.formation_id)
            return remote
        if self.formation_id is not None:
            raise typer.BadParameter("--formation chooses one of a server's formations: give --url or set MUXI_URL.")
        settings = self.settings()
        opened = self._open(settings)
        embedded: Access = import_module("muxi.cli.embedded").Embedded(opened, store_name(settings, self.files()))
        return embedded

    def _open(self, settings: FormationSettings, check_embeddings: bool = True) -> Formation:
        # Loaded here: the models and the database take a second that `--help` and a server's client need not wait.
        formation: type[Formation] = import_module("muxi.core.formation").Formation
        return formation.open(settings, self.files(), check_embeddings=check_embeddings)


def placed(command: Callable[..., None]) -> Callable[..., None]:
    """Gives a command the options of a `Place`, and calls it with the place that they mean."""
    return _with_options(command, _OPTIONS)


def placed_in_store(command: Callable[..., None]) -> Callable[..., None]:
    """As `placed`, for a command that works on a store only."""
    return _with_options(command, _OF_STORE)


def _with_options(command: Callable[..., None], options: Mapping[str, object]) -> Callable[..., None]:
    @wraps(command)
    def run(**given: Any) -> None:
        command(Place(**{name: given.pop(name) for name in options}), **given)

    own = [one for one in signature(command, eval_str=True).parameters.values() if one.name != "place"]
    added = [Parameter(name, Parameter.KEYWORD_ONLY, default=None, annotation=kind) for name, kind in options.items()]
    # typer reads both to know a command's options.
    run.__signature__ = Signature([*own, *added])  # type: ignore[attr-defined]
    run.__annotations__ = {one.name: one.annotation for one in (*own, *added)}
    return run


def store_name(settings: FormationSettings, data_dir: Path) -> str:
    """The store, for a person; never with the password of a connection string."""
    address = str(settings.database(data_dir))
    return "Postgres" if address.startswith(POSTGRES) else address.removeprefix("sqlite:///")


def read_settings(config: Path | None, secrets: Path | None) -> FormationSettings:
    """The settings of a file, or all the defaults.

    Raises:
        SettingsError: the file is wrong.
    """
    if config is not None:
        loaded: FormationSettings = import_module("muxi.settings_file").load(config, secrets)
        return loaded
    if secrets is not None:
        raise typer.BadParameter("--secrets goes with --config.")
    defaults: FormationSettings = import_module("muxi.settings").FormationSettings()
    return defaults


def with_database(settings: FormationSettings, address: str | None) -> FormationSettings:
    """The same settings with another database, and with the login of MUXI_OWNER_DATABASE_URL where there is one.

    Raises:
        SettingsError: an address with a scheme that is not one of ours.
    """
    if not address:
        return _with_owner(settings)
    if "://" in address and not address.startswith((*POSTGRES, "sqlite:///")):
        scheme = address.partition("://")[0]
        raise SettingsError(
            f"--database-url begins with {scheme}://; allowed: postgresql://..., sqlite:///path, or a path."
        )
    provider = "postgres" if address.startswith(POSTGRES) else "sqlite"
    persistent = type(settings.memory.persistent).model_validate(
        {
            "provider": provider,
            "connection_string": address,
            "pool_size": settings.memory.persistent.pool_size,
        }
    )
    return _with_owner(_with_persistent(settings, persistent))


def _with_owner(settings: FormationSettings) -> FormationSettings:
    owner, persistent = os.environ.get("MUXI_OWNER_DATABASE_URL"), settings.memory.persistent
    if not owner or persistent.provider != "postgres":
        return settings
    if not owner.startswith(POSTGRES):
        raise SettingsError("MUXI_OWNER_DATABASE_URL must begin with postgresql://.")
    given = {**persistent.model_dump(), "owner_connection_string": owner}
    return _with_persistent(settings, type(persistent).model_validate(given))


def _with_persistent(settings: FormationSettings, persistent: PersistentSettings) -> FormationSettings:
    memory = settings.memory.model_copy(update={"persistent": persistent})
    return settings.model_copy(update={"memory": memory})
