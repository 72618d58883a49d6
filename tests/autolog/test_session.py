"""Finding integrations, the version gate, import hooks, options, on and off."""

from __future__ import annotations

import importlib
import importlib.util
import logging
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

import autotrack
from autotrack.autolog import hooks, plugins, session, shield
from autotrack.autolog.plugins import Entry, gate
from autotrack.testing.journal import recorded

sys.path.insert(0, str(Path(__file__).parent))
import toyframework as framework


@pytest.fixture(autouse=True)
def _clean(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    meta_path = list(sys.meta_path)
    monkeypatch.setattr(shield, "_logged", set())
    yield
    session._session.stop()
    assert sys.meta_path == meta_path
    assert not hooks._waiting
    for name in ("toyframe", "autotrack_toyframe", "broken_integration"):
        sys.modules.pop(name, None)


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = framework.install(tmp_path / "site")
    monkeypatch.syspath_prepend(folder)
    return folder


def _state(name: str = "toyframe") -> session.Integration:
    (one,) = (one for one in session._session.status() if one.name == name)
    return one


def _python(code: str, *paths: Path) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(map(str, [*paths, *filter(None, sys.path)]))},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


# -- on and off --


@pytest.mark.usefixtures("site")
def test_states() -> None:
    assert _state().state == "off"
    with autotrack.autolog(only="toyframe") as on:
        assert on.running
        assert _state() == ("toyframe", "autotrack_toyframe", "waiting", None, None)
        importlib.import_module("toyframe")
        assert _state() == ("toyframe", "autotrack_toyframe", "patched", "1.10.2", None)
        assert "toyframe patched" in repr(on)
        assert all(one.state == "disabled" for one in on.status() if one.name != "toyframe")
    assert not on.running
    assert _state().state == "off"


@pytest.mark.usefixtures("site")
def test_idempotent() -> None:
    toyframe = importlib.import_module("toyframe")
    plain = vars(toyframe.Model)["fit"]
    first = autotrack.autolog()
    wrapper = vars(toyframe.Model)["fit"]
    assert autotrack.autolog() is first
    assert vars(toyframe.Model)["fit"] is wrapper
    with autotrack.autolog():
        pass
    assert first.running, "it was on before the block"
    first.stop()
    first.stop()
    assert vars(toyframe.Model)["fit"] is plain
    with autotrack.autolog():
        autotrack.autolog()
    assert not first.running
    assert vars(toyframe.Model)["fit"] is plain


@pytest.mark.usefixtures("site")
def test_options_hold_from_then_on() -> None:
    toyframe = importlib.import_module("toyframe")

    def options() -> dict[str, object]:
        return dict(vars(toyframe.Model)["fit"]._self_site.patches.options)

    on = autotrack.autolog(models=False)
    assert options() == {"models": False}
    autotrack.autolog()
    assert options() == {"models": False}
    autotrack.autolog(metrics=False, toyframe={"metrics": True, "own": 3})
    assert options() == {"metrics": True, "own": 3}
    autotrack.autolog(disable=["toyframe"])
    assert not hasattr(vars(toyframe.Model)["fit"], "_self_site")
    assert on.options == {"disable": ("toyframe",)}


def test_after_a_block_the_options_are_those_of_before() -> None:
    with autotrack.autolog(models=False) as session:
        with autotrack.autolog(metrics=False):
            assert session.options == {"metrics": False}
        assert session.options == {"models": False}
        with autotrack.autolog():
            pass
        assert session.options == {"models": False}
        assert session.running
    assert not session.running


