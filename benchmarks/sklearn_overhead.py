"""What autologging costs fits of scikit-learn, beside mlflow's autologging and none at all.

    python benchmarks/sklearn_overhead.py [--python INTERPRETER] [--rounds 3] [--fits 10] [--json FILE] [--only NAME]

The interpreter has to have autotrack and mlflow. Each round runs every fit each way, in a process of its own, so that a
busy moment of the machine meets all of them; a process fits the same model several times. Shown are medians over all
rounds, without the first fit of each process, which stands beside them: it imports and arranges what later ones find.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from measures.rows import machine, median, number
from measures.sklearn_fits import FITS
from rich.console import Console
from rich.table import Table

CODE = Path(__file__).parent / "measures" / "sklearn_fits.py"
WAYS = ("plain", "autotrack", "mlflow")
_LIMIT = 900  # seconds for one process


def measure(interpreter: str, way: str, fit: str, times: int) -> dict[str, Any]:
    """Fit one way in a process of its own; ``error`` says why there are no figures."""
    with tempfile.TemporaryDirectory(prefix="autotrack-overhead-") as folder:
        answer = Path(folder) / "answer.json"
        environment = {
            **{key: value for key, value in os.environ.items() if not key.startswith(("AUTOTRACK_", "MLFLOW_"))},
            "HOME": folder, "XDG_STATE_HOME": f"{folder}/state", "XDG_CACHE_HOME": f"{folder}/cache",
            "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MPLBACKEND": "Agg",
            "AUTOTRACK_SILENT": "1", "MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "true",
        }  # fmt: skip
        try:
            done = subprocess.run(
                [interpreter, str(CODE), way, fit, str(times), str(answer)], cwd=folder, env=environment,
                capture_output=True, text=True, timeout=_LIMIT, check=False,
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            return {"error": f"not done after {_LIMIT} s"}
        if done.returncode == 3:
            return {"error": "not installed"}
        if done.returncode or not answer.exists():
            return {"error": (done.stderr.strip().splitlines() or [f"ended with {done.returncode}"])[-1]}
        found: dict[str, Any] = json.loads(answer.read_text(encoding="utf-8"))
        return found


def combined(rounds: list[dict[str, Any]]) -> dict[str, Any]:
    """Medians over all rounds, or the first error."""
    for figures in rounds:
        if "error" in figures:
            return figures
    fits = [took for figures in rounds for took in figures["fits"]]
    return {"version": rounds[0]["version"], "fit": median(fits), "first": median(f["first"] for f in rounds)}


def show(results: dict[str, dict[str, dict[str, Any]]], before: dict[str, object]) -> None:
    title = "ms a fit (in brackets: times the plain one); then the first fit of a process"
    table = Table(title=title, title_justify="left")
    table.add_column("fit", overflow="fold")
    for way in WAYS:
        version = next((ways[way]["version"] for ways in results.values() if "version" in ways[way]), "")
        table.add_column(f"{'scikit-learn' if way == 'plain' else way}\n{version}", justify="right")
    for way in WAYS[1:]:
        table.add_column(f"{way}\nadds, ms", justify="right")
    for way in WAYS:
        table.add_column(f"first\n{way}", justify="right")
    for name, ways in results.items():
        plain = ways["plain"].get("fit")
        cells = [cell(ways[way], plain, way) for way in WAYS]
        cells += [number(ways[way]["fit"] - plain) if plain and "fit" in ways[way] else "-" for way in WAYS[1:]]
        cells += [number(ways[way].get("first")) for way in WAYS]
        table.add_row(name, *cells)
    Console(width=None if Console().is_terminal else 150).print(table)
    print(f"{before['cores']} cores, load before {before['load']}, after {machine()['load']}")


def cell(figures: dict[str, Any], plain: float | None, way: str) -> str:
    if "error" in figures:
        return f"[red]{figures['error'][:40]}[/]"
    times = f" ({number(round(figures['fit'] / plain, 2))}x)" if plain and way != "plain" else ""
    return number(figures["fit"]) + times


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path, help="also write the figures to this file")
    parser.add_argument("--python", default=sys.executable, help="interpreter that has autotrack and mlflow")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--fits", type=int, default=10, help="fits in each process")
    parser.add_argument("--only", nargs="+", default=[""], metavar="NAME", help="fits whose names begin like that")
    options = parser.parse_args()
    before = machine()
    found: dict[str, dict[str, list[dict[str, Any]]]] = {
        fit: {way: [] for way in WAYS} for fit in FITS if fit.startswith(tuple(options.only))
    }
    for turn in range(options.rounds):
        for fit, ways in found.items():
            for way in WAYS:
                if not ways[way] or "error" not in ways[way][-1]:
                    print(f"round {turn + 1}: {fit}, {way} ...", file=sys.stderr, flush=True)
                    ways[way].append(measure(options.python, way, fit, options.fits))
    results = {fit: {way: combined(rounds) for way, rounds in ways.items()} for fit, ways in found.items()}
    show(results, before)
    if options.json:
        data = {"machine": before, "rounds": options.rounds, "fits": options.fits, "results": results}
        options.json.write_text(json.dumps(data, indent=1) + "\n", encoding="utf-8")
    return int(any("error" in ways[way] for ways in results.values() for way in ("plain", "autotrack")))


if __name__ == "__main__":
    sys.exit(main())
