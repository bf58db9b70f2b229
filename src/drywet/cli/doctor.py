"""``drywet doctor``: what is here, what is missing, and how to get it."""

import importlib.metadata
import os
import platform
import shutil
from pathlib import Path

import typer

from drywet.cli import common

LIBRARIES = ("torch", "numba", "numpy", "scipy", "soundfile", "soxr", "safetensors", "matplotlib", "pydantic")
DISK_NEEDED = 2 * 10**9  # bytes: a study of 36 models with its sounds takes about 0.7 GB


def doctor(json_: bool = typer.Option(False, "--json", help="Print as JSON.")) -> None:
    """Check versions, threads, disk and audio devices.

    Example: `drywet doctor`
    """
    rows = [*_versions(), _cores(), _disk(), _audio_devices(), _ngspice()]
    if json_:
        common.print_json(rows)
    else:
        common.print_table(rows)
    missing = [row for row in rows if row["verdict"] == "missing"]
    if missing:
        raise typer.Exit(8)


def _row(what: str, found: str, verdict: str = "ok", advice: str = "") -> dict[str, str]:
    return {"what": what, "found": found, "verdict": verdict, "advice": advice}


def _versions() -> list[dict[str, str]]:
    rows = [_row("drywet", importlib.metadata.version("drywet")), _row("python", platform.python_version())]
    for name in LIBRARIES:
        try:
            rows.append(_row(name, importlib.metadata.version(name)))
        except importlib.metadata.PackageNotFoundError:
            rows.append(_row(name, "not installed", "missing", f"pip install {name}"))
    return rows


def _cores() -> dict[str, str]:
    from drywet.executor import available_cores

    try:
        import torch
    except ImportError:
        return _row("processor", f"{available_cores()} cores")  # the versions say that torch is missing
    from drywet.training.provenance import machine

    gpu = torch.cuda.get_device_name() if torch.cuda.is_available() else "no GPU (none is needed)"
    return _row("processor", f"{machine()}, {available_cores()} cores, {torch.get_num_threads()} threads; {gpu}")


def _disk() -> dict[str, str]:
    free = shutil.disk_usage(Path.cwd()).free
    if free < DISK_NEEDED:
        advice = f"a study wants {DISK_NEEDED / 1e9:.0f} GB: free some space, or use --out on another disk"
        return _row("disk here", f"{free / 1e9:.1f} GB free", "low", advice)
    return _row("disk here", f"{free / 1e9:.1f} GB free")


def _audio_devices() -> dict[str, str]:
    try:
        import sounddevice
    except ImportError:
        return _row("audio devices", "sounddevice not installed", "optional", 'pip install "drywet[live]"')
    except OSError:
        system = "apt install libportaudio2" if os.name == "posix" else "reinstall sounddevice"
        return _row("audio devices", "PortAudio not found", "optional", system)
    names = [device["name"] for device in sounddevice.query_devices()]
    return _row("audio devices", ", ".join(names) or "none", "ok" if names else "optional")


def _ngspice() -> dict[str, str]:
    path = shutil.which("ngspice")
    if path is None:
        return _row("ngspice", "not installed", "optional", "only for comparing circuits live: apt install ngspice")
    return _row("ngspice", path)
