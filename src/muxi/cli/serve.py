"""``muxi serve``: the server, and what to try next."""

from __future__ import annotations

import os
import socket
from collections import Counter
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from pydantic import ValidationError
from rich.panel import Panel
from rich.text import Text

from muxi.cli import output
from muxi.cli.options import DatabaseUrl, DataDir, Secrets
from muxi.cli.place import Place, read_settings, store_name, with_database
from muxi.errors import SettingsError

if TYPE_CHECKING:
    from muxi.settings import FormationSettings


def serve(
    host: Annotated[str, typer.Option(help="Where to listen.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Where to listen.", min=1, max=65535)] = 8000,
    workers: Annotated[int, typer.Option(help="Processes.", min=1, max=64)] = 1,
    config: Annotated[
        list[Path] | None,
        typer.Option("--config", help="A formation.yaml; repeat it to serve several formations.", show_default=False),
    ] = None,
    secrets: Secrets = None,
    data_dir: DataDir = None,
    database_url: DatabaseUrl = None,
) -> None:
    """Serve one formation, or several. MUXI_CLIENT_KEY and MUXI_ADMIN_KEY set the (first) one's keys."""
