"""What people say, and what is kept of it."""

from __future__ import annotations

from typing import Any

from tests.fuzz.model import ACTING, EVERYBODY
from tests.fuzz.pick import Pick, in_path
from tests.fuzz.routes import way
from tests.fuzz.words import CONTENT, LABEL, SECRET
from tests.fuzz.world import TOPICS

PATHS = ("likes", "home.town", "work", "a.b.c", "favourite")


@way("post", "/v1/chat", weight=6, shows=CONTENT, names="body")
def chat(pick: Pick) -> tuple[str, Any]:
    # A question about somebody else's word would be kept, and be the asker's from then on: `search` asks those.
    said = pick.rng.choice((pick.text(), f"What is my {pick.rng.choice(TOPICS)}?"))
    body: dict[str, Any] = {"message": said, "stream": pick.chance(0.3)}
    if pick.chance(0.3):
        body["session_id"] = pick.id("ses")
    if pick.chance(0.2):
        body["agent"] = pick.world.agents[pick.formation]
    if pick.chance(0.2):
        body["metadata"] = {"note": pick.word()}
    return "/v1/chat", body


@way("post", "/v1/memories", weight=4, shows=CONTENT, names="body")
def remember(pick: Pick) -> tuple[str, Any]:
    body: dict[str, Any] = {"text": pick.text(), "metadata": {"tag": pick.word()}, "importance": pick.rng.random()}
    if pick.chance(0.3):
        return "/v1/memories", {"memories": [body, {"text": pick.text()}]}
    if pick.chance(0.2):
        body["expires_in"] = 1
    return "/v1/memories", body


@way("get", "/v1/memories", weight=6, shows=CONTENT)
def list_memories(pick: Pick) -> tuple[str, Any]:
    return f"/v1/memories?limit={pick.rng.choice((1, 5, 50))}", None


@way("post", "/v1/memories/search", weight=8, shows=CONTENT, names="body")
def search(pick: Pick) -> tuple[str, Any]:
    asked = pick.rng.choice((pick.anothers_word(), pick.word(), pick.rng.choice(TOPICS)))
    body: dict[str, Any] = {"query": asked, "limit": pick.rng.choice((1, 10, 100)), "explain": pick.chance(0.2)}
    if pick.chance(0.3):
        body["scope"] = "buffer"
    if pick.chance(0.3):
        body["filter_metadata"] = pick.rng.choice(({"session_id": pick.id("ses")}, {"tag": pick.anothers_word()}))
        pick.call.owners.clear()  # a filter of somebody else's finds nothing, which is a success
    return "/v1/memories/search", body


@way("delete", "/v1/memories/{memory_id}", weight=2)
def forget(pick: Pick) -> tuple[str, Any]:
    return f"/v1/memories/{pick.id('mem')}", None


@way("get", "/v1/sessions", weight=3, shows=CONTENT)
def list_sessions(pick: Pick) -> tuple[str, Any]:
    return "/v1/sessions?limit=20", None


@way("post", "/v1/sessions", shows=CONTENT, names="body")
def open_session(pick: Pick) -> tuple[str, Any]:
    return "/v1/sessions", {"metadata": {"device": pick.word()}, "expires_in": pick.rng.choice((1, 3600))}


@way("get", "/v1/sessions/{session_id}/messages", weight=5, shows=CONTENT)
def messages(pick: Pick) -> tuple[str, Any]:
    return f"/v1/sessions/{pick.id('ses')}/messages?limit=20", None


@way("post", "/v1/sessions/{session_id}/end", weight=0.5, shows=CONTENT)
def end_session(pick: Pick) -> tuple[str, Any]:
    return f"/v1/sessions/{pick.id('ses')}/end", None


@way("get", "/v1/context", weight=5, shows=CONTENT)
def get_context(pick: Pick) -> tuple[str, Any]:
    return "/v1/context", None


