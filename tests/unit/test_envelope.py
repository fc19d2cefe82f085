"""Seals: what opens, what does not, and what is never shown."""

from __future__ import annotations

import base64
import copy
import json
import logging
import os
import pickle
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from muxi.core.credentials.envelope import new_key, new_master_key, read_master_key, seal, unseal
from muxi.core.credentials.master_keys import MasterKeys
from muxi.core.credentials.types import HIDDEN, Credential, Secret, preview
from muxi.errors import SettingsError, StorageCorruptError
from muxi.ids import new_credential_id, new_user_id

PLACE = ("muxi.credential", "f", "usr_1", "github", "default")
places = st.lists(st.text(max_size=8), min_size=1, max_size=5)


@given(st.binary(min_size=1, max_size=300), places)
def test_what_was_sealed_opens(secret: bytes, place: list[str]) -> None:
    """With the same key at the same place, whatever it is; and it is not in what is stored."""
    key = new_key()
    sealed = seal(key, secret, place)
    assert unseal(key, sealed, place) == secret
    assert len(secret) < 4 or secret not in base64.b64decode(sealed)


@given(places, places)
def test_no_two_places_are_one(one: list[str], other: list[str]) -> None:
    """Also where their parts read the same when they are put together."""
    key = new_key()
    sealed = seal(key, b"secret", one)
    if one == other:
        assert unseal(key, sealed, other) == b"secret"
    else:
        with pytest.raises(StorageCorruptError):
            unseal(key, sealed, other)


@given(st.integers(min_value=0), st.integers(min_value=1, max_value=255))
def test_no_byte_can_be_changed(place: int, change: int) -> None:
    """Of form, nonce, text and tag: each is seen."""
    key = new_key()
    raw = bytearray(base64.b64decode(seal(key, b"a secret", PLACE)))
    raw[place % len(raw)] ^= change
    with pytest.raises(StorageCorruptError):
        unseal(key, base64.b64encode(bytes(raw)).decode(), PLACE)


@pytest.mark.parametrize("stored", ["", "AQ==", "no base64!", "ünïcode", base64.b64encode(b"\x01" * 29).decode()])
def test_what_is_not_sealed_does_not_open(stored: str) -> None:
    """One error for all of them, which does not hold what was there."""
    with pytest.raises(StorageCorruptError) as error:
        unseal(new_key(), stored, PLACE)
    assert stored == "" or stored not in str(error.value)


def test_another_key_does_not_open() -> None:
    """Nor is the same secret sealed twice the same."""
    key = new_key()
    one, other = (seal(key, b"secret", PLACE) for _ in range(2))
    assert one != other
    with pytest.raises(StorageCorruptError):
        unseal(new_key(), one, PLACE)


@pytest.mark.parametrize("written", ["", "short", "x" * 44, base64.b64encode(b"y" * 31).decode(), "ü" * 44])
def test_a_master_key_is_32_bytes(written: str) -> None:
    """Anything else is refused by a message without it."""
    with pytest.raises(SettingsError, match="new-key") as error:
        read_master_key(written)
    assert not written or written not in str(error.value)
    assert error.value.__cause__ is None


def test_the_id_of_a_master_key_is_its_own() -> None:
    """The same for the same key, and nothing of the key is shown."""
    written = new_master_key()
    key = read_master_key(written)
    assert key == read_master_key(written) != read_master_key(new_master_key())
    assert written not in repr(key) and repr(key.key) not in repr(key) and len(key.id) == 16


def test_the_newest_master_key_is_the_first() -> None:
    """All of them open."""
    keys = [new_master_key() for _ in range(3)]
    known = MasterKeys("\n".join(keys))
    assert known.newest() == read_master_key(keys[0])
    assert [known.find(read_master_key(one).id) for one in keys] == [read_master_key(one) for one in keys]
    assert known.find("0" * 16) is None
    with pytest.raises(SettingsError, match=r"credentials\.master_key"):
        MasterKeys().newest()
    with pytest.raises(SettingsError, match=r"credentials\.master_key"):
        MasterKeys().find("0" * 16)


def test_a_file_is_read_again(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A key that is put before the others wraps from then on; a file that broke meanwhile changes nothing."""
    caplog.set_level(logging.WARNING)
    file, (old, new) = tmp_path / "keys", (new_master_key(), new_master_key())
    file.write_text(f"# the first\n{old}\n")
    known = MasterKeys("", file)
    assert known.newest() == read_master_key(old)
    file.write_text(f"{new}\n# the first\n{old}\n")
    assert known.newest() == read_master_key(new) and known.find(read_master_key(old).id) is not None
    file.write_text("nonsense")
    assert known.newest() == read_master_key(new)
    os.remove(file)
    assert known.newest() == read_master_key(new)
    assert "cannot be used" in caplog.text and old not in caplog.text and new not in caplog.text


@pytest.mark.parametrize("text", [None, "", "# only\n# comments\n", "nonsense", "ü"])
def test_a_file_without_a_key(tmp_path: Path, text: str | None) -> None:
    """The program does not start, and says what to do."""
    file = tmp_path / "keys"
    if text is not None:
        file.write_text(text, encoding="utf-8")
    with pytest.raises(SettingsError):
        MasterKeys("", file)


@pytest.mark.parametrize(
    ("secret", "shown"),
    [
        ("short", HIDDEN),
        ("x" * 15, HIDDEN),
        ("x" * 12 + "1234", f"{HIDDEN}1234"),
        ("-----BEGIN KEY-----\nabcdef\n-----END KEY-----\n", HIDDEN),
        ("x" * 12 + "ünïc", HIDDEN),
    ],
)
def test_previews(secret: str, shown: str) -> None:
    """The last four characters of a long secret, if they are letters and digits; never how long it is."""
    assert preview(secret) == shown


def test_a_secret_is_not_shown_by_accident() -> None:
    """Not by any usual way of writing things down."""
    now = datetime.now(UTC)
    what = Credential(new_credential_id(), new_user_id(), "github", "work", HIDDEN, {}, now, now)
    secret = Secret("sentinel-of-a-secret", what)
    for shown in (str(secret), repr(secret), f"{secret}", f"{secret!r:>80}", f"{[secret]}", "%s" % (secret,)):  # noqa: UP031
        assert "sentinel" not in shown
    with pytest.raises(TypeError):
        json.dumps(secret)
    for take in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError, match="reveal"):
            take(secret)
    assert secret.reveal() == "sentinel-of-a-secret"
