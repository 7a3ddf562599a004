"""Does the login service certify whom it should, and does the game server take nobody else?"""

import base64
from typing import Any, Final

import pytest

flask = pytest.importorskip("flask")

import gamesockets as gs  # noqa: E402 - behind what may skip this file
from examples.join_tokens.__main__ import main  # noqa: E402
from examples.join_tokens.login import BODY_BYTES_MAX, hashed, make_app  # noqa: E402
from gamesockets import pki  # noqa: E402

AUTHORITY: Final = pki.CertificateAuthority(pki.SigningKey(b"r" * 32))
KEY: Final = pki.SigningKey(b"k" * 32)
ADA: Final = gs.NetworkingIdentity.generic_string("ada")
REQUEST: Final = base64.b64encode(pki.create_request(KEY, ADA)).decode()


def post(**body: Any) -> tuple[int, dict[str, Any]]:
    client = make_app(AUTHORITY, {"ada": hashed("lovelace")}).test_client()
    answer = client.post("/login", json={"name": "ada", "password": "lovelace", "request": REQUEST} | body)
    return answer.status_code, answer.get_json()


def test_who_knows_the_password_gets_a_certificate_for_an_hour() -> None:
    status, answer = post()
    assert status == 200
    certificate = pki.certificate_from_bytes(base64.b64decode(answer["certificate"]))
    assert (certificate.identity, certificate.public_key) == (ADA, KEY.public)
    assert certificate.expires_s - certificate.created_s == 3600
    AUTHORITY.trust().verify(certificate, certificate.created_s)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"password": "guess"}, 403),
        ({"name": "bob"}, 403),
        ({"name": "bob", "password": ""}, 403),
        ({"password": "\ud800"}, 403),
        ({"name": 5}, 400),
        ({"request": "!"}, 400),
        ({"request": ""}, 400),
        ({"request": base64.b64encode(pki.create_request(KEY, gs.NetworkingIdentity.parse("str:bob"))).decode()}, 400),
        ({"request": base64.b64encode(AUTHORITY.public_key).decode()}, 400),
    ],
)
def test_who_gets_none(body: dict[str, Any], status: int) -> None:
    answered, answer = post(**body)
    assert answered == status
    assert "certificate" not in answer
    assert answer["error"]


def test_no_player_gets_the_certificate_of_the_server() -> None:
    with pytest.raises(ValueError, match="could stand in for the server"):
        make_app(AUTHORITY, {"ada": hashed("lovelace"), "game-server": hashed("x")})


def test_what_is_no_login() -> None:
    client = make_app(AUTHORITY, {}).test_client()
    assert client.post("/login", data="no JSON").status_code == 400
    assert client.post("/login", json=[]).status_code == 400
    large = client.post("/login", data=bytes(2 * BODY_BYTES_MAX), content_type="application/json")
    assert large.status_code in {400, 413}


def test_all_three_parts_together(capsys: pytest.CaptureFixture[str]) -> None:
    main([])
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("logged in as str:ada, until ")
    assert lines[1:] == [
        "Welcome, str:ada",
        "Welcome, str:ada again, renewed",
        "and with another password: wrong name or password",
    ]


def test_a_wrong_password_ends_the_program_with_its_reason() -> None:
    with pytest.raises(SystemExit, match="login failed: wrong name or password"):
        main(["--password", "guess"])
