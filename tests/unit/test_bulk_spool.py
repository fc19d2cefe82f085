"""The temporary file between checking and linking, and the fingerprint's quick form."""

from __future__ import annotations

import hmac
from datetime import UTC, datetime
from pathlib import Path

import pytest

from muxi.core.identity.bulk_spool import Spool, spooled
from muxi.core.identity.bulk_store import Prepared
from muxi.core.identity.normal_form import fingerprint
from muxi.core.identity.types import Identifier
from muxi.core.imports.spool import Checked
from muxi.core.imports.spool import Spool as RecordSpool
from muxi.core.imports.spool import spooled as import_spooled
from muxi.errors import StorageFullError
from muxi.ids import UserId, new_user_id


def batch(*places: int, user: UserId | None = None) -> list[Prepared]:
    return [Prepared(n, [Identifier(f"ü{n}", "slack", f"Ü{n}", f"ü{n}")], user, n % 2 == 0) for n in places]


def test_what_is_read_is_what_was_kept() -> None:
    """Batches come back equal and in order, as often as asked; those up to a place are left out."""
    kept = [batch(1, 2), batch(4, 5, user=new_user_id())]
    with spooled() as spool:
        for one in kept:
            spool.add(one)
        assert list(spool.after(0)) == list(spool.after(0)) == kept
        assert list(spool.after(2)) == [kept[1]] and list(spool.after(4)) == [kept[1][1:]] and not [*spool.after(5)]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no full disk to write to")
def test_a_full_disk() -> None:
    """No room for the temporary file is told as such."""
    with Path("/dev/full").open("wb", buffering=0) as full, pytest.raises(StorageFullError, match="TMPDIR"):
        Spool(full).add(batch(1))
    record = Checked(1, "k", "text", "2026-01-31T12:00:00+00:00", "user", "", "s", {}, None)
    with Path("/dev/full").open("wb", buffering=0) as full, pytest.raises(StorageFullError, match="TMPDIR"):
        RecordSpool(full).add(record, datetime(2026, 1, 31, tzinfo=UTC))


def test_records_come_back_user_by_user_and_in_time() -> None:
    """However they came: long ones, of other scripts, and several of one time in the order in which they came."""
    came = [(2, 5, "ü" * 100_000), (1, 9, "b"), (1, 3, "c"), (2, 5, "d"), (1, 3, "e\n")]
    with import_spooled() as spool:
        for user, day, text in came:
            at = datetime(2026, 1, day, tzinfo=UTC)
            spool.add(Checked(user, text[:1], text, at.isoformat(), "user", "", "s", {"a": [1]}, None), at)
        assert len(spool) == 5
        found = list(spool.in_order())
    assert [one.text for one in found] == ["c", "e\n", "b", "ü" * 100_000, "d"] and found[0].metadata == {"a": [1]}


@pytest.mark.parametrize("key", [b"k" * 32, b"", b"k" * 65])
def test_a_fingerprint_is_an_hmac(key: bytes) -> None:
    """The half-made HMAC has the value of a whole one, for keys of any length."""
    assert fingerprint("slack", 'Ü"1', key) == hmac.digest(key, b'["slack", "\\u00dc\\"1"]', "sha256").hex()[:32]
