"""Users' secrets for outside services: stored, given out, and nobody else's, on each kind of database."""

from __future__ import annotations

import base64
import logging
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from muxi.core.chat import reply as recipe
from muxi.core.chat.types import Turn
from muxi.core.credentials.envelope import new_master_key, read_master_key
from muxi.core.credentials.service import MOST
from muxi.core.formation import Formation
from muxi.core.orchestrator import Orchestrator
from muxi.errors import (
    ConflictError,
    InvalidInputError,
    NotFoundError,
    SettingsError,
    StorageCorruptError,
    UnprovenIdentifierError,
    UserDisabledError,
    UserNotFoundError,
)
from muxi.ids import UserId, new_credential_id
from tests.conftest import TestClock
from tests.support.formations import open_formation
from tests.support.sentinels import files_of, left_in, left_in_tables

MASTER = new_master_key()
SECRET = "ghp-sentinel-secret-of-ann-x9Y8"
KEY = {"credentials": {"master_key": MASTER}}


@pytest.fixture
def formation(database_url: str, clock: TestClock) -> Iterator[Formation]:
    opened = open_formation(database_url, clock, **KEY)
    yield opened
    opened.close()


@pytest.fixture
def elsewhere(database_url: str, clock: TestClock, formation: Formation) -> Iterator[Formation]:
    """Another formation on the same database, with the same master key."""
    opened = open_formation(database_url, clock, "g", **KEY)
    yield opened
    opened.close()


@pytest.fixture
def ann(formation: Formation) -> UserId:
    return formation.identities.associate(["ann@x.org", ("UANN", "slack")], verified=True).id


@pytest.fixture
def ben(formation: Formation) -> UserId:
    return formation.identities.associate(["ben@x.org"], verified=True).id


def secret(formation: Formation, user: UserId, service: str = "github", name: str = "default") -> str:
    return formation.credentials.get(user, service, name).reveal()


def execute(formation: Formation, statement: str) -> None:
    with formation.storage._database.owning() as conn:
        conn.execute(statement)


def cell(formation: Formation, query: str) -> str:
    with formation.storage._database.owning() as conn:
        return str(conn.execute(query).fetchone()[0])


def actions(formation: Formation) -> list[tuple[str, str]]:
    rows = formation.audit.newest(limit=50).items[::-1]
    return [(row.action, row.actor) for row in rows if row.action.startswith(("credential", "data_key"))]


