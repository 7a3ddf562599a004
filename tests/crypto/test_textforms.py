"""Keys and certificates as text: what the reference library writes, and what it accepts."""

from base64 import b64decode, b64encode
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.recorded import load

from gamesockets.crypto import textforms
from gamesockets.crypto.certificate import SigningKey, key_id
from gamesockets.wire.messages_pb2 import CertificateSigned

VECTORS = load("cert")
KEY_TEXT = VECTORS["key_text"]
KEY = SigningKey(bytes.fromhex(KEY_TEXT["seed_hex"]))
CERTIFICATE = CertificateSigned(cert=b"content", ca_key_id=7, ca_signature=b"signature").SerializeToString()

# As `ssh-keygen -t ed25519 -N "" -C comment` writes it: random check bytes, a comment and padding at the end.
SSH_KEYGEN_EXTRAS = (b"\xa1\xb2\xc3\xd4" * 2, b"\0\0\0\7comment" + bytes((1, 2, 3, 4, 5)))


def body(text: str) -> bytes:
    return b64decode("".join(text.split("\r\n")[1:-2]))


def openssh_text(data: bytes) -> str:
    text = b64encode(data).decode()
    return f"-----BEGIN OPENSSH PRIVATE KEY-----\n{text}\n-----END OPENSSH PRIVATE KEY-----\n"


@pytest.mark.rule("1, 5.6 rule 1")
def test_keys_are_written_as_the_reference_library_does() -> None:
    assert KEY.public.hex() == KEY_TEXT["public_key_hex"]
    assert key_id(KEY.public) == int(KEY_TEXT["key_id"])
    assert textforms.encode_private_key(KEY) == KEY_TEXT["private_pem"]
    assert body(KEY_TEXT["private_pem"]).hex() == KEY_TEXT["private_pem_binary_hex"]
    line = textforms.encode_public_key(KEY.public, f"ID{KEY_TEXT['key_id']}")
    assert line == KEY_TEXT["authorized_keys"]
    assert textforms.encode_public_key(KEY.public, "") == KEY_TEXT["authorized_keys_empty_comment"]
    assert textforms.encode_public_key(KEY.public) == KEY_TEXT["authorized_keys_empty_comment"].rstrip()


@pytest.mark.rule("1, 5.6 rule 1", "1, 5.6 rule 4")
@pytest.mark.parametrize("row", VECTORS["private_pem_parse"], ids=lambda row: row["name"])
def test_recorded_private_key_texts(row: dict[str, Any]) -> None:
    if row["accepted"]:
        assert textforms.decode_private_key(row["text"]).seed.hex() == row["seed_hex"]
    else:
        with pytest.raises(ValueError, match=r"(?i)private key"):
            textforms.decode_private_key(row["text"])


@pytest.mark.rule("1, 5.6 rule 2")
@pytest.mark.parametrize("row", VECTORS["public_key_parse"], ids=lambda row: row["name"])
def test_recorded_public_key_texts(row: dict[str, Any]) -> None:
    if row["accepted"]:
        public = textforms.decode_public_key(row["text"])
        assert public.hex() == row["public_key_hex"]
        assert key_id(public) == int(row["key_id"])
    else:
        with pytest.raises(ValueError, match="public key"):
            textforms.decode_public_key(row["text"])


@pytest.mark.rule("1, 5.6 rule 3", "1, 5.6 rule 4")
@pytest.mark.parametrize("row", VECTORS["cert_pem_parse"], ids=lambda row: row["name"])
def test_recorded_certificate_texts(row: dict[str, Any]) -> None:
    if row["accepted"]:
        signed = textforms.decode_certificate(row["text"])
        written = VECTORS["cert_pem_parse"][0]["text"]
        assert textforms.encode_certificate(signed) == written
    else:
        with pytest.raises(ValueError) as raised:  # noqa: PT011 - the text is compared below
            textforms.decode_certificate(row["text"])
        assert str(raised.value) == row["error"]


@pytest.mark.rule("1, 5.6 rule 1")
def test_keys_of_openssh_itself_are_read() -> None:
    check, trailer = SSH_KEYGEN_EXTRAS
    written = body(KEY_TEXT["private_pem"])
    outer, inner = written[: 15 + 20 + 4 + 4 + 51], written[15 + 20 + 4 + 4 + 51 + 4 + 8 :]
    secret = check + inner + trailer
    text = openssh_text(outer + len(secret).to_bytes(4, "big") + secret)
    assert textforms.decode_private_key(text).seed == KEY.seed


