"""Export, restoring and erasure, through both clients and on each kind of database."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from muxi.errors import (
    ConflictError,
    InvalidImportError,
    MuxiError,
    UnprovenIdentifierError,
    UserNotFoundError,
)
from tests.server.conftest import OTHER_ADMIN_KEY
from tests.support.both_clients import KINDS
from tests.support.server_process import ServerProcess

Call = Callable[..., Any]
Someone = Callable[[str], str]


@pytest.fixture
def alice(call: Call, someone: Someone) -> tuple[str, str]:
    """Somebody with two identifiers, a conversation and a note: the address and the id."""
    email = someone("alice")
    id = call("associate_user_identifiers", [email, ("U1-" + email, "slack")])["muxi_user_id"]
    call("chat", "My budget is $5,000", email)
    call("add_memory", "Reads\u2028Proust\u0085", email, metadata={"source": "crm"})
    return email, id


def texts(call: Call, user: str) -> list[str]:
    return sorted(memory.text for memory in call("iter_memories", user))


def prove(call: Call, email: str) -> None:
    call("proofs.confirm_verification", call("proofs.start_verification", email, email).code)


def test_an_erased_user_comes_back_from_an_export(call: Call, admin: Call, alice: tuple[str, str]) -> None:
    """Document and lines bring back ids, identifiers, conversations and memories; between, nobody is there."""
    email, id = alice
    before = (texts(call, email), call("get_user_identifiers", email), call("list_sessions", email).items)
    exports = [admin("users.export", email), admin("users.export_lines", email)]
    assert json.loads(exports[1][0])["format"] == exports[0]["format"] == "muxi.user"
    assert all(line.endswith("\n") and json.loads(line) for line in exports[1])
    for export in exports:
        erased = admin("users.erase", email)
        assert (erased.muxi_user_id, erased.users) == (id, (id,))
        assert erased.counts["identifiers"] == 2 and erased.counts["messages"] == 2
        with pytest.raises(UserNotFoundError):
            call("get_user", email)
        assert call("search_memory", "budget", email) == []
        restored = admin("users.restore", export)
        assert restored.muxi_user_id == id
        assert restored.counts["identifiers"] == 2 and restored.counts["messages"] == 2
        assert (texts(call, email), call("get_user_identifiers", email)) == before[:2]
        assert call("list_sessions", email).items == before[2]
        assert call("search_memory", "budget", email)[0].text == "My budget is $5,000"


def test_erasing_is_for_good_and_has_a_receipt(call: Call, admin: Call, alice: tuple[str, str]) -> None:
    """The receipt is in the audit and names nothing personal; the identifier seen again is somebody new."""
    email, id = alice
    erased = admin("users.erase", id)
    receipt = admin("list_audit", action="user.erased", limit=1).items[0]
    assert (receipt.seq, receipt.actor) == (erased.receipt, "admin key")
    assert email not in str(receipt) and "budget" not in str(receipt)
    fresh = call("resolve_user", email)
    assert fresh.created and fresh.muxi_user_id != id
    assert texts(call, email) == []
    for who in (id, ("U1-" + email, "slack")):
        with pytest.raises(UserNotFoundError):
            admin("users.erase", who)
    assert admin("verify_audit")["sound"]


def test_a_user_exports_themselves_once_proven(call: Call, admin: Call, alice: tuple[str, str]) -> None:
    """With the client key only by a proven identifier: an unproven one of the same user, and an id, are refused."""
    email, id = alice
    with pytest.raises(UnprovenIdentifierError) as error:
        call("users.export", email)
    assert error.value.status == 403
    prove(call, email)
    for name in ("users.export", "users.export_lines", "users.delete_data"):
        with pytest.raises(UnprovenIdentifierError):
            call(name, id)
    assert admin("users.export", id)["format"] == "muxi.user"
    assert "My budget is $5,000" in json.dumps(call("users.export", email))
    assert "My budget is $5,000" in "".join(call("users.export_lines", email))
    for name in ("users.export", "users.export_lines"):
        with pytest.raises(UnprovenIdentifierError):
            call(name, ("U1-" + email, "slack"))


def test_nobody_exports_somebody_else(
    call: Call, alice: tuple[str, str], someone: Someone, server: ServerProcess
) -> None:
    """With the client key somebody else's id and a guess are not there, and an acting user is needed."""
    bob = someone("bob")
    call("resolve_user", bob)
    prove(call, bob)
    headers = {name.encode(): value for name, value in server.headers(bob).items()}
    nobody = {name: value for name, value in headers.items() if b"user" not in name.lower()}
    paths = [f"/v1/users/{id}/export" for id in (alice[1], alice[1][:-6] + "000000", bob)]
    with httpx.Client(base_url=server.url, trust_env=False) as http:
        answers = [http.get(path, headers=headers) for path in paths]
        unnamed = http.get(paths[0], headers=nobody)
    assert [(one.status_code, one.json()["code"]) for one in answers] == [(404, "user_not_found")] * 3
    assert unnamed.json()["code"] == "invalid_identifier"


