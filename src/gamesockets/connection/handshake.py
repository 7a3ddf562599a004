"""The handshake: which message does each side send when, and what do they agree on? (spec 1, 3)"""

from typing import Final, final

from gamesockets.config.options import ConnectionOptions
from gamesockets.connection.closing import TEXT_EXPIRED, TEXT_NO_AUTHORITY, TEXT_NO_IDENTITY, TEXT_OLD_PEER_FOR_LANES
from gamesockets.crypto.cipher import Cipher
from gamesockets.crypto.credentials import APP_ID, Credentials, LocalCredentials
from gamesockets.crypto.expected import Expected
from gamesockets.crypto.peer_check import PeerCertificate, PeerCredentials, Refusal, check_peer, peer_identity
from gamesockets.crypto.session import choose_cipher, own_ciphers, session_ciphers
from gamesockets.crypto.trust import TrustStore
from gamesockets.receive.budget import bulk_window_bytes
from gamesockets.values.address import Address
from gamesockets.values.entropy import Entropy
from gamesockets.values.enums import EndReason
from gamesockets.values.identity import NetworkingIdentity
from gamesockets.values.moments import NEVER, US_PER_MS
from gamesockets.wire import datagram
from gamesockets.wire.messages_pb2 import ChallengeReply, ChallengeRequest, ConnectOK, ConnectRequest, CryptInfo
from gamesockets.wire.versions import LANES_PROTOCOL_VERSION, MINIMUM_PROTOCOL_VERSION, PROTOCOL_VERSION

RETRY_US: Final = 500_000

_PING_SAMPLE_MAX_US: Final = 2_000_000
_PING_ESTIMATE_MAX_MS: Final = 1500
_ECHO_MAX_AGE_US: Final = 4_000_000
_NO_SAMPLE: Final = -1
_UNSIGNED_ALLOWED_SILENTLY: Final = 2


@final
class Policy:
    """What the local side requires of a peer: a certificate or not, signed by which roots, valid at what time."""

    __slots__ = ("allow_without_auth", "app_id", "trust", "unix_time_s")

    def __init__(
        self, allow_without_auth: int, trust: TrustStore | None, unix_time_s: int, app_id: int = APP_ID
    ) -> None:
        self.allow_without_auth = allow_without_auth
        """The effective value for this peer: 0 refuse, 1 allow, 2 allow silently (spec 1, 5.9)."""
        self.trust = trust
        self.unix_time_s = unix_time_s
        self.app_id = app_id
        """The app for which certificates must be good."""

    def allowed_from(self, expected: Expected | None) -> int:
        """`allow_without_auth` for a peer: whoever expects an identity wants it proven where anybody is trusted.

        Or was: the end of the last root must not make claims enough.
        """
        if expected is None or expected.identity is None or self.trust is None or not self.trust.has_known_keys:
            return self.allow_without_auth
        return 0


@final
class Agreement:
    """What both sides know after a successful handshake."""

    __slots__ = ("opening", "peer", "remote_id", "sealing")

    def __init__(self, sealing: Cipher, opening: Cipher, peer: PeerCredentials, remote_id: int) -> None:
        self.sealing = sealing
        self.opening = opening
        self.peer = peer
        self.remote_id = remote_id


