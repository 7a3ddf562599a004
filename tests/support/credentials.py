"""How do the tests make the credentials of a peer: recorded ones, good ones and bad ones?"""

from collections.abc import Callable
from typing import Any

from tests.support.recorded import load

from gamesockets.crypto.certificate import SigningKey, key_id
from gamesockets.crypto.credentials import Credentials, LocalCredentials
from gamesockets.crypto.exchange import ExchangeKey
from gamesockets.crypto.peer_check import PeerCertificate, PeerCredentials, Refusal, check_peer, peer_identity
from gamesockets.crypto.trust import TrustStore
from gamesockets.values.address import Address
from gamesockets.values.entropy import Entropy
from gamesockets.values.identity import NetworkingIdentity
from gamesockets.wire.datagram import decode_control
from gamesockets.wire.messages_pb2 import Certificate, CertificateSigned, ConnectOK, ConnectRequest, CryptInfo

NOW = 1_790_000_000
ADDRESS = Address("203.0.113.7", 51820)
ANONYMOUS = NetworkingIdentity.ip_address(ADDRESS)
ALICE = NetworkingIdentity.parse("str:alice")
VALID_STEAM_ID = 1 << 56 | 1 << 52 | 1 << 32 | 7
CERT_KEY = SigningKey(b"c" * 32)
AUTHORITY = SigningKey(b"a" * 32)
EXCHANGE = ExchangeKey(b"x" * 32)


class Scripted(Entropy):
    """Gives the bytes it was given."""

    def __init__(self, *answers: bytes) -> None:
        self.answers = list(answers)

    def random_bytes(self, count: int) -> bytes:
        answer = self.answers.pop(0)
        assert len(answer) == count
        return answer


def entropy(seed: int = 1) -> Scripted:
    """All that `LocalCredentials` take: the bytes of a certificate key, of an exchange key, and of a nonce."""
    return Scripted(bytes((seed,)) * 32, bytes((seed + 100,)) * 32, bytes((seed,)) * 8)


def checked(
    message: ConnectRequest | ConnectOK, identity: NetworkingIdentity = ANONYMOUS, **changes: Any
) -> PeerCredentials | Refusal:
    """`check_peer` with the default options."""
    arguments: dict[str, Any] = {
        "allow_without_auth": 2,
        "trust": None,
        "unix_time_s": NOW,
        "challenge_version": None,
        "local_lanes": 1,
    }
    return check_peer(message.cert, PeerCertificate(message.cert), message.crypt, identity, **(arguments | changes))


def identity_of(
    message: ConnectRequest | ConnectOK, address: Address = ADDRESS, allow_anonymous: bool = True
) -> NetworkingIdentity | None:
    """`peer_identity` with the certificate of the message."""
    return peer_identity(message, PeerCertificate(message.cert), address, allow_anonymous)


def accepted(result: PeerCredentials | Refusal) -> PeerCredentials:
    assert isinstance(result, PeerCredentials), result
    return result


def recorded_messages(name: str) -> tuple[ConnectRequest, ConnectOK]:
    found: dict[type, Any] = {}
    for item in load(name)["datagrams"]:
        if item["kind"] in ("ConnectRequest", "ConnectOK"):
            message = decode_control(bytes.fromhex(item["hex"]))
            found.setdefault(type(message), message)
    return found[ConnectRequest], found[ConnectOK]


def recorded_trust(recording: dict[str, Any]) -> dict[str, Any]:
    """Both sides of the authenticated recording insist on signatures of its root."""
    if "root_ca" not in recording:
        return {}
    root = bytes.fromhex(recording["root_ca"]["public_key_hex"])
    return {"trust": TrustStore([root]), "allow_without_auth": 0}


