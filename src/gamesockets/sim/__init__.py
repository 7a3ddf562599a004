"""What would a bad network do? Seeded models of delay, loss and disorder, for users' tests and our own."""

from gamesockets.bad_network.link import Conditions, Link
from gamesockets.sim.host import Connection, Host
from gamesockets.sim.named import Access, named
from gamesockets.sim.nat import Nat
from gamesockets.sim.passage import Passage
from gamesockets.sim.recording import Playback, Recording
from gamesockets.sim.world import World

__all__ = [
    "Access",
    "Conditions",
    "Connection",
    "Host",
    "Link",
    "Nat",
    "Passage",
    "Playback",
    "Recording",
    "World",
    "named",
]
