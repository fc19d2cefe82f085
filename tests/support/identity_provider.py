"""An OpenID provider in a thread: real keys, real signatures, and a JWKS address over HTTP."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

ISSUER = "https://login.example.com"
AUDIENCE = "our-app"

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey


def new_key(algorithm: str) -> PrivateKey:
    if algorithm == "RS256":
        return rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return ec.generate_private_key(ec.SECP256R1()) if algorithm == "ES256" else ed25519.Ed25519PrivateKey.generate()


def public_jwk(key: PrivateKey, key_id: str | None) -> dict[str, Any]:
    public = key.public_key()
    if isinstance(public, rsa.RSAPublicKey):
        jwk = RSAAlgorithm.to_jwk(public, as_dict=True)
    elif isinstance(public, ec.EllipticCurvePublicKey):
        jwk = ECAlgorithm.to_jwk(public, as_dict=True)
    else:
        jwk = OKPAlgorithm.to_jwk(public, as_dict=True)
    return jwk | ({"kid": key_id} if key_id else {}) | {"use": "sig"}


class IdentityProvider:
    """Signs ID tokens with one key."""

    def __init__(self, algorithm: str = "ES256", key_id: str | None = "k1") -> None:
        self.algorithm, self.key_id = algorithm, key_id
        self.key = new_key(algorithm)

    @property
    def jwks(self) -> dict[str, Any]:
        return {"keys": [public_jwk(self.key, self.key_id)]}

    def token(self, now: datetime, sub: object = "248289761001", **claims: object) -> str:
        """An ID token made now; a claim that is ``None`` is left out."""
        at = int(now.timestamp())
        said = {"iss": ISSUER, "aud": AUDIENCE, "sub": sub, "iat": at, "exp": at + 300} | claims
        kept = {name: value for name, value in said.items() if value is not None}
        headers = {"kid": self.key_id} if self.key_id else None
        # Signed part by part: the library would refuse to make some of the wrong tokens that are needed here.
        return jwt.api_jws.encode(json.dumps(kept).encode(), self.key, algorithm=self.algorithm, headers=headers)


class JwksServer:
    """What a JWKS address answers, and how often it was asked."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.body = b""
        self.status = 200
        self.asked = 0


@contextmanager
def serving_jwks(body: dict[str, Any]) -> Iterator[JwksServer]:
    """A JWKS address on a free port of this machine."""

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            server.asked += 1
            self.send_response(server.status)
            self.send_header("Content-Length", str(len(server.body)))
            self.end_headers()
            self.wfile.write(server.body)

        def log_message(self, format: str, *args: object) -> None:
            """Nothing: a test's output is its own."""

    http = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    server = JwksServer(f"http://127.0.0.1:{http.server_port}/jwks.json")
    server.body = json.dumps(body).encode()
    thread = Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        http.shutdown()
        http.server_close()
        thread.join()