def recorded_local(recording: dict[str, Any]) -> LocalCredentials:
    """The credentials of the independent side, made again from its recorded secrets."""
    own = recording[recording["independent_role"]]
    secrets = [bytes.fromhex(own[name]) for name in ("cert_key_seed_hex", "x25519_private_hex")]
    nonce = int(own["nonce"]).to_bytes(8, "little")
    local = LocalCredentials(Scripted(*secrets, nonce), Credentials(NetworkingIdentity.localhost()), own["ciphers"])
    assert local.crypt_info.hex() == own["crypt_info_hex"]
    if "root_ca" in recording:
        local.certificate = bytes.fromhex(own["cert_hex"])  # ours would be unsigned
    assert local.certificate.hex() == own["cert_hex"]
    return local


Change = Callable[[Certificate, CryptInfo, ConnectRequest | ConnectOK], None]


def introduce(message: ConnectRequest | ConnectOK, change: Change | None = None) -> ConnectRequest | ConnectOK:
    """Puts good anonymous credentials into a message, after `change` has made them bad.

    What `change` sets in the message itself stays as it is.
    """
    certificate = Certificate(key_type="ED25519", key_data=CERT_KEY.public, app_ids=[0])
    certificate.identity_string = b"ip:::1"
    info = CryptInfo(key_type="CURVE25519", key_data=EXCHANGE.public, nonce=5, protocol_version=13)
    info.ciphers.append(CryptInfo.CIPHER_AES_256_GCM)
    if change is not None:
        change(certificate, info, message)
    if not message.cert.HasField("cert"):
        message.cert.cert = certificate.SerializeToString()
    if not message.crypt.HasField("info"):
        message.crypt.info = info.SerializeToString()
    if not message.crypt.HasField("signature"):
        message.crypt.signature = CERT_KEY.sign(message.crypt.info)
    return message


def no_change(certificate: Certificate, info: CryptInfo, message: ConnectRequest | ConnectOK) -> None:
    """All is well."""


def version(number: int) -> Change:
    def change(certificate: Certificate, info: CryptInfo, message: ConnectRequest | ConnectOK) -> None:
        info.protocol_version = number

    return change


def ciphers(*numbers: int) -> Change:
    """Also numbers that the message type does not know, so written by hand."""

    def change(certificate: Certificate, info: CryptInfo, message: ConnectRequest | ConnectOK) -> None:
        del info.ciphers[:]
        message.crypt.info = info.SerializeToString() + b"".join([bytes((0x28, number)) for number in numbers])

    return change


def exchange_key(key_data: bytes) -> Change:
    def change(certificate: Certificate, info: CryptInfo, message: ConnectRequest | ConnectOK) -> None:
        info.key_data = key_data

    return change


def unknown_exchange_type(certificate: Certificate, info: CryptInfo, message: ConnectRequest | ConnectOK) -> None:
    message.crypt.info = info.SerializeToString().replace(b"\x08\x01", b"\x08\x02", 1)


def signature(value: bytes) -> Change:
    def change(certificate: Certificate, info: CryptInfo, message: ConnectRequest | ConnectOK) -> None:
        message.crypt.signature = value

    return change


def named(text: bytes, *app_ids: int) -> Change:
    def change(certificate: Certificate, info: CryptInfo, message: ConnectRequest | ConnectOK) -> None:
        certificate.identity_string = text
        del certificate.app_ids[:]
        certificate.app_ids.extend(app_ids)

    return change


def signed_by_authority(change_first: Change = no_change) -> Change:
    def change(certificate: Certificate, info: CryptInfo, message: ConnectRequest | ConnectOK) -> None:
        change_first(certificate, info, message)
        certificate.time_expiry = certificate.time_expiry or NOW + 1000
        content = certificate.SerializeToString()
        message.cert.CopyFrom(
            CertificateSigned(cert=content, ca_key_id=key_id(AUTHORITY.public), ca_signature=AUTHORITY.sign(content))
        )

    return change


def without_identity(certificate: Certificate, info: CryptInfo, message: ConnectRequest | ConnectOK) -> None:
    certificate.ClearField("identity_string")


def without_key_type(certificate: Certificate, info: CryptInfo, message: ConnectRequest | ConnectOK) -> None:
    certificate.ClearField("key_type")


def without_cert(message: ConnectRequest | ConnectOK) -> ConnectRequest | ConnectOK:
    message.ClearField("cert")
    return message
