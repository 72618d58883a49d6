"""The same recording through several trackers, in one run: 1,000 steps of 10 metrics.

    python benchmarks/peers.py [--json FILE] [--python INTERPRETER] [--steps 1000] [--rounds 3] [--only NAME ...]

The interpreter has to have autotrack and the peers that are to be compared (mlflow, wandb, trackio, swanlab,
tensorboardX); those that it lacks are said to be missing. All work offline, in temporary folders. Each round runs every
tracker once, each in a fresh process, so that a busy moment of the machine meets all of them.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from measures.rows import machine, median, number
from rich.console import Console
from rich.table import Table

CLIENT = Path(__file__).parent / "measures" / "clients.py"
NAMES = ("autotrack", "mlflow", "wandb", "trackio", "swanlab", "tensorboardX")
_LIMIT = 300  # seconds for one tracker
_FIGURES = {
    "p50": ("call p50", "µs"),
    "p99": ("call p99", "µs"),
    "import": ("import", "ms"),
    "start_finish": ("start + finish", "ms"),
    "cpu": ("CPU, all", "s"),
    "disk": ("disk", "bytes/point"),
}
_COMPARED = ("p50", "p99", "import", "start_finish")


def measure(interpreter: str, name: str, steps: int) -> dict[str, Any]:
    """Run one tracker in a process of its own; ``error`` says why there are no figures."""
    with tempfile.TemporaryDirectory(prefix="autotrack-peers-") as folder:
        answer = Path(folder) / "answer.json"
        place = Path(folder) / "place"
        place.mkdir()
        environment = {
            **os.environ,
            "HOME": str(place / "home"), "XDG_CACHE_HOME": str(place / "cache"),
            "XDG_CONFIG_HOME": str(place / "config"),
            "AUTOTRACK_STORE": str(place / "store"), "AUTOTRACK_SILENT": "1",
            "WANDB_MODE": "offline", "WANDB_SILENT": "true", "WANDB_DIR": str(place), "WANDB_ERROR_REPORTING": "false",
            "TRACKIO_DIR": str(place / "trackio"), "SWANLAB_MODE": "offline", "HF_HUB_OFFLINE": "1",
            "MLFLOW_DISABLE_TELEMETRY": "true", "GRADIO_ANALYTICS_ENABLED": "False", "DO_NOT_TRACK": "true",
        }  # fmt: skip
        (place / "home").mkdir()
        before = _cpu()
        try:
            done = subprocess.run(
                [interpreter, str(CLIENT), name, str(steps), str(answer)],
                cwd=place, env=environment, capture_output=True, text=True, timeout=_LIMIT, check=False,
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            return {"error": f"not done after {_LIMIT} s"}
        if done.returncode == 3:
            return {"error": "not installed"}
        if done.returncode or not answer.exists():
            return {"error": (done.stderr.strip().splitlines() or [f"ended with {done.returncode}"])[-1]}
        figures: dict[str, Any] = json.loads(answer.read_text(encoding="utf-8"))
        size = sum(file.stat().st_size for file in place.rglob("*") if file.is_file())
        figures["cpu"] = _cpu() - before  # to the end of the process, whatever goes on in its background
        figures["disk"] = size / (steps * 10)
        return figures


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def combined(rounds: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the median of each figure over the rounds, or the first error."""
    for figures in rounds:
        if "error" in figures:
            return figures
    return {"version": rounds[0]["version"], **{key: median(r[key] for r in rounds) for key in _FIGURES}}


def show(results: dict[str, dict[str, Any]], steps: int, before: dict[str, object]) -> None:
    title = f"{steps:,} steps x 10 metrics (in brackets: times autotrack's)"
    table = Table(title=title, title_justify="left")
    table.add_column("tracker")
    for label, unit in _FIGURES.values():
        table.add_column(f"{label}\n{unit}", justify="right")
    ours = results.get("autotrack", {})
    for name, figures in results.items():
        if "error" in figures:
            table.add_row(name, f"[red]{figures['error'][:60]}[/]")
            continue
        cells = []
        for key in _FIGURES:
            text = number(figures[key])
            if key in _COMPARED and name != "autotrack" and ours.get(key):
                text += f" ({number(round(figures[key] / ours[key], 1))}x)"
            cells.append(text)
        table.add_row(f"{name} {figures['version']}", *cells)
    Console(width=None if Console().is_terminal else 150).print(table)
    print(f"{before['cores']} cores, load before {before['load']}, after {machine()['load']}")


def main() -> int:
    parser = argparse.ArgumentParser(description="Compare trackers.")
    parser.add_argument("--json", type=Path, help="also write the figures to this file")
    parser.add_argument("--python", default=sys.executable, help="interpreter that has the trackers")
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", nargs="+", choices=NAMES, default=NAMES)
    options = parser.parse_args()
    before = machine()
    found: dict[str, list[dict[str, Any]]] = {name: [] for name in options.only}
    for number_of_round in range(options.rounds):
        for name, rounds in found.items():
            if not rounds or "error" not in rounds[-1]:
                print(f"round {number_of_round + 1}: {name} ...", file=sys.stderr, flush=True)
                rounds.append(measure(options.python, name, options.steps))
    results = {name: combined(rounds) for name, rounds in found.items()}
    show(results, options.steps, before)
    if options.json:
        data = {"machine": before, "steps": options.steps, "rounds": options.rounds, "trackers": results}
        options.json.write_text(json.dumps(data, indent=1) + "\n", encoding="utf-8")
    return 1 if "error" in results.get("autotrack", {}) else 0


if __name__ == "__main__":
    sys.exit(main())