class TestKeeping:
    """One user's own."""

    def test_a_secret_comes_back(self, formation: Formation, ann: UserId, clock: TestClock) -> None:
        """As it was, with everything about it; the list shows a preview only."""
        made = formation.credentials.put(ann, "github", SECRET, "work", {"scopes": ["repo"], "n": 1})
        [listed] = formation.credentials.list(ann)
        assert listed == made
        assert (listed.user_id, listed.service, listed.name, listed.preview) == (ann, "github", "work", "********x9Y8")
        assert (listed.metadata, listed.created_at, listed.updated_at) == (
            {"scopes": ["repo"], "n": 1},
            clock.now,
            clock.now,
        )
        found = formation.credentials.get(ann, "github", "work")
        assert found.reveal() == SECRET and found.credential == listed
        assert SECRET not in repr((made, listed, found, formation.credentials))

    @pytest.mark.parametrize("text", ["x", "a\nb\r\n\tc", "ünïcode 🎈 李小龍", "x" * 65_536, '{"a": "b"}'])
    def test_any_text(self, formation: Formation, ann: UserId, text: str) -> None:
        """Of any length up to 64 KiB, to the last character."""
        formation.credentials.put(ann, "github", text)
        assert secret(formation, ann) == text

    def test_several_of_a_service(self, formation: Formation, ann: UserId) -> None:
        """By name; of one service or of all, in order."""
        for service, name in (("slack", "default"), ("github", "work"), ("github", "home"), ("github", "Work")):
            formation.credentials.put(ann, service, f"{service} {name}", name)
        listed = [(one.service, one.name) for one in formation.credentials.list(ann)]
        assert sorted(listed) == [("github", "Work"), ("github", "home"), ("github", "work"), ("slack", "default")]
        assert [one.name for one in formation.credentials.list(ann, "slack")] == ["default"]
        assert secret(formation, ann, "github", "Work") == "github Work"
        assert secret(formation, ann, "github", "work") == "github work"

    def test_replacing(self, formation: Formation, ann: UserId, clock: TestClock) -> None:
        """The id and the beginning stay; secret, metadata and end are the new ones."""
        first = formation.credentials.put(ann, "github", "old", metadata={"a": 1}, expires_in=timedelta(1))
        clock.move(60)
        second = formation.credentials.put(ann, "github", SECRET)
        assert (second.id, second.created_at, second.updated_at) == (first.id, first.created_at, clock.now)
        assert (second.metadata, second.expires_at) == ({}, None)
        assert formation.credentials.list(ann) == (second,) and secret(formation, ann) == SECRET

    def test_expiry(self, formation: Formation, ann: UserId, clock: TestClock) -> None:
        """From then on it is not given out; it is still listed, and can be replaced."""
        formation.credentials.put(ann, "github", SECRET, expires_in=timedelta(hours=1))
        clock.move(3599)
        assert secret(formation, ann) == SECRET
        clock.move(1)
        with pytest.raises(NotFoundError, match="expired"):
            secret(formation, ann)
        assert formation.credentials.list(ann)[0].expires_at == clock.now
        formation.credentials.put(ann, "github", SECRET)
        assert secret(formation, ann) == SECRET

    def test_deleting(self, formation: Formation, ann: UserId) -> None:
        """It is gone, and with the last one the data key."""
        formation.credentials.put(ann, "github", SECRET)
        other = formation.credentials.put(ann, "slack", SECRET)
        assert formation.credentials.delete(ann, "github").service == "github"
        assert formation.credentials.list(ann) == (other,)
        assert cell(formation, "SELECT count(*) FROM data_keys") == "1"
        for gone in (formation.credentials.get, formation.credentials.delete):
            with pytest.raises(NotFoundError):
                gone(ann, "github")
        formation.credentials.delete(ann, "slack")
        assert cell(formation, "SELECT count(*) FROM data_keys") == "0"
        formation.credentials.put(ann, "slack", SECRET)
        assert secret(formation, ann, "slack") == SECRET

    @pytest.mark.parametrize(
        "wrong",
        [
            {"service": "Git Hub"},
            {"service": ""},
            {"service": "../x"},
            {"service": "GitHub"},
            {"service": "x" * 65},
            {"name": ""},
            {"name": "a b"},
            {"name": "."},
            {"name": None},
            {"secret": ""},
            {"secret": "  \n"},
            {"secret": None},
            {"secret": b"bytes"},
            {"secret": "sentinel\x00"},
            {"secret": "sentinel\udcff"},
            {"secret": "ü" * 32_769},
            {"metadata": {"x": float("nan")}},
            {"metadata": "x"},
            {"expires_in": timedelta(0)},
            {"expires_in": timedelta.max},
        ],
    )
    def test_what_cannot_be_stored(self, formation: Formation, ann: UserId, wrong: dict[str, object]) -> None:
        """Is refused by a message without the secret, and nothing is written."""
        with pytest.raises(InvalidInputError) as error:
            formation.credentials.put(ann, **({"service": "github", "secret": SECRET} | wrong))  # type: ignore[arg-type]
        assert "sentinel" not in str(error.value) and "üü" not in str(error.value)
        assert formation.credentials.list(ann) == () and actions(formation) == []

    def test_not_too_many(self, formation: Formation, ann: UserId) -> None:
        """A user has a bound, and can still replace what is there."""
        for number in range(MOST):
            formation.credentials.put(ann, "github", "x", f"n{number}")
        with pytest.raises(InvalidInputError, match="200"):
            formation.credentials.put(ann, "github", "x", "more")
        formation.credentials.put(ann, "github", "y", "n7")
        assert len(formation.credentials.list(ann)) == MOST

    def test_the_audit(self, formation: Formation, ann: UserId, clock: TestClock) -> None:
        """Says what was done, by whom, and when it was read: of the library once a minute, of others each time."""
        credentials = formation.credentials
        made = credentials.put(ann, "github", SECRET, actor="admin key")
        credentials.put(ann, "github", SECRET)
        for _ in range(3):
            credentials.get(ann, "github")
        assert credentials.list(ann)[0].last_used_at == clock.now
        for _ in range(2):
            credentials.get(ann, "github", actor="admin key")
        clock.move(60)
        credentials.get(ann, "github")
        credentials.delete(ann, "github")
        assert actions(formation) == [
            ("credential.added", "admin key"),
            ("credential.replaced", "library"),
            ("credential.read", "library"),
            ("credential.read", "admin key"),
            ("credential.read", "admin key"),
            ("credential.read", "library"),
            ("credential.removed", "library"),
        ]
        [row] = [one for one in formation.audit.newest(limit=50).items if one.action == "credential.added"]
        assert (row.user_id, dict(row.details)) == (ann, {"credential": made.id, "service": "github"})
        assert formation.audit.verify().sound


