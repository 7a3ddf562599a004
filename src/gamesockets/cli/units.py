"""How are numbers with a unit written for people: short, and of the same width whatever their size?"""

from __future__ import annotations

from typing import Final

_PREFIXES: Final = ("", "k", "M", "G", "T")


def count(number: int) -> str:
    """A whole number with its thousands apart."""
    return f"{number:,}"


def plural(number: int, noun: str) -> str:
    """A number of things: 1 server, 2 servers."""
    return f"{count(number)} {noun}" + ("" if number == 1 else "s")


def milliseconds(microseconds: float) -> str:
    """A time in milliseconds with three digits, without the unit."""
    value = microseconds / 1000
    if value >= 99.95:
        return f"{value:.0f}"
    if value >= 9.995:
        return f"{value:.1f}"
    return f"{value:.2f}"


def rate(per_second: float) -> str:
    """How often something happens a second, without the unit: with a decimal only where it tells something."""
    return f"{per_second:.1f}" if 0 < per_second < 9.95 else f"{per_second:,.0f}"


def size(number_bytes: float) -> str:
    """An amount of bytes, such as 1.5 MB; thousands, as networks count."""
    value = float(number_bytes)
    for prefix in _PREFIXES:
        if value < 999.5 or prefix == _PREFIXES[-1]:
            break
        value /= 1000
    digits = 0 if not prefix or value >= 99.95 else 1
    return f"{value:.{digits}f} {prefix}B"


def bytes_per_second(number_bytes: float) -> str:
    """A rate of bytes, such as 1.5 MB/s."""
    return size(number_bytes) + "/s"


def duration(seconds: float) -> str:
    """A time span as people read it: 0:07, 12:34, 1:02:03."""
    whole = int(seconds)
    hours, minutes = whole // 3600, whole // 60 % 60
    return f"{hours}:{minutes:02}:{whole % 60:02}" if hours else f"{minutes}:{whole % 60:02}"
