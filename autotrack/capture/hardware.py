"""Machine: operating system, processor, memory, graphics processors; from files of the kernel and the driver's library.

Every function returns what it finds and lists the rest, with the reason, in `missing`.
"""

from __future__ import annotations

import ctypes
import os
import platform as _platform
import re
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

_CGROUPS = "/sys/fs/cgroup"
_NO_LIMIT = 1 << 60  # version 1 of cgroups says "no limit" with a number close to 2**63


def read_text(path: str, limit: int = 65536) -> str | None:
    """Return the beginning of a text file (at most `limit` bytes), None where it cannot be read."""
    try:
        with open(path, "rb") as file:
            return file.read(limit).decode("utf-8", "replace")
    except OSError:
        return None


def platform(missing: dict[str, str]) -> dict[str, Any]:
    """Operating system, kernel, C library, machine type, container."""
    name = os.uname()
    result: dict[str, Any] = {
        "system": name.sysname,
        "kernel": name.release,
        "machine": name.machine,
        "os": _os_name(),
        "libc": _libc(),
        "container": _container(),
    }
    for key in ("os", "libc"):
        if not result[key]:
            missing[f"platform.{key}"] = "not stated by this system"
    return result


def _os_name() -> str:
    if sys.platform == "darwin":
        return f"macOS {_platform.mac_ver()[0]}"
    text = read_text("/etc/os-release") or read_text("/usr/lib/os-release") or ""
    found = re.search(r'^PRETTY_NAME=(["\']?)(.*)\1\s*$', text, re.MULTILINE)
    return found[2] if found else ""


def _libc() -> str:
    try:
        return (os.confstr("CS_GNU_LIBC_VERSION") or "").strip()
    except (AttributeError, ValueError, OSError):
        pass
    try:
        return "musl" if any(n.startswith("ld-musl") for n in os.listdir("/lib")) else ""
    except OSError:
        return ""


def _container() -> dict[str, str] | None:
    """Kind of container, and image where the runtime tells it inside; None outside of one."""
    environ = os.environ
    podman = read_text("/run/.containerenv")
    kind = ""
    if podman is not None:
        kind = "podman"
    elif "APPTAINER_NAME" in environ or "SINGULARITY_NAME" in environ:
        kind = "apptainer"
    elif "KUBERNETES_SERVICE_HOST" in environ:
        kind = "kubernetes"
    elif os.path.exists("/.dockerenv"):
        kind = "docker"
    elif environ.get("container"):
        kind = environ["container"]
    else:
        found = re.search(r"docker|kubepods|containerd|libpod|lxc", read_text("/proc/self/cgroup") or "")
        kind = found[0] if found else ""
    if not kind:
        return None
    result = {"kind": kind}
    for key in ("image", "imageid"):
        found = re.search(rf'^{key}="(.*)"$', podman or "", re.MULTILINE)
        if found:
            result[key] = found[1]
    image = environ.get("APPTAINER_CONTAINER") or environ.get("SINGULARITY_CONTAINER")
    if image:
        result["image"] = image
    return result


def cpu(missing: dict[str, str]) -> dict[str, Any]:
    """Processor model, logical processors, those that this process may use, and the cgroup's share of them."""
    model = _cpu_model()
    if not model:
        missing["cpu.model"] = "not stated by this system"
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return {"model": model, "count": os.cpu_count(), "usable": usable, "limit": _cpu_limit()}


def _cpu_model() -> str:
    if sys.platform == "darwin":
        return _command("/usr/sbin/sysctl", "-n", "machdep.cpu.brand_string").strip()
    text = read_text("/proc/cpuinfo") or ""
    # x86 and others; PowerPC; ARM has numbers only, or the board's name
    found = re.search(r"^(?:model name|cpu|Model|Hardware)\s*:\s*(.+)$", text, re.MULTILINE)
    if found:
        return found[1].strip()
    parts = [
        m[1].strip()
        for k in ("CPU implementer", "CPU part")
        if (m := re.search(rf"^{k}\s*:\s*(.+)$", text, re.MULTILINE))
    ]
    return f"{os.uname().machine} implementer {parts[0]} part {parts[1]}" if len(parts) == 2 else ""


def memory(missing: dict[str, str]) -> dict[str, Any]:
    """Bytes of memory of the machine, and the cgroup's limit where it is lower."""
    try:
        total = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (ValueError, OSError) as error:
        missing["memory.total"] = str(error)
        return {"total": None, "limit": None}
    limits = [
        int(text)
        for text in (*_cgroup("memory", "memory.max"), *_cgroup("memory", "memory.limit_in_bytes"))
        if text.isdigit()
    ]
    limit = min(limits, default=_NO_LIMIT)
    return {"total": total, "limit": limit if limit < min(total, _NO_LIMIT) else None}


