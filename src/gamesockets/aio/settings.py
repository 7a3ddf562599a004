"""Which configuration values exist only once for the process, and how are they set without a `NetworkingSockets`?"""

from gamesockets.config.kinds import ConfigurationInput, ConfigurationOutput
from gamesockets.config.table import ConfigurationValue
from gamesockets.node.process import PROCESS
from gamesockets.values.arguments import check_type


def get_configuration_value(value: ConfigurationValue) -> ConfigurationOutput:
    """What is in force for the process; None for an unknown value (spec 3, 4.4)."""
    check_type("value", value, int)
    return PROCESS.get(value)


def set_configuration_value(value: ConfigurationValue, x: ConfigurationInput) -> bool:
    """Sets a value for the process, the simulated network (`FAKE_PACKET_...`) among them; None takes it back.

    It acts at once on everything alive that has nothing narrower set.

    Returns:
        Whether it was done. False: no such value, read-only, or the content cannot be converted (spec 3, 4.3).
    """
    check_type("value", value, int)
    return PROCESS.set(value, x)
