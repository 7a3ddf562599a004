"""One identity with its ports, connections, listen sockets, poll groups and settings, whoever drives it."""