def round_trip_ms(now: int, echoed_at: int, held_us: int) -> int:
    """Ping sample from a timestamp that came back, rounded to the nearest ms; -1 if it makes no sense (spec 1, 3.2)."""
    elapsed_us = now - echoed_at - held_us
    if not 0 <= elapsed_us <= _PING_SAMPLE_MAX_US:
        return _NO_SAMPLE
    return (elapsed_us + US_PER_MS // 2) // US_PER_MS


def without_proof(credentials: Credentials, policy: Policy) -> Refusal | None:
    """Why this side may not connect without a certificate; None if it has one, is anonymous, or is allowed silently."""
    if credentials.proof(policy.unix_time_s) is not None:
        return None
    if credentials.identity.is_localhost or policy.allow_without_auth >= _UNSIGNED_ALLOWED_SILENTLY:
        return None
    text = TEXT_NO_AUTHORITY if credentials.certificate is None else TEXT_EXPIRED
    return Refusal(int(EndReason.MISC_INTERNAL_ERROR), text)


def too_old_for_lanes(protocol_version: int, lanes: int) -> Refusal | None:
    """Why a peer of that version, 0 for one that is not known, cannot be sent so many lanes; None if it can."""
    if lanes > 1 and 0 < protocol_version < LANES_PROTOCOL_VERSION:
        return Refusal(int(EndReason.REMOTE_BAD_PROTOCOL_VERSION), TEXT_OLD_PEER_FOR_LANES)
    return None


def challenge_request(connection_id: int, now: int) -> bytes:
    """The question whether somebody listens (spec 1, 3.3)."""
    challenge = ChallengeRequest(connection_id=connection_id, my_timestamp=now, protocol_version=PROTOCOL_VERSION)
    return datagram.encode_control(datagram.CHALLENGE_REQUEST, challenge)


@final
class ClientHandshake:
    """The connecting side. Keys, nonce and certificate are made once and repeated with every retry."""

    __slots__ = (
        "_address",
        "_challenge",
        "_credentials",
        "_expected",
        "_owes_request",
        "_server_version",
        "connection_id",
        "ping_sample_ms",
        "retry_at",
    )

    def __init__(
        self,
        connection_id: int,
        address: Address,
        entropy: Entropy,
        credentials: Credentials,
        options: ConnectionOptions,
        policy: Policy,
        expected: Expected | None = None,
    ) -> None:
        self.connection_id = connection_id
        self._address = address
        self._credentials = LocalCredentials(
            entropy,
            credentials,
            own_ciphers(options.unencrypted),
            policy.unix_time_s,
            policy.app_id,
            bulk_window_bytes(options),
        )
        self._expected = expected
        self._challenge = 0
        self._server_version: int | None = None
        self._owes_request = False
        self.retry_at = 0
        """When the next ChallengeRequest leaves."""
        self.ping_sample_ms = _NO_SAMPLE
        """Ping sample of the last message, -1 if it gave none."""

    def challenge_reply(self, message: ChallengeReply, now: int) -> Refusal | bool:
        """True if the reply was for us and a ConnectRequest is owed."""
        self.ping_sample_ms = _NO_SAMPLE
        if message.connection_id != self.connection_id:
            return False
        if message.protocol_version < MINIMUM_PROTOCOL_VERSION:
            text = "Peer is running old software and needs to be udpated"  # sic: the reference library's own spelling
            return Refusal(int(EndReason.MISC_GENERIC), text)
        if message.HasField("your_timestamp"):
            self.ping_sample_ms = round_trip_ms(now, message.your_timestamp, 0)
        self._challenge = message.challenge
        self._server_version = message.protocol_version
        self._owes_request = True
        return True

    def connect_ok(self, message: ConnectOK, policy: Policy, local_lanes: int, now: int) -> Refusal | Agreement | None:
        """None if the message is to be ignored, so that the retries go on."""
        self.ping_sample_ms = _NO_SAMPLE
        if message.client_connection_id != self.connection_id:
            return None
        certificate = PeerCertificate(message.cert)
        allow_without_auth = policy.allowed_from(self._expected)
        identity = peer_identity(message, certificate, self._address, allow_without_auth > 0)
        if identity is None:
            return None
        if message.HasField("your_timestamp"):
            self.ping_sample_ms = round_trip_ms(now, message.your_timestamp, message.delay_time_usec)
        remote_id = message.server_connection_id
        if remote_id & 0xFFFF == 0:
            return Refusal(int(EndReason.REMOTE_BAD_CRYPT), "Didn't send valid connection ID")
        peer = check_peer(
            message.cert,
            certificate,
            message.crypt,
            identity,
            allow_without_auth=allow_without_auth,
            trust=policy.trust,
            unix_time_s=policy.unix_time_s,
            challenge_version=self._server_version,
            local_lanes=local_lanes,
            app_id=policy.app_id,
        )
        if isinstance(peer, Refusal):
            return peer
        if self._expected is not None:
            problem = self._expected.problem(peer)
            if problem is not None:
                return problem
        ciphers = session_ciphers(False, self._credentials, peer, self.connection_id, remote_id, peer.ciphers[0])
        if isinstance(ciphers, Refusal):
            return ciphers
        sealing, opening = ciphers
        return Agreement(sealing, opening, peer, remote_id)

    def datagrams_to_send(self, now: int, ping_ms: int) -> list[bytes]:
        """What is owed or due; every message sent restarts the retry timer."""
        if self._owes_request:
            self._owes_request = False
            request = ConnectRequest(
                client_connection_id=self.connection_id, challenge=self._challenge, my_timestamp=now
            )
            if ping_ms >= 0:
                request.ping_est_ms = ping_ms
            self._credentials.fill(request)
            data = datagram.encode_control(datagram.CONNECT_REQUEST, request)
        elif now >= self.retry_at:
            data = challenge_request(self.connection_id, now)
        else:
            return []
        self.retry_at = now + RETRY_US
        return [data]

    def owes(self) -> bool:
        """Whether a ConnectRequest is to leave at once."""
        return self._owes_request


@final
class ServerHandshake:
    """The accepting side, from a valid ConnectRequest on."""

    __slots__ = (
        "_client_timestamp",
        "_credentials",
        "_received_at",
        "client_id",
        "connection_id",
        "ok_bytes",
        "owes_ok",
        "peer",
        "ping_estimate_ms",
    )

    def __init__(self, request: ConnectRequest, peer: PeerCredentials, now: int) -> None:
        self.connection_id = 0
        """Our own id, set when the connection gets one."""
        self.client_id = request.client_connection_id
        self.peer = peer
        self._client_timestamp = request.my_timestamp if request.HasField("my_timestamp") else NEVER
        self._received_at = now
        estimate_ms = request.ping_est_ms if request.HasField("ping_est_ms") else _NO_SAMPLE
        self.ping_estimate_ms = estimate_ms if estimate_ms <= _PING_ESTIMATE_MAX_MS else _NO_SAMPLE
        self._credentials: LocalCredentials | None = None
        self.owes_ok = False
        """A ConnectOK is to leave at once."""
        self.ok_bytes = 0
        """Size of the last ConnectOK."""

    def accept(
        self, entropy: Entropy, own: Credentials, options: ConnectionOptions, policy: Policy, lanes: int
    ) -> Refusal | Agreement:
        """Chooses the cipher and derives the keys; the ConnectOK is owed from here on. We send on so many lanes."""
        refusal = without_proof(own, policy) or too_old_for_lanes(self.peer.protocol_version, lanes)
        if refusal is not None:
            return refusal
        cipher = choose_cipher(own_ciphers(options.unencrypted), self.peer.ciphers)
        if cipher is None:
            text = "Failed to negotiate mutually-agreeable cipher"
            return Refusal(int(EndReason.REMOTE_BAD_CRYPT), text)
        credentials = LocalCredentials(
            entropy, own, [cipher], policy.unix_time_s, policy.app_id, bulk_window_bytes(options)
        )
        ciphers = session_ciphers(True, credentials, self.peer, self.client_id, self.connection_id, cipher)
        if isinstance(ciphers, Refusal):
            return ciphers
        self._credentials = credentials
        self.owes_ok = True
        sealing, opening = ciphers
        return Agreement(sealing, opening, self.peer, self.client_id)

    def connect_ok(self, now: int) -> bytes:
        """The ConnectOK: always the same, except for the time that the request was held."""
        self.owes_ok = False
        message = ConnectOK(client_connection_id=self.client_id, server_connection_id=self.connection_id)
        held_us = now - self._received_at
        if self._client_timestamp != NEVER and held_us < _ECHO_MAX_AGE_US:
            message.your_timestamp = self._client_timestamp
            message.delay_time_usec = held_us
        if self._credentials is not None:
            self._credentials.fill(message)
        data = datagram.encode_control(datagram.CONNECT_OK, message)
        self.ok_bytes = len(data)
        return data


def agree_in_memory(
    entropy: Entropy,
    connection_ids: tuple[int, int],
    identities: tuple[NetworkingIdentity, NetworkingIdentity],
    unencrypted: int,
) -> tuple[Agreement, Agreement]:
    """What two connections of this process agree on, without the messages of a handshake (spec 2, 2.14).

    Identity k is what connection k sees as its peer. Raises `ValueError` for an invalid identity.
    """
    cipher = own_ciphers(unencrypted)[0]
    credentials = (
        LocalCredentials(entropy, Credentials(identities[1]), [cipher]),
        LocalCredentials(entropy, Credentials(identities[0]), [cipher]),
    )
    agreements: list[Agreement] = []
    for index in (0, 1):
        other = credentials[1 - index]
        peer = PeerCredentials(
            identity=identities[index],
            certificate=other.certificate,
            crypt_info=other.crypt_info,
            nonce=other.nonce,
            exchange_key_type=CryptInfo.CURVE25519,
            exchange_public=other.exchange.public,
            ciphers=[cipher],
            protocol_version=PROTOCOL_VERSION,
            authenticated=False,
        )
        ciphers = session_ciphers(index == 1, credentials[index], peer, *connection_ids, cipher)
        if isinstance(ciphers, Refusal):
            raise AssertionError(f"our own credentials are not accepted: {ciphers.text}")  # noqa: TRY004 - a bug here
        agreements.append(Agreement(*ciphers, peer, connection_ids[1 - index]))
    return agreements[0], agreements[1]


def check_request(request: ConnectRequest, address: Address, policy: Policy, now: int) -> ServerHandshake | Refusal:
    """The checks on a ConnectRequest whose challenge was good; who is refused is told nothing (spec 1, 3.5)."""
    certificate = PeerCertificate(request.cert)
    identity = peer_identity(request, certificate, address, policy.allow_without_auth > 0)
    if identity is None:
        return certificate.problem or Refusal(int(EndReason.REMOTE_BAD_CERT), TEXT_NO_IDENTITY)
    peer = check_peer(
        request.cert,
        certificate,
        request.crypt,
        identity,
        allow_without_auth=policy.allow_without_auth,
        trust=policy.trust,
        unix_time_s=policy.unix_time_s,
        challenge_version=None,
        local_lanes=1,
        app_id=policy.app_id,
    )
    return peer if isinstance(peer, Refusal) else ServerHandshake(request, peer, now)
