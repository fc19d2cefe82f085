"""API keys, tokens and private keys, found by the forms that their issuers gave them."""

from __future__ import annotations

import re
from collections.abc import Iterator

API_KEY = "api key"
PRIVATE_KEY = "private key"

# Each of these begins with what names its issuer, and no ordinary word does.
_ISSUED = re.compile(
    r"(?<![A-Za-z0-9])(?:"
    r"sk-[A-Za-z0-9_-]{16,}"  # OpenAI, Anthropic and others
    r"|[spr]k_(?:live|test)_[A-Za-z0-9]{10,}"  # Stripe
    r"|gh[pousr]_[A-Za-z0-9]{20,}|github_pat_[A-Za-z0-9_]{20,}"
    r"|glpat-[A-Za-z0-9_-]{16,}"  # GitLab
    r"|(?:AKIA|ASIA)[A-Z0-9]{16}"  # Amazon
    r"|AIza[A-Za-z0-9_-]{30,}|ya29\.[A-Za-z0-9_-]{20,}"  # Google
    r"|xox[a-z]-[A-Za-z0-9-]{10,}|xapp-[A-Za-z0-9-]{10,}"  # Slack
    r"|npm_[A-Za-z0-9]{30,}|pypi-[A-Za-z0-9_-]{40,}|hf_[A-Za-z0-9]{20,}"
    r"|SG\.[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{16,}"  # SendGrid
    r"|do[opr]_v1_[a-f0-9]{40,}|shp(?:at|ca|pa|ss)_[a-fA-F0-9]{32}"
    r"|\d{8,10}:[A-Za-z0-9_-]{35}"  # Telegram's bots
    r"|eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{4,}(?:\.[A-Za-z0-9_-]*)?"  # JSON Web Tokens
    r")"
)
# A value that is said to be a key: long, without spaces, with a digit in it.
_SAID = re.compile(
    r"\b(?:api|access|secret|auth|client)?[ _-]?(?:key|token|secret)(?:\s(?:is|was|of)|\s?[:=]|\s?=>)\s?[\"'`]?"
    r"(?P<value>(?=[A-Za-z_./+=-]{0,64}\d)[A-Za-z0-9_./+=-]{16,})",
    re.IGNORECASE,
)
_BEARER = re.compile(r"\bbearer\s(?P<value>[A-Za-z0-9_./+=-]{16,})", re.IGNORECASE)
_IN_ADDRESS = re.compile(r"://[^\s/:@]{0,64}:(?P<value>[^\s/@]{1,128})@")
# No key is shorter, or has a space in it.
_LONG = re.compile(r"\S{14}")
_PEM_BEGIN = re.compile(r"-----BEGIN (?:[A-Z0-9]{1,20} ){0,4}PRIVATE KEY(?: BLOCK)?-----")
_PEM_END = re.compile(r"-----END (?:[A-Z0-9]{1,20} ){0,4}PRIVATE KEY(?: BLOCK)?-----")
_PEM_LINES = re.compile(r"(?:\s*[A-Za-z0-9+/=]{16,})*")


def find_keys(text: str) -> Iterator[tuple[int, int, str]]:
    """Where keys stand in a text, as (start, end, kind); they may overlap."""
    if not _LONG.search(text) and "://" not in text:
        return
    yield from ((match.start(), match.end(), API_KEY) for match in _ISSUED.finditer(text))
    for said in (_SAID, _BEARER):
        yield from ((*match.span("value"), API_KEY) for match in said.finditer(text))
    for match in _IN_ADDRESS.finditer(text):
        if not match["value"].startswith("["):
            yield (*match.span("value"), "password")
    yield from _private_keys(text)


def _private_keys(text: str) -> Iterator[tuple[int, int, str]]:
    """PEM blocks. One that is cut off ends with its last line of base64."""
    ends = [match.end() for match in _PEM_END.finditer(text)]
    position = 0
    while begin := _PEM_BEGIN.search(text, position):
        while ends and ends[0] < begin.end():
            ends.pop(0)
        lines = _PEM_LINES.match(text, begin.end())
        position = ends[0] if ends else lines.end() if lines else begin.end()
        yield begin.start(), position, PRIVATE_KEY
