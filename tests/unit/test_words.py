"""From a text to its words, in any script."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from muxi.core.memory.words import words


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Caroline: I've been running, and she RUNS!", ["carolin", "run", "run"]),
        ("Mel\u2019s dog doesn't bite", ["mel", "dog", "bite"]),
        ("Order 66-A of user_id", ["order", "66", "user", "id"]),
        ("Seen in May, in the US", ["seen", "may", "us"]),
        ("café CAFE\u0301 \uff23\uff21\uff26\uff25", ["cafe", "cafe", "cafe"]),
        ("Straße", ["strass"]),
        ("हिन्दी", ["हिन्दी"]),
        ("كِتَاب كتاب", ["كتاب", "كتاب"]),
        ("iPhone手机", ["iphon", "手", "机", "手机"]),
        ("茶", ["茶"]),
        ("what is it? ... 🙂", []),
        ("", []),
    ],
)
def test_words(text: str, expected: list[str]) -> None:
    """Case, accents, stop words, endings and scripts are treated as documented."""
    assert words(text) == expected


def test_endless_word_is_cut() -> None:
    """A blob without spaces is kept by its start."""
    assert words("9" * 1_000_000) == ["9" * 64]


def test_threads_share_the_stemmer() -> None:
    """Words stemmed by several threads at once come out as by one."""
    texts = [f"generalizations{i} running{i} happily{i} nationalities" for i in range(300)]
    with ThreadPoolExecutor(8) as pool:
        at_once = list(pool.map(words, texts))
    assert {found[-1] for found in at_once} == {"nation"}
    assert at_once == [words(text) for text in texts]


@given(st.text())
def test_any_text(text: str) -> None:
    """Every text has words, none of them empty or endless, the same ones in capitals of ASCII."""
    found = words(text)
    assert all(0 < len(word) <= 64 for word in found)
    if text.isascii():
        assert words(text.upper()) == found
