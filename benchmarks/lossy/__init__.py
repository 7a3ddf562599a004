"""How well does a connection use lines of every kind, on real sockets? `python -m benchmarks.lossy`."""
