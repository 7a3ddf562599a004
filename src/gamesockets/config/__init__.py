"""Configuration values: their table, the scopes at which they are set, and the numbers that a connection runs with."""
