"""How fast is it, and how fast is what else there is? Run with `python -m benchmarks`."""
