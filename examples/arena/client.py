"""How does a player's session meet the network, with the game-loop API? Without a screen: bots use it too."""

from typing import Final, final

import gamesockets as gs
from examples.arena import protocol
from examples.arena.protocol import EVENT_LANE, STATE_LANE, ProtocolError
from examples.arena.session import TICK_S, Session

TICKS_BEHIND_MAX: Final = 15


@final
class Client:
    """One connection to a server. Several may share a `NetworkingSockets`, whose owner runs the callbacks.

    Raises:
        OSError: no socket can be had for that address.
    """

    def __init__(self, sockets: gs.NetworkingSockets, address: gs.Address, name: str) -> None:
        self.session = Session(name)
        self.ended = ""
        """Why the connection ended; empty while it has not."""
        self.ticks = 0
        self._sockets = sockets
        self._due_s: float | None = None
        self._waits_for_welcome = True
        callback = gs.ConfigurationValue.CALLBACK_CONNECTION_STATUS_CHANGED
        self.connection = sockets.connect(address, {callback: self._on_status})

    def update(self, now_s: float, buttons: int) -> None:
        """Once a frame: hear what came, and play the ticks that are due with the buttons that are held."""
        if self.ended:
            return
        for message in self._sockets.receive_messages_on_connection(self.connection):
            try:
                self.session.receive(message.data, now_s)
            except ProtocolError as error:
                self._close(protocol.REASON_KICKED, f"this is no arena server: {error}")
                return
        self.session.timeline.advance(now_s)
        if self._due_s is None or self._due_s < now_s - TICKS_BEHIND_MAX * TICK_S:
            self._due_s = now_s  # begin, or begin anew after a hold-up
        while self._due_s <= now_s:
            self._due_s += self.session.tick_s
            data = self.session.tick(buttons)
            if data is not None:
                self.ticks += 1
                self._sockets.send_message_to_connection(
                    self.connection, data, gs.SendFlags.UNRELIABLE_NO_NAGLE, STATE_LANE
                )

    def tick_share(self, now_s: float) -> float:
        """How much of the current tick has passed, 0 to 1: frames and ticks need not coincide."""
        left_s = 0.0 if self._due_s is None else self._due_s - now_s
        return min(1.0, max(0.0, 1 - left_s / TICK_S))

    def status(self) -> gs.ConnectionStatus | None:
        """What the network is like; None once the connection has ended."""
        return None if self.ended else self._sockets.get_quick_connection_status(self.connection)

    def leave(self) -> None:
        """Say goodbye. Harmless to repeat."""
        if not self.ended:
            self._close(protocol.REASON_DONE, "left the game")

    def _on_status(self, status: gs.StatusInfo) -> None:
        info = status.connection_info
        if info.state == gs.ConnectionState.CONNECTED:
            self._sockets.configure_connection_lanes(self.connection, protocol.LANE_PRIORITIES, protocol.LANE_WEIGHTS)
            self._sockets.send_message_to_connection(
                self.connection, self.session.hello(), gs.SendFlags.RELIABLE_NO_NAGLE, EVENT_LANE
            )
        elif info.state in {gs.ConnectionState.CLOSED_BY_PEER, gs.ConnectionState.PROBLEM_DETECTED_LOCALLY}:
            self._close(0, explain_end(info.end_reason, info.end_debug))

    def _close(self, reason: int, text: str) -> None:
        self.ended = text
        self._sockets.close_connection(self.connection, reason, text[:100])


def explain_end(reason: int, text: str) -> str:
    """Why a connection ended, for people: what the server said, or what to do when nobody is there."""
    if reason == gs.EndReason.MISC_TIMEOUT:
        return "nobody answers there: start a server with `python -m examples.arena serve`"
    return text or f"reason {reason}"
