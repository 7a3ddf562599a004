"""How long do ends wait for each other where a machine is busy, or hundreds of them come at once?"""

from typing import Final

import gamesockets as gs

PATIENT_AT_FIRST: Final = {gs.ConfigurationValue.TIMEOUT_INITIAL: 60_000}
"""For handshakes that may take more than ten seconds, and clients that are there before their server."""

PATIENT: Final = {**PATIENT_AT_FIRST, gs.ConfigurationValue.TIMEOUT_CONNECTED: 60_000}
"""For answers, too."""
