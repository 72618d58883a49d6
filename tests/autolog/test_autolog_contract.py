"""The conformance suite, applied to a small framework of its own."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from autotrack.testing import IntegrationContract

sys.path.insert(0, str(Path(__file__).parent))
import toyframework as framework


class TestToyframe(IntegrationContract):
    module = "toyframe"

    @staticmethod
    def train() -> Any:
        import toyframe

        return toyframe.train(toyframe.Model(0.5), [1.0, 2.0])

    @staticmethod
    def fail() -> None:
        import toyframe

        toyframe.Model(rate="wrong").fit([1.0])

    @staticmethod
    def pickled() -> list[Any]:
        import toyframe

        model = toyframe.Model().fit([1.0])
        return [model, model.fit, toyframe.Model, toyframe.Model.fit, toyframe.train, vars(toyframe.Model)["fit"]]

    @staticmethod
    def outcome(result: Any) -> Any:
        return result.weights

    @pytest.fixture(autouse=True)
    def _toyframe(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
        monkeypatch.syspath_prepend(framework.install(tmp_path / "site"))
        yield
        for name in ("toyframe", "autotrack_toyframe"):
            sys.modules.pop(name, None)