@given(st.binary(min_size=32, max_size=32))
def test_keys_survive(seed: bytes) -> None:
    key = SigningKey(seed)
    assert textforms.decode_private_key(textforms.encode_private_key(key)).seed == seed
    assert textforms.decode_public_key(textforms.encode_public_key(key.public, "a comment")) == key.public


@pytest.mark.rule("1, 5.6 rule 3")
@given(st.binary(max_size=300))
def test_certificates_survive(content: bytes) -> None:
    signed = CertificateSigned(cert=content).SerializeToString()
    text = textforms.encode_certificate(signed)
    assert max(map(len, text.split("\n"))) <= 72
    assert textforms.decode_certificate(text) == signed


@given(st.integers(0, 200), st.integers(0, 255))
def test_a_damaged_private_key_is_refused_or_unharmed(position: int, value: int) -> None:
    """Whatever byte is changed: there is no third outcome, and no other exception."""
    data = bytearray(body(KEY_TEXT["private_pem"]))
    data[position] = value
    try:
        key = textforms.decode_private_key(openssh_text(bytes(data)))
    except ValueError:
        return
    assert key.seed == KEY.seed


@pytest.mark.parametrize("cut", [0, 14, 15, 35, 39, 43, 94, 98, 106, 157, 161, 224])
def test_a_private_key_that_is_cut_short_is_refused(cut: int) -> None:
    with pytest.raises(ValueError, match="private key"):
        textforms.decode_private_key(openssh_text(body(KEY_TEXT["private_pem"])[:cut]))


@pytest.mark.parametrize(
    ("position", "value", "problem"),
    [
        (0, 0, "not in OpenSSH format"),
        (20, 0, "is encrypted"),
        (38, 2, "must hold one key"),
        (42, 50, "is cut short"),
        (50, 0, "not of type ssh-ed25519"),
        (61, 31, "must have 32 bytes"),
        (64, 0, "copies of the public key that disagree"),
        (98, 0, "check bytes that disagree"),
        (160, 63, "63 bytes, must have 64"),
        (160, 65, "is cut short"),
        (170, 0, "copies of the public key that disagree"),
    ],
)
def test_what_is_wrong_with_a_private_key(position: int, value: int, problem: str) -> None:
    data = bytearray(body(KEY_TEXT["private_pem"]))
    assert data[position] != value
    data[position] = value
    with pytest.raises(ValueError, match=problem):
        textforms.decode_private_key(openssh_text(bytes(data)))


def test_certificates_need_base64_of_a_message() -> None:
    bare = b64encode(CERTIFICATE).decode()
    assert textforms.decode_certificate_base64(f" {bare[:9]}\r\n\t{bare[9:]}\n") == CERTIFICATE
    with pytest.raises(ValueError, match="not base64"):
        textforms.decode_certificate_base64("!" + bare)
    with pytest.raises(ValueError, match="not base64"):
        textforms.decode_certificate_base64("AAAAA")
    with pytest.raises(ValueError, match="cannot be parsed"):
        textforms.decode_certificate_base64(b64encode(b"\xff\xff").decode())
    with pytest.raises(ValueError, match="No cert data"):
        textforms.decode_certificate_base64("")


def test_public_keys_of_other_sizes_are_refused() -> None:
    with pytest.raises(ValueError, match="31 bytes, must have 32"):
        textforms.encode_public_key(bytes(31))
    with pytest.raises(ValueError, match="not base64"):
        textforms.decode_public_key("ssh-ed25519 AAAA!!!!")


@pytest.mark.rule("1, 5.6 rule 4")
@given(st.text(max_size=200))
def test_strange_texts_are_refused(text: str) -> None:
    for decode in (
        textforms.decode_private_key,
        textforms.decode_public_key,
        textforms.decode_certificate,
    ):
        with pytest.raises(ValueError, match=r"."):
            decode(text)


@pytest.mark.timeout(5)
def test_long_texts_of_blanks_and_dashes_take_no_time() -> None:
    for filler in (" ", "-", "- ", "\n"):
        with pytest.raises(ValueError, match="PEM-like"):
            textforms.decode_certificate("-----BEGIN STEAMDATAGRAM CERT-----" + filler * 200_000)