class TestOthers:
    """Who has none of it."""

    def test_another_user_and_another_formation(
        self, formation: Formation, elsewhere: Formation, ann: UserId, ben: UserId
    ) -> None:
        """Not by name, not by a right id, not by a guessed one: the same answer as for what is not there."""
        made = formation.credentials.put(ann, "github", SECRET)
        foreign = elsewhere.identities.associate(["ann@x.org"], verified=True).id
        answers = set()
        for where, who in ((formation, ben), (elsewhere, foreign), (elsewhere, ann)):
            assert where.credentials.list(who) == ()
            for credential_id in (None, made.id, new_credential_id(), "crd_x"):
                for do in (where.credentials.get, where.credentials.delete):
                    with pytest.raises(NotFoundError) as error:
                        do(who, "github", credential_id=credential_id)
                    answers.add((type(error.value), str(error.value)))
        assert len(answers) == 1
        with pytest.raises(NotFoundError):
            formation.credentials.put(ben, "github", "mine", credential_id=made.id)
        with pytest.raises(UserNotFoundError):
            elsewhere.credentials.put(ann, "github", "mine")
        assert secret(formation, ann) == SECRET

    def test_unproven_identifiers_get_none(self, formation: Formation) -> None:
        """They are good for being recognised by. Proven ones, and the application's own word, open all doors."""
        orchestrator = Orchestrator(formation=formation)
        cat = formation.identities.resolve("cat@x.org").id
        for who in ("cat@x.org", ("UNOBODY", "slack")):
            expected = UnprovenIdentifierError if who == "cat@x.org" else UserNotFoundError
            for do in (
                lambda who=who: orchestrator.put_credential(who, "github", SECRET),
                lambda who=who: orchestrator.get_credential(who, "github"),
                lambda who=who: orchestrator.list_credentials(who),
                lambda who=who: orchestrator.delete_credential(who, "github"),
            ):
                with pytest.raises(expected):
                    do()
        assert formation.identities.find(("UNOBODY", "slack")) is None
        orchestrator.put_credential(cat, "github", SECRET)
        formation.identities.associate(["cat@x.org"], verified=True)
        assert orchestrator.get_credential("cat@x.org", "github").reveal() == SECRET
        assert [one.service for one in orchestrator.list_credentials("cat@x.org", "github")] == ["github"]
        assert orchestrator.delete_credential("cat@x.org", "github").user_id == cat

    def test_who_is_shut_out(self, formation: Formation, ann: UserId) -> None:
        """Has nothing until they are let in again."""
        orchestrator = Orchestrator(formation=formation)
        orchestrator.put_credential("ann@x.org", "github", SECRET)
        formation.users.disable("ann@x.org")
        with pytest.raises(UserDisabledError):
            orchestrator.get_credential("ann@x.org", "github")
        formation.users.enable("ann@x.org")
        assert orchestrator.get_credential("ann@x.org", "github").reveal() == SECRET


