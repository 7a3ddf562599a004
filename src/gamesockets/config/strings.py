"""Which text settings did the early wrapper have, and which configuration values are they today?"""

from enum import IntEnum

from gamesockets.config.table import ConfigurationValue
from gamesockets.values.renamed import RenamedMembers


class ConfigurationString(IntEnum, metaclass=RenamedMembers):
    """The text settings of the early wrapper, by its numbers (spec 3, 2.1).

    All concern Valve's relay network, so they are kept and can be read back, and have no effect here.
    """

    CLIENT_FORCE_RELAY_CLUSTER = 0
    CLIENT_DEBUG_TICKET_ADDRESS = 1
    CLIENT_FORCE_PROXY_ADDR = 2

    @property
    def configuration_value(self) -> ConfigurationValue:
        """The configuration value that this setting is today."""
        return ConfigurationValue(ConfigurationValue.SDR_CLIENT_FORCE_RELAY_CLUSTER + self)

    @property
    def early_name(self) -> str:
        """The name as the early wrapper spelt it."""
        return "".join(part.capitalize() for part in self.name.split("_"))
