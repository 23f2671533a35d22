"""The figures that every exporter gives of its process, under the names that dashboards expect."""

from __future__ import annotations

import os
import resource
from pathlib import Path

from .exposition import Family, counter, gauge

_PROC = Path("/proc/self")


def process_families() -> list[Family]:
    """Nothing where there is no /proc."""
    try:
        fields = (_PROC / "stat").read_text().rpartition(")")[2].split()
        booted = next(line for line in Path("/proc/stat").read_text().splitlines() if line.startswith("btime "))
        open_files = sum(1 for _ in (_PROC / "fd").iterdir())
    except (OSError, StopIteration):
        return []
    ticks = os.sysconf("SC_CLK_TCK")
    # Fields after the name, from `state` (proc(5) number 3): utime 14, stime 15, num_threads 20, starttime 22, rss 24.
    busy, threads, started, pages = int(fields[11]) + int(fields[12]), fields[17], int(fields[19]), int(fields[21])
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    begun = int(booted.split()[1]) + started / ticks
    return [
        counter("process_cpu_seconds_total", "Processor time of the owner", busy / ticks),
        gauge("process_resident_memory_bytes", "Resident memory of the owner", pages * os.sysconf("SC_PAGE_SIZE")),
        gauge("process_open_fds", "Open file descriptors of the owner", open_files),
        gauge("process_max_fds", "File descriptors that the owner may open", limit),
        gauge("process_threads", "Threads of the owner", int(threads)),
        gauge("process_start_time_seconds", "Start of the owner, since the epoch", begun),
    ]
