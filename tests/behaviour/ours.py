"""What do the two sides that drive our library share?  How are its records and log lines read, whatever the driver?"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Final

from tests.behaviour.side import Event, Info, Status
from tests.behaviour.traffic import Received, digest
from tests.interop.gns import Config, OptionValue

import gamesockets as gs

LANES_TO_ECHO: Final = 8
JOIN_S: Final = 60.0


class ErrorLog(logging.Handler):
    """Unexpected errors that the library logs because there is no caller to raise them to."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.lines: list[str] = []
        logging.getLogger(gs.__name__).addHandler(self)

    def emit(self, record: logging.LogRecord) -> None:
        """Keep the line if it has a traceback: without one it is a complaint about the application or the peer."""
        if record.exc_info:
            self.lines.append(self.format(record))

    def close(self) -> None:
        """Stop listening."""
        logging.getLogger(gs.__name__).removeHandler(self)
        super().close()


def named(
    values: Mapping[int, OptionValue] | Mapping[Config, OptionValue],
) -> dict[gs.ConfigurationValue, OptionValue]:
    """Configuration values by our names."""
    return {gs.ConfigurationValue(value): content for value, content in values.items()}


def received_from(message: gs.NetworkingMessage) -> Received:
    """A message as scenarios compare it."""
    return Received(message.message_number, message.lane, int(message.flags), message.length, digest(message.data))


def info_from(info: gs.ConnectionInfo) -> Info:
    """Information as scenarios compare it."""
    return Info(
        str(info.identity),
        str(info.address),
        info.listen_socket,
        info.state,
        info.end_reason,
        info.end_debug,
        info.flags,
        info.connection_description,
    )


def event_from(change: gs.StatusInfo) -> Event:
    """A change as scenarios compare it."""
    info = change.connection_info
    return Event(
        change.connection,
        change.old_state,
        info.state,
        info.end_reason,
        info.end_debug,
        str(info.identity),
        str(info.address),
        info.listen_socket,
        info.flags,
        info.connection_description,
    )


def status_from(status: gs.ConnectionStatus) -> Status:
    """Rates and queues as scenarios compare them."""
    return Status(
        status.state,
        status.ping,
        status.connection_quality_local,
        status.connection_quality_remote,
        status.out_packets_per_second,
        status.out_bytes_per_second,
        status.in_packets_per_second,
        status.in_bytes_per_second,
        status.send_rate_bytes_per_second,
        status.pending_unreliable,
        status.pending_reliable,
        status.sent_unacked_reliable,
        status.queue_time,
        status.max_jitter,
    )