def test_an_export_goes_to_another_formation(
    admin: Call, call: Call, alice: tuple[str, str], server: ServerProcess
) -> None:
    """Restored there, the user is known there, with the same id; and a second time it clashes and nothing changes."""
    email, id = alice

    def other(name: str, *args: Any) -> Any:
        return KINDS["sync"](server.url, OTHER_ADMIN_KEY, name, *args, formation="globex", admin=True)

    export = admin("users.export", email)
    assert other("users.restore", export).muxi_user_id == id
    assert texts(other, email) == texts(call, email)
    with pytest.raises(ConflictError):
        other("users.restore", export)
    assert other("users.erase", email).muxi_user_id == id
    assert call("resolve_user", email).muxi_user_id == id


def test_what_is_no_export_is_refused(call: Call, admin: Call, alice: tuple[str, str]) -> None:
    """A cut file, a newer version, another document, and no document at all: one typed error, nothing written."""
    email, _ = alice
    document, lines = admin("users.export", email), admin("users.export_lines", email)
    admin("users.erase", email)
    newer = document | {"version": 2}
    for export in (lines[:-1], lines[:-2] + lines[-1:], [], ["x\n"], newer, {}, {"format": "muxi.user"}):
        with pytest.raises(InvalidImportError):
            admin("users.restore", export)
    with pytest.raises(InvalidImportError):
        admin("users.restore", "one text")
    with pytest.raises(UserNotFoundError):
        call("get_user", email)


def test_a_large_export_passes(call: Call, admin: Call, someone: Someone) -> None:
    """Megabytes go out and come in piece by piece, far over the limit of other bodies."""
    email = someone("writer")
    for part in range(10):
        call("add_memories", [f"{part} {number} {'word ' * 5000}" for number in range(10)], email)
    lines = admin("users.export_lines", email)
    assert sum(map(len, lines)) > 2_000_000
    admin("users.erase", email)
    assert admin("users.restore", lines).counts["memories"] == 100
    assert len(call("iter_memories", email)) == 100


def test_an_export_is_a_download(alice: tuple[str, str], server: ServerProcess) -> None:
    """It has a file name and its media type; an unknown format is refused."""
    headers = {"X-Muxi-Admin-Key": server.admin_key}
    path = f"/v1/users/{alice[1]}/export"
    with httpx.Client(base_url=server.url, headers=headers, trust_env=False) as http:
        answers = {format: http.get(path, params={"format": format}) for format in ("json", "jsonl", "xml")}
        usual = http.get(path)
    kinds = {format: answer.headers["content-type"].partition(";")[0] for format, answer in answers.items()}
    assert kinds == {"json": "application/json", "jsonl": "application/x-ndjson", "xml": "application/problem+json"}
    assert answers["jsonl"].headers["content-disposition"] == f'attachment; filename="{alice[1]}.jsonl"'
    assert (answers["xml"].status_code, usual.headers["content-type"]) == (422, "application/json")


def test_a_refused_upload_is_answered(server: ServerProcess) -> None:
    """Without the admin key a large upload gets its refusal, not a broken connection."""

    def body() -> Iterator[bytes]:
        for _ in range(40):
            yield b"x" * 65536

    headers = {"X-Muxi-Client-Key": server.client_key, "Content-Type": "application/x-ndjson"}
    answer = httpx.post(f"{server.url}/v1/users/restore", content=body(), headers=headers, trust_env=False)
    assert (answer.status_code, answer.json()["code"]) == (403, "permission_denied")


def test_nothing_is_restored_from_an_empty_body(server: ServerProcess) -> None:
    """No body and a body of another kind are wrong files."""
    headers = {"X-Muxi-Admin-Key": server.admin_key}
    for content, kind in ((b"", "application/json"), (b"", "application/x-ndjson"), (b"\xff\xfe", "text/plain")):
        answer = httpx.post(
            f"{server.url}/v1/users/restore", content=content, headers=headers | {"Content-Type": kind}, trust_env=False
        )
        assert (answer.status_code, answer.json()["code"]) == (422, "invalid_import")
    assert issubclass(InvalidImportError, MuxiError)
