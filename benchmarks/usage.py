"""What has this process used so far? Processor time of all its threads, and memory."""

from __future__ import annotations

import gc
import os
import resource
import sys
import time
from pathlib import Path

_STATM = Path("/proc/self/statm")


def cpu_s() -> float:
    """Seconds of processor time, user and system, all threads; what `getrusage` tells, in finer steps."""
    return time.process_time()


def resident_bytes() -> int:
    """Resident memory after a garbage collection; where the system does not tell, the largest it ever was."""
    gc.collect()
    if _STATM.exists():
        return int(_STATM.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def allow_many_files(count: int) -> None:
    """Raises this process's own limit of open files to `count` if it is lower and may be raised."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = count if hard == resource.RLIM_INFINITY else min(count, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
