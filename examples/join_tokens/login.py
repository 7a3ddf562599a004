"""The login service: who knows a password gets a certificate for an hour. Flask, and the authority's key.

It listens in plain HTTP on this machine only: put it behind TLS, as anything that takes passwords.
"""

import base64
import binascii
import hmac
import json
from collections.abc import Mapping
from hashlib import scrypt

from flask import Flask, Response, request

import gamesockets as gs
from examples.join_tokens.server import SERVER
from gamesockets import pki

HOURS = 1
BODY_BYTES_MAX = 16_384
_SALT = b"one for each player, in a real database"


def hashed(password: str) -> bytes:
    """What the service keeps instead of a password."""
    return scrypt(password.encode("utf-8", "surrogatepass"), salt=_SALT, n=1 << 12, r=8, p=1)


_NOBODY = hashed("")


def make_app(authority: pki.CertificateAuthority, players: Mapping[str, bytes]) -> Flask:
    """The service for players whose hashed passwords these are. None of them may have the name of the game server."""
    for name in players:
        if gs.NetworkingIdentity.generic_string(name) == SERVER:
            raise ValueError(
                f"no player may be called {name!r}: with that certificate one could stand in for the server"
            )
    app = Flask(__name__)
    app.config["MAX_CONTENT_LENGTH"] = BODY_BYTES_MAX

    @app.post("/login")
    def login() -> Response:
        """Takes name, password and a request (base64); answers with a certificate (base64), or an error."""
        body = request.get_json(silent=True)
        if not isinstance(body, dict):
            return _refusal(400, "send a JSON object")
        name, password, wanted = (body.get(key) for key in ("name", "password", "request"))
        if not (isinstance(name, str) and isinstance(password, str) and isinstance(wanted, str)):
            return _refusal(400, "name, password and request must be texts")
        # Hash in any case: otherwise the time would tell which names exist.
        known = hmac.compare_digest(hashed(password), players.get(name, _NOBODY))
        if not known or name not in players:
            return _refusal(403, "wrong name or password")
        try:
            asked = base64.b64decode(wanted, validate=True)
            identity = gs.NetworkingIdentity.generic_string(name)
            certificate = authority.issue(asked, identity, days=HOURS / 24)
        except (binascii.Error, gs.CertificateError) as error:
            return _refusal(400, f"the request cannot be signed: {error}")
        answer = {
            "certificate": base64.b64encode(certificate.signed).decode(),
            "expires": certificate.expires_s,
        }
        return _json(200, answer)

    return app


def _refusal(status: int, text: str) -> Response:
    return _json(status, {"error": text})


def _json(status: int, content: Mapping[str, object]) -> Response:
    return Response(json.dumps(content), status, mimetype="application/json")
