"""What do tests not depend on? How fast the machine is, and how pytest was started."""

import signal

from hypothesis import settings

# How long an example takes is no failure.
settings.register_profile("patient", deadline=None)
settings.load_profile("patient")

# A shell starts what runs in the background with Ctrl-C ignored, and the programs that tests interrupt inherit that.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
