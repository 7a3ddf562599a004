"""Key exchange and derivation give every recorded intermediate value of connections of the reference library."""

import hmac
from hashlib import sha256
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.recorded import load

from gamesockets.crypto.exchange import ExchangeKey, derive_session_keys, session_context

CASES = load("kdf")["cases"]


def unhex(case: dict[str, Any], *names: str) -> list[bytes]:
    return [bytes.fromhex(case[f"{name}_hex"]) for name in names]


@pytest.mark.rule("1, 4.1", "1, 4.4 rule 1", "1, 4.4 rule 2", "1, 13 rule 2")
@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_every_recorded_derivation(case: dict[str, Any]) -> None:
    exchanged = {
        name: bytes.fromhex(case[f"{name}_hex"])
        for name in ("server_cert", "client_cert", "server_crypt_info", "client_crypt_info")
    }
    arguments = {
        "client_connection_id": case["client_connection_id"],
        "server_connection_id": case["server_connection_id"],
        "server_certificate": exchanged["server_cert"],
        "client_certificate": exchanged["client_cert"],
        "server_crypt_info": exchanged["server_crypt_info"],
        "client_crypt_info": exchanged["client_crypt_info"],
    }
    shared, premaster, salt, prk, context = unhex(case, "x25519_shared", "premaster", "salt", "prk", "context")
    server_nonce, client_nonce = int(case["server_nonce"]), int(case["client_nonce"])

    assert sha256(shared).digest() == premaster
    assert server_nonce.to_bytes(8, "little") + client_nonce.to_bytes(8, "little") == salt
    assert hmac.digest(premaster, salt, "sha256") == prk
    assert session_context(**arguments) == context

    block = b""
    for number in (1, 2, 3, 4):
        block = hmac.digest(prk, block + context + bytes((number,)), "sha256")
        assert block.hex() == case[f"block_{number}_hex"]

    keys = derive_session_keys(shared, server_nonce=server_nonce, client_nonce=client_nonce, **arguments)
    assert [
        keys.client_to_server_key,
        keys.server_to_client_key,
        keys.client_to_server_iv,
        keys.server_to_client_iv,
    ] == unhex(case, "key_client_to_server", "key_server_to_client", "iv_client_to_server", "iv_server_to_client")


@pytest.mark.rule("1, 4.4 rule 1")
@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_recorded_shared_secrets(case: dict[str, Any]) -> None:
    """The private key is that of the independent side; the peer's public key is in its crypt info."""
    own_role = case["independent_role"]
    peer_role = "server" if own_role == "client" else "client"
    key = ExchangeKey(bytes.fromhex(case["x25519_private_of_independent_side_hex"]))
    own_info, peer_info = unhex(case, f"{own_role}_crypt_info", f"{peer_role}_crypt_info")
    assert key.public in own_info
    assert key.shared_secret(peer_info[4:36]) == bytes.fromhex(case["x25519_shared_hex"])


@given(st.binary(min_size=32, max_size=32), st.binary(min_size=32, max_size=32))
def test_both_sides_share_the_same_secret(one: bytes, other: bytes) -> None:
    assert ExchangeKey(one).shared_secret(ExchangeKey(other).public) == ExchangeKey(other).shared_secret(
        ExchangeKey(one).public
    )


@given(st.binary(max_size=40))
def test_whatever_key_a_peer_sends_nothing_is_raised(public: bytes) -> None:
    secret = ExchangeKey(bytes(31) + b"\1").shared_secret(public)
    assert secret is None or (len(secret) == 32 and len(public) == 32 and any(secret))


# Points of small order: the secret would be all zeros whatever the private key (RFC 7748, section 6.1).
@pytest.mark.parametrize("public", [bytes(32), b"\1" + bytes(31), (2**255 - 19).to_bytes(32, "little")])
def test_an_all_zero_secret_is_refused(public: bytes) -> None:
    assert ExchangeKey(b"\x11" * 32).shared_secret(public) is None


@pytest.mark.parametrize("size", [0, 31, 33])
def test_own_key_must_have_32_bytes(size: int) -> None:
    with pytest.raises(ValueError, match=f"{size} bytes, must have 32"):
        ExchangeKey(bytes(size))


def test_keys_are_not_printed() -> None:
    keys = derive_session_keys(
        bytes(32),
        server_nonce=1,
        client_nonce=2,
        client_connection_id=3,
        server_connection_id=4,
        server_certificate=b"",
        client_certificate=b"",
        server_crypt_info=b"",
        client_crypt_info=b"",
    )
    assert keys.client_to_server_key.hex() not in repr(keys)
    assert repr(keys.client_to_server_key) not in repr(keys)
