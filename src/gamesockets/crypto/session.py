"""Which cipher do two sides use, and with which keys? (spec 1, 4)"""

from typing import Final

from gamesockets.crypto.cipher import CIPHER_AES_256_GCM, CIPHER_NULL, AesGcmCipher, Cipher, NullCipher
from gamesockets.crypto.credentials import LocalCredentials
from gamesockets.crypto.exchange import EXCHANGE_KEY_BYTES, derive_session_keys
from gamesockets.crypto.key_sink import KEY_TAPS
from gamesockets.crypto.peer_check import PeerCredentials, Refusal
from gamesockets.values.enums import EndReason
from gamesockets.wire.messages_pb2 import CryptInfo

_BAD_CRYPT: Final = int(EndReason.REMOTE_BAD_CRYPT)

NO_COMMON_CIPHER: Final = Refusal(_BAD_CRYPT, "Failed to negotiate mutually-agreeable cipher")


def own_ciphers(unencrypted_option: int) -> list[int]:
    """The ciphers we offer or accept, best first, for a value of the option `Unencrypted` (spec 1, 4.3).

    Raises ValueError unless the option is 0..3.
    """
    if unencrypted_option == 0:
        return [CIPHER_AES_256_GCM]
    if unencrypted_option == 1:
        return [CIPHER_AES_256_GCM, CIPHER_NULL]
    if unencrypted_option == 2:
        return [CIPHER_NULL, CIPHER_AES_256_GCM]
    if unencrypted_option == 3:
        return [CIPHER_NULL]
    raise ValueError(f"option Unencrypted is {unencrypted_option}, must be 0..3")


def choose_cipher(own: list[int], offered: list[int]) -> int | None:
    """The first of our own that the peer offered; None, which means `NO_COMMON_CIPHER`, if there is none."""
    for cipher in own:
        if cipher in offered:
            return cipher
    return None


def session_ciphers(
    is_server: bool,
    local: LocalCredentials,
    peer: PeerCredentials,
    client_connection_id: int,
    server_connection_id: int,
    cipher: int,
) -> tuple[Cipher, Cipher] | Refusal:
    """The ciphers for sending and for receiving (spec 1, 3.7 rows 14 to 17).

    `cipher` is the one that the server chose, see `choose_cipher`.
    """
    if not is_server and len(peer.ciphers) != 1:
        # sic: the reference library's own spelling
        return Refusal(_BAD_CRYPT, "Server must select exactly only one cipher!")
    if cipher not in local.ciphers or cipher not in peer.ciphers:
        return NO_COMMON_CIPHER
    if peer.exchange_key_type != CryptInfo.CURVE25519:
        return Refusal(_BAD_CRYPT, f"Unsupported DH key type {peer.exchange_key_type}")
    if len(peer.exchange_public) != EXCHANGE_KEY_BYTES:
        return Refusal(_BAD_CRYPT, "Invalid DH key")
    shared = local.exchange.shared_secret(peer.exchange_public)
    if shared is None:
        return Refusal(_BAD_CRYPT, "Key exchange failed")
    if cipher == CIPHER_NULL:
        return NullCipher(), NullCipher()
    keys = derive_session_keys(
        shared,
        server_nonce=local.nonce if is_server else peer.nonce,
        client_nonce=peer.nonce if is_server else local.nonce,
        client_connection_id=client_connection_id,
        server_connection_id=server_connection_id,
        server_certificate=local.certificate if is_server else peer.certificate,
        client_certificate=peer.certificate if is_server else local.certificate,
        server_crypt_info=local.crypt_info if is_server else peer.crypt_info,
        client_crypt_info=peer.crypt_info if is_server else local.crypt_info,
    )
    sink = KEY_TAPS.sink
    if sink is not None:
        sink.take(server_connection_id, client_connection_id, keys.client_to_server_key, keys.client_to_server_iv)
        sink.take(client_connection_id, server_connection_id, keys.server_to_client_key, keys.server_to_client_iv)
    to_server = AesGcmCipher(keys.client_to_server_key, keys.client_to_server_iv)
    to_client = AesGcmCipher(keys.server_to_client_key, keys.server_to_client_iv)
    return (to_client, to_server) if is_server else (to_server, to_client)
