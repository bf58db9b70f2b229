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
    """Check versions, threads, disk, and what recording, live playing and exports can use: only `missing` stops drywet.

    Example: `drywet doctor`
    """
    rows = [*_versions(), _cores(), _disk(), _kernels()]
    rows += [_audio_devices(), _jack(), *_priority(), _midi(), _compiler(), _ngspice()]
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


def _kernels() -> dict[str, str]:
    from drywet import kernel_cache

    try:
        from numba.core.caching import FunctionCache

        return _row("compiled code", f"kept in {FunctionCache(kernel_cache.holds).cache_path}")
    except ImportError:
        return _row("compiled code", "numba not installed", "missing", "pip install numba")
    except RuntimeError:  # numba found no folder that it may write to
        advice = "set NUMBA_CACHE_DIR to a folder that can be written, or every start compiles anew, for up to a minute"
        return _row("compiled code", "cannot be kept", "low", advice)


def _audio_devices() -> dict[str, str]:
    from drywet.errors import MissingDependencyError
    from drywet.interfaces import portaudio

    try:
        found, remark = portaudio.devices()
    except MissingDependencyError as error:
        return _row("audio devices", "PortAudio not found", "optional", f"to capture and to play live: {error}")
    names = ", ".join(device.name for device in found)
    return _row("audio devices", names or "none", "ok" if found else "optional", remark)


def _jack() -> dict[str, str]:
    from drywet.errors import MissingDependencyError
    from drywet.interfaces import jack_server

    try:
        jack_server.library()
    except MissingDependencyError as error:
        return _row("JACK", "not found", "optional", f"only for playing and capturing through JACK: {error}")
    running = jack_server.rate_and_block()
    if running is None:
        return _row("JACK", "no server runs", "optional", "start one: jackd -d alsa -d hw:1 -r 44100 -p 64")
    return _row("JACK", f"a server runs at {running[0]} Hz in blocks of {running[1]}")


def _priority() -> list[dict[str, str]]:
    """Whether an audio thread may go before others; a question of Linux alone."""
    if platform.system() != "Linux":
        return []
    import resource

    highest = resource.getrlimit(resource.RLIMIT_RTPRIO)[0]
    if highest == 0 and os.geteuid() != 0:
        advice = (
            "live sound may drop out: allow it with the line `@audio - rtprio 95` in /etc/security/limits.d/audio.conf, "
            "join the group audio, and log in again"
        )
        return [_row("real-time priority", "not allowed", "optional", advice)]
    return [_row("real-time priority", "allowed")]


def _midi() -> dict[str, str]:
    from drywet.errors import MissingDependencyError
    from drywet.live.midi import midi_inputs

    try:
        names = midi_inputs()
    except MissingDependencyError as error:
        return _row("MIDI inputs", "not found", "optional", f"only to turn knobs while playing: {error}")
    advice = "" if names else "connect a controller to turn knobs with it; keys do too"
    return _row("MIDI inputs", ", ".join(names) or "none", "ok" if names else "optional", advice)


def _compiler() -> dict[str, str]:
    from drywet.export.c_check import COMPILERS

    found = next((path for name in COMPILERS if (path := shutil.which(name))), None)
    if found is None:
        advice = "exported C headers are then not compiled as a proof: apt install gcc"
        return _row("C compiler", "not found", "optional", advice)
    return _row("C compiler", found)


def _ngspice() -> dict[str, str]:
    path = shutil.which("ngspice")
    if path is None:
        return _row("ngspice", "not installed", "optional", "only for comparing circuits live: apt install ngspice")
    return _row("ngspice", path)