@pytest.mark.usefixtures("site")
def test_wrong_options() -> None:
    with pytest.raises(TypeError, match=r"no option 'model'; the options are only, disable, models, .*toyframe"):
        autotrack.autolog(model=False)
    with pytest.raises(ValueError, match=r"no integration 'toy'; installed are .*toyframe"):
        autotrack.autolog(only="toy")
    with pytest.raises(TypeError, match="takes a dict"):
        autotrack.autolog(toyframe=False)
    with pytest.raises(TypeError, match=r"options by name, such as autolog\(only='sklearn'\), not 'toyframe'"):
        autotrack.autolog("toyframe")
    with pytest.raises(ValueError, match="models='no'.*: it may be True, False, 'copy', 'reference', 'always'"):
        autotrack.autolog(models="no")
    with pytest.raises(ValueError, match="plots=None.*: it may be True, False, 'always'"):
        autotrack.autolog(toyframe={"plots": None})
    assert not session._session.running
    on = autotrack.autolog(models=False)
    with pytest.raises(TypeError, match="no option"):
        autotrack.autolog(model=False)
    assert on.options == {"models": False}


def test_package_can_be_called() -> None:
    """Whatever is imported first, `autotrack.autolog` can be called and has its modules."""
    code = """
import autotrack
{first}
import autotrack.autolog.integration as integration
with autotrack.autolog() as on:
    assert isinstance(on, autotrack.Autolog), on
from autotrack import autolog
autolog().stop()
"""
    for first in ("autotrack.autolog()", "autotrack.Autolog", "from autotrack.autolog.integration import recording"):
        _python(code.format(first=first))


@pytest.mark.usefixtures("site")
def test_nothing_is_started_or_loaded(tmp_path: Path) -> None:
    output = _python(
        "import sys, threading, autotrack; on = autotrack.autolog(); on.status();"
        "print(threading.active_count(), *sorted({m.partition('.')[0] for m in sys.modules}))"
    )
    threads, *modules = output.split()
    assert threads == "1"
    assert not {"numpy", "sqlalchemy", "wrapt", "sklearn", "toyframe", "inspect", "dataclasses"} & set(modules)
    assert not (tmp_path / "store").exists()


@pytest.mark.usefixtures("site")
def test_stop_while_another_thread_imports(monkeypatch: pytest.MonkeyPatch) -> None:
    """A stop that comes while an integration is at work is not forgotten."""
    loading, stopped = threading.Event(), threading.Event()
    load = Entry.load

    def slow(self: Entry) -> object:
        install = load(self)
        loading.set()
        stopped.wait(10)
        return install

    monkeypatch.setattr(Entry, "load", slow)
    on = autotrack.autolog(only="toyframe")
    thread = threading.Thread(target=importlib.import_module, args=("toyframe",))
    thread.start()
    loading.wait(10)
    on.stop()
    stopped.set()
    thread.join()
    assert not hasattr(vars(sys.modules["toyframe"].Model)["fit"], "_self_site")


@pytest.mark.usefixtures("site")
def test_fork_while_the_lock_is_held() -> None:
    with session._lock:
        pid = os.fork()
        if pid == 0:
            code = 1
            try:
                done = threading.Thread(target=autotrack.autolog, daemon=True)
                done.start()
                done.join(10)
                code = 0 if session._session.running else 2
            finally:
                os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0


# -- discovery --


def test_discovery_reads_what_importlib_reads(site: Path) -> None:
    ours = {(entry.module, entry.value) for entry in plugins.discover()}
    from importlib.metadata import entry_points

    assert ours == {(entry.name, entry.value) for entry in entry_points(group=plugins.GROUP)}
    assert ("toyframe", "autotrack_toyframe:install") in ours
    assert ("sklearn", "autotrack_sklearn:install") in ours
    (entry,) = (entry for entry in plugins.discover() if entry.module == "toyframe")
    assert entry.folder == str(site / "autotrack_toyframe-1.0.dist-info")


