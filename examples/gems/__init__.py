"""A game for several players in one file, and its server in another."""
