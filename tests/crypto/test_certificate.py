"""Ed25519 keys, key ids, signatures and data-centre codes."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.recorded import load

from gamesockets.crypto.certificate import SigningKey, key_id, pop_code, pop_id, signature_problem, verify
from gamesockets.wire.messages_pb2 import Certificate

VECTORS = load("cert")
KEY = SigningKey(bytes(range(32)))

# The lists of the vector file and the tests that go through them.
COVERED = {
    "keys": "here",
    "pop_ids": "here",
    "key_text": "test_textforms",
    "private_pem_parse": "test_textforms",
    "public_key_parse": "test_textforms",
    "cert_pem_parse": "test_textforms",
    "store": "test_trust",
    "trust": "test_trust",
    "checks": "test_trust",
    # SipHash makes the reference server's challenge. Clients treat a challenge as opaque, so a server may use
    # any scheme of its own (spec 1, 3.3), and ours is another one: `ChallengeKey` in endpoint/challenge.py.
    "siphash24": "not ours",
}


@pytest.mark.rule("1, 5.5 rule 6")
def test_every_list_of_the_vector_file_is_covered() -> None:
    assert set(VECTORS) - {"description"} == set(COVERED)


@pytest.mark.rule("1, 4.1", "1, 5.2")
@pytest.mark.parametrize("key", VECTORS["keys"], ids=lambda key: key["name"])
def test_recorded_keys(key: dict[str, Any]) -> None:
    public = bytes.fromhex(key["public_key_hex"])
    assert key_id(public) == int(key["key_id"])
    if "seed_hex" in key:
        seed = bytes.fromhex(key["seed_hex"])
        assert SigningKey(seed).public == public
        assert SigningKey(seed).seed == seed


@pytest.mark.rule("1, 5.3 rule 2", "3, 3.2")
@pytest.mark.parametrize("row", VECTORS["pop_ids"], ids=lambda row: row["code"])
def test_recorded_data_centre_codes(row: dict[str, Any]) -> None:
    assert pop_id(row["code"]) == row["id"]
    assert pop_code(row["id"]) == row["code"]


@pytest.mark.rule("1, 5.3 rule 2")
@given(st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=3, max_size=4))
def test_data_centre_codes_survive(code: str) -> None:
    assert pop_code(pop_id(code)) == code


@given(st.integers(0, (1 << 32) - 1))
def test_any_data_centre_number_of_a_peer_can_be_shown(number: int) -> None:
    assert len(pop_code(number)) <= 4


@pytest.mark.parametrize("code", ["", "ab", "abcde", "ab\0", "zür"])
def test_other_data_centre_codes_are_refused(code: str) -> None:
    with pytest.raises(ValueError, match="3 or 4 ASCII characters"):
        pop_id(code)


@pytest.mark.rule("1, 4.2", "1, 5.3 rule 1")
@given(st.binary(max_size=100))
def test_signatures_are_believed_for_their_own_data_and_key_only(data: bytes) -> None:
    signature = KEY.sign(data)
    assert len(signature) == 64
    assert verify(KEY.public, signature, data)
    assert not verify(KEY.public, signature, data + b"\0")
    assert not verify(SigningKey(bytes(32)).public, signature, data)


@given(st.binary(max_size=40), st.binary(max_size=70), st.binary(max_size=10))
def test_strange_keys_and_signatures_never_raise(public: bytes, signature: bytes, data: bytes) -> None:
    assert not verify(public, signature, data)


@given(st.binary(min_size=32, max_size=32), st.binary(min_size=64, max_size=64))
def test_strange_keys_and_signatures_of_the_right_size_never_raise(public: bytes, signature: bytes) -> None:
    verify(public, signature, b"data")


@pytest.mark.parametrize("public", [b"\xff" * 32, bytes(32), b"\2" + bytes(31)])
def test_keys_that_are_no_points_sign_nothing(public: bytes) -> None:
    assert not verify(public, KEY.sign(b"data"), b"data")


@pytest.mark.parametrize(
    ("certificate", "signature", "problem"),
    [
        (Certificate(key_type="ED25519", key_data=KEY.public), KEY.sign(b"data"), None),
        (Certificate(key_type="ED25519", key_data=KEY.public), b"", "No signature"),
        (Certificate(key_type="ED25519"), KEY.sign(b"data"), "No public key"),
        (Certificate(key_data=KEY.public), KEY.sign(b"data"), "Unsupported key type 0"),
        (Certificate(key_type="ED25519", key_data=KEY.public), bytes(63), "Signature has invalid length"),
        (Certificate(key_type="ED25519", key_data=KEY.public), bytes(65), "Signature has invalid length"),
        (Certificate(key_type="ED25519", key_data=KEY.public[:31]), bytes(64), "Invalid public key"),
        (Certificate(key_type="ED25519", key_data=KEY.public), KEY.sign(b"date"), "Invalid signature"),
        # The order of the checks, when several fail.
        (Certificate(), b"", "No signature"),
        (Certificate(), bytes(63), "No public key"),
        (Certificate(key_data=b"k"), bytes(63), "Unsupported key type 0"),
        (Certificate(key_type="ED25519", key_data=b"k"), bytes(63), "Signature has invalid length"),
    ],
)
def test_what_is_wrong_with_a_signature(certificate: Certificate, signature: bytes, problem: str | None) -> None:
    assert signature_problem(certificate, signature, b"data") == problem


@pytest.mark.rule("1, 5.2")
@pytest.mark.parametrize("size", [0, 31, 33])
def test_keys_of_other_sizes_are_refused(size: int) -> None:
    with pytest.raises(ValueError, match=f"{size} bytes, must have 32"):
        SigningKey(bytes(size))
    with pytest.raises(ValueError, match=f"{size} bytes, must have 32"):
        key_id(bytes(size))
