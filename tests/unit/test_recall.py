"""The recall of one owner's memories: what is found, in which order, and what it costs."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from muxi.core.memory.layout import Shown
from muxi.core.memory.packed import Packed
from muxi.core.memory.recall import MOST_COMPARED, MOST_READ, MemoryIndex
from muxi.core.memory.types import SAID, Hit, Memory
from muxi.core.memory.weights import WEIGHTS
from muxi.errors import EmbeddingMismatchError
from muxi.ids import MemoryId

NOW = datetime(2025, 6, 1, tzinfo=UTC)
DAY = timedelta(days=1)


def memory(number: int, text: str, **changes: object) -> Memory:
    """A memory said a day ago in no session, without a vector."""
    plain = Memory(
        id=MemoryId(f"mem_{number:026d}"),
        user_id=None,
        text=text,
        kind=SAID,
        importance=0.5,
        channel="api",
        agent_id="",
        session_id="",
        seq=number,
        said_at=NOW - DAY,
        created_at=NOW - DAY,
    )
    return replace(plain, **changes)  # type: ignore[arg-type]


def axis(number: int) -> NDArray[np.float32]:
    """A unit vector along one of four axes."""
    return np.eye(4, dtype=np.float32)[number]


def index_of(*memories: Memory) -> MemoryIndex:
    index = MemoryIndex()
    index.put(memories)
    return index


def search(
    index: MemoryIndex,
    query: str,
    vector: NDArray[np.float32] | None = None,
    limit: int = 10,
    keep: Callable[[Memory], bool] | None = None,
    explain: bool = False,
) -> list[Hit]:
    return index.search(query, vector, limit=limit, now=NOW, keep=keep, explain=explain)


def texts(hits: list[Hit]) -> list[str]:
    return [hit.memory.text for hit in hits]


def shown(hits: list[Hit]) -> list[tuple[str, str, float]]:
    return [(hit.memory.id, hit.memory.text, hit.score) for hit in hits]


# What is found


def test_word_match_beats_none() -> None:
    """The memory that holds the question's word comes first, in another form of the word, too."""
    index = index_of(memory(1, "I like tea"), memory(2, "She plays the violins"), memory(3, "It rained"))
    assert texts(search(index, "Who was playing a violin?"))[0] == "She plays the violins"


def test_rare_word_beats_common_word() -> None:
    """A word that few memories hold counts for more than one that many hold."""
    index = index_of(memory(1, "dog walk"), memory(2, "dog bath"), memory(3, "dog food"), memory(4, "cat food"))
    assert texts(search(index, "dog cat", limit=1)) == ["cat food"]


def test_dense_match_without_words() -> None:
    """What means the same is found though it shares no word with the question."""
    index = index_of(*(memory(i, f"text {i}", vector=axis(i)) for i in range(4)))
    assert texts(search(index, "unrelated", axis(2), limit=1)) == ["text 2"]


def test_neighbours_lift() -> None:
    """An answer that shares no word with the question is found by the turn before it; what is far away is not."""
    said = ["weather", "tea", "breakfast", "Where is your sister now?", "Lisbon", "cool", "yes", "no", "ok", "fine"]
    index = index_of(*(memory(i, text, session_id="s", seq=i) for i, text in enumerate(said)))
    found = texts(search(index, "where does the sister live"))
    assert set(found[:2]) == {"Where is your sister now?", "Lisbon"}
    # Four after it and two before it are read with it.
    assert set(found[2:7]) == {"cool", "yes", "no", "breakfast", "tea"}
    assert set(found[7:]) == {"weather", "ok", "fine"}


def test_neighbours_end_at_the_session() -> None:
    """A memory of another session, or of none, lifts nothing."""
    match = memory(1, "my sister", session_id="a", seq=1)
    others = [memory(2, "Lisbon", session_id="b", seq=2), memory(0, "Porto", session_id="", seq=0)]
    found = search(index_of(match, *others), "sister")
    assert found[1].score == found[2].score
    together = search(index_of(match, replace(others[0], session_id="a"), others[1]), "sister")
    assert texts(together) == ["my sister", "Lisbon", "Porto"]
    assert together[1].score > together[2].score


