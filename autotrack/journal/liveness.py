"""Who writes a segment, and whether that process is still there. No heartbeat is needed on one host."""

from __future__ import annotations

import functools
import os
from typing import TypedDict

from autotrack.journal.events import Open


class Identity(TypedDict):
    """The fields of `Open` that identify a process."""

    host: str
    boot: str
    pid: int
    process_started: int
    hostname: str


def writer_identity() -> Identity:
    """Return the identity of this process."""
    return Identity(
        host=_host(), boot=_boot(), pid=os.getpid(), process_started=_own_start(), hostname=os.uname().nodename
    )


def is_alive(opened: Open) -> bool | None:
    """Return whether the process that wrote a segment's first line still runs; None if another host's is asked for."""
    if opened.host != _host():
        return None
    if opened.boot != _boot():
        return False
    try:
        os.kill(opened.pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # somebody else's process: it is there
        pass
    return opened.process_started in (0, _process_started(opened.pid))


@functools.cache
def _host() -> str:
    """Return an id of this machine *and* its process namespace: a container's pids mean nothing outside it."""
    import hashlib

    machine = _read("/etc/machine-id") or _read("/var/lib/dbus/machine-id") or os.uname().nodename
    try:
        namespace = os.readlink("/proc/self/ns/pid")
    except OSError:
        namespace = ""
    return hashlib.sha256(f"{machine}\n{os.uname().nodename}\n{namespace}".encode()).hexdigest()[:32]


@functools.cache
def _boot() -> str:
    return _read("/proc/sys/kernel/random/boot_id")


@functools.cache
def _own_start() -> int:
    return _process_started(os.getpid())


os.register_at_fork(after_in_child=_own_start.cache_clear)


def _process_started(pid: int) -> int:
    """Return when a process started in clock ticks since boot (field 22 of proc_pid_stat(5)); 0 where unknown."""
    stat = _read(f"/proc/{pid}/stat")
    fields = stat.rpartition(")")[2].split()
    if len(fields) < 20 or fields[0] in ("Z", "X"):  # a zombie writes no more
        return 0 if not stat else -1
    return int(fields[19])


def _read(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read().strip()
    except OSError:
        return ""
