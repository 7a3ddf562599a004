"""What helps to test programs that use gamesockets: assertions on delivery, and a plugin for pytest."""

from gamesockets.testing.delivery import assert_all_delivered, assert_delivered

__all__ = ["assert_all_delivered", "assert_delivered"]
