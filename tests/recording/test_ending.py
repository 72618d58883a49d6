"""However a process ends, its runs end as it did; and nobody notices that they are looked after."""

from __future__ import annotations

import multiprocessing
import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import autotrack
from autotrack.config import current
from autotrack.journal.decoding import decode_lines
from autotrack.journal.events import Environment, Finish


def finish_of(run: str) -> Finish:
    """The one finish line of a run."""
    found = [e for segment in current().folder().segments(run) for e in decode_lines(segment.read())]
    (finish,) = (event for event in found if isinstance(event, Finish))
    return finish


def only_run() -> str:
    (run,) = current().folder().run_ids()
    return run


SCRIPT = """
import autotrack, hashlib, os, signal, sys
run = autotrack.start_run("script")
print(run.id, flush=True)
{body}
"""


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ("", "finished", 0),
        ("raise ValueError('no')", "failed", 1),
        ("raise KeyboardInterrupt", "interrupted", -signal.SIGINT),
        ("os.kill(os.getpid(), signal.SIGTERM); signal.pause()", "killed", -signal.SIGTERM),
        ("os.kill(os.getpid(), signal.SIGINT)", "interrupted", -signal.SIGINT),
    ],
)
def test_how_a_script_ends(body: str, status: str, code: int, tmp_path: Path) -> None:
    (tmp_path / "script.py").write_text(SCRIPT.format(body=body))
    done = subprocess.run([sys.executable, str(tmp_path / "script.py")], capture_output=True, text=True, check=False)
    assert done.returncode == code, done.stderr
    assert finish_of(done.stdout.strip()).status == status


