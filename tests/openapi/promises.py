"""Calls that are made from the OpenAPI document, by schemathesis, with the key or token of each role."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from tests.fuzz.serving import Wanted, serving
from tests.support.identity_provider import IdentityProvider

ADMIN = "openapi-admin-key-0123456789"
ALICE = "alice@acme.com"
ROLES = ("owner", "admin", "support", "developer", "user")
#: Of every caller that is tried: a role's key, a user's own key, and a user's token.
CALLERS = (*ROLES, "token")
#: What is looked at in each answer. Whether input that fits the schema is taken is not: an identifier that nobody has
#: and a path that means nothing fit it, too.
CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
    "unsupported_method",
    "allow_header_conformance",
)


@dataclass(frozen=True, slots=True)
class Told:
    """What came of the calls of one caller: the exit status of schemathesis, and what it said."""

    status: int
    said: str


@contextmanager
def server(database: str) -> Iterator[str]:
    """The address of a server on a database, empty but for a user."""
    wanted = Wanted(database, {"f": ("openapi-client-key-0123456789", ADMIN)}, {"f": "other"}, IdentityProvider().jwks)
    with tempfile.TemporaryDirectory() as folder, serving(wanted, Path(folder)) as url:
        yield url


def headers_of(url: str, caller: str) -> Mapping[str, str]:
    """What a caller sends: a new key or token each time, since calls may revoke it."""
    with httpx.Client(base_url=url, headers={"X-Muxi-Admin-Key": ADMIN}, trust_env=False) as http:
        if caller == "token":
            token = http.post("/v1/tokens", json={"user_id": ALICE}).raise_for_status().json()["token"]
            return {"Authorization": f"Bearer {token}"}
        body = {"role": caller} | ({"user_id": ALICE} if caller == "user" else {})
        key = http.post("/v1/keys", json=body).raise_for_status().json()["key"]
        return {"X-API-Key": key, "X-Muxi-User-Id": ALICE}


def document_of(url: str) -> dict[str, Any]:
    """The OpenAPI document without its ways of entering: the key is sent beside it, and no random one with it."""
    document: dict[str, Any] = httpx.get(f"{url}/openapi.json", trust_env=False).raise_for_status().json()
    del document["components"]["securitySchemes"]
    for methods in document["paths"].values():
        for operation in methods.values():
            operation.pop("security", None)
    return document


def check(url: str, caller: str, *, examples: int, seed: int, only: str = "/") -> Told:
    """Tries every operation of the document.

    Args:
        url: of the server.
        caller: one of `CALLERS`.
        examples: random calls of each operation, besides those that try each limit of its schema; 0: only these.
        seed: of what is random.
        only: a regular expression of paths; all if not told.
    """
    phases = "examples,coverage,fuzzing" if examples else "examples,coverage"
    command = [sys.executable, "-m", "schemathesis.cli", "run", "openapi.json", "--url", url]
    command += ["--checks", ",".join(CHECKS), "--max-examples", str(examples or 1), "--seed", str(seed)]
    command += ["--phases", phases, "--continue-on-failure", "--no-color", "--warnings", "off"]
    command += ["--suppress-health-check", "all", "--include-path-regex", only]
    for name, value in headers_of(url, caller).items():
        command += ["--header", f"{name}: {value}"]
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "openapi.json").write_text(json.dumps(document_of(url)), encoding="utf-8")
        done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=folder)
    return Told(done.returncode, done.stdout + done.stderr)
