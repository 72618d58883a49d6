"""The environment snapshot: right, the same for the same, whole in spite of trouble, imports no framework."""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from autotrack.capture import environment, hardware, packages


def test_packages_are_those_that_importlib_finds() -> None:
    expected: dict[str, str] = {}
    for distribution in importlib.metadata.distributions():
        expected.setdefault(packages.canonical(distribution.metadata["Name"]), distribution.version)
    assert environment.collect()["packages"]["installed"] == expected


def test_snapshot_of_this_process() -> None:
    pytest.importorskip("numpy")

    snapshot = environment.collect()
    assert snapshot["missing"] == {}
    assert snapshot["python"]["version"] == sys.version.split()[0]
    assert snapshot["platform"]["kernel"] == os.uname().release
    assert snapshot["cpu"]["count"] == os.cpu_count()
    assert snapshot["memory"]["total"] > 1 << 28
    assert "numpy" in snapshot["packages"]["imported"]
    assert "pytest" in snapshot["packages"]["imported"]
    assert snapshot["libraries"]["numpy"]["blas"]["name"]
    summary = environment.summary(snapshot)
    assert summary["python"] == snapshot["python"]["version"]
    assert summary["packages"]["numpy"] == importlib.metadata.version("numpy")
    assert summary["cpus"] >= 1
    json.dumps(summary)


def test_equal_environments_give_equal_bytes() -> None:
    script = (
        "import sys; from autotrack.capture import environment as e;"
        "sys.stdout.buffer.write(e.to_json(e.collect(salt=b's')))"
    )
    first, second = (
        subprocess.run(
            [sys.executable, "-c", script],
            check=True,
            capture_output=True,
            env=os.environ | {"HF_TOKEN": "abc", "PYTHONHASHSEED": "random"},
        ).stdout
        for _ in range(2)
    )
    assert first == second
    assert json.loads(first)["variables"]["HF_TOKEN"].startswith("***:")


def test_nothing_is_imported() -> None:
    script = (
        "import sys; from autotrack.capture import environment, code, data; environment.collect();"
        "print(sorted(m for m in sys.modules if m.partition('.')[0] in {'numpy', 'pandas', 'torch', 'sklearn'}"
        "or m in {'importlib.metadata', 'pkg_resources'}))"
    )
    done = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "[]"


def test_distributions_duplicate_broken_and_odd(tmp_path: Path) -> None:
    first, second = tmp_path / "a", tmp_path / "b"

    def make(folder: Path, name: str, metadata: bytes | None) -> None:
        (folder / name).mkdir(parents=True)
        if metadata is not None:
            (folder / name / "METADATA").write_bytes(metadata)

    make(first, "Foo_Bar-1.0.dist-info", b"Metadata-Version: 2.1\nName: Foo.Bar\nVersion: 1.0\n")
    make(second, "foo_bar-2.0.dist-info", b"Metadata-Version: 2.1\nName: foo-bar\nVersion: 2.0\n")
    make(second, "nometa-3.1.dist-info", None)
    make(second, "odd-4.dist-info", b"\xff\xfe\x00")
    make(second, "nothing.dist-info", None)
    (second / "old-5.egg-info").write_text("Name: old\nVersion: 5\n")
    (second / "x.zip").write_bytes(b"PK")
    (first / "Foo_Bar-1.0.dist-info" / "direct_url.json").write_text(
        '{"url": "https://ana:pw@example.org/x.git", "vcs_info": {"vcs": "git", "commit_id": "abc"}}'
    )
    (second / "odd-4.dist-info" / "direct_url.json").write_text("[]")
    missing: dict[str, str] = {}
    found = packages.scan(
        missing, [str(first), str(second), str(second), str(tmp_path / "gone"), str(second / "x.zip")]
    )
    installed, duplicates = packages.table(found)
    assert installed == {"foo-bar": "1.0", "nometa": "3.1", "odd": "4", "old": "5"}
    assert duplicates == {"foo-bar": ["1.0", "2.0"]}
    assert set(missing) == {"packages.nothing.dist-info", "packages in x.zip"}
    sources = packages.sources(found)
    assert set(sources) == {"foo-bar"}
    assert sources["foo-bar"]["commit"] == "abc"
    assert "pw" not in sources["foo-bar"]["url"]


def test_imported_module_named_unlike_its_distribution() -> None:
    import markdown_it  # noqa: F401 - comes with rich

    used, others = packages.imported(["markdown_it", "tests_own_module"], packages.scan({}))
    assert used == ["markdown-it-py"]
    assert others == []  # a module without a file is nobody's


def test_lock_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".git").mkdir()
    inner = tmp_path / "inner"
    inner.mkdir()
    (tmp_path / "uv.lock").write_bytes(b"lock")
    (tmp_path / "requirements-dev.txt").write_bytes(b"x==1\n")
    (tmp_path / "requirements.lock.txt").mkdir()
    (inner / "environment.yml").write_bytes(b"name: x\n")
    monkeypatch.chdir(inner)
    found = environment.collect()["lock_files"]
    assert found == [
        {"name": name, "size": len(data), "sha256": hashlib.sha256(data).hexdigest()}
        for name, data in (("environment.yml", b"name: x\n"), ("requirements-dev.txt", b"x==1\n"), ("uv.lock", b"lock"))
    ]