class TestMerging:
    """Through every identifier, after a merge, and after it was undone."""

    def test_merge_and_split(self, formation: Formation, ann: UserId, ben: UserId) -> None:
        """Together they have all; afterwards each has what each had."""
        formation.credentials.put(ann, "github", "of ann")
        formation.credentials.put(ben, "slack", "of ben")
        merge = formation.merges.merge([ann, ben], into=ann)
        orchestrator = Orchestrator(formation=formation)
        for who in ("ann@x.org", ("UANN", "slack"), "ben@x.org", ann, ben):
            assert orchestrator.get_credential(who, "github").reveal() == "of ann"
            assert orchestrator.get_credential(who, "slack").reveal() == "of ben"
        orchestrator.put_credential("ben@x.org", "slack", "of both")
        orchestrator.put_credential("ben@x.org", "notion", "since")
        formation.merges.split(merge.id)
        assert {one.service for one in formation.credentials.list(ann)} == {"github", "notion"}
        assert secret(formation, ben, "slack") == "of both"
        assert [one.service for one in formation.credentials.list(ben)] == ["slack"]
        assert (secret(formation, ann), secret(formation, ann, "notion")) == ("of ann", "since")

    def test_both_have_one_of_a_name(self, formation: Formation, ann: UserId, ben: UserId) -> None:
        """Both are kept, and one has to be chosen; nothing is overwritten."""
        of_ann = formation.credentials.put(ann, "github", "of ann")
        of_ben = formation.credentials.put(ben, "github", "of ben")
        formation.merges.merge([ann, ben], into=ann)
        credentials, ids = formation.credentials, sorted((of_ann.id, of_ben.id))
        assert sorted(one.id for one in credentials.list(ann)) == ids
        for do in (
            lambda: credentials.get(ann, "github"),
            lambda: credentials.delete(ann, "github"),
            lambda: credentials.put(ann, "github", "mine"),
        ):
            with pytest.raises(ConflictError) as error:
                do()
            assert error.value.details["credentials"] == ids
        credentials.put(ann, "github", "new of ben", credential_id=of_ben.id)
        assert credentials.get(ann, "github", credential_id=of_ann.id).reveal() == "of ann"
        assert credentials.get(ann, "github", credential_id=of_ben.id).reveal() == "new of ben"
        credentials.delete(ann, "github", credential_id=of_ann.id)
        assert secret(formation, ann) == "new of ben"


