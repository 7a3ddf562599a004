"""Bots and a server in Python for a game whose other players may use the reference library."""