def test_variables_are_chosen_and_redacted(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "OMP_NUM_THREADS": "3",
        "CUDA_VISIBLE_DEVICES": "0",
        "SLURM_JOB_ID": "17",
        "HF_TOKEN": "abc",
        "AWS_SECRET_ACCESS_KEY": "x",
        "TF_VAR_password": "x",
        "HOME_MADE": "x",
        "PYTHONPATH": "/\udcff",
    }.items():
        monkeypatch.setenv(name, value)
    snapshot = environment.collect()
    variables = snapshot["variables"]
    assert (variables["OMP_NUM_THREADS"], variables["CUDA_VISIBLE_DEVICES"], variables["SLURM_JOB_ID"]) == (
        "3",
        "0",
        "17",
    )
    assert variables["HF_TOKEN"].startswith("***:")
    assert not {"AWS_SECRET_ACCESS_KEY", "TF_VAR_password", "HOME_MADE"} & set(variables)
    assert json.loads(environment.to_json(snapshot))["variables"]["PYTHONPATH"] == "/\udcff"


def test_trouble_in_one_part_is_named_and_costs_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_: object) -> None:
        message = "no sensor"
        raise RuntimeError(message)

    monkeypatch.setattr(hardware, "cpu", broken)
    snapshot = environment.collect()
    assert snapshot["missing"] == {"cpu": "RuntimeError: no sensor"}
    assert snapshot["packages"]["installed"]
    assert "cpu" not in environment.summary(snapshot)
    assert environment.summary({}) == {}


def test_control_group_limits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    two = tmp_path / "job" / "step"
    two.mkdir(parents=True)
    (two / "memory.max").write_text("max\n")
    (two.parent / "memory.max").write_text(f"{1 << 20}\n")
    (two / "cpu.max").write_text("max 100000\n")
    (two.parent / "cpu.max").write_text("150000 100000\n")
    real = hardware.read_text
    monkeypatch.setattr(hardware, "_CGROUPS", str(tmp_path))
    monkeypatch.setattr(
        hardware,
        "read_text",
        lambda path, limit=65536: "0::/job/step\n" if path == "/proc/self/cgroup" else real(path, limit),
    )
    assert hardware.cpu({})["limit"] == 1.5
    assert hardware.memory({})["limit"] == 1 << 20
    one = tmp_path / "cpu,cpuacct" / "job"
    one.mkdir(parents=True)
    (one / "cpu.cfs_quota_us").write_text("50000\n")
    (one / "cpu.cfs_period_us").write_text("100000\n")
    monkeypatch.setattr(
        hardware,
        "read_text",
        lambda path, limit=65536: "4:cpu,cpuacct:/job\n" if path == "/proc/self/cgroup" else real(path, limit),
    )
    assert hardware.cpu({})["limit"] == 0.5
    assert hardware.memory({})["limit"] is None


NVML = """
#include <string.h>
typedef struct { unsigned long long total, free, used; } memory_t;
static int devices[2];
static char *names[2] = {"NVIDIA H200", "NVIDIA A100"};
int nvmlInit_v2(void) { return 0; }
int nvmlShutdown(void) { return 0; }
int nvmlSystemGetDriverVersion(char *s, unsigned n) { strncpy(s, "550.54.15", n); return 0; }
int nvmlSystemGetCudaDriverVersion_v2(int *v) { *v = 12040; return 0; }
int nvmlDeviceGetCount_v2(unsigned *n) { *n = 2; return 0; }
int nvmlDeviceGetHandleByIndex_v2(unsigned i, void **h) { *h = &devices[i]; return 0; }
int nvmlDeviceGetName(void *h, char *s, unsigned n) { strncpy(s, names[(int *)h - devices], n); return 0; }
int nvmlDeviceGetMemoryInfo(void *h, memory_t *m) { m->total = 1ull << 37; return h == devices ? 0 : 3; }
"""


def test_graphics_processors_through_the_drivers_library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import ctypes
    import shutil

    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        pytest.skip("no C compiler")
    (tmp_path / "nvml.c").write_text(NVML)
    library = tmp_path / "libnvidia-ml.so.1"
    subprocess.run([compiler, "-shared", "-fPIC", "-o", str(library), str(tmp_path / "nvml.c")], check=True)
    load = ctypes.CDLL
    monkeypatch.setattr(ctypes, "CDLL", lambda name: load(str(library) if name == library.name else name))
    assert hardware._nvml() == {
        "devices": [{"name": "NVIDIA H200", "memory": 1 << 37}, {"name": "NVIDIA A100", "memory": None}],
        "driver": "550.54.15",
        "cuda_driver": "12.4",
    }
