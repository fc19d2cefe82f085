"""``muxi extraction`` on a store and through a server: the same commands, the same answers."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime
from pathlib import Path

from muxi.core.formation import Formation
from muxi.core.models.providers.quote import QuoteModel
from muxi.settings import FormationSettings
from tests.acceptance.test_cli_users import Where, where
from tests.support import command_line
from tests.support.extraction import bury, say

__all__ = ["where"]

ANN = "ann@email.com"


def test_opting_out(where: Where) -> None:
    """off and on say what holds; the choice is the user's in every door."""
    told = where.muxi("extraction", "off", ANN)
    assert (told.returncode, told.stderr) == (0, "")
    assert told.stdout.startswith(f"Nothing is looked for in what {ANN} says, since ")
    assert datetime.fromisoformat(where.read("extraction", "off", ANN)["opted_out_at"]).tzinfo == UTC
    assert where.read("extraction", "on", ANN) == {"opted_out_at": None}
    assert where.muxi("extraction", "on", ANN).stdout == f"What {ANN} says from now on is read.\n"


def test_how_it_stands(where: Where) -> None:
    """status and list of a store in which nothing has failed."""
    assert where.read("extraction", "status") == {
        "waiting": 0,
        "waiting_since": None,
        "failing": 0,
        "errors": {},
        "failures": 0,
    }
    assert where.muxi("extraction", "status").stdout == "0 users wait to be read; 0 of them after a failure.\n"
    assert where.read("extraction", "list") == {"failures": [], "next_cursor": None}
    assert where.muxi("extraction", "list").stdout == "Nothing failed for good.\n"
    wrong = where.muxi("extraction", "replay", "exf_01h455vb4pex5vsknk084sn02q")
    assert wrong.returncode == 1 and wrong.stderr.endswith("(not_found)\n")
    assert where.muxi("extraction", "replay").returncode == 2
    assert where.read("extraction", "replay", "--all") == {"replayed": {}, "failed": 0}


def test_dead_letters_are_replayed(tmp_path: Path) -> None:
    """list shows them, replay reads them again, one or all, and then they are gone."""
    data = tmp_path / "data"
    formation = Formation.open(FormationSettings(), data, chat_model=QuoteModel())
    formation.extraction.close()
    for name in ("ann", "ben", "cleo"):
        asyncio.run(say(formation, f"{name}@email.com", f"I live in Berlin and my name is {name.title()}."))
        user = formation.identities.resolve(f"{name}@email.com").id
        bury(formation, user)
    formation.close()

    def read(*arguments: str) -> object:
        run = command_line.run("extraction", *arguments, "--data-dir", data, "--json")
        assert run.returncode == 0, run.stderr
        return json.loads(run.stdout)

    listed = read("list")
    assert isinstance(listed, dict)
    [cleo, ben, ann] = listed["failures"]
    assert (ann["messages"], ann["code"], ann["message"], ann["tries"]) == (1, "model_error", "It failed.", 5)
    assert [one["failure_id"] for one in read("list", "--user", ANN)["failures"]] == [ann["failure_id"]]  # type: ignore[index]
    assert "exf_" in command_line.run("extraction", "list", "--data-dir", data).stdout
    answer = read("replay", ann["failure_id"])
    assert isinstance(answer, dict) and answer["facts"] == 2
    rest = read("replay", "--all")
    assert isinstance(rest, dict)
    assert set(rest["replayed"]) == {ben["failure_id"], cleo["failure_id"]} and rest["failed"] == 0
    assert read("list") == {"failures": [], "next_cursor": None}
    shown = command_line.run("context", "show", "--as", ANN, "--data-dir", data)
    assert json.loads(shown.stdout) == {"location": {"city": "Berlin"}, "name": "Ann"}
