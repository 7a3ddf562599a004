"""Bytes to values and back: what the peers' bytes mean. Pure functions, nothing of the layers above."""
