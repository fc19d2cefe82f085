"""Public ids: their form, and that they sort by time."""

from __future__ import annotations

from typeid import TypeID

from muxi import ids
from muxi.ids import is_id

MAKERS = {
    "usr": ids.new_user_id,
    "ses": ids.new_session_id,
    "msg": ids.new_message_id,
    "mem": ids.new_memory_id,
    "mrg": ids.new_merge_id,
    "fct": ids.new_fact_id,
    "exf": ids.new_extraction_failure_id,
    "key": ids.new_key_id,
    "crd": ids.new_credential_id,
    "team": ids.new_team_id,
}


def test_each_is_a_type_id() -> None:
    """The library that defines the form reads each of them back, of version 7, and our own check takes it."""
    for prefix, make in MAKERS.items():
        made = make()
        read = TypeID.from_string(made)
        assert (read.prefix, read.uuid.version, str(read)) == (prefix, 7, made)
        assert is_id(made, prefix) and not is_id(made, "x" + prefix)


def test_they_sort_as_they_were_made() -> None:
    """Also within a millisecond, and no two are the same."""
    made = [ids.new_message_id() for _ in range(10_000)]
    assert sorted(set(made)) == made
