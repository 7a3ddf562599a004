"""What may be said on the command lines of the benchmarks?"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Collection


def count(text: str) -> int:
    """A whole number from 1 on."""
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"must be at least 1, not {text}")
    return value


def systems_among(known: Collection[str]) -> Callable[[str], list[str]]:
    """Names of systems with commas between them."""

    def systems(text: str) -> list[str]:
        names = text.split(",")
        for name in names:
            if name not in known:
                raise argparse.ArgumentTypeError(f"no system {name!r}, there are {', '.join(known)}")
        return names

    return systems
