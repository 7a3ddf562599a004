"""The player's side: log in over HTTP, connect with what comes back, and renew it in time."""

import base64
import json
import urllib.error
import urllib.request

import gamesockets as gs
from examples.join_tokens.server import REQUIRED, SERVER
from gamesockets import aio, pki

TIMEOUT_S = 10
ANSWER_BYTES_MAX = 16_384


class LoginFailed(Exception):  # noqa: N818 - the name says what happened
    """The login service said no; the text is its own."""


def log_in(url: str, name: str, password: str, key: pki.SigningKey) -> pki.Certificate:
    """A certificate for an hour. The private key stays here: only a request that names the public one is sent."""
    request = pki.create_request(key, gs.NetworkingIdentity.generic_string(name))
    body = {"name": name, "password": password, "request": base64.b64encode(request).decode()}
    call = urllib.request.Request(  # noqa: S310 - the address is the program's own
        f"{url}/login", json.dumps(body).encode(), {"Content-Type": "application/json"}
    )
    try:
        with urllib.request.urlopen(call, timeout=TIMEOUT_S) as response:  # noqa: S310 - as above
            answer = json.loads(response.read(ANSWER_BYTES_MAX))
    except urllib.error.HTTPError as error:
        with error:
            raise LoginFailed(json.loads(error.read(ANSWER_BYTES_MAX))["error"]) from error
    return pki.certificate_from_bytes(base64.b64decode(answer["certificate"]))


async def greeting(address: gs.Address, credentials: pki.Credentials, trust: pki.TrustStore) -> str:
    """Connects, to the game server and nobody else, and returns what it says first."""
    async with aio.connect(
        address, config=REQUIRED, credentials=credentials, trust=trust, expected_identity=SERVER
    ) as connection:
        return (await connection.receive()).data.decode()
