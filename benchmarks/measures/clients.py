"""One tracker's recording, timed: run by `benchmarks/peers.py` in a fresh interpreter.

    python clients.py NAME STEPS ANSWER.json

Every class does what that tracker's own first page shows; the working directory is a temporary folder.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import json
import sys
import time
from pathlib import Path
from typing import Any


class Autotrack:
    distribution = "autotrack-ml"

    def load(self) -> None:
        from autotrack import (
            start_run,
        )  # its names are resolved when they are first used: this is the import that counts

        self.start_run = start_run

    def start(self) -> None:
        self.run = self.start_run()

    def log(self, metrics: dict[str, float], step: int) -> None:
        self.run.log_metrics(metrics, step)

    def finish(self) -> None:
        self.run.finish()


class Mlflow:
    distribution = "mlflow"

    def load(self) -> None:
        import mlflow

        self.mlflow = mlflow

    def start(self) -> None:
        mlflow = self.mlflow
        mlflow.set_tracking_uri("sqlite:///mlflow.db")
        mlflow.set_experiment("bench")
        mlflow.start_run()

    def log(self, metrics: dict[str, float], step: int) -> None:
        self.mlflow.log_metrics(metrics, step=step)

    def finish(self) -> None:
        self.mlflow.end_run()


class Wandb:
    distribution = "wandb"

    def load(self) -> None:
        import wandb

        self.wandb = wandb

    def start(self) -> None:
        self.run = self.wandb.init(project="bench", mode="offline")

    def log(self, metrics: dict[str, float], step: int) -> None:
        self.run.log(metrics, step=step)

    def finish(self) -> None:
        self.run.finish()


class Trackio:
    distribution = "trackio"

    def load(self) -> None:
        import trackio

        self.trackio = trackio

    def start(self) -> None:
        self.trackio.init(project="bench", embed=False)

    def log(self, metrics: dict[str, float], step: int) -> None:
        self.trackio.log(metrics, step=step)

    def finish(self) -> None:
        self.trackio.finish()


class Swanlab:
    distribution = "swanlab"

    def load(self) -> None:
        import swanlab

        self.swanlab = swanlab

    def start(self) -> None:
        self.swanlab.init(project="bench", mode="offline", logdir="swanlog")

    def log(self, metrics: dict[str, float], step: int) -> None:
        self.swanlab.log(metrics, step=step)

    def finish(self) -> None:
        self.swanlab.finish()


class TensorboardX:
    distribution = "tensorboardX"

    def load(self) -> None:
        from tensorboardX import SummaryWriter

        self.make = SummaryWriter

    def start(self) -> None:
        self.writer = self.make(logdir="tensorboard")

    def log(self, metrics: dict[str, float], step: int) -> None:
        for key, value in metrics.items():  # it has no call for several values in one chart each
            self.writer.add_scalar(key, value, step)

    def finish(self) -> None:
        self.writer.close()


CLIENTS: dict[str, Any] = {
    "autotrack": Autotrack, "mlflow": Mlflow, "wandb": Wandb, "trackio": Trackio, "swanlab": Swanlab,
    "tensorboardX": TensorboardX,
}  # fmt: skip


def main(name: str, steps: int, answer: Path) -> int:
    # The folder of this file is on the path first, and neither module there is anybody's peer.
    if importlib.util.find_spec(name) is None:
        return 3
    client = CLIENTS[name]()
    began = time.perf_counter()
    client.load()
    imported = time.perf_counter()
    client.start()
    started = time.perf_counter()
    took = []
    for step in range(steps):
        metrics = {f"train/metric_{k}": 1.0 / (step + k + 1) for k in range(10)}
        before = time.perf_counter_ns()
        client.log(metrics, step)
        took.append(time.perf_counter_ns() - before)
    ending = time.perf_counter()
    client.finish()
    ended = time.perf_counter()
    took.sort()
    figures = {
        "version": importlib.metadata.version(client.distribution),
        "import": (imported - began) * 1e3,
        "start_finish": (started - imported + ended - ending) * 1e3,
        "p50": took[len(took) // 2] / 1e3,
        "p99": took[int(len(took) * 0.99)] / 1e3,
    }
    answer.write_text(json.dumps(figures), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], int(sys.argv[2]), Path(sys.argv[3])))