def test_without_session_are_no_neighbours() -> None:
    """Memories without a session are not taken for one long session."""
    found = search(index_of(memory(1, "sister"), memory(2, "Lisbon"), memory(9, "Porto")), "sister")
    assert found[1].score == found[2].score


@pytest.mark.parametrize("age", [1, 30, 2 * 365])
def test_newer_of_equal_texts_first(age: int) -> None:
    """Of two equal texts the newer one comes first, at any age, with a higher score, however they were put."""
    newer = memory(1, "I moved", said_at=NOW - age * DAY)
    older = memory(2, "I moved", said_at=NOW - (age + 10) * DAY)
    for order in ([newer, older], [older, newer]):
        hits = search(index_of(*order), "moved")
        assert [hit.memory.id for hit in hits] == [newer.id, older.id]
        assert hits[0].score > hits[1].score


def test_newer_first_when_scores_are_equal() -> None:
    """Scores that are equal are ordered by time, then by id, newest first."""
    said = [
        memory(1, "tea", said_at=NOW + DAY),
        memory(2, "tea", said_at=NOW + 2 * DAY),
        memory(3, "tea", said_at=NOW + DAY),
    ]
    hits = search(index_of(*said), "tea")
    assert [hit.memory.id for hit in hits] == [said[1].id, said[2].id, said[0].id]
    assert len({hit.score for hit in hits}) == 1


def test_importance_decides_between_equals() -> None:
    """Of two memories alike otherwise the more important one comes first; odd values are taken as the nearest."""
    low, usual, high = (memory(i, "allergy", importance=x) for i, x in enumerate([0.0, 0.5, 7.0]))
    odd = memory(3, "allergy", importance=float("nan"))
    hits = search(index_of(low, odd, usual, high), "allergy")
    assert hits[0].memory == high
    assert hits[3].memory == low
    assert hits[1].score == hits[2].score


def test_memory_without_vector_is_found() -> None:
    """What is not embedded yet is found by its words at once, before what matches neither way."""
    embedded = [memory(i, f"text {i}", vector=axis(i % 2)) for i in range(6)]
    index = index_of(*embedded, memory(9, "the spare key is under the pot"))
    hits = search(index, "where is the spare key", axis(0))
    assert texts(hits)[0] == "the spare key is under the pot"
    assert hits[0].memory.vector is None
    assert len(hits) == 7


def test_missing_vector_counts_as_average() -> None:
    """Without a vector a memory stands between a likeness and an unlikeness of meaning."""
    index = index_of(memory(1, "a1", vector=axis(1)), memory(2, "b2"), memory(3, "c3", vector=axis(0)))
    assert texts(search(index, "", axis(0))) == ["c3", "b2", "a1"]


def test_question_of_stop_words() -> None:
    """A question of stop words, or of nothing, ranks by meaning, importance and time."""
    old, new = memory(1, "tea", said_at=NOW - 90 * DAY), memory(2, "milk")
    important = memory(3, "nuts", said_at=NOW - 90 * DAY, importance=1.0)
    for query in ("what is it?", "", "?!"):
        assert texts(search(index_of(old, new, important), query)) == ["nuts", "milk", "tea"]
    meant = index_of(replace(old, vector=axis(0)), replace(new, vector=axis(1)))
    assert texts(search(meant, "what is it?", axis(0))) == ["tea", "milk"]


@pytest.mark.parametrize(
    ("text", "query"),
    [
        ("我喜欢绿茶", "绿茶"),
        ("昨日、東京で寿司を食べた", "寿司"),
        ("고양이를 키워요", "고양이"),
        ("ฉันชอบแมว", "แมว"),
        ("मुझे हिन्दी पसंद है", "हिन्दी"),
        ("Мой брат живёт в Риге", "РИГЕ"),
        ("Rendez-vous au café", "cafe"),
    ],
)
def test_other_languages_are_found(text: str, query: str) -> None:
    """A word of any script finds the text that holds it."""
    index = index_of(memory(1, "something else"), memory(2, text), memory(3, "другое 其他 その他 기타 อื่น अन्य"))
    assert texts(search(index, query, limit=1)) == [text]


