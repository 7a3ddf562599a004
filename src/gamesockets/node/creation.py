"""What holds for a new node, listen socket or connection: which settings, and which addresses can be connected to?"""

from collections.abc import Mapping
from typing import Final, TypeAlias

from gamesockets.config.kinds import ConfigurationInput
from gamesockets.config.scopes import Configuration
from gamesockets.config.table import ConfigurationValue, find_row
from gamesockets.node.process import PROCESS
from gamesockets.values.address import Address
from gamesockets.values.arguments import check_type
from gamesockets.values.enums import ConfigurationScope

Config: TypeAlias = Mapping[ConfigurationValue, ConfigurationInput]

_EVERY_IPV4: Final = Address("0.0.0.0", 0).packed  # noqa: S104 - to refuse it


def apply_config(interface: Configuration, config: Config) -> None:
    """Sets values for a new node; those that exist only once for the process are set there. Called without any lock.

    Raises:
        ValueError: a value cannot be set.
    """
    for value, x in config.items():
        row = find_row(value)
        if row is not None and row.scope == ConfigurationScope.GLOBAL:
            PROCESS.apply({value: x})
        else:
            interface.apply({value: x})


def configuration_for(scope: ConfigurationScope, interface: Configuration, config: Config | None) -> Configuration:
    """The settings of a new listen socket or connection over UDP.

    Raises:
        TypeError: `config` is no mapping.
        ValueError: a value cannot be set, or cannot be so over plain UDP.
    """
    configuration = Configuration(scope, interface)
    if config is not None:
        check_type("config", config, Mapping)
        configuration.apply(config)
    if configuration.effective(ConfigurationValue.SYMMETRIC_CONNECT) != 0:
        raise ValueError("SYMMETRIC_CONNECT must be 0 for connections over plain UDP")
    return configuration


def packet_trace_bytes(configuration: Configuration) -> int:
    """How much of each datagram debug output shows; below 0 for nothing."""
    x = configuration.effective(ConfigurationValue.PACKET_TRACE_MAX_BYTES)
    return x if isinstance(x, int) else -1


def check_connectable(address: Address) -> None:
    """Raises `ValueError` for an address at which nobody can be."""
    if address.port == 0:
        raise ValueError(f"cannot connect to port 0 of {address}: name the port that the server listens on")
    if address.is_all_zeros or address.packed == _EVERY_IPV4:
        raise ValueError(f"cannot connect to {address}, which stands for every address: name one of the server")
