"""Every budget beside what was measured.

    python benchmarks/budgets.py [--json FILE] [--quick] [--only NAME ...]

Exit status 1 if one is not met. Needs a quiet machine: the load is printed with the table.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from crash import crash_rows
from measures import reading, starting, training, writing
from measures.rows import Row, machine, show, write_json
from writers import writers_rows


def measurements(quick: bool) -> dict[str, Callable[[Path], list[Row]]]:
    """Return all measurements by name; each takes an empty folder."""

    def some(many: int, few: int) -> int:
        return few if quick else many

    return {
        "log": lambda folder: writing.log_metrics(folder, some(100_000, 20_000)),
        "runs": lambda folder: writing.start_and_finish(folder, some(9, 3)),
        "import": lambda _: starting.import_time(some(21, 7)),
        "autolog": lambda folder: starting.autolog_time(folder, some(11, 5)),
        "fit": lambda folder: training.logistic_regression(folder, some(50, 15)),
        "ingest": lambda folder: reading.ingest(folder, some(3, 1)),
        "series": lambda folder: reading.series(folder, some(9, 3)),
        "questions": lambda folder: reading.questions(folder, some(10_000, 1_000), some(30, 10)),
        "crash": lambda folder: crash_rows(folder, some(100, 20)),
        "writers": lambda folder: writers_rows(folder, some(64, 8), some(1_000, 200)),
        "exit": starting.exit_time,
    }


def main() -> int:
    parser = argparse.ArgumentParser(description="Measure every budget.")
    parser.add_argument("--json", type=Path, help="also write the figures to this file")
    parser.add_argument("--quick", action="store_true", help="fewer repetitions, 1,000 runs instead of 10,000")
    names = list(measurements(quick=True))
    parser.add_argument("--only", nargs="+", choices=names, default=names, metavar="NAME", help=", ".join(names))
    options = parser.parse_args()
    os.environ["AUTOTRACK_SILENT"] = "1"
    before = machine()
    rows: list[Row] = []
    for name, measure in measurements(options.quick).items():
        if name in options.only:
            print(f"{name} ...", file=sys.stderr, flush=True)
            with tempfile.TemporaryDirectory(prefix="autotrack-bench-") as folder:
                rows += measure(Path(folder))
    show("autotrack: budgets", rows, before)
    if options.json:
        write_json(options.json, rows, before)
    return any(row.met is False for row in rows)


if __name__ == "__main__":
    sys.exit(main())