def test_hit_is_the_memory_as_it_was_put() -> None:
    """A hit holds every field of the memory but its vector, which is kept once, in the index."""
    put = memory(1, "tea", metadata={"a": 1}, vector=axis(1))
    assert search(index_of(put), "tea")[0].memory == replace(put, vector=None)


# What else speaks for a memory


def features(index: MemoryIndex, query: str, vector: NDArray[np.float32] | None = None) -> dict[str, dict[str, float]]:
    """The features of every hit, by its text."""
    hits = search(index, query, vector, limit=100, explain=True)
    return {hit.memory.text: dict(hit.features or {}) for hit in hits}


def column(index: MemoryIndex, name: str, query: str) -> dict[str, float]:
    return {text: of[name] for text, of in features(index, query).items()}


def test_window_speaks_for_its_memory() -> None:
    """The vector of a memory with those before it finds it, and the memory in its middle, by what is said around."""
    said = [memory(i, f"turn {i}", session_id="s", seq=i, vector=axis(0), window=axis(0)) for i in range(8)]
    said[4] = replace(said[4], window=axis(1))
    of = features(index_of(*said), "", axis(1))
    assert max(of, key=lambda text: of[text]["window"]) == "turn 4"
    assert max(of, key=lambda text: of[text]["next_window"]) == "turn 3"
    assert len({found["vector"] for found in of.values()}) == 1


def test_without_a_window_the_memory_itself_counts() -> None:
    """A memory whose window has no vector yet is ranked as if it were the window: as well as before there were any."""
    said = [memory(i, f"turn {i}", vector=axis(i % 4), window=axis(i % 4)) for i in range(8)]
    of = features(index_of(*said[:7], replace(said[7], window=None)), "", axis(3))["turn 7"]
    assert of["window"] == of["vector"] > 0
    assert of["next_window"] == of["window"]


def test_window_of_a_refused_neighbour_is_not_used() -> None:
    """A window may not speak for a text that may not be returned: its vector then counts as missing."""
    said = [memory(i, f"turn {i}", session_id="s", seq=i, vector=axis(i % 2), window=axis(2)) for i in range(4)]
    index = index_of(*said)
    hits = search(index, "", axis(0), keep=lambda m: m.seq != 1, explain=True)
    used = {hit.memory.seq: hit.features["window"] != hit.features["vector"] for hit in hits if hit.features}
    assert used == {0: True, 2: False, 3: False}


@pytest.mark.parametrize(
    ("query", "speaker"),
    [("What does Ann like?", {"Ann": 1.0, "Bob": 0.0}), ("What did Ann tell Bob?", {"Ann": 0.0, "Bob": 0.0})],
)
def test_speaker_who_is_named(query: str, speaker: dict[str, float]) -> None:
    """What the one speaker said whom the question names is likelier; a question about two does not say who."""
    said = [memory(i, f"tea {name}", metadata={"speaker": name}) for i, name in enumerate(["Ann", "Bob"])]
    found = column(index_of(*said, memory(5, "tea", metadata={"speaker": 7})), "speaker", query)
    assert found == {"tea Ann": speaker["Ann"], "tea Bob": speaker["Bob"], "tea": 0.0}


def test_after_question() -> None:
    """What follows a question that holds the words has its score; what follows a statement has not."""
    said = ["Where is your sister?", "Lisbon", "My sister called", "Porto"]
    index = index_of(*(memory(i, text, session_id="s", seq=i) for i, text in enumerate(said)))
    words, after = (column(index, name, "my sister") for name in ("words", "after_question"))
    assert after == {said[0]: 0.0, "Lisbon": words[said[0]], said[2]: 0.0, "Porto": 0.0}


def test_when() -> None:
    """A memory that speaks of a time is likelier for a question that asks when, by more than for another."""
    index = index_of(memory(1, "We went there last week"), memory(2, "We went there"))
    assert column(index, "when_time", "When did they go?") == {"We went there last week": 1.0, "We went there": 0.0}
    assert column(index, "time", "Where did they go?") == {"We went there last week": 1.0, "We went there": 0.0}
    assert WEIGHTS["when_time"] > WEIGHTS["time"] > 0


