"""What every test of `aio` starts with."""

from tests.support.process import own_global_values

__all__ = ["own_global_values"]  # a fixture
