"""Bytes on the wire to values and back, in pure functions."""