def test_near_day() -> None:
    """A question that names a day finds what was said on it, then what was said near it, by the days between."""
    on = {0: "on the day", 2: "two days after", -8: "eight days before"}
    day = datetime(2025, 3, 10, 12, tzinfo=UTC)
    index = index_of(*(memory(50 + off, text, said_at=day + off * DAY) for off, text in on.items()))
    found = column(index, "near_day", "What happened on 10 March 2025?")
    assert found == {"on the day": 1.0, "two days after": 0.5, "eight days before": 0.2}
    assert texts(search(index, "What happened on 10 March 2025?"))[0] == "on the day"
    assert set(column(index, "near_day", "What happened?").values()) == {0.0}


def test_day_without_a_year_in_an_old_conversation() -> None:
    """A day without a year that nothing was said on lately is one of the conversation's own time."""
    old = datetime(2019, 8, 20, 12, tzinfo=UTC)
    index = index_of(memory(1, "camping", said_at=old), memory(2, "rain", said_at=old + 60 * DAY))
    assert column(index, "near_day", "Who came on 20 August?") == {"camping": 1.0, "rain": pytest.approx(1 / 31)}


def test_own_day() -> None:
    """A day that a memory names is read on the day it was said: "yesterday" is the day before."""
    index = index_of(
        memory(1, "I bought a bike yesterday", said_at=datetime(2025, 3, 11, 9, tzinfo=UTC)),
        memory(2, "I sold a bike", said_at=datetime(2025, 3, 11, 9, tzinfo=UTC)),
    )
    found = column(index, "own_day", "What happened on 10 March 2025?")
    assert found == {"I bought a bike yesterday": 1.0, "I sold a bike": 0.0}


def test_long_texts_do_not_outweigh_a_match() -> None:
    """However long a text is, one that holds the question's word comes before it."""
    index = index_of(memory(1, "other words " * 5_000), memory(2, "my violin"))
    assert texts(search(index, "violin"))[0] == "my violin"


