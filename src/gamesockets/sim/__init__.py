"""What would a bad network do? Seeded models of delay, loss and disorder, for users' tests and our own."""

from gamesockets.bad_network.link import Conditions, Link
from gamesockets.sim.world import Connection, Host, Passage, World

__all__ = ["Conditions", "Connection", "Host", "Link", "Passage", "World"]
