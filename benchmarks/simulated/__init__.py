"""How well does a connection use paths of every kind? In the simulator: `python -m benchmarks.simulated`."""