def _cpu_limit() -> float | None:
    """Processors' worth of time that the cgroups allow, None where they set no limit."""
    shares = []
    for text in _cgroup("cpu", "cpu.max"):
        quota, _, period = text.partition(" ")
        if quota.isdigit() and period.isdigit():
            shares.append(int(quota) / int(period))
    for quota, period in zip(_cgroup("cpu", "cpu.cfs_quota_us"), _cgroup("cpu", "cpu.cfs_period_us"), strict=False):
        if quota.isdigit() and period.isdigit() and int(period):
            shares.append(int(quota) / int(period))
    return round(min(shares), 3) if shares else None


def _cgroup(controller: str, name: str) -> Iterator[str]:
    """Contents of one control file in the process's group and all groups around it (versions 2 and 1)."""
    for line in (read_text("/proc/self/cgroup") or "").splitlines():
        number, controllers, path = [*line.split(":", 2), "", "", ""][:3]
        if number == "0" and not controllers:
            base = _CGROUPS
        elif controller in controllers.split(","):
            base = f"{_CGROUPS}/{controllers}"
            if not os.path.isdir(base):
                base = f"{_CGROUPS}/{controller}"
        else:
            continue
        path = path.rstrip("/")
        while True:
            text = read_text(f"{base}{path}/{name}", 200)
            if text is not None:
                yield text.strip()
            if not path:
                break
            path = path.rpartition("/")[0]


# -- graphics processors -----------------------------------------------------------------------------------------------


def gpus(missing: dict[str, str]) -> dict[str, Any]:
    """NVIDIA devices (name, bytes of memory), driver and the CUDA version that the driver supports."""
    if not any(os.path.exists(p) for p in ("/dev/nvidiactl", "/dev/dxg", "/proc/driver/nvidia/version")):
        return {"devices": [], "driver": None, "cuda_driver": None}
    try:
        return _nvml()
    except (OSError, AttributeError, RuntimeError) as error:
        missing["gpus"] = f"NVML: {error}"
    devices = []
    try:
        for folder in sorted(os.listdir("/proc/driver/nvidia/gpus")):
            found = re.search(
                r"^Model:\s*(.+)$", read_text(f"/proc/driver/nvidia/gpus/{folder}/information") or "", re.MULTILINE
            )
            devices.append({"name": found[1].strip() if found else "NVIDIA", "memory": None})
    except OSError:
        pass
    found = re.search(r"(?:Kernel Module(?: for \S+)?)\s+(\d[\d.]*)", read_text("/proc/driver/nvidia/version") or "")
    return {"devices": devices, "driver": found[1] if found else None, "cuda_driver": None}


def _nvml() -> dict[str, Any]:
    """Ask the driver's own library (names and structures: NVIDIA's NVML API reference)."""
    library = ctypes.CDLL("libnvidia-ml.so.1")

    class Memory(ctypes.Structure):
        _fields_ = [("total", ctypes.c_ulonglong), ("free", ctypes.c_ulonglong), ("used", ctypes.c_ulonglong)]

    def call(name: str, *arguments: Any) -> None:
        status = getattr(library, name)(*arguments)
        if status != 0:
            message = f"{name} answered {status}"
            raise RuntimeError(message)

    call("nvmlInit_v2")
    try:
        text = ctypes.create_string_buffer(96)
        call("nvmlSystemGetDriverVersion", text, ctypes.c_uint(len(text)))
        driver = text.value.decode("utf-8", "replace")
        cuda = ctypes.c_int()
        call("nvmlSystemGetCudaDriverVersion_v2", ctypes.byref(cuda))
        count = ctypes.c_uint()
        call("nvmlDeviceGetCount_v2", ctypes.byref(count))
        devices = []
        for index in range(count.value):
            handle = ctypes.c_void_p()
            call("nvmlDeviceGetHandleByIndex_v2", ctypes.c_uint(index), ctypes.byref(handle))
            call("nvmlDeviceGetName", handle, text, ctypes.c_uint(len(text)))
            size = Memory()
            # No memory of its own (integrated) or not allowed (MIG): the device is there all the same.
            known = library.nvmlDeviceGetMemoryInfo(handle, ctypes.byref(size)) == 0
            devices.append({"name": text.value.decode("utf-8", "replace"), "memory": size.total if known else None})
    finally:
        library.nvmlShutdown()
    version = f"{cuda.value // 1000}.{cuda.value % 1000 // 10}"
    return {"devices": devices, "driver": driver, "cuda_driver": version}


def _command(*command: str) -> str:
    try:
        done = subprocess.run(command, capture_output=True, timeout=5, check=False, stdin=subprocess.DEVNULL)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.decode("utf-8", "replace")
