"""The conformance suite for integrations: subclass it, say how your framework trains, and pytest does the rest.

>>> class TestMyFramework(IntegrationContract):
...     module = "myframework"               # the entry point's name
...
...     @staticmethod
...     def train():                         # import the framework inside: the order is what is tested
...         import myframework
...         return myframework.Model().fit([1, 2, 3]).weights
...
...     @staticmethod
...     def fail():
...         import myframework
...         myframework.Model(rate="wrong").fit([1, 2, 3])

The module with the subclass is loaded again in fresh interpreters: it must not import the framework at its top.
"""

from __future__ import annotations

import copy
import importlib
import inspect
import logging
import pickle
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, ClassVar

import pytest

from autotrack import active
from autotrack.autolog import Autolog, autolog, calls, patches, rng
from autotrack.autolog.session import is_on
from autotrack.run import Run
from autotrack.testing import footprint
from autotrack.testing.journal import Recorded, recorded
from autotrack.testing.probing import (
    PROBE,
    breaking,
    chain,
    error_of,
    frames,
    giving_up,
    python,
    random_states,
    seed,
)

ORDERS = (
    "import autolog train",
    "autolog import train",
    "autolog import train autolog train",
    "import train autolog train stop train",
    "autolog import train stop train",
    "autolog stop import train",
    "import autolog stop train autolog train stop",
    "autolog import stop autolog train stop train",
    "autolog stop autolog import train stop",
)


