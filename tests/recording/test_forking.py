"""A fork waits for imports of our threads: the child can import the same."""

from __future__ import annotations

import importlib
import os
import sys
import threading
import time
from pathlib import Path

import pytest

from autotrack import forking


def test_a_child_can_import_what_a_thread_was_importing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "slow_to_import.py").write_text("import time; time.sleep(0.5)")
    monkeypatch.syspath_prepend(str(tmp_path))
    begun = threading.Event()

    def work() -> None:
        with forking.held():
            begun.set()
            importlib.import_module("slow_to_import")

    thread = threading.Thread(target=work, name="autotrack-test")
    thread.start()
    assert begun.wait(10)
    pid = os.fork()
    if pid == 0:
        os._exit(0 if "slow_to_import" in sys.modules else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    thread.join()


def test_a_fork_does_not_wait_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forking, "_PATIENCE", 0.1)
    release = threading.Event()

    def work() -> None:
        with forking.held():
            release.wait(30)

    thread = threading.Thread(target=work, name="autotrack-test")
    thread.start()
    time.sleep(0.05)
    pid = os.fork()
    if pid == 0:
        with forking.held():  # free in the child
            os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    release.set()
    thread.join()
    with forking.held():
        pass
