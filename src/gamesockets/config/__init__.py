"""Configuration values: the table of them, the scopes at which they are set, and what a connection runs with."""
