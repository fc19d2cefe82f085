"""The chat model of last resort: honest, short, the same every time."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from muxi.core.models.base import Completion, Line, Prompt, Recalled, Usage
from muxi.core.models.providers.quote import NOTICE, QuoteModel

DAY = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)


async def answer(message: str, *texts: str) -> str:
    """What is said to a message, without the notice that ends it."""
    recalled = tuple(Recalled(text, "email", DAY) for text in texts)
    completion = await QuoteModel().complete(Prompt("", recalled, (), message))
    assert completion.text.endswith(f" {NOTICE}")
    return completion.text.removesuffix(f" {NOTICE}")


def test_its_name_is_quote() -> None:
    """The name that settings and stored rows know it by."""
    assert QuoteModel().name == "quote"


async def test_a_question_is_answered_by_a_quotation_with_channel_and_date() -> None:
    """What was said on one channel is quoted on the next, with where and when."""
    assert await answer("What's my budget?", "My budget is $5,000") == (
        'You told me: "My budget is $5,000" (email, 22 November 2026).'
    )


async def test_it_says_that_no_chat_model_is_configured() -> None:
    """Every answer ends with the notice, and costs nothing."""
    assert await QuoteModel().complete(Prompt("", (), (), "Hi")) == Completion(f"Noted. {NOTICE}", Usage(0, 0))
    assert "No chat model is configured" in NOTICE


async def test_a_question_about_nothing_known() -> None:
    """With nothing recalled it says so."""
    assert await answer("What's my budget?") == "I know nothing of that."


async def test_what_shares_no_word_is_only_the_nearest() -> None:
    """A recalled text on another subject is not passed off as an answer."""
    assert await answer("How much can I spend?", "My budget is $5,000", "I like tea") == (
        'I know nothing of that. The nearest that you told me: "My budget is $5,000" (email, 22 November 2026).'
    )


async def test_only_fitting_texts_are_quoted_and_at_most_three() -> None:
    """Texts that share a word stem with the question, in the order of relevance, three of them."""
    recalled = ("I like tea", "My car is red", *(f"Tea number {n}" for n in range(5)))
    where = "(email, 22 November 2026)"
    assert await answer("Which teas do I like?", *recalled) == (
        f'You told me: "I like tea" {where}; "Tea number 0" {where}; "Tea number 1" {where}.'
    )


@pytest.mark.parametrize("earlier", ["What's my budget?", "what is my budget", "How large is my budget?"])
async def test_earlier_questions_are_no_answers(earlier: str) -> None:
    """A question asked before is remembered too, but never quoted as what the user told."""
    assert await answer("What's my budget?", earlier) == "I know nothing of that."


async def test_a_statement_is_noted() -> None:
    """A statement is no question: nothing is claimed about it."""
    assert await answer("My budget is $5,000") == "Noted."
    assert await answer("My budget is $5,000", "I like tea", "my budget is $5,000 ") == "Noted."


async def test_a_statement_on_a_known_subject_quotes_it() -> None:
    """What was said before on the same subject is shown beside the note."""
    assert await answer("My budget is now $6,000.", "My budget is $5,000") == (
        'Noted. You also told me: "My budget is $5,000" (email, 22 November 2026).'
    )


async def test_a_request_without_a_question_mark_is_a_question() -> None:
    """``tell me ...`` and question words at the start ask."""
    assert (await answer("tell me my budget", "My budget is $5,000")).startswith("You told me:")
    assert (await answer("when is my flight", "The flight is on Monday")).startswith("You told me:")


async def test_long_texts_are_cut_and_stay_on_one_line() -> None:
    """A quotation is one line of at most 300 characters and an ellipsis."""
    said = await answer("What is tea?", "tea\n" + "x" * 1000)
    assert said == f'You told me: "tea {"x" * 296}…" (email, 22 November 2026).'


async def test_the_stream_joins_to_the_answer() -> None:
    """Word by word, then one usage of nothing."""
    prompt = Prompt("", (Recalled("I like  tea", "web", DAY),), (), "What do I like? tea?")
    pieces = [piece async for piece in QuoteModel().stream(prompt)]
    words = [piece for piece in pieces if isinstance(piece, str)]
    assert pieces == [*words, Usage()]
    assert "".join(words) == (await QuoteModel().complete(prompt)).text
    assert words[:4] == ["You ", "told ", "me: ", '"I ']


async def test_what_was_said_in_this_conversation_is_quoted_too() -> None:
    """It is in the prompt's buffer rather than recalled; the assistant's own lines are not quoted."""
    recent = (Line("user", "My cat is Momo"), Line("assistant", "A cat! Noted."))
    completion = await QuoteModel().complete(Prompt("", (), recent, "What is my cat called?"))
    assert completion.text == f'You told me: "My cat is Momo" (in this conversation). {NOTICE}'
