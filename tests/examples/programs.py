"""How does a test start an example as its reader would?"""

import sys


def example(module: str, *arguments: str) -> list[str]:
    """The command line that runs it, unbuffered and with every warning an error."""
    return [sys.executable, "-u", "-W", "error", "-m", f"examples.{module}", *arguments]
