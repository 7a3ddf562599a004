"""What would a bad network do? Seeded models of delay, loss and disorder, for users' tests and our own."""

from gamesockets.bad_network.link import Conditions, Link
from gamesockets.sim.host import Connection, Host
from gamesockets.sim.passage import Passage
from gamesockets.sim.world import World

__all__ = ["Conditions", "Connection", "Host", "Link", "Passage", "World"]
