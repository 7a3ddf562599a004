"""What do the texts about a connection say of the peer's certificate?"""

from typing import Final

import pytest
from tests.support.authority import Authority

from gamesockets import pki, sim
from gamesockets.observe.status_text import debug_text, detailed_status

AUTHORITY: Final = Authority()


@pytest.mark.parametrize("is_trusted", [True, False])
def test_a_certificate_that_an_authority_signed_is_told(is_trusted: bool) -> None:
    world = sim.World()
    server = world.listen(credentials=AUTHORITY.credentials("server", 1))
    host = world.host(trust=AUTHORITY.trust() if is_trusted else None)
    client = world.connect(server, host=host)
    assert world.run_until(lambda: client.is_connected)
    certificate = client.info().certificate
    assert certificate is not None
    line = f"Certificate of remote host: key {certificate.key_id}, apps 0, until 4000000000 (Unix time), signed by "
    line += "an authority we trust" if is_trusted else "an authority we do not trust"
    assert detailed_status(client.core, world.now_us).splitlines()[-1] == f"    {line}"
    assert debug_text(client.core, "").splitlines()[-1] == line


def test_one_that_nobody_signed_is_not() -> None:
    """It is a claim, and the texts stay those of the reference library."""
    world = sim.World()
    client = world.connect(world.listen(credentials=pki.Credentials(None, pki.SigningKey(b"k" * 32))))
    assert world.run_until(lambda: client.is_connected)
    assert client.info().certificate is not None, "its key is known all the same"
    assert "Certificate" not in detailed_status(client.core, world.now_us) + debug_text(client.core, "")
