"""Where a run ran: Python, machine, packages, thread settings, lock files, chosen environment variables.

Taken once per process (`autotrack.provenance`) and stored by content: two processes in equal environments give equal
bytes (`to_json`), so nothing in it names a process, a host or a time, but for job ids that the variables hold.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
from collections.abc import Callable, Iterable
from typing import Any

from autotrack.capture import hardware, packages
from autotrack.capture.secrets import redact_mapping

Snapshot = dict[str, Any]
"""JSON-ready; `missing` names what could not be found out, with the reason."""

_LOCK_FILES = (
    "uv.lock",
    "poetry.lock",
    "pdm.lock",
    "pixi.lock",
    "Pipfile.lock",
    "conda-lock.yml",
    "environment.yml",
    "environment.yaml",
)
_LOCK_PATTERNS = (("requirements", ".txt"), ("pylock", ".toml"))
_MAX_LOCK = 64 << 20  # bytes; larger ones are named without a hash

_VARIABLES = (
    *(
        "CUDA_",
        "CUDNN_",
        "CUBLAS_",
        "NVIDIA_",
        "NCCL_",
        "HIP_",
        "ROCR_",
        "HSA_",
        "OMP_",
        "MKL_",
        "OPENBLAS_",
        "GOTO_",
        "BLIS_",
    ),
    *(
        "GOMP_",
        "KMP_",
        "NUMEXPR_",
        "VECLIB_",
        "NUMBA_",
        "NPY_",
        "SCIPY_",
        "SKLEARN_",
        "JOBLIB_",
        "LOKY_",
        "TORCH_",
        "PYTORCH_",
    ),
    *(
        "TORCHINDUCTOR_",
        "TF_",
        "XLA_",
        "JAX_",
        "KERAS_",
        "HF_",
        "TRANSFORMERS_",
        "TOKENIZERS_",
        "ACCELERATE_",
        "PYTHON",
    ),
)
_FOREIGN = ("TF_CLI_", "TF_VAR_", "TF_LOG", "TF_PLUGIN_", "TF_TOKEN_")  # Terraform's
_VARIABLE_NAMES = frozenset(
    {
        *("LANG", "LC_ALL", "TZ", "LD_LIBRARY_PATH", "LD_PRELOAD", "MALLOC_CONF", "VIRTUAL_ENV", "CONDA_DEFAULT_ENV"),
        *("RANK", "LOCAL_RANK", "WORLD_SIZE", "LOCAL_WORLD_SIZE", "GROUP_RANK", "TORCHELASTIC_RUN_ID"),
        *(
            "SLURM_JOB_ID",
            "SLURM_JOB_NAME",
            "SLURM_ARRAY_JOB_ID",
            "SLURM_ARRAY_TASK_ID",
            "SLURM_PROCID",
            "SLURM_LOCALID",
        ),
        *(
            "SLURM_NTASKS",
            "SLURM_NNODES",
            "SLURM_CPUS_PER_TASK",
            "SLURM_MEM_PER_NODE",
            "SLURM_GPUS",
            "SLURM_JOB_PARTITION",
        ),
        *("PBS_JOBID", "LSB_JOBID", "JOB_ID", "OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE", "PMI_RANK", "PMI_SIZE"),
    }
)

_OF_NOTE = (
    *(
        "numpy",
        "pandas",
        "scipy",
        "scikit-learn",
        "torch",
        "tensorflow",
        "jax",
        "keras",
        "lightning",
        "pytorch-lightning",
    ),
    *(
        "transformers",
        "datasets",
        "accelerate",
        "trl",
        "peft",
        "xgboost",
        "lightgbm",
        "catboost",
        "optuna",
        "polars",
        "autotrack-ml",
    ),
)


def collect(*, root: str | None = None, modules: Iterable[str] | None = None, salt: bytes | None = None) -> Snapshot:
    """Return the snapshot. Never raises: what fails is listed under `missing`.

    Args:
        root: Folder whose lock files are looked for, besides the working directory (the repository's root).
        modules: Names of the imported modules (default: those of now).
        salt: Key of the hashes that stand for secrets.

    """
    missing: dict[str, str] = {}
    names = packages.top_level(list(sys.modules) if modules is None else modules)
    snapshot: Snapshot = {"format": 1}
    parts: dict[str, Callable[[], Any]] = {
        "python": _python,
        "platform": lambda: hardware.platform(missing),
        "cpu": lambda: hardware.cpu(missing),
        "memory": lambda: hardware.memory(missing),
        "gpus": lambda: hardware.gpus(missing),
        "libraries": lambda: _libraries(missing),
        "packages": lambda: _packages(names, missing),
        "lock_files": lambda: _lock_files(root, missing),
        "variables": lambda: _variables(salt),
    }
    for key, part in parts.items():
        try:
            snapshot[key] = part()
        except Exception as error:  # noqa: BLE001 - one odd system file or library must not cost the rest
            missing[key] = f"{type(error).__name__}: {error}"
    snapshot["missing"] = missing
    return snapshot


def to_json(snapshot: Snapshot) -> bytes:
    """Return the snapshot as JSON, the same bytes for the same content: keys sorted, ASCII, no spaces."""
    return json.dumps(snapshot, sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode("ascii")


def summary(snapshot: Snapshot) -> dict[str, Any]:
    """Return the most wanted fields, for tables and filters. Memory in bytes; `cpus` is what this process may use."""
    python, platform = snapshot.get("python", {}), snapshot.get("platform", {})
    cpu, memory = snapshot.get("cpu", {}), snapshot.get("memory", {})
    gpus, installed = snapshot.get("gpus", {}), snapshot.get("packages", {}).get("installed", {})
    limit = cpu.get("limit")
    usable = cpu.get("usable")
    result: dict[str, Any] = {
        "python": python.get("version"),
        "platform": " ".join(p for p in (platform.get("os") or platform.get("system"), platform.get("machine")) if p),
        "cpu": cpu.get("model"),
        "cpus": min(usable, limit) if usable and limit else usable,
        "memory": memory.get("limit") or memory.get("total"),
        "gpus": [device["name"] for device in gpus.get("devices", [])],
        "packages": {name: installed[name] for name in _OF_NOTE if name in installed},
    }
    return {key: value for key, value in result.items() if value not in (None, "", [], {})}


# -- parts -------------------------------------------------------------------------------------------------------------


def _python() -> dict[str, Any]:
    kind = "system"
    if sys.prefix != sys.base_prefix:
        kind = "venv"
    elif os.path.isdir(os.path.join(sys.prefix, "conda-meta")):
        kind = "conda"
    gil = getattr(sys, "_is_gil_enabled", None)
    return {
        "version": ".".join(map(str, sys.version_info[:3]))
        + (
            ""
            if sys.version_info.releaselevel == "final"
            else f"{sys.version_info.releaselevel}{sys.version_info.serial}"
        ),
        "build": sys.version,
        "implementation": sys.implementation.name,
        "kind": kind,
        "gil": True if gil is None else bool(gil()),
        "optimize": sys.flags.optimize,
        "hash_randomization": bool(sys.flags.hash_randomization),
    }


def _packages(names: list[str], missing: dict[str, str]) -> dict[str, Any]:
    distributions = packages.scan(missing)
    installed, duplicates = packages.table(distributions)
    used, others = packages.imported(names, distributions)
    return {
        "installed": installed,
        "duplicates": duplicates,
        "sources": packages.sources(distributions),
        "imported": used,
        "modules": others,
    }


def _loaded(name: str) -> Any:
    """Return a module that is imported already and completely; None otherwise. Never imports it."""
    module = sys.modules.get(name)
    if module is None or getattr(getattr(module, "__spec__", None), "_initializing", False):
        return None
    return module


def _libraries(missing: dict[str, str]) -> dict[str, Any]:
    """Versions and thread settings of numerical libraries, asked of frameworks that are imported anyway."""
    result: dict[str, Any] = {}
    parts: dict[str, Callable[[Any], Any]] = {"numpy": _numpy, "threadpoolctl": _threads, "torch": _torch}
    for name, part in parts.items():
        module = _loaded(name)
        if module is not None:
            try:
                result[name] = part(module)
            except Exception as error:  # noqa: BLE001 - other people's code
                missing[f"libraries.{name}"] = f"{type(error).__name__}: {error}"
    return result


def _numpy(numpy: Any) -> dict[str, Any]:
    built = numpy.__config__.show(mode="dicts")["Build Dependencies"]
    return {
        kind: {k: str(built[kind].get(k, "")) for k in ("name", "version")}
        for kind in ("blas", "lapack")
        if kind in built
    }


def _threads(threadpoolctl: Any) -> list[dict[str, Any]]:
    keys = ("user_api", "internal_api", "version", "num_threads", "threading_layer", "architecture")
    pools = [{k: pool[k] for k in keys if k in pool} for pool in threadpoolctl.threadpool_info()]
    return sorted(pools, key=lambda pool: sorted((k, str(v)) for k, v in pool.items()))


def _torch(torch: Any) -> dict[str, Any]:
    # Not torch.get_num_threads(): called in a fresh thread, it first sets the number there, for MKL in the whole
    # process.
    cuda, hip = torch.version.cuda, getattr(torch.version, "hip", None)
    result: dict[str, Any] = {"cuda": cuda, "hip": hip, "cudnn": None}
    if cuda or hip:
        result["cudnn"] = torch.backends.cudnn.version()
    return result


def _lock_files(root: str | None, missing: dict[str, str]) -> list[dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for folder in dict.fromkeys(os.path.realpath(f) for f in (root or _project(), ".")):
        try:
            names = sorted(
                n
                for n in os.listdir(folder)
                if n in _LOCK_FILES or any(n.startswith(a) and n.endswith(z) for a, z in _LOCK_PATTERNS)
            )
        except OSError as error:
            missing["lock_files"] = str(error)
            continue
        for name in names:
            path = os.path.join(folder, name)
            try:
                size = os.stat(path).st_size
                if not os.path.isfile(path) or name in found:
                    continue
                if size > _MAX_LOCK:
                    missing[f"lock_files.{name}"] = f"{size:,} bytes, not hashed"
                    found[name] = {"name": name, "size": size, "sha256": None}
                    continue
                with open(path, "rb") as stream:
                    found[name] = {
                        "name": name,
                        "size": size,
                        "sha256": hashlib.file_digest(stream, "sha256").hexdigest(),
                    }
            except OSError as error:
                missing[f"lock_files.{name}"] = str(error)
    return [found[name] for name in sorted(found)]


def _project() -> str:
    """Return the nearest folder upwards that has a `.git` (else the working directory)."""
    here = folder = os.path.realpath(".")
    while not os.path.exists(os.path.join(folder, ".git")):
        folder, child = os.path.dirname(folder), folder
        if folder == child:
            return here
    return folder


def _variables(salt: bytes | None) -> dict[str, str]:
    chosen = {
        k: v
        for k, v in os.environ.copy().items()
        if k in _VARIABLE_NAMES or (k.startswith(_VARIABLES) and not k.startswith(_FOREIGN))
    }
    return redact_mapping(chosen, salt=salt)
