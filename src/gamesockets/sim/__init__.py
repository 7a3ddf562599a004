"""What would a bad network do? Seeded models of delay, loss and disorder, for users' tests and our own."""

from gamesockets.sim.link import Conditions, Link

__all__ = ["Conditions", "Link"]