class TestTampering:
    """Somebody can write to the database, and has no key."""

    @pytest.mark.parametrize(
        "where",
        [
            "user_id = '{ann}' AND service = 'slack'",
            "user_id = '{ann}' AND service = 'github' AND name = 'work'",
            "user_id = '{ben}'",
        ],
        ids=["service", "name", "user"],
    )
    def test_secrets_do_not_move(self, formation: Formation, ann: UserId, ben: UserId, where: str) -> None:
        """What was sealed for one place does not open at another: neither service, nor name, nor user."""
        formation.credentials.put(ann, "github", SECRET)
        formation.credentials.put(ann, "github", "x", "work")
        formation.credentials.put(ann, "slack", "x")
        formation.credentials.put(ben, "github", "x")
        sealed = cell(
            formation,
            f"SELECT secret FROM credentials WHERE user_id = '{ann}' AND service = 'github' AND name = 'default'",
        )
        execute(formation, f"UPDATE credentials SET secret = '{sealed}' WHERE {where.format(ann=ann, ben=ben)}")
        place = {"slack": (ann, "slack", "default"), "work": (ann, "github", "work")}
        wanted = next((found for word, found in place.items() if word in where), (ben, "github", "default"))
        with pytest.raises(StorageCorruptError, match="does not open"):
            secret(formation, *wanted)
        assert secret(formation, ann) == SECRET

    def test_data_keys_do_not_move(self, formation: Formation, ann: UserId, ben: UserId) -> None:
        """Not even with the secrets that they open."""
        for user in (ann, ben):
            formation.credentials.put(user, "github", SECRET)
        for table, column in (("data_keys", "wrapped"), ("credentials", "secret")):
            taken = cell(formation, f"SELECT {column} FROM {table} WHERE user_id = '{ann}'")
            execute(formation, f"UPDATE {table} SET {column} = '{taken}' WHERE user_id = '{ben}'")
        with pytest.raises(StorageCorruptError):
            secret(formation, ben)
        with pytest.raises(StorageCorruptError):
            formation.credentials.put(ben, "slack", "x")
        assert secret(formation, ann) == SECRET
        formation.credentials.delete(ben, "github")
        formation.credentials.put(ben, "github", "new")
        assert secret(formation, ben) == "new"

    def test_nothing_moves_to_another_formation(self, formation: Formation, elsewhere: Formation, ann: UserId) -> None:
        """Neither into its rows, nor by renaming the formation of both, under the same master key."""
        formation.credentials.put(ann, "github", SECRET)
        with formation.privacy.export(ann) as export:
            elsewhere.privacy.restore(list(export.lines()))
        execute(elsewhere, f"INSERT INTO data_keys SELECT 'g', user_id, master_key_id, wrapped, wrapped_at "
                           f"FROM data_keys WHERE formation_id = 'f' AND user_id = '{ann}'")  # fmt: skip
        execute(elsewhere, "INSERT INTO credentials SELECT 'g', user_id, service, name, id, secret, preview, metadata, "
                           "created_at, updated_at, last_used_at, expires_at FROM credentials")  # fmt: skip
        with pytest.raises(StorageCorruptError):
            secret(elsewhere, ann)
        assert secret(formation, ann) == SECRET

    def test_a_key_that_is_not_the_right_one(self, formation: Formation, ann: UserId) -> None:
        """A data key that says it is under a master key that it is not under does not open."""
        formation.credentials.put(ann, "github", SECRET)
        other = new_master_key()
        formation.credentials.rotate(other)
        execute(formation, f"UPDATE data_keys SET master_key_id = '{_id(MASTER)}'")
        with pytest.raises(StorageCorruptError):
            secret(formation, ann)


class TestWithoutAKey:
    """What works without a master key, and what the error says."""

    def test_no_key(self, database_url: str, clock: TestClock, formation: Formation, ann: UserId) -> None:
        """Secrets are neither stored nor given out: the message says what to set. They are listed and deleted."""
        formation.credentials.put(ann, "github", SECRET)
        without = open_formation(database_url, clock)
        try:
            for do in (
                lambda: without.credentials.put(ann, "slack", SECRET),
                lambda: without.credentials.get(ann, "github"),
                lambda: without.credentials.rotate(),
            ):
                with pytest.raises(SettingsError, match=r"credentials\.master_key .*credentials\.master_key_file") as e:
                    do()
                assert SECRET not in str(e.value)
            assert [one.service for one in without.credentials.list(ann)] == ["github"]
            without.credentials.delete(ann, "github")
        finally:
            without.close()

    def test_another_key(self, database_url: str, clock: TestClock, formation: Formation, ann: UserId) -> None:
        """The message names the key that is needed by its id; nothing is overwritten."""
        formation.credentials.put(ann, "github", SECRET)
        other = open_formation(database_url, clock, credentials={"master_key": new_master_key()})
        try:
            for do in (
                lambda: other.credentials.get(ann, "github"),
                lambda: other.credentials.put(ann, "github", "mine"),
            ):
                with pytest.raises(SettingsError, match=_id(MASTER)) as error:
                    do()
                assert MASTER not in str(error.value)
            rotation = other.credentials.rotate()
            assert (rotation.rewrapped, rotation.left) == (0, 1)
        finally:
            other.close()
        assert secret(formation, ann) == SECRET

    @pytest.mark.parametrize(
        "wrong", [{"master_key": "nonsense"}, {"master_key_file": "/nowhere"}, {"master_key": base64.b64encode(b"x")}]
    )
    def test_a_wrong_key_does_not_start(self, tmp_path: Path, clock: TestClock, wrong: dict[str, object]) -> None:
        """What is set and cannot be used is told at the start."""
        with pytest.raises(SettingsError):
            open_formation(str(tmp_path / "muxi.db"), clock, credentials=wrong)


