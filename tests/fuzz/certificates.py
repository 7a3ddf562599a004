"""Is a peer's certificate believed only if a chain of good signatures leads up from it to a root?"""

from collections.abc import Callable
from typing import Final

from google.protobuf.message import DecodeError
from tests.fuzz.choices import Choices

from gamesockets.crypto.certificate import SigningKey, key_id, signature_problem, verify
from gamesockets.crypto.credentials import Credentials
from gamesockets.crypto.peer_check import PeerCertificate, PeerCredentials, check_peer, peer_identity
from gamesockets.crypto.trust import Distrust, TrustStore
from gamesockets.values.address import Address
from gamesockets.wire.messages_pb2 import Certificate, CertificateSigned, ConnectRequest, CryptInfo

NOW: Final = 1_790_000_000

_KEYS: Final = [SigningKey(bytes([number]) * 32) for number in range(1, 6)]
_ROOT: Final = _KEYS[0]
_IDENTITIES: Final = (
    "str:alice",
    "str:bob",
    "ip:[::1]:0",
    "ip:9.9.9.9:7",
    "steamid:76561197960265729",
    "",
    "no such",
    "gen:00",
)
_ADDRESS: Final = Address("9.9.9.9", 7)


def _certificate(choices: Choices) -> Certificate:
    """What a certificate may say, most of it good."""
    kind = choices.byte()
    certificate = Certificate(
        key_type=Certificate.ED25519, key_data=choices.pick(_KEYS).public, time_expiry=NOW + 1000, app_ids=[0]
    )
    if kind & 1:
        certificate.identity_string = choices.pick(_IDENTITIES).encode()
    if kind & 2:
        certificate.time_expiry = choices.pick((0, 1, NOW - 1, NOW, NOW + 1, 0xFFFF_FFFF))
    if kind & 4:
        certificate.app_ids[:] = [choices.byte() % 3 for _ in range(choices.below(4))]
    if kind & 8:
        certificate.gameserver_datacenter_ids.extend([choices.below(3)] * choices.below(3))
    if kind & 16:
        certificate.key_data = choices.pick((b"", bytes(31), bytes(32), b"\xff" * 32, bytes(33)))
    if kind & 32:
        certificate.ClearField("key_type")
    if kind & 64:
        certificate.legacy_steam_id = choices.number() & ((1 << 64) - 1)
    if kind & 128:
        legacy = certificate.legacy_identity_binary
        legacy.generic_bytes = choices.take(choices.below(36))
    return certificate


def _signed(certificate: Certificate, choices: Choices) -> CertificateSigned:
    """The certificate with a signature, most often that of the key that is named."""
    signer = choices.pick(_KEYS)
    signed = CertificateSigned(cert=certificate.SerializeToString(), ca_key_id=key_id(signer.public))
    kind = choices.byte()
    if kind < 0xC0:
        signed.ca_signature = signer.sign(signed.cert)
    elif kind < 0xD0:
        signed.ca_signature = choices.pick((b"", bytes(63), bytes(64), b"\xff" * 64, bytes(65)))
    elif kind < 0xE0:
        signed.ca_signature = choices.pick(_KEYS).sign(signed.cert)
    elif kind < 0xF0:
        signed.ca_signature = signer.sign(signed.cert)
        place = choices.below(len(signed.cert) or 1)
        signed.cert = signed.cert[:place] + choices.take(2) + signed.cert[place + 1 :]
    return signed