def test_sigterm_ends_a_process_that_is_in_a_long_computation() -> None:
    """Python's own handlers run between two steps of the main thread: after the computation, in an hour."""
    body = "hashlib.pbkdf2_hmac('sha256', b'x', b'y', 2**31 - 1)"
    process = subprocess.Popen([sys.executable, "-c", SCRIPT.format(body=body)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    run = process.stdout.readline().strip()
    time.sleep(0.3)
    process.terminate()
    try:
        assert process.wait(60) == -signal.SIGTERM
    finally:
        process.kill()
        process.stdout.close()
    assert finish_of(run).status == "killed"


def test_sigterm_is_looked_out_for_only_while_a_run_is_open() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with autotrack.start_run():
        assert signal.getsignal(signal.SIGTERM) is not before
    assert signal.getsignal(signal.SIGTERM) is before
    assert signal.set_wakeup_fd(-1) == -1


def test_handlers_of_others_stay() -> None:
    seen: list[int] = []
    former = signal.signal(signal.SIGTERM, lambda number, _: seen.append(number))
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    wakeup = signal.set_wakeup_fd(writing)
    try:
        with autotrack.start_run():
            os.kill(os.getpid(), signal.SIGTERM)
        assert seen == [signal.SIGTERM]
        assert os.read(reading, 10) == bytes([signal.SIGTERM])
        assert signal.set_wakeup_fd(writing) == writing
    finally:
        signal.set_wakeup_fd(wakeup)
        signal.signal(signal.SIGTERM, former)
        os.close(reading)
        os.close(writing)


def test_a_handler_that_the_user_sets_later_is_the_users() -> None:
    body = """
seen = []
signal.signal(signal.SIGTERM, lambda *_: seen.append("checkpoint"))
os.kill(os.getpid(), signal.SIGTERM)
import time
time.sleep(0.5)
print(seen, run.status)
"""
    done = subprocess.run([sys.executable, "-c", SCRIPT.format(body=body)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[1] == "['checkpoint'] running"


def test_nothing_of_the_users_runs_on_with_a_run_that_was_ended() -> None:
    body = """
import time
try:
    print("going", flush=True)
    while True:
        run.log_metric("loss", 1.0)
        time.sleep(0.001)
except BaseException as error:
    print(repr(error), flush=True)
"""
    for _ in range(5):
        process = subprocess.Popen([sys.executable, "-c", SCRIPT.format(body=body)], stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        run = process.stdout.readline().strip()
        assert process.stdout.readline() == "going\n"
        process.terminate()
        assert process.communicate(timeout=60)[0] == ""
        assert process.returncode == -signal.SIGTERM
        assert finish_of(run).status == "killed"


def test_a_child_that_is_ended_at_once_does_not_take_its_parent_along() -> None:
    body = """
import multiprocessing, time
context = multiprocessing.get_context("fork")
for _ in range(50):
    child = context.Process(target=time.sleep, args=(60,))
    child.start()
    child.terminate()
    child.join(30)
    assert child.exitcode == -signal.SIGTERM, child.exitcode
print("alive")
"""
    done = subprocess.run([sys.executable, "-c", SCRIPT.format(body=body)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[1:] == ["alive"]


def test_the_first_process_of_a_container_is_left_alone() -> None:
    """The kernel does not end it by SIGTERM: it would go on training with a run that is over."""
    body = "os.kill(1, signal.SIGTERM); print(os.getpid(), run.status)"
    command = ["unshare", "--pid", "--fork", "--mount-proc", sys.executable, "-c", SCRIPT.format(body=body)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode and "unshare" in done.stderr:
        pytest.skip("process namespaces cannot be made here")
    assert done.stdout.splitlines()[1:] == ["1 running"], done.stderr


def test_a_store_that_is_unreadable_at_the_end_keeps_nobody_alive(tmp_path: Path) -> None:
    body = """
import shutil
store = os.environ["AUTOTRACK_STORE"]
shutil.rmtree(f"{store}/runs/{run.id}")
open(f"{store}/runs/{run.id}", "w").close()
os.kill(os.getpid(), signal.SIGTERM)
signal.pause()
"""
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT.format(body=body)], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == -signal.SIGTERM
    assert "Traceback" not in done.stderr


def test_an_event_loop_has_its_signals() -> None:
    body = """
import asyncio
async def main():
    done = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, done.set)
    os.kill(os.getpid(), signal.SIGUSR1)
    await asyncio.wait_for(done.wait(), 30)
    os.kill(os.getpid(), signal.SIGTERM)
    await asyncio.sleep(30)
asyncio.run(main())
"""
    done = subprocess.run([sys.executable, "-c", SCRIPT.format(body=body)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (-signal.SIGTERM, "")
    assert finish_of(done.stdout.strip()).status == "killed"


def child(body: str) -> None:
    run = autotrack.start_run("child")
    run.log_metric("loss", 1.0)
    exec(body)


@pytest.mark.parametrize("method", ["fork", "spawn"])
@pytest.mark.parametrize(
    ("body", "status"),
    [
        ("", "finished"),
        ("raise ValueError('no')", "failed"),
        ("raise SystemExit(3)", "failed"),
        ("raise SystemExit(0)", "finished"),
        ("raise KeyboardInterrupt", "interrupted"),
    ],
)
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")  # forks with threads
def test_children_of_multiprocessing_end_their_runs(method: str, body: str, status: str) -> None:
    process = multiprocessing.get_context(method).Process(target=child, args=(body,))
    process.start()
    process.join(60)
    run = only_run()
    assert finish_of(run).status == status
    found = [e for segment in current().folder().segments(run) for e in decode_lines(segment.read())]
    assert [type(e) for e in found].count(Environment) == 1


def test_a_child_does_not_end_its_parents_runs() -> None:
    with autotrack.start_run() as run:
        process = multiprocessing.get_context("fork").Process(target=run.log_metric, args=("child", 1.0))
        process.start()
        process.join(60)
        assert process.exitcode == 0
        assert run.status == "running"
    assert finish_of(run.id).status == "finished"


def test_the_users_error_is_the_one_that_counts_on_a_full_disk() -> None:
    run = autotrack.start_run()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    size = current().folder().segments(run.id)[0].size()
    try:
        with pytest.raises(ZeroDivisionError), run:
            resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
            1 / 0
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert run.status == "failed"
