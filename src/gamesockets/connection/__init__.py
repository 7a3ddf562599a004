"""One peer: handshake, liveness, statistics, and the conductor that joins receiving and sending."""
