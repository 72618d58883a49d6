"""What the beginning and the end of a process cost."""

from __future__ import annotations

import importlib.util
import os
import socket
import subprocess
import sys
import time
from pathlib import Path

from measures import processes
from measures.rows import Row, median

_METADATA = "Metadata-Version: 2.1\nName: fake-{i}\nVersion: 1.{i}\n" + "Requires-Dist: numpy>=1.26\n" * 10
_ENTRY_POINTS = "[console_scripts]\nfake-{i} = fake_{i}.cli:main\n"


def import_time(rounds: int) -> list[Row]:
    """Time pairs of interpreters, one of which imports autotrack."""
    processes.seconds("import autotrack")  # byte code and disk cache
    wall: list[float] = []
    cpu: list[float] = []
    for _ in range(rounds):
        bare, with_it = processes.seconds("pass"), processes.seconds("import autotrack")
        wall.append((with_it[0] - bare[0]) * 1000)
        cpu.append((with_it[1] - bare[1]) * 1000)
    note = f"median of {rounds} pairs; CPU {median(cpu):.3g} ms"
    return [Row("import autotrack, over a bare interpreter", median(wall), "ms", 30, note=note)]


def autolog_time(folder: Path, rounds: int) -> list[Row]:
    """Time `autolog()` where 150 more distributions are installed than there are."""
    site = folder / "site"
    for i in range(150):
        info = site / f"fake_{i}-1.{i}.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text(_METADATA.format(i=i), encoding="utf-8")
        if i % 3 == 0:
            (info / "entry_points.txt").write_text(_ENTRY_POINTS.format(i=i), encoding="utf-8")
    code = (
        "import autotrack, time; began, cpu = time.perf_counter(), time.process_time(); autotrack.autolog(); "
        "print([(time.perf_counter() - began) * 1000, (time.process_time() - cpu) * 1000])"
    )
    path = os.pathsep.join(filter(None, [str(site), os.environ.get("PYTHONPATH", "")]))
    took = [processes.run(code, PYTHONPATH=path, AUTOTRACK_STORE=str(folder / "store")) for _ in range(rounds)]
    wall, cpu = zip(*took, strict=True)
    note = f"median of {rounds}; CPU {median(cpu):.3g} ms"
    return [Row("autolog(), 150 distributions", median(wall), "ms", 20, note=note)]


def exit_time(folder: Path) -> list[Row]:
    """Time the end of a process whose team store accepts connections and never answers: the worst kind of away."""
    what = "process exit, store unreachable"
    if importlib.util.find_spec("psycopg") is None:
        return [Row(what, None, "s", 2, note="psycopg is not installed")]
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"postgresql+psycopg://nobody@127.0.0.1:{server.getsockname()[1]}/nothing"
        common = {"AUTOTRACK_STORE": url, "XDG_STATE_HOME": str(folder / "state")}
        body = "import autotrack, time; autotrack.start_run().log_metrics({'loss': 1.0}); time.sleep(3); "
        # The end is what lies between the script's last line and the death of the process.
        took = [_ending(body, common) for _ in range(3)]
    return [Row(what, max(took), "s", 2, note="server accepts and is silent; worst of 3")]


def _ending(body: str, environment: dict[str, str]) -> float:
    code = body + "print(time.monotonic(), flush=True)"  # one clock for all processes
    process = subprocess.Popen(
        [sys.executable, "-c", code], env={**os.environ, **environment}, stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    last = float(process.stdout.readline())
    process.wait()
    ended = time.monotonic()
    if process.returncode:
        raise RuntimeError(f"the process ended with {process.returncode}")
    return ended - last
