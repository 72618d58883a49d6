"""A small framework with its integration and its distribution's metadata, written into a folder."""

from __future__ import annotations

from pathlib import Path

FRAMEWORK = '''
import random
import warnings


class Model:
    """A model."""

    def __init__(self, rate=0.1):
        self.rate = rate

    def fit(self, data, *, epochs=2):
        """Train."""
        self.weights = [sum(data) * self.rate + random.random() for _ in range(epochs)]
        return self

    def __eq__(self, other):
        return vars(self) == vars(other)

    __hash__ = None


class Deep(Model):
    def fit(self, data, *, epochs=2):
        warnings.warn("deep", stacklevel=2)
        return super().fit(data, epochs=epochs)


def train(model, data):
    """Train `model`."""
    return model.fit(data)
'''

INTEGRATION = """
from contextlib import contextmanager

from autotrack.autolog.integration import recording


def install(patches):
    import toyframe

    patches.around_subclasses(toyframe.Model, "fit", observe)
    patches.around(toyframe, "train", observe)


@contextmanager
def observe(call):
    with recording(call) as run:
        run.log_params({"kind": type(call.instance).__name__})
        yield
        run.log_metrics({"fit_time": call.duration})
        run.set_tags({"done": "yes"})
        run.log_artifact(b"weights", "weights.bin")
"""

METADATA = """Metadata-Version: 2.1
Name: autotrack-toyframe
Version: 1.0
Requires-Dist: toyframe>=1.4; extra == "toyframe"
Provides-Extra: toyframe

Requires-Dist: this>=9; extra == "toyframe"
"""


def install(folder: Path, *, version: str = "1.10.2", entry: str = "toyframe = autotrack_toyframe:install") -> Path:
    """Write the framework, its integration and both distributions' metadata into `folder`."""
    folder.mkdir(exist_ok=True)
    (folder / "toyframe.py").write_text(FRAMEWORK)
    (folder / "autotrack_toyframe.py").write_text(INTEGRATION)
    framework = folder / f"toyframe-{version}.dist-info"
    framework.mkdir()
    (framework / "METADATA").write_text(f"Metadata-Version: 2.1\nName: toyframe\nVersion: {version}\n")
    integration = folder / "autotrack_toyframe-1.0.dist-info"
    integration.mkdir()
    (integration / "METADATA").write_text(METADATA)
    (integration / "entry_points.txt").write_text(f"[console_scripts]\nx = y:z\n[autotrack.integrations]\n{entry}\n")
    return folder