class IntegrationContract:
    """What every integration must keep. Subclasses set `module` and define `train` and `fail`."""

    module: ClassVar[str]
    """Name of the module that the integration waits for: the entry point's name."""
    status: ClassVar[str] = "finished"
    """How the run of `train` ends."""
    options: ClassVar[dict[str, Any]] = {}
    """Options for `autolog`."""

    @staticmethod
    def train() -> Any:
        """Train something small, once, from the global random state; return its outcome.

        Equal outcomes must compare equal after `outcome`, different ones different.
        """
        raise NotImplementedError

    @staticmethod
    def fail() -> None:
        """Train so that the framework or the user's own code inside raises."""
        raise NotImplementedError

    @staticmethod
    def pickled() -> list[Any]:
        """Return what users pickle: models, bound methods, functions, classes."""
        return []

    @staticmethod
    def outcome(result: Any) -> Any:
        """Return what is compared of a result of `train`; default: its pickle."""
        return pickle.dumps(result)

    # -- fixtures -------------------------------------------------------------------------------------------------

    @pytest.fixture(autouse=True)
    def _a_store_of_its_own(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
        monkeypatch.setenv("AUTOTRACK_STORE", str(tmp_path / "store"))
        monkeypatch.setenv("AUTOTRACK_STRICT", "1")
        assert not is_on(), "another test has left autolog on"
        yield
        if is_on():
            autolog().stop()

    @pytest.fixture
    def _imported(self) -> None:
        __import__(self.module)
        self.train()  # frameworks import and cache things at first use: do it before anything is compared

    # -- the contract ---------------------------------------------------------------------------------------------

    @pytest.mark.parametrize("order", ORDERS)
    def test_order(self, order: str, tmp_path: Path) -> None:
        """Import, autolog and stop in every order record what is trained while autolog is on, and leave no trace."""
        output = self._play(order, tmp_path)
        expected, on = 0, False
        for step in order.split():
            on = step == "autolog" or (on and step != "stop")
            expected += on and step == "train"
        runs = recorded(tmp_path / "store")
        assert [run.status for run in runs if run.parent is None] == [self.status] * expected, output

    def test_autolog_loads_no_framework(self, tmp_path: Path) -> None:
        """`autolog()` alone imports neither the framework nor numpy, and writes nothing."""
        self._play("autolog", tmp_path)
        assert not (tmp_path / "store").exists()

    @pytest.mark.usefixtures("_imported")
    def test_stop_restores_everything(self) -> None:
        """Every attribute of the framework's classes and modules is the very object that it was."""
        before = footprint.take(self.module)
        with self._autolog():
            changed = footprint.differences(before, footprint.take(self.module))
            assert changed, "nothing was patched"
            self.train()
        assert footprint.differences(before, footprint.take(self.module)) == []

    @pytest.mark.usefixtures("_imported")
    def test_patched_functions_look_the_same(self) -> None:
        """Signature, names, doc and kind of what is patched."""
        before = footprint.take(self.module)
        looks = {}
        for place, value in before.items():
            looks[place] = footprint.looks(value)
        with self._autolog():
            for place in footprint.differences(before, footprint.take(self.module)):
                if place in before:
                    assert footprint.looks(footprint.take(self.module)[place]) == looks[place], place

    @pytest.mark.usefixtures("_imported")
    def test_one_training_is_one_run(self, tmp_path: Path) -> None:
        """A run each, with something in it, ended by us."""
        with self._autolog():
            self.train()
            self.train()
        runs = [run for run in recorded(tmp_path / "store") if run.parent is None]
        assert [run.status for run in runs] == [self.status] * 2
        assert all(run.params and not run.incomplete for run in runs)

    @pytest.mark.usefixtures("_imported")
    def test_active_run_is_used_and_left_open(self, tmp_path: Path) -> None:
        """Inside `start_run` the training goes into that run, which is not ended by us."""
        with self._autolog(), active.start_run(name="mine") as run:
            self.train()
            assert active.active_run() is run
            assert run.status == "running"
        (only,) = (run for run in recorded(tmp_path / "store") if run.parent is None)
        assert only.name == "mine"
        assert only.params

    @pytest.mark.usefixtures("_imported")
    def test_users_error_is_untouched(self, tmp_path: Path) -> None:
        """The same error as without autolog, and a failed run that shows it."""
        plain, logged = error_of(self.fail), None
        with self._autolog():
            logged = error_of(self.fail)
        assert type(logged) is type(plain)
        assert str(logged) == str(plain)
        assert logged.args == plain.args
        assert getattr(logged, "__notes__", []) == getattr(plain, "__notes__", [])
        assert [type(error) for error in chain(logged)] == [type(error) for error in chain(plain)]
        assert frames(logged) == frames(plain)
        (run,) = (run for run in recorded(tmp_path / "store") if run.parent is None)
        assert run.status == "failed"
        assert run.error["type"].rpartition(".")[2] == type(plain).__qualname__.rpartition(".")[2]
        assert str(plain) in run.error["message"]
        assert "autotrack" not in run.error["traceback"]

    @pytest.mark.usefixtures("_imported")
    @pytest.mark.parametrize("when", ["before", "after"])
    def test_failing_observer_harms_nobody(
        self, when: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        """An observer that raises before or after the user's call: a log line, and the training as it would be."""
        self._break_observers(when, monkeypatch)
        self._assert_harmless(monkeypatch, caplog, "boom")

    @pytest.mark.usefixtures("_imported")
    def test_store_that_cannot_be_written(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        """A store that never works (its path is a file)."""
        (tmp_path / "file").write_text("not a store")
        monkeypatch.setenv("AUTOTRACK_STORE", str(tmp_path / "file"))
        self._assert_harmless(monkeypatch, caplog, "capture incomplete")

    @pytest.mark.usefixtures("_imported")
    @pytest.mark.parametrize("writes", [0, 1, 3])
    def test_store_that_stops_working(
        self, writes: int, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        """A store that takes a few things of a run and then nothing any more."""
        left = [writes]
        for name in ("log_params", "log_metrics", "log_model", "log_data", "set_tags", "log_artifact"):
            monkeypatch.setattr(Run, name, giving_up(getattr(Run, name), left))
        self._assert_harmless(monkeypatch, caplog, "the store is away")

    @pytest.mark.usefixtures("_imported")
    def test_pickling(self, tmp_path: Path) -> None:
        """What is picklable stays so, and what is pickled with autolog on loads where there is no autotrack."""
        for one in self.pickled():
            pickle.loads(pickle.dumps(one))
        picklers: list[Any] = [pickle]
        with suppress(ImportError):
            picklers.append(importlib.import_module("cloudpickle"))
        with self._autolog():
            objects = self.pickled()
            for one in objects:
                copy.copy(one)
                copy.deepcopy(one)
                for pickler in picklers:
                    data = pickler.dumps(one)
                    assert b"autotrack.autolog" not in data, one
                    assert b"wrapt" not in data, one
            data = pickle.dumps([pickler.dumps(one) for one in objects for pickler in picklers])
        (tmp_path / "pickles").write_bytes(data)
        python(
            "import pickle, sys; sys.modules['autotrack'] = sys.modules['wrapt'] = None\n"
            "for data in pickle.load(open(sys.argv[1], 'rb')): pickle.loads(data)",
            str(tmp_path / "pickles"),
        )

    @pytest.mark.usefixtures("_imported")
    @pytest.mark.parametrize("bracketed", [True, False])
    def test_random_numbers_and_results(self, bracketed: bool, monkeypatch: pytest.MonkeyPatch) -> None:
        """Bit-identical results and generator states; also where the kernel does not put states back."""
        if not bracketed:
            monkeypatch.setattr(rng, "alone", lambda: False)
        seed()
        plain = self.outcome(self.train()), random_states()
        with self._autolog():
            seed()
            logged = self.outcome(self.train()), random_states()
        assert logged == plain

    @pytest.mark.usefixtures("_imported")
    def test_another_integration_at_once(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """A training inside another framework's training is part of that one's run; alone it has its own."""
        (tmp_path / "other").mkdir()
        (tmp_path / "other" / "contract_probe.py").write_text(PROBE)
        (tmp_path / "other" / "contract_probe-1.dist-info").mkdir()
        (tmp_path / "other" / "contract_probe-1.dist-info" / "entry_points.txt").write_text(
            "[autotrack.integrations]\ncontract_probe = contract_probe:install\n"
        )
        monkeypatch.syspath_prepend(tmp_path / "other")
        monkeypatch.delitem(sys.modules, "contract_probe", raising=False)
        with autolog(**{**self.options, "only": (self.module, "contract_probe")}):
            import contract_probe  # type: ignore[import-not-found]

            contract_probe.fit(self.train)
            self.train()
        monkeypatch.delitem(sys.modules, "contract_probe")
        runs = [run for run in recorded(tmp_path / "store") if run.parent is None]
        assert [run.params.get("probe") for run in runs] == [True, None]

    @pytest.mark.usefixtures("_imported")
    def test_two_threads_are_two_runs(self, tmp_path: Path) -> None:
        """Plain threads know nothing of each other."""
        with self._autolog():
            threads = [threading.Thread(target=self.train) for _ in range(2)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        assert [run.status for run in recorded(tmp_path / "store") if run.parent is None] == [self.status] * 2

    @pytest.mark.usefixtures("_imported")
    def test_disabled(self, tmp_path: Path) -> None:
        """`disable=` leaves the framework alone."""
        before = footprint.take(self.module)
        with autolog(**{**self.options, "disable": self.module}):
            assert footprint.differences(before, footprint.take(self.module)) == []
            self.train()
        assert not recorded(tmp_path / "store")

    # -- how ------------------------------------------------------------------------------------------------------

    def _autolog(self) -> Autolog:
        on = autolog(**{"only": self.module, **self.options})
        (mine,) = (one for one in on.status() if one.name == self.module)
        assert mine.state == "patched", mine
        return on

    def _play(self, order: str, tmp_path: Path) -> str:
        code = "import sys\nfrom autotrack.testing.player import play\nplay(*sys.argv[1:])"
        store = tmp_path / "store"
        path = inspect.getfile(type(self))
        return python(code, path, type(self).__qualname__, order, AUTOTRACK_STORE=str(store), AUTOTRACK_STRICT="1")

    def _break_observers(self, when: str, monkeypatch: pytest.MonkeyPatch) -> None:
        def broken(observer: calls.Observer) -> calls.Observer:
            def observe(call: calls.Call) -> Any:
                manager = observer(call)
                return None if manager is None else breaking(manager, when)

            return observe

        monkeypatch.setattr(
            patches,
            "Site",
            lambda patches, owner, name, observer, *, nested=False: calls.Site(
                patches, owner, name, broken(observer), nested=nested
            ),
        )

    def _assert_harmless(self, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, message: str) -> None:
        from autotrack.autolog import shield

        seed()
        plain = self.outcome(self.train()), random_states()
        plain_error = error_of(self.fail)
        monkeypatch.setenv("AUTOTRACK_STRICT", "0")
        monkeypatch.setattr(shield, "_logged", set())
        with self._autolog(), caplog.at_level(logging.WARNING, logger="autotrack"):
            seed()
            logged = self.outcome(self.train()), random_states()
            lines = [record.getMessage() for record in caplog.records if record.name == "autotrack"]
            error = error_of(self.fail)
        assert logged == plain
        assert type(error) is type(plain_error)
        assert str(error) == str(plain_error)
        assert any(message in line for line in lines), lines
        assert all("\n" not in line for line in lines), lines
        assert calls.OPEN.get() is None
        assert active.active_run() is None


__all__ = ["ORDERS", "IntegrationContract", "Recorded"]