@way("get", "/v1/context/facts", weight=3, shows=CONTENT)
def get_facts(pick: Pick) -> tuple[str, Any]:
    return "/v1/context/facts", None


@way("get", "/v1/context/history", weight=2, shows=CONTENT)
def get_history(pick: Pick) -> tuple[str, Any]:
    return f"/v1/context/history?path={pick.rng.choice(('', *PATHS))}&limit=20", None


@way("patch", "/v1/context", weight=2, shows=CONTENT, names="body")
def merge_context(pick: Pick) -> tuple[str, Any]:
    return "/v1/context", {"knowledge": {"likes": [pick.word()], "work": {"at": pick.word()}}, "source": pick.word()}


@way("put", "/v1/context/{path}", weight=2, shows=CONTENT, names="body")
def put_value(pick: Pick) -> tuple[str, Any]:
    operation = pick.rng.choice(("set", "add", "remove"))
    return f"/v1/context/{in_path(pick.rng.choice(PATHS))}", {"value": pick.word(), "op": operation}


@way("delete", "/v1/context/{path}", shows=CONTENT)
def delete_path(pick: Pick) -> tuple[str, Any]:
    return f"/v1/context/{in_path(pick.rng.choice(PATHS))}?forget={pick.rng.choice(('true', 'false'))}", None


@way("get", "/v1/credentials", weight=2, shows=LABEL, names="proven")
def list_credentials(pick: Pick) -> tuple[str, Any]:
    return "/v1/credentials", None


def _label(pick: Pick) -> str:
    acting = pick.acting
    other = pick.world.person_in(pick.formation)
    chosen = acting if acting is not None and acting.formation == pick.formation and pick.chance(0.6) else other
    if acting is None or chosen.name != acting.name:
        pick.call.owners.add(chosen.name)
    return pick.world.words.of(chosen.name, LABEL)


@way("put", "/v1/credentials/{service}/{name}", shows=LABEL, names="proven")
def put_credential(pick: Pick) -> tuple[str, Any]:
    acting = pick.acting
    if acting is None or acting.gone or acting.formation != pick.formation:
        return "/v1/credentials/github/none", {"secret": "nothing at all"}
    words, name = pick.world.words, acting.name
    secret = {"secret": f"{words.of(name, SECRET)}-{pick.rng.random()}", "metadata": {"of": words.of(name, LABEL)}}
    return f"/v1/credentials/github/{words.of(name, LABEL)}", secret


@way("post", "/v1/credentials/{service}/{name}/reveal", shows=SECRET + LABEL, names="proven")
def reveal_credential(pick: Pick) -> tuple[str, Any]:
    return f"/v1/credentials/github/{_label(pick)}/reveal", None


@way("delete", "/v1/credentials/{service}/{name}", weight=0.5, shows=LABEL, names="proven")
def delete_credential(pick: Pick) -> tuple[str, Any]:
    return f"/v1/credentials/github/{_label(pick)}", None


@way("get", "/v1/extraction", weight=0.3, of=EVERYBODY, names="")
def extraction_status(pick: Pick) -> tuple[str, Any]:
    return "/v1/extraction", None


@way("get", "/v1/extraction/failures", weight=0.3, of=EVERYBODY, names="")
def extraction_failures(pick: Pick) -> tuple[str, Any]:
    return "/v1/extraction/failures", None


@way("post", "/v1/extraction/failures/{failure_id}/replay", weight=0.3, of=EVERYBODY, names="")
def replay(pick: Pick) -> tuple[str, Any]:
    return f"/v1/extraction/failures/{pick.id('exf')}/replay", None


@way("get", "/v1/extraction/choice", of=ACTING)
def get_choice(pick: Pick) -> tuple[str, Any]:
    return "/v1/extraction/choice", None


@way("put", "/v1/extraction/choice", weight=0.5, names="body")
def put_choice(pick: Pick) -> tuple[str, Any]:
    return "/v1/extraction/choice", {"enabled": pick.chance(0.8)}
