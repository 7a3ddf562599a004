"""What has been used so far? Processor time and memory of this process; processor time of the whole machine."""

from __future__ import annotations

import gc
import os
import resource
import sys
import time
from pathlib import Path

_STATM = Path("/proc/self/statm")
_STAT = Path("/proc/stat")
_BUSY_FIELDS = (1, 2, 3, 6, 7, 8)
"""Of the first line of /proc/stat: user, nice, system, interrupts twice, stolen by other machines; not idling."""


def cpu_s() -> float:
    """Seconds of processor time, user and system, all threads; what `getrusage` tells, in finer steps."""
    return time.process_time()


def children_cpu_s() -> float:
    """Seconds of processor time of all processes that this one started and that have ended."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def machine_cpu_s() -> float:
    """Seconds that all processors of the machine have been busy for anybody; 0 where the system does not tell."""
    if not _STAT.exists():
        return 0.0
    fields = _STAT.read_text().split("\n", 1)[0].split()
    return sum(int(fields[index]) for index in _BUSY_FIELDS) / os.sysconf("SC_CLK_TCK")


def waited_s() -> float:
    """How long threads of this process were ready to run while others had the processors; 0 where nobody tells."""
    try:
        tasks = list(Path("/proc/self/task").iterdir())
        return sum(int((task / "schedstat").read_text().split()[1]) for task in tasks) / 1e9
    except OSError:
        return 0.0


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
