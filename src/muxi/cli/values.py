"""The client's values in the shapes of the HTTP interface."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import datetime
from typing import Any

from muxi.cli.access import Shape


def shape(answer: Any) -> Shape:
    """The client's values have the names of the HTTP interface; times become text again."""
    made: Shape = json.loads(json.dumps(asdict(answer), default=datetime.isoformat))
    return made