def chains(data: bytes) -> None:
    """Authorities of authorities, and a peer's certificate below them (spec 1, 5.4)."""
    choices = Choices(data)
    store = TrustStore([_ROOT.public])
    added: list[CertificateSigned] = []
    for _ in range(choices.below(10)):
        certificate = _certificate(choices)
        if choices.byte() < 0xD0:
            for field in ("identity_string", "legacy_identity_binary", "legacy_steam_id"):
                certificate.ClearField(field)
        signed = _signed(certificate, choices)
        try:
            store.add_certificate(signed.SerializeToString())
        except ValueError:
            continue
        added.append(signed)
    revoked = {key_id(choices.pick(_KEYS).public) for _ in range(choices.below(8) // 6)}
    for number in revoked:
        store.revoke(number)
    peer = _signed(_certificate(choices), choices)
    verdict = store.check_certificate(peer, NOW)
    if isinstance(verdict, Distrust):
        assert verdict.text
        return
    _assert_chain(peer, added, revoked, frozenset())
    assert verdict.expiry_s >= NOW
    content = Certificate.FromString(peer.cert)
    assert content.time_expiry >= NOW
    assert key_id(content.key_data) not in revoked


def _assert_chain(
    signed: CertificateSigned, added: list[CertificateSigned], revoked: set[int], below: frozenset[int]
) -> None:
    """Some chain of valid signatures leads from the certificate to the root."""
    assert _has_chain(signed, added, revoked, below)


def _has_chain(
    signed: CertificateSigned, added: list[CertificateSigned], revoked: set[int], below: frozenset[int]
) -> bool:
    signer = next((key for key in _KEYS if key_id(key.public) == signed.ca_key_id), None)
    if (
        signer is None
        or signed.ca_key_id in revoked | below
        or not verify(signer.public, signed.ca_signature, signed.cert)
    ):
        return False
    if signer is _ROOT:
        return True
    return any(
        Certificate.FromString(above.cert).key_data == signer.public
        and _has_chain(above, added, revoked, below | {signed.ca_key_id})
        for above in added
    )


def peers(data: bytes) -> None:
    """What a ConnectRequest says of its sender is believed only if it is proven (spec 1, 3.5 and 3.7)."""
    choices = Choices(data)
    certificate = _certificate(choices)
    request = ConnectRequest(client_connection_id=7, challenge=1)
    request.cert.CopyFrom(_signed(certificate, choices))
    if choices.byte() < 0x60:
        request.cert.ClearField("ca_signature")
        request.cert.ClearField("ca_key_id")
    info = CryptInfo(key_type=CryptInfo.CURVE25519, key_data=bytes(range(32)), nonce=5, protocol_version=13)
    info.ciphers.append(CryptInfo.CIPHER_AES_256_GCM)
    kind = choices.byte()
    if kind & 1:
        info.protocol_version = choices.pick((0, 7, 8, 10, 12, 14, 0xFFFF_FFFF))
    if kind & 2:
        info.key_data = choices.take(choices.below(40))
    request.crypt.info = info.SerializeToString()
    if kind & 4:
        request.crypt.info = choices.take(choices.below(60))
    owner = next((key for key in _KEYS if key.public == certificate.key_data), _KEYS[1])
    request.crypt.signature = (choices.pick(_KEYS) if kind & 8 else owner).sign(request.crypt.info)
    if kind & 16:
        request.crypt.signature = choices.take(choices.below(66))
    if kind & 32:
        request.identity_string = choices.pick(_IDENTITIES).encode()
    allow = choices.below(3)
    trust = TrustStore([_ROOT.public]) if choices.byte() < 0xC0 else None
    read = PeerCertificate(request.cert)
    identity = peer_identity(request, read, _ADDRESS, allow > 0)
    if identity is None:
        return
    result = check_peer(
        request.cert,
        read,
        request.crypt,
        identity,
        allow_without_auth=allow,
        trust=trust,
        unix_time_s=NOW,
        challenge_version=None,
        local_lanes=1,
    )
    if not isinstance(result, PeerCredentials):
        assert result.reason
        assert result.text
        return
    content = Certificate.FromString(request.cert.cert)
    assert signature_problem(content, request.crypt.signature, request.crypt.info) is None
    is_signed = trust is not None and verify(_ROOT.public, request.cert.ca_signature, request.cert.cert)
    assert is_signed or not result.authenticated
    assert is_signed or allow > 0
    assert result.protocol_version >= 8
    assert result.ciphers


def credentials(data: bytes) -> None:
    """A certificate from a file, and the key that must fit it (spec 1, 5.6)."""
    choices = Choices(data)
    kind = choices.byte()
    signed = choices.rest() if kind < 0x30 else _signed(_certificate(choices), choices).SerializeToString()
    key = choices.pick(_KEYS)
    try:
        found = Credentials.certified(signed, key)
    except ValueError:
        return
    assert found.certificate is not None
    try:
        content = Certificate.FromString(CertificateSigned.FromString(found.certificate.signed).cert)
    except DecodeError as error:
        raise AssertionError("credentials from a certificate that cannot be read") from error
    assert content.key_data == key.public
    assert not found.identity.is_invalid


TARGETS: Final[dict[str, Callable[[bytes], None]]] = {"chains": chains, "peers": peers, "credentials": credentials}
