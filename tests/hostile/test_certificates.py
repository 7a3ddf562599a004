"""Does a server under a flood of bad certificates keep its limits, and do players still get in?"""

from collections.abc import Callable
from typing import Any, Final

import pytest

import gamesockets as gs
from gamesockets import pki, sim
from gamesockets.crypto.trust import VERIFIED_MAX
from gamesockets.endpoint.strangers import REFUSED_MAX

CREATED_S: Final = 1_767_225_600
ROOT: Final = pki.CertificateAuthority(pki.SigningKey(b"r" * 32))
FOREIGN: Final = pki.CertificateAuthority(pki.SigningKey(b"f" * 32))
PER_SECOND: Final = 50
CONFIG: Final = {
    gs.ConfigurationValue.IP_ALLOW_WITHOUT_AUTH: 0,
    gs.ConfigurationValue.LISTEN_HANDSHAKES_PER_SECOND: PER_SECOND,
}


def credentials(authority: pki.CertificateAuthority, number: int, **changes: Any) -> pki.Credentials:
    key = pki.SigningKey(number.to_bytes(32, "big"))
    name = gs.NetworkingIdentity.generic_string(f"player-{number}")
    arguments: dict[str, Any] = {"days": 1, "created_s": CREATED_S} | changes
    return pki.Credentials.certified(authority.issue(key.public, name, **arguments), key)


def forged(number: int) -> pki.Credentials:
    """The authority's number, and a signature that is not its own."""
    shown = credentials(ROOT, number)
    message = shown.proof(CREATED_S)
    assert message is not None
    message.ca_signature = bytes(64)
    return shown


@pytest.mark.parametrize("kind", ["foreign", "forged", "another app"])
def test_a_flood_of_bad_certificates(kind: str) -> None:
    makers: dict[str, Callable[[int], pki.Credentials]] = {
        "foreign": lambda number: credentials(FOREIGN, number),
        "forged": forged,
        "another app": lambda number: credentials(ROOT, number, app_ids=(440,)),
    }
    make = makers[kind]
    world = sim.World(1)
    trust = ROOT.trust()
    server = world.listen(credentials=credentials(ROOT, 1), trust=trust, config=CONFIG)
    seconds = 3
    for number in range(300):
        world.connect(server, host=world.host(credentials=make(1000 + number)))
    player_host = world.host(credentials=credentials(ROOT, 2), trust=ROOT.trust())
    player = world.connect(server, host=player_host, config={gs.ConfigurationValue.TIMEOUT_INITIAL: 30_000})
    world.run(seconds)
    statistics = server.statistics
    assert 0 < statistics.bad_requests <= PER_SECOND * (seconds + 4) + 1, "no more was looked at than may be"
    strangers = server.endpoint.strangers
    assert strangers is not None
    assert len(strangers.refused) <= REFUSED_MAX
    assert world.run_until(lambda: player.is_connected, 30), "the player waits for its turn, and gets it"
    assert len(trust._verified) <= VERIFIED_MAX


def test_what_is_remembered_of_good_certificates_is_bounded() -> None:
    trust = ROOT.trust()
    last = None
    for number in range(VERIFIED_MAX + 100):
        last = credentials(ROOT, number + 1).certificate
        assert last is not None
        trust.verify(last, CREATED_S)
    assert len(trust._verified) <= VERIFIED_MAX
    assert last is not None
    trust.revoke(last.key_id)
    with pytest.raises(gs.CertificateError, match="Revoked"):
        trust.verify(last, CREATED_S)
