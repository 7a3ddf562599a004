"""Certificates of one's own: who signs them, who trusts whom, and the files they are kept in.

import gamesockets as gs
from gamesockets import pki

authority = pki.CertificateAuthority.create()
key = pki.create_key()
certificate = authority.issue(key.public, gs.NetworkingIdentity.parse("str:alice"), days=30)
credentials = pki.Credentials.certified(certificate, key)
with gs.NetworkingSockets(credentials=credentials, trust=authority.trust()) as sockets:
    ...
"""

from gamesockets.crypto.certificate import SigningKey
from gamesockets.crypto.credentials import Credentials
from gamesockets.crypto.trust import TrustStore
from gamesockets.pki.authority import CertificateAuthority
from gamesockets.pki.certificates import (
    certificate_from_bytes,
    certificate_from_text,
    certificate_to_text,
    create_request,
    load_certificate,
    load_credentials,
    load_trust,
    public_key_to_text,
    read_request,
    request_from_text,
    request_to_text,
    save_certificate,
    save_text,
    trust_from_text,
)
from gamesockets.pki.keys import create_key, key_from_text, key_to_text, load_key, save_key
from gamesockets.pki.known_hosts import KnownHosts
from gamesockets.values.certificate import Certificate

__all__ = [
    "Certificate",
    "CertificateAuthority",
    "Credentials",
    "KnownHosts",
    "SigningKey",
    "TrustStore",
    "certificate_from_bytes",
    "certificate_from_text",
    "certificate_to_text",
    "create_key",
    "create_request",
    "key_from_text",
    "key_to_text",
    "load_certificate",
    "load_credentials",
    "load_key",
    "load_trust",
    "public_key_to_text",
    "read_request",
    "request_from_text",
    "request_to_text",
    "save_certificate",
    "save_key",
    "save_text",
    "trust_from_text",
]
