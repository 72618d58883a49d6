"""Fresh interpreters, timed from outside."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from typing import Any


def run(code: str, **environment: str) -> Any:
    """Run code in a fresh interpreter and return the JSON that it prints; RuntimeError with its errors if it fails."""
    done = subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, **environment}, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise RuntimeError(f"a measuring process failed:\n{done.stderr}")
    return json.loads(done.stdout.splitlines()[-1])


def seconds(code: str, **environment: str) -> tuple[float, float]:
    """Return wall-clock and CPU seconds of a fresh interpreter from its start to its end."""
    began = time.perf_counter()
    process = subprocess.Popen([sys.executable, "-c", code], env={**os.environ, **environment})
    _, status, usage = os.wait4(process.pid, 0)
    took = time.perf_counter() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"{code!r} ended with {process.returncode}")
    return took, usage.ru_utime + usage.ru_stime
