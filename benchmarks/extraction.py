"""How precise and how complete the rules of extraction are, on labelled sentences, and how long they take.

The sentences stand in `tests/extraction`: half of them say something about their author, half do not (questions,
suppositions, other people, quotations, negations, remarks). They were written before the rules and parted by chance:
``seen.jsonl`` was looked at while the rules were written, ``held_out.jsonl`` only measured. One author wrote sentences
and rules, so the figures of both say what the rules do with such sentences, not what strangers will write.

An operation counts as right if its kind, path and value are (letter case aside).
"""

from __future__ import annotations

import argparse
import json
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import report

from muxi.core.memory.extraction.extract import extract
from muxi.core.memory.private import redact

SENTENCES = Path(__file__).parents[1] / "tests" / "extraction"
SAID_AT = datetime(2026, 3, 11, 9, 30, tzinfo=UTC)
TARGETS = {"precision": 0.95, "recall": 0.60}
Key = tuple[str, str, str]


@dataclass(frozen=True, slots=True)
class Labelled:
    """A sentence with what it says about its author; ``earlier`` are the messages before it."""

    kind: str
    text: str
    earlier: list[str]
    expected: set[Key]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--wrong", action="store_true", help="also tell what was wrong or missed in seen.jsonl")
    arguments = parser.parse_args()
    halves = {name: labelled(SENTENCES / f"{name}.jsonl") for name in ("seen", "held_out")}
    every = [sentence for half in halves.values() for sentence in half]
    figures = {name: figures_of(half) for name, half in halves.items()} | {"both": figures_of(every)}
    report.emit(
        {
            "targets": {**TARGETS, "met": all(figures["held_out"][name] >= least for name, least in TARGETS.items())},
            **figures,
            **({"wrong_in_seen": wrong(halves["seen"])} if arguments.wrong else {}),
            "time": times(every),
        }
    )


def labelled(path: Path) -> list[Labelled]:
    """The sentences of a file, one JSON object a line."""
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    return [
        Labelled(
            row["kind"],
            row["text"],
            row.get("earlier", []),
            {_key(one["op"], one["path"], one["value"]) for one in row["expect"]},
        )
        for row in rows
    ]


def found_in(sentence: Labelled) -> set[Key]:
    """What the rules make of a sentence."""
    operations = extract(sentence.text, said_at=SAID_AT, earlier=sentence.earlier)
    return {_key(operation.op, operation.path, operation.value) for operation in operations}


def figures_of(sentences: Iterable[Labelled]) -> dict[str, Any]:
    """Precision and recall of all, and of each kind of sentence."""
    of_kind: dict[str, Counter[str]] = defaultdict(Counter)
    for sentence in sentences:
        found = found_in(sentence)
        of_kind[sentence.kind] += Counter(
            sentences=1,
            right=len(found & sentence.expected),
            wrong=len(found - sentence.expected),
            missed=len(sentence.expected - found),
            without_a_fact=not sentence.expected,
        )
    total: Counter[str] = sum(of_kind.values(), Counter())
    return {**_rates(total), "kinds": {kind: _rates(counts) for kind, counts in of_kind.items()}}


def wrong(sentences: Iterable[Labelled]) -> list[dict[str, Any]]:
    """The sentences that were not read as labelled."""
    pairs = ((sentence, found_in(sentence)) for sentence in sentences)
    return [
        {"text": one.text, "wrong": sorted(found - one.expected), "missed": sorted(one.expected - found)}
        for one, found in pairs
        if found != one.expected
    ]


def times(sentences: list[Labelled]) -> dict[str, Any]:
    """Time of one message, for extraction and for the privacy filter."""
    texts = [sentence.text for sentence in sentences]
    each = iter(texts * 4)
    extracting = report.times_of(lambda: extract(next(each), said_at=SAID_AT), count=2 * len(texts), warm_up=len(texts))
    again = iter(texts * 4)
    redacting = report.times_of(lambda: redact(next(again)), count=2 * len(texts), warm_up=len(texts))
    return {"extract": report.spread(extracting, unit="us"), "redact": report.spread(redacting, unit="us")}


def _rates(counts: Counter[str]) -> dict[str, Any]:
    told, expected = counts["right"] + counts["wrong"], counts["right"] + counts["missed"]
    rates: dict[str, Any] = {"sentences": counts["sentences"], "without_a_fact": counts["without_a_fact"]}
    rates |= {name: counts[name] for name in ("right", "wrong", "missed")}
    if told:
        rates["precision"] = round(counts["right"] / told, 4)
    if expected:
        rates["recall"] = round(counts["right"] / expected, 4)
    return rates


def _key(op: str, path: str, value: Any) -> Key:
    return op, path, str(value).casefold()


if __name__ == "__main__":
    main()
