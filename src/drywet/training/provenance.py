"""``provenance.json``: where, when and with what a run was made."""

import os
import platform
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numba
import numpy
import torch

import drywet
from drywet import files
from drywet.models import Model
from drywet.training.checkpoint import Progress
from drywet.training.settings import RunSettings

PROVENANCE = "provenance.json"


def read(folder: Path) -> dict[str, Any]:
    """What is known so far; empty for a fresh run."""
    return files.read_json_object(folder / PROVENANCE) if (folder / PROVENANCE).is_file() else {}


def start(folder: Path, settings: RunSettings, model: Model, threads: int, device: str) -> dict[str, Any]:
    """Note the beginning, keeping the first one when a run is resumed."""
    values = {
        "drywet": drywet.__version__,
        "python": platform.python_version(),
        "torch": torch.__version__,
        "numpy": numpy.__version__,
        "numba": numba.__version__,
        "machine": machine(),
        "cores": os.cpu_count(),
        "threads": threads,
        "device": device,
        "seed": settings.seed,
        "parameters": model.parameter_count(),
        "started": read(folder).get("started", _now()),
        "status": "running",
    }
    files.write_json(folder / PROVENANCE, values)
    return values


def finish(folder: Path, started: dict[str, Any], status: str, progress: Progress, updates_per_epoch: int) -> None:
    """Note how it ended."""
    files.write_json(
        folder / PROVENANCE,
        started
        | {
            "status": status,
            "finished": _now(),
            "train_seconds": round(progress.seconds, 2),
            "epochs": round(progress.update / updates_per_epoch, 4),
            "updates": progress.update,
            "best_validation_esr": progress.best_esr,
            "best_update": progress.best_update,
        },
    )


def machine() -> str:
    """The processor's name, as well as the system tells it."""
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