class TestNowhereElse:
    """Not in files, logs, prompts or exports."""

    async def test_no_trace(
        self, formation: Formation, ann: UserId, database_url: str, caplog: pytest.LogCaptureFixture
    ) -> None:
        """What was stored, replaced and given out is in no row and no file in clear, nor in a log or a prompt."""
        caplog.set_level(logging.DEBUG)
        words = [SECRET, SECRET[:12], base64.b64encode(SECRET.encode()).decode()[:24], MASTER]
        formation.credentials.put(ann, "github", SECRET, metadata={"told": "metadata-in-clear"})
        assert secret(formation, ann) == SECRET
        formation.credentials.put(ann, "github", SECRET[::-1] + SECRET, metadata={"told": "metadata-in-clear"})
        answer = await recipe.reply(formation, Turn("What is my github secret?", "ann@x.org", None, None, {}, None))
        with formation.privacy.export(ann) as export:
            exported = "".join(export.lines())
        assert '"table": "credentials"' in exported and "metadata-in-clear" in exported
        assert [word for word in words if word in exported + caplog.text + repr(answer)] == []
        assert left_in_tables(formation.storage, words) == set()
        assert left_in(files_of(database_url), words) == set()
        assert left_in(files_of(database_url), ["metadata-in-clear"]) != set()

    def test_an_export_brings_them_back(self, formation: Formation, elsewhere: Formation, ann: UserId) -> None:
        """Into the same formation, sealed as they were; into another one they are left out."""
        made = formation.credentials.put(ann, "github", SECRET, metadata={"a": 1}, expires_in=timedelta(9))
        with formation.privacy.export("ann@x.org") as export:
            lines = list(export.lines())
        assert elsewhere.privacy.restore(lines).skipped["credentials"] == 1
        assert elsewhere.credentials.list(ann) == ()
        erased = formation.privacy.erase(ann)
        assert (erased.counts["credentials"], erased.counts["data_keys"]) == (1, 1)
        assert cell(formation, "SELECT count(*) FROM data_keys") == "0"
        assert cell(formation, "SELECT count(*) FROM credentials") == "0"
        formation.privacy.restore(lines)
        assert formation.credentials.list(ann) == (made,) and secret(formation, ann) == SECRET

    def test_erasing_one_leaves_others(self, formation: Formation, ann: UserId, ben: UserId) -> None:
        """Of everybody merged into the user, and of nobody else."""
        cat = formation.identities.associate(["cat@x.org"], verified=True).id
        for user in (ann, ben, cat):
            formation.credentials.put(user, "github", SECRET)
        formation.merges.merge([ann, ben])
        formation.privacy.erase(ann)
        assert cell(formation, "SELECT count(*) FROM credentials") == "1"
        assert secret(formation, cat) == SECRET

    def test_deleting_what_was_said_leaves_them(self, formation: Formation, ann: UserId) -> None:
        """They are what the user opens things with, and nothing that was said."""
        formation.credentials.put(ann, "github", SECRET)
        formation.deletion.delete_data(ann)
        assert secret(formation, ann) == SECRET


def _id(master: str) -> str:
    return read_master_key(master).id
