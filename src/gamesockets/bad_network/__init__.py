"""Simulated loss, lag, disorder and rate limits: for the simulator's links and in front of real sockets."""
