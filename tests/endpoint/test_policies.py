"""What must a peer prove, far away and on this machine? (spec 1, 5.9)"""

import pytest

from gamesockets.config.options import ConnectionOptions
from gamesockets.crypto.trust import TrustStore
from gamesockets.endpoint.policies import Policies
from gamesockets.values.address import Address


@pytest.mark.rule("1, 5.9 rule 1")
@pytest.mark.parametrize(
    ("ip", "general", "localhost", "allowed"),
    [
        ("203.0.113.5", 0, 2, 0),
        ("203.0.113.5", 1, 2, 1),
        ("127.0.0.1", 0, 2, 2),
        ("127.9.9.9", 0, 1, 1),
        ("::1", 1, 0, 1),
        ("fe80::1%1", 0, 2, 0),
    ],
)
def test_more_may_be_allowed_on_this_machine(ip: str, general: int, localhost: int, allowed: int) -> None:
    options = ConnectionOptions(allow_without_auth=general, localhost_allow_without_auth=localhost)
    assert Policies(None, 0).towards(Address(ip, 5), options, 0).allow_without_auth == allowed


@pytest.mark.rule("1, 5.4 rule 2")
def test_certificates_are_judged_by_unix_time() -> None:
    trust = TrustStore([])
    policy = Policies(trust, 1_700_000_000_000_000).towards(Address("::1", 5), ConnectionOptions.default(), 2_500_000)
    assert policy.unix_time_s == 1_700_000_002
    assert policy.trust is trust