def test_first_of_two_copies_counts(site: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    framework.install(tmp_path / "older", entry="toyframe = older:install")
    monkeypatch.setattr(sys, "path", [*sys.path, str(tmp_path / "older"), str(site), "/nowhere", "", __file__])
    assert [entry.value for entry in plugins.discover() if entry.module == "toyframe"] == ["autotrack_toyframe:install"]


@pytest.mark.parametrize("strict", [True, False])
@pytest.mark.parametrize(
    "broken",
    [
        "json.tool = missing_package:install",
        "json.tool = toyframe_missing",
        "json.tool = broken_integration:install",
        "json.tool = broken_integration:nothing",
        "json.tool =",
    ],
)
def test_broken_integration_stops_nobody(
    site: Path, broken: str, strict: bool, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    (site / "broken_integration.py").write_text(
        "def install(patches):\n    import json.tool\n    patches.around(json.tool, 'main', print)\n    1 / 0\n"
    )
    folder = site / "another-1.dist-info"
    folder.mkdir()
    (folder / "entry_points.txt").write_text(f"[autotrack.integrations]\n{broken}\n")
    monkeypatch.setenv("AUTOTRACK_STRICT", str(int(strict)))
    monkeypatch.delitem(sys.modules, "json.tool", raising=False)
    autotrack.autolog()
    if strict:
        with pytest.raises(Exception):
            importlib.import_module("json.tool")
        return
    tool = importlib.import_module("json.tool")
    importlib.import_module("toyframe")
    assert _state().state == "patched"
    one = _state("json.tool")
    assert one.state == "failed"
    assert one.reason
    assert not hasattr(tool.main, "_self_site"), "half-made patches are undone"
    (line,) = (record.getMessage() for record in caplog.records if record.levelno == logging.WARNING)
    assert "patching json.tool with" in line


@pytest.mark.usefixtures("_clean")
def test_unreadable_metadata_stops_nobody(
    site: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    folder = site / "another-1.dist-info"
    folder.mkdir()
    (folder / "entry_points.txt").write_bytes(b"\xff[autotrack.integrations]\n")
    monkeypatch.setenv("AUTOTRACK_STRICT", "0")
    assert "toyframe" in {entry.module for entry in plugins.discover()}
    assert "reading" in caplog.text


# -- the version gate --


@pytest.mark.parametrize(
    ("version", "accepted"),
    [("1.3.9", False), ("1.4", True), ("1.4.0rc1", True), ("1.10", True), ("2!0.1", True), ("0.9.dev0+abc", False)],
)
def test_floor(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, version: str, accepted: bool
) -> None:
    monkeypatch.syspath_prepend(framework.install(tmp_path / "site", version=version))
    toyframe = importlib.import_module("toyframe")
    with autotrack.autolog(only="toyframe"):
        state = _state()
        toyframe.Model().fit([1.0])
    assert state.version == version
    assert len(recorded(tmp_path / "store")) == accepted
    if accepted:
        assert (state.state, state.reason) == ("patched", None)
        assert not caplog.records
    else:
        assert state.state == "refused"
        (record,) = caplog.records
        assert f"toyframe {version} is too old" in record.getMessage()
        assert "pip install 'toyframe>=1.4' (or 'autotrack_toyframe[toyframe]')" in record.getMessage()


@pytest.mark.parametrize(
    ("line", "refused"),
    [
        ('Requires-Dist: pytest>=1; extra == "x"', False),
        ('Requires-Dist: pytest>=9999 ; extra == "x"', True),
        ("Requires-Dist: PyTest (>=9999,<10000) ; extra == 'x'", True),
        ('Requires-Dist: pytest[testing]<10000,>=9999; extra == "x"', True),
        ('Requires-Dist: pytest~=9999.1; extra=="x"', True),
        ('Requires-Dist: pytest<1; extra == "x"', False),
        ('Requires-Dist: pytest>=9999; extra == "y"', False),
        ("Requires-Dist: pytest>=9999", False),
        ('Requires-Dist: pytest>=9999; python_version < "3" and extra == "x"', False),
        ('Requires-Dist: not-installed-anywhere>=9999; extra == "x"', False),
        ('Requires-Dist: pytest @ https://example.org/p>=9999; extra == "x"', False),
        ("", False),
    ],
)
@pytest.mark.parametrize("module", ["x", "x.sub"])
def test_requirement_lines(tmp_path: Path, line: str, refused: bool, module: str) -> None:
    body = "Requires-Dist: pytest>=9999; extra == 'x'"
    (tmp_path / "METADATA").write_text(f"Metadata-Version: 2.1\n{line}\nName: d\n\n{body}\n")
    assert (gate(Entry(module, "a:b", "d", str(tmp_path))).refusal is not None) == refused


def test_gate_of_our_own_distribution() -> None:
    """What pyproject.toml says of scikit-learn is what the gate reads."""
    (entry,) = (entry for entry in plugins.discover() if entry.module == "sklearn")
    extra, floors = plugins._floors(entry)
    assert extra == "sklearn"
    assert dict(floors)["scikit-learn"]


# -- import hooks --


def test_module_and_loader_are_left_as_they_are(site: Path) -> None:
    (site / "waited_for.py").write_text("import sys\nseen = __spec__.loader, __loader__, sys.modules[__name__]\n")
    told: list[str] = []
    hooks.when_imported("waited_for", lambda: told.append("one"))
    hooks.when_imported("waited_for", lambda: told.append("two"))
    spec = importlib.util.find_spec("waited_for")
    assert spec is not None
    assert spec.loader is not None
    assert spec.loader.get_source("waited_for").startswith("import sys")  # type: ignore[attr-defined]
    assert told == []
    module = importlib.import_module("waited_for")
    assert told == ["one", "two"]
    assert type(module.__loader__).__module__ == "_frozen_importlib_external"
    assert module.seen == (module.__loader__, module.__loader__, module)
    assert module.__spec__ is not None
    assert module.__spec__.loader is module.__loader__
    hooks.when_imported("waited_for", lambda: told.append("at once"))
    assert told[-1] == "at once"
    del sys.modules["waited_for"]


def test_failed_import_is_waited_for_again(site: Path) -> None:
    (site / "waited_for.py").write_text("import os\nif 'FAIL' in os.environ: raise ValueError('mine')\n")
    told: list[int] = []
    hooks.when_imported("waited_for", lambda: told.append(1))
    os.environ["FAIL"] = "1"
    try:
        with pytest.raises(ValueError, match="mine"):
            importlib.import_module("waited_for")
    finally:
        del os.environ["FAIL"]
    assert told == []
    importlib.import_module("waited_for")
    assert told == [1]
    del sys.modules["waited_for"]


def test_missing_module_is_missing() -> None:
    def hook() -> None:
        raise AssertionError

    hooks.when_imported("not_there_at_all", hook)
    with pytest.raises(ModuleNotFoundError, match="No module named 'not_there_at_all'"):
        importlib.import_module("not_there_at_all")
    assert importlib.util.find_spec("not_there_at_all") is None
    hooks.forget("not_there_at_all", hook)
    hooks.forget("not_there_at_all", hook)


def test_beside_wrapt_hooks(site: Path) -> None:
    """Another tool that waits for the same module, in either order."""
    import wrapt

    for ours_first in (True, False):
        (site / "waited_for.py").write_text("")
        told: list[str] = []
        register = [
            lambda: hooks.when_imported("waited_for", lambda: told.append("ours")),
            lambda: wrapt.register_post_import_hook(lambda module: told.append("theirs"), "waited_for"),
        ]
        for one in register if ours_first else reversed(register):
            one()
        importlib.import_module("waited_for")
        assert sorted(told) == ["ours", "theirs"]
        del sys.modules["waited_for"]
        sys.meta_path[:] = [finder for finder in sys.meta_path if type(finder).__name__ != "ImportHookFinder"]
        wrapt.importer._post_import_hooks_init = False


def test_budget_with_many_distributions(tmp_path: Path) -> None:
    """150 distributions more: `autolog()` must not become slow (the figure itself is for benchmarks/)."""
    for number in range(150):
        folder = tmp_path / f"dist{number}-1.0.dist-info"
        folder.mkdir()
        (folder / "entry_points.txt").write_text("[console_scripts]\nx = y:z\n" * 5)
    code = """
import time, autotrack
start = time.perf_counter()
autotrack.autolog()
print(time.perf_counter() - start)
"""
    assert min(float(_python(code, tmp_path)) for _ in range(3)) < 0.1  # seconds; measured: 0.012
