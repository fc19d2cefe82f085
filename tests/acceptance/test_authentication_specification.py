"""The specification's examples of authentication and sessions as they are written, its FastAPI applications included:
run by uvicorn, asked over HTTP, on each database."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn

from muxi.core.memory.buffer import BufferMemory
from muxi.core.orchestrator import Orchestrator
from muxi.errors import SessionEndedError
from muxi.server.run import listening_socket
from muxi.settings import FormationSettings
from tests.support.vectors import WordVectors

#: "Multi-User API Endpoints" of the document, to the letter.
ENDPOINTS = """
from fastapi import FastAPI, Depends, HTTPException
from fastapi.security import APIKeyHeader
from pydantic import BaseModel

app = FastAPI()
api_key_header = APIKeyHeader(name="X-API-Key")

class ChatRequest(BaseModel):
    message: str
    agent_name: str = None

async def get_user_id(api_key: str = Depends(api_key_header)):
    if orchestrator.validate_api_key(key=api_key):
        # In a real application, lookup user_id based on API key
        return "user_123"
    raise HTTPException(status_code=401, detail="Invalid API key")

@app.post("/chat")
async def chat(
    request: ChatRequest,
    user_id: str = Depends(get_user_id)
):
    response = await orchestrator.chat(
        message=request.message,
        agent_name=request.agent_name,
        user_id=user_id
    )
    return {"response": response}

@app.get("/user/context")
async def get_user_context(user_id: str = Depends(get_user_id)):
    context = await orchestrator.get_user_context_memory(user_id=user_id)
    return {"user_context": context}
"""

#: "Example: Complete Multi-User Chat Application", from its endpoints on, to the letter.
COMPLETE = """
from fastapi import FastAPI, Depends, HTTPException
from fastapi.security import APIKeyHeader
from pydantic import BaseModel

app = FastAPI()
api_key_header = APIKeyHeader(name="X-API-Key")

class ChatRequest(BaseModel):
    message: str
    agent_name: str = None

# Authentication dependency
async def get_current_user(api_key: str = Depends(api_key_header)):
    if not orchestrator.validate_api_key(key=api_key):
        raise HTTPException(
            status_code=401,
            detail="Invalid API key",
            headers={"WWW-Authenticate": "API-Key"},
        )
    # In a real app, look up user_id based on API key
    # For this example, I extract it from the key itself
    user_id = api_key.split("_")[1]  # Assumes format like "apikey_user123"
    return user_id

# Chat endpoint
@app.post("/chat")
async def chat(
    request: ChatRequest,
    user_id: str = Depends(get_current_user)
):
    try:
        response = await orchestrator.chat(
            message=request.message,
            agent_name=request.agent_name,
            user_id=user_id
        )
        return {"response": response}
    except Exception as e:
        raise HTTPException(status_code=500, detail=str(e))

# User context endpoint
@app.get("/user/context")
async def get_user_context(user_id: str = Depends(get_current_user)):
    try:
        context = await orchestrator.get_user_context_memory(user_id=user_id)
        return {"user_context": context}
    except Exception as e:
        raise HTTPException(status_code=500, detail=str(e))

# Clear user conversation endpoint
@app.post("/user/clear-conversation")
async def clear_conversation(user_id: str = Depends(get_current_user)):
    try:
        orchestrator.clear_memory(user_id=user_id)
        return {"status": "success", "message": "Conversation cleared"}
    except Exception as e:
        raise HTTPException(status_code=500, detail=str(e))
"""
#: What the documents leave to "a real app": the key says whose it is.
REAL_LOOK_UP = """
    user_id = orchestrator.find_api_key(api_key).user_id
"""
GUESSED = """
    user_id = api_key.split("_")[1]  # Assumes format like "apikey_user123"
