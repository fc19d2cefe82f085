"""The command line in this process: the same entry, arguments and streams, without the second that a process takes."""

from __future__ import annotations

import io
import sys
from subprocess import CompletedProcess

import pytest

from muxi.cli.app import main
from muxi.cli.output import answers, notes

OF_MUXI = (
    "MUXI_URL",
    "MUXI_API_KEY",
    "MUXI_CLIENT_KEY",
    "MUXI_ADMIN_KEY",
    "MUXI_DATA_DIR",
    "MUXI_DATABASE_URL",
    "OPENAI_BASE_URL",
)
COLUMNS = 150


def run(*arguments: object, says: str = "", **variables: str) -> CompletedProcess[str]:
    """Runs a command to its end.

    Args:
        arguments: as a shell would pass them.
        says: what is on standard input.
        variables: of the environment, instead of all that muxi reads.
    """
    command = ["muxi", *map(str, arguments)]
    out, errors = io.StringIO(), io.StringIO()
    with pytest.MonkeyPatch.context() as patch:
        for name in OF_MUXI:
            patch.delenv(name, raising=False)
        for name, value in variables.items():
            patch.setenv(name, value)
        for console in (answers, notes):
            # As wide as it was when it was first imported, else.
            patch.setattr(console, "width", COLUMNS)
        patch.setattr(sys, "argv", command)
        patch.setattr(sys, "stdin", io.StringIO(says))
        patch.setattr(sys, "stdout", out)
        patch.setattr(sys, "stderr", errors)
        status = _status()
    return CompletedProcess(command, status, out.getvalue(), errors.getvalue())


def _status() -> int:
    try:
        main()
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    return 0
