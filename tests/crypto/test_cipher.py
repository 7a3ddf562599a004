"""Sealing and opening: every recorded data packet, and what happens to forged ones."""

from typing import Any

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import example, given
from hypothesis import strategies as st
from tests.support.recorded import HANDSHAKES, load

from gamesockets.crypto.cipher import (
    CIPHER_AES_256_GCM,
    CIPHER_NULL,
    AesGcmCipher,
    Cipher,
    NullCipher,
)
from gamesockets.wire.packet import MAX_PLAINTEXT_BYTES

KEY = bytes(range(32))
IV = bytes(range(100, 112))


def recorded_cipher(recording: dict[str, Any], sender: str) -> Cipher:
    if recording["negotiated_cipher"] == CIPHER_NULL:
        return NullCipher()
    assert recording["negotiated_cipher"] == CIPHER_AES_256_GCM
    direction = "client_to_server" if sender == "client" else "server_to_client"
    derived = recording["derived"]
    return AesGcmCipher(bytes.fromhex(derived[f"key_{direction}_hex"]), bytes.fromhex(derived[f"iv_{direction}_hex"]))


@pytest.mark.rule("1, 12 rule 2")
@pytest.mark.parametrize("name", HANDSHAKES)
def test_every_recorded_data_packet(name: str) -> None:
    """From both sides, and across the wrap of the 16 bits on the wire: the nonce comes from the full number."""
    recording = load(name)
    packets = [datagram for datagram in recording["datagrams"] if datagram["kind"] == "Data"]
    assert packets
    for packet in packets:
        cipher = recorded_cipher(recording, packet["sender"])
        plaintext, chunk = bytes.fromhex(packet["plaintext_hex"]), bytes.fromhex(packet["chunk_hex"])
        assert cipher.open(packet["packet_number"], chunk) == plaintext
        assert cipher.seal(packet["packet_number"], plaintext) == chunk
        assert len(chunk) == len(plaintext) + cipher.overhead_bytes


@pytest.mark.rule("1, 4.5")
def test_the_wrap_of_the_wire_number_is_in_the_recordings() -> None:
    packets = [item for item in load("packet-number-wrap")["datagrams"] if item["kind"] == "Data"]
    assert {item["packet_number"] for item in packets} == set(range(65532, 65540))
    assert all(item["wire_packet_number"] == item["packet_number"] & 0xFFFF for item in packets)


@given(st.integers(0, (1 << 64) - 1), st.binary(max_size=MAX_PLAINTEXT_BYTES))
def test_what_is_sealed_is_opened_under_its_own_number_only(number: int, plaintext: bytes) -> None:
    cipher = AesGcmCipher(KEY, IV)
    chunk = cipher.seal(number, plaintext)
    assert cipher.open(number, chunk) == plaintext
    assert cipher.open((number + 1) & 0xFFFF_FFFF_FFFF_FFFF, chunk) is None
    assert cipher.open((number + 0x10000) & 0xFFFF_FFFF_FFFF_FFFF, chunk) is None


@pytest.mark.rule("1, 4.5")
def test_numbers_wrap_around_at_64_bits() -> None:
    """The number is added to the first 8 bytes of the IV; the other 4 never change."""
    high = AesGcmCipher(KEY, b"\xff" * 8 + b"tail")
    low = AesGcmCipher(KEY, bytes(8) + b"tail")
    assert high.seal(3, b"text") == low.seal(2, b"text")


@pytest.mark.rule("1, 4.5")
@given(st.binary(min_size=12, max_size=12), st.integers(0, (1 << 64) - 1))
@example(iv=b"\xff" * 7 + b"\x05" + b"tail", number=1)
@example(iv=b"\xff" * 7 + b"\xff" + b"tail", number=1)
@example(iv=b"\xfe" + b"\xff" * 6 + b"\x05" + b"tail", number=1)
def test_the_nonce_is_the_iv_plus_the_number(iv: bytes, number: int) -> None:
    plain = int.from_bytes(iv[:8], "little") + number
    nonce = (plain % (1 << 64)).to_bytes(8, "little") + iv[8:]
    assert AesGcmCipher(KEY, iv).seal(number, b"text") == AESGCM(KEY).encrypt(nonce, b"text", None)


@pytest.mark.rule("1, 4.6 rule 7", "1, 4.8")
@given(st.integers(1, 1 << 40), st.binary(max_size=40))
def test_every_flipped_bit_is_noticed(number: int, plaintext: bytes) -> None:
    cipher = AesGcmCipher(KEY, IV)
    chunk = cipher.seal(number, plaintext)
    for bit in range(8 * len(chunk)):
        forged = bytearray(chunk)
        forged[bit // 8] ^= 1 << bit % 8
        assert cipher.open(number, bytes(forged)) is None


@given(st.binary(max_size=1400))
def test_opening_strange_chunks_never_raises(chunk: bytes) -> None:
    assert AesGcmCipher(KEY, IV).open(5, chunk) is None


@pytest.mark.rule("1, 1.3 rule 3")
def test_a_chunk_needs_its_tag_but_no_plaintext() -> None:
    cipher = AesGcmCipher(KEY, IV)
    chunk = cipher.seal(2, b"")
    assert len(chunk) == 16
    assert cipher.open(2, chunk) == b""
    assert cipher.open(2, chunk[:15]) is None
    assert cipher.open(2, b"") is None


@pytest.mark.rule("1, 1.4")
@pytest.mark.parametrize("cipher", [AesGcmCipher(KEY, IV), NullCipher()], ids=["aes", "null"])
def test_plaintext_is_limited_to_1300_bytes(cipher: Cipher) -> None:
    assert cipher.open(2, cipher.seal(2, bytes(1300))) == bytes(1300)
    assert cipher.open(2, cipher.seal(2, bytes(1301))) is None


@pytest.mark.rule("1, 4.7")
def test_the_null_cipher_changes_nothing() -> None:
    cipher = NullCipher()
    assert cipher.overhead_bytes == 0
    assert cipher.seal(2, b"text") == cipher.open(3, b"text") == b"text"
    assert cipher.open(2, b"") == b""


@pytest.mark.parametrize(("key_size", "iv_size"), [(16, 12), (31, 12), (33, 12), (32, 11), (32, 16)])
def test_keys_and_vectors_of_other_sizes_are_refused(key_size: int, iv_size: int) -> None:
    with pytest.raises(ValueError, match="must have"):
        AesGcmCipher(bytes(key_size), bytes(iv_size))