"""


@pytest.fixture
def orchestrator(database_url: str, tmp_path: Path) -> Iterator[Orchestrator]:
    provider = "postgres" if database_url.startswith("postgresql") else "sqlite"
    persistent = {"provider": provider, "connection_string": database_url}
    settings = FormationSettings.model_validate({"memory": {"persistent": persistent}})
    buffer = BufferMemory(max_size=10, buffer_multiplier=10, model=WordVectors())
    with Orchestrator(buffer, settings=settings, data_dir=tmp_path) as made:
        made.create_agent(agent_id="general", system_message="You are a helpful assistant.", set_as_default=True)
        yield made


@contextmanager
def served(source: str, orchestrator: Orchestrator) -> Iterator[httpx.Client]:
    """The application of a document, run by uvicorn."""
    space: dict[str, Any] = {"orchestrator": orchestrator}
    exec(compile(source, "the document", "exec"), space)
    listening = listening_socket("127.0.0.1", 0)
    server = uvicorn.Server(uvicorn.Config(space["app"], log_config=None))
    thread = threading.Thread(target=lambda: asyncio.run(server.serve([listening])), daemon=True)
    thread.start()
    address = f"http://127.0.0.1:{listening.getsockname()[1]}"
    with httpx.Client(base_url=address, timeout=30, trust_env=False) as client:
        yield client
    server.should_exit = True
    thread.join(20)
    listening.close()


def test_api_keys_as_documented(orchestrator: Orchestrator) -> None:
    """The two keys of the formation, new ones, and whether one is right."""
    user_api_key = orchestrator.user_api_key
    admin_api_key = orchestrator.admin_api_key
    new_key = orchestrator.create_api_key(is_admin=False)
    is_valid = orchestrator.validate_api_key(key="api_key_123", require_admin=False)
    assert is_valid is False
    new_admin = orchestrator.create_api_key(is_admin=True)
    keys = [user_api_key, admin_api_key, new_key, new_admin]
    assert [orchestrator.validate_api_key(key=key) for key in keys] == [True] * 4
    admins = [orchestrator.validate_api_key(key=key, require_admin=True) for key in keys]
    assert admins == [False, True, False, True]


def test_jwt_tokens_as_documented(orchestrator: Orchestrator) -> None:
    """A token for an hour says whose it is; what is none says nothing."""
    token = orchestrator.generate_jwt_token(
        user_id="user_123",
        expiration=3600,  # Seconds
    )
    payload = orchestrator.validate_jwt_token(token="jwt_token_123")
    assert payload is None
    payload = orchestrator.validate_jwt_token(token=token)
    assert payload is not None
    assert payload["sub"] == orchestrator.formation.identities.get("user_123").id
    assert payload["exp"] - payload["nbf"] == 3600


async def test_sessions_as_documented(orchestrator: Orchestrator) -> None:
    """A session is created, used and ended."""
    session_id = orchestrator.create_user_session(user_id="user_123", metadata={"source": "web", "device": "desktop"})
    response = await orchestrator.chat(
        message="Continue our discussion", agent_name="general", user_id="user_123", session_id=session_id
    )
    assert isinstance(response, str) and response
    orchestrator.end_user_session(session_id=session_id)
    with pytest.raises(SessionEndedError):
        await orchestrator.chat("More", user_id="user_123", session_id=session_id)


def test_the_endpoints_as_documented(orchestrator: Orchestrator) -> None:
    """The application of "Multi-User API Endpoints" answers with a right key, and refuses another one."""
    with served(ENDPOINTS, orchestrator) as client:
        body = {"message": "My budget is $5,000"}
        right = {"X-API-Key": orchestrator.create_api_key(is_admin=False)}
        answer = client.post("/chat", json=body, headers=right)
        assert answer.status_code == 200 and answer.json()["response"]
        assert set(client.get("/user/context", headers=right).json()) == {"user_context"}
        wrong = client.post("/chat", json=body, headers={"X-API-Key": "api_key_123"})
        assert (wrong.status_code, wrong.json()) == (401, {"detail": "Invalid API key"})
    assert orchestrator.formation.identities.find("user_123") is not None


def test_the_complete_application_as_documented(orchestrator: Orchestrator) -> None:
    """The complete application runs as written: right keys chat, read and clear, wrong ones are refused."""
    with served(COMPLETE, orchestrator) as client:
        right = {"X-API-Key": orchestrator.user_api_key}
        assert client.post("/chat", json={"message": "Hello"}, headers=right).status_code == 200
        assert client.get("/user/context", headers=right).json() == {"user_context": {}}
        cleared = client.post("/user/clear-conversation", headers=right).json()
        assert cleared == {"status": "success", "message": "Conversation cleared"}
        wrong = client.get("/user/context", headers={"X-API-Key": "apikey_user123"})
        assert (wrong.status_code, wrong.headers["www-authenticate"]) == (401, "API-Key")


def test_a_key_identifies_its_user(orchestrator: Orchestrator) -> None:
    """With the look-up that the document leaves to a real app, each key is its own user's, and sees nobody else's."""
    assert GUESSED in COMPLETE
    with served(COMPLETE.replace(GUESSED, REAL_LOOK_UP), orchestrator) as client:
        alice, bob = (
            {"X-API-Key": orchestrator.create_api_key(user_id=name, role="user")}
            for name in ("alice@acme.com", "bob@acme.com")
        )
        client.post("/chat", json={"message": "My favourite colour is blue"}, headers=alice)
        question = {"message": "What is my favourite colour?"}
        assert "blue" in client.post("/chat", json=question, headers=alice).json()["response"]
        assert "blue" not in client.post("/chat", json=question, headers=bob).json()["response"]
