"""Does the reference library see no difference between itself and either driver of ours? The scenarios are shared.

Pytest shall find them here as well as in `tests.behaviour`, where `pairing` has other values.
"""

# ruff: noqa: F403 - tests are found by their names

from tests.behaviour.test_bad_network import *
from tests.behaviour.test_closing import *
from tests.behaviour.test_encryption import *
from tests.behaviour.test_handshake import *
from tests.behaviour.test_lanes import *
from tests.behaviour.test_limits import *
from tests.behaviour.test_many_clients import *
from tests.behaviour.test_messages import *
