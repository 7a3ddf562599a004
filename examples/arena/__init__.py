"""A game with an authoritative server, in pieces that can be read one at a time: README.md is the map."""