@pytest.mark.parametrize("many", [MOST_READ + 4_000, MOST_COMPARED + 2_000])
def test_shortlist_of_many(many: int) -> None:
    """Among more memories than are all scored, the one with the word, its answer and the likest are still found."""
    chance = np.random.default_rng(1)
    drawn = chance.standard_normal((many, 64)).astype(np.float32)
    drawn /= np.linalg.norm(drawn, axis=1, keepdims=True)
    said = [memory(i, f"tea {i % 7}", session_id=str(i // 9), seq=i, vector=one) for i, one in enumerate(drawn)]
    said[900] = replace(said[900], text="Where is the spare key?")
    said[901] = replace(said[901], text="Under the pot")
    index = index_of(*said)
    assert set(texts(search(index, "where is the spare key", drawn[900], limit=3))[:2]) == {
        "Where is the spare key?",
        "Under the pot",
    }
    assert search(index, "nothing of this", drawn[4321], limit=1)[0].memory.id == said[4321].id
    assert len(search(index, "tea", None, limit=1_000)) == 1_000
    assert len(search(index, "tea", drawn[0], limit=len(said))) == len(said)


# What may be returned


def test_keep_is_respected() -> None:
    """What `keep` refuses is not returned, however well it matches."""
    index = index_of(memory(1, "violin", agent_id="a"), memory(2, "tea", agent_id="b"))
    assert texts(search(index, "violin", keep=lambda m: m.agent_id == "b")) == ["tea"]
    assert search(index, "violin", keep=lambda m: False) == []


@pytest.mark.parametrize("session", ["a", "b", "c", "none"])
@pytest.mark.parametrize("after", [-1, 3, 9])
@pytest.mark.parametrize("moved", [False, True])
def test_what_is_shown_is_as_if_it_were_not_here(session: str, after: int, moved: bool) -> None:
    """The end of a conversation that is before the reader's eyes already is left out as `keep` would leave it out."""
    said = [
        memory(i, f"tea number{i % 5}", session_id="abc"[i % 3], seq=i // 3, vector=axis(i % 4), window=axis(i % 3))
        for i in range(24)
    ]
    index = index_of(*said)
    if moved:  # the rows then do not stand in their order
        index.put([replace(said[4], text="milk")])
        index.remove([said[9].id])
    hits = index.search(
        "tea number3", axis(1), limit=50, now=NOW, shown=Shown(session, after), keep=lambda m: m.seq != 2
    )
    kept = search(
        index,
        "tea number3",
        axis(1),
        limit=50,
        keep=lambda m: m.seq != 2 and (m.session_id != session or m.seq <= after),
    )
    assert shown(hits) == shown(kept)
    hits = index.search("tea number3", axis(1), limit=50, now=NOW, shown=Shown(session, after))
    kept = search(index, "tea number3", axis(1), 50, keep=lambda m: m.session_id != session or m.seq <= after)
    assert shown(hits) == shown(kept)
    there = [m for m in said if not (moved and m.id == said[9].id)]
    assert len(hits) == sum(m.session_id != session or m.seq <= after for m in there)


def test_what_is_shown_of_packed_memories() -> None:
    """Of memories that were loaded packed, only the hits are read to leave out what is shown."""
    said = {m.id: m for m in (memory(i, f"tea {i}", session_id="ab"[i % 2], seq=i) for i in range(40))}
    read: list[MemoryId] = []

    def stored(ids: Sequence[MemoryId]) -> list[Memory]:
        read.extend(ids)
        return [said[id] for id in ids]

    index, packed = MemoryIndex(), Packed.of(list(said.values()))
    assert packed is not None
    index.load(packed)
    hits = index.search("tea 7", None, limit=3, now=NOW, shown=Shown("b", after=7), read=stored)
    assert texts(hits)[0] == "tea 7"
    assert all(hit.memory.session_id == "a" or hit.memory.seq <= 7 for hit in hits)
    assert sorted(read) == sorted(hit.memory.id for hit in hits)


@pytest.mark.parametrize("limit", [0, -1])
def test_limit_of_nothing(limit: int) -> None:
    """A limit below one returns nothing."""
    assert search(index_of(memory(1, "tea")), "tea", limit=limit) == []


def test_limit_is_the_start_of_the_whole() -> None:
    """A smaller limit returns the start of what a larger one returns."""
    index = index_of(*(memory(i, f"tea {'leaf ' * (i % 3)}", session_id=str(i % 4), seq=i) for i in range(30)))
    whole = shown(search(index, "leaf", limit=100))
    assert len(whole) == 30
    for limit in range(1, 31):
        assert shown(search(index, "leaf", limit=limit)) == whole[:limit]


def test_empty_index() -> None:
    """Nothing is found where nothing is, whatever the vector."""
    assert search(MemoryIndex(), "tea", axis(0)) == []
    assert len(MemoryIndex()) == 0


# Putting and removing


def test_put_replaces_by_id() -> None:
    """A memory put again is found by its new words only, and stays one."""
    index = index_of(memory(1, "tea"), memory(2, "milk"), memory(3, "water"))
    index.put([memory(1, "coffee")])
    assert len(index) == 3
    assert shown(search(index, "coffee tea")) == shown(
        search(index_of(memory(2, "milk"), memory(3, "water"), memory(1, "coffee")), "coffee tea")
    )
    index.put([memory(2, "juice"), memory(2, "beer")])
    assert sorted(texts(search(index, ""))) == ["beer", "coffee", "water"]


def test_vector_that_arrives_later() -> None:
    """A memory is found by meaning as soon as it is put again with its vector."""
    plain = [memory(i, f"text {i}") for i in range(4)]
    index = index_of(*plain)
    index.put(replace(m, vector=axis(i)) for i, m in enumerate(plain))
    assert len(index) == 4
    assert texts(search(index, "", axis(3), limit=1)) == ["text 3"]


def test_remove() -> None:
    """What is removed is not found and no longer counts; an unknown id is passed over."""
    said = [memory(i, f"tea number{i}", session_id="s", seq=i, vector=axis(i % 4)) for i in range(20)]
    index = index_of(*said)
    index.remove([said[3].id, said[19].id, said[3].id, MemoryId("mem_unknown")])
    index.remove([said[0].id])
    stay = [m for m in said if m not in (said[0], said[3], said[19])]
    assert len(index) == 17
    assert shown(search(index, "number4 tea", axis(1), 50)) == shown(
        search(index_of(*stay), "number4 tea", axis(1), 50)
    )
    index.remove(m.id for m in said)
    assert len(index) == 0
    assert search(index, "tea", axis(0)) == []


def test_changed_many_times() -> None:
    """Memories whose words change again and again are found by the last ones, and the old ones take no room."""
    said = [memory(i, f"tea number{i}", session_id="s", seq=i, vector=axis(i % 4), window=axis(1)) for i in range(20)]
    index = index_of(*said)
    size = index.nbytes
    for turn in range(30):
        index.put(replace(m, text=f"milk number{m.seq} turn{turn}") for m in said)
    last = [replace(m, text=f"milk number{m.seq} turn29") for m in said]
    assert len(index) == 20
    assert shown(search(index, "number4 turn29", axis(1), 50)) == shown(
        search(index_of(*last), "number4 turn29", axis(1), 50)
    )
    assert not search(index, "tea", explain=True)[0].features["words"]  # type: ignore[index]
    assert index.nbytes < 8 * size


def test_dimension_mismatch() -> None:
    """A vector of another dimension is an error, in a search and in a put, which then changes nothing."""
    index = index_of(memory(1, "tea", vector=axis(0)))
    wide = np.ones(5, dtype=np.float32)
    with pytest.raises(EmbeddingMismatchError):
        search(index, "tea", wide)
    with pytest.raises(EmbeddingMismatchError):
        index.put([memory(2, "milk"), memory(3, "juice", vector=wide)])
    with pytest.raises(EmbeddingMismatchError):
        index_of(memory(1, "tea", vector=axis(0)), memory(2, "milk", vector=wide))
    with pytest.raises(EmbeddingMismatchError):
        index_of(memory(1, "tea", vector=np.ones((1, 4), dtype=np.float32)))
    assert texts(search(index, "tea", axis(0))) == ["tea"]


def test_vectors_that_are_no_numbers() -> None:
    """NaN and infinity in a vector make it unknown, never a score that is no number."""
    bad = np.array([np.nan, np.inf, 0, 0], dtype=np.float32)
    index = index_of(memory(1, "tea", vector=bad), memory(2, "milk", vector=axis(0)), memory(3, "wine", vector=axis(1)))
    for vector in (axis(0), bad, np.zeros(4, dtype=np.float32)):
        hits = search(index, "tea", vector)
        assert len(hits) == 3
        assert np.isfinite([hit.score for hit in hits]).all()
    assert texts(search(index, "", axis(0))) == ["milk", "tea", "wine"]


def test_nbytes() -> None:
    """The size counts both vectors, texts and metadata."""
    index = MemoryIndex()
    empty = index.nbytes
    long, one = "word " * 1_000, np.ones(384, np.float32)
    said = [memory(i, long, vector=one, window=one, metadata={"x": ["y" * 1_000]}) for i in range(100)]
    index.put(said)
    least = 100 * (2 * 384 + len(long) + 1_000)
    assert empty + least < index.nbytes < 2 * least


def test_every_weight_has_its_feature() -> None:
    """The table of weights, the features of a hit and the documents are about the same names."""
    [hit] = search(index_of(memory(1, "tea")), "tea", explain=True)
    assert hit.features is not None
    assert WEIGHTS.keys() == hit.features.keys()
    assert hit.score == pytest.approx(sum(WEIGHTS[name] * value for name, value in hit.features.items()))
    assert search(index_of(memory(1, "tea")), "tea")[0].features is None
    documented = (Path(__file__).parents[2] / "docs" / "recall.md").read_text(encoding="utf-8")
    rows = dict(re.findall(r"^\| `(\w+)` \| (-?[\d.]+) \|", documented, re.M))
    assert {name: float(weight) for name, weight in rows.items()} == WEIGHTS


def test_threads() -> None:
    """One thread puts and removes while others search: no error, and everything is found at the end."""
    index, done = MemoryIndex(), threading.Event()
    said = [memory(i, f"tea leaf {i}", session_id=str(i % 5), seq=i, vector=axis(i % 4)) for i in range(300)]

    def write() -> None:
        try:
            for m in said:
                index.put([m])
                index.remove([m.id])
                index.put([replace(m, text="milk")])
                index.put([replace(m, vector=None), m])
        finally:
            done.set()

    def read() -> None:
        while not done.is_set():
            hits = search(index, "leaf 7", axis(1))
            assert len({hit.memory.id for hit in hits}) == len(hits)

    with ThreadPoolExecutor(3) as pool:
        for work in [pool.submit(read), pool.submit(read), pool.submit(write)]:
            work.result()
    assert shown(search(index, "leaf", axis(1), 300)) == shown(search(index_of(*said), "leaf", axis(1), 300))


# What holds for all memories

vocabulary = st.sampled_from(["tea", "milk", "the", "violin", "playing", "plays", "茶", "Riga", "7"])
sentences = st.lists(vocabulary, max_size=5).map(" ".join)
vectors = st.none() | st.integers(0, 3).map(axis)


@st.composite
def memories(draw: st.DrawFn) -> list[Memory]:
    count = draw(st.integers(0, 12))
    return [
        memory(
            number,
            draw(sentences),
            session_id=draw(st.sampled_from(["", "a", "b"])),
            seq=draw(st.integers(0, 3)),
            said_at=NOW - draw(st.integers(-1, 3)) * DAY,
            importance=draw(st.sampled_from([0.0, 0.5, 1.0])),
            vector=draw(vectors),
            window=draw(vectors),
        )
        for number in range(count)
    ]


@settings(max_examples=150, deadline=None)
@given(memories(), sentences, vectors, st.integers(0, 15), st.randoms())
def test_results_are_a_stable_ranking(
    said: list[Memory],
    query: str,
    vector: NDArray[np.float32] | None,
    limit: int,
    chance: Random,
) -> None:
    """Hits are memories that were put, each once, best first, finite, and the same for any order of putting."""
    hits = search(index_of(*said), query, vector, limit)
    assert len(hits) == min(limit, len(said))
    assert len({hit.memory.id for hit in hits}) == len(hits)
    assert {hit.memory.id for hit in hits} <= {m.id for m in said}
    scores = [hit.score for hit in hits]
    assert scores == sorted(scores, reverse=True)
    assert np.isfinite(scores).all()
    shuffled = list(said)
    chance.shuffle(shuffled)
    assert shown(search(index_of(*shuffled), query, vector, limit)) == shown(hits)


@settings(max_examples=150, deadline=None)
@given(memories(), memories(), st.sets(st.integers(0, 12)), sentences, vectors)
def test_step_by_step_equals_at_once(
    before: list[Memory],
    after: list[Memory],
    gone: set[int],
    query: str,
    vector: NDArray[np.float32] | None,
) -> None:
    """Putting one at a time, replacing and removing ends where putting at once what is left ends."""
    index = MemoryIndex()
    for m in before:
        index.put([m])
    index.put(after)
    for number in gone:
        index.remove([memory(number, "").id])
    final = {m.id: m for m in [*before, *after]}
    left = [m for m in final.values() if int(m.id[4:]) not in gone]
    assert len(index) == len(left)
    assert shown(search(index, query, vector, 50)) == shown(search(index_of(*left), query, vector, 50))


@settings(max_examples=150, deadline=None)
@given(memories(), sentences, vectors, st.sampled_from(["", "a", "b"]))
def test_refused_memories_might_as_well_not_be_there(
    said: list[Memory], query: str, vector: NDArray[np.float32] | None, refused: str
) -> None:
    """A search that refuses memories returns what an index without them returns, scores included."""

    def keep(m: Memory) -> bool:
        return m.session_id != refused and m.importance > 0

    said = [replace(m, window=None) for m in said]  # a window may hold a refused text: see above
    without = index_of(*filter(keep, said))
    assert shown(search(index_of(*said), query, vector, 50, keep)) == shown(search(without, query, vector, 50))
