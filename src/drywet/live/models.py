"""What is played: model files, run folders and virtual circuits by name, all at one rate; and whether they keep up."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from drywet.circuits import is_circuit
from drywet.engine import load
from drywet.engine.bench import bench
from drywet.errors import LiveError, SettingsError
from drywet.live.desk import Playable
from drywet.text import printable

HIGH_LOAD = 0.8  # of a block's time that a model may take: the rest is for the system
BENCH_SECONDS = 0.1
BENCH_BLOCK = 256  # samples, the most at once: larger blocks are no quicker


def load_models(
    given: Sequence[str],
    sample_rate: int | None = None,
    circuit_rate: int = 48_000,
    oversampling: int | None = None,
    report: Callable[[str], None] = lambda text: None,
) -> dict[str, Playable]:
    """Every model with a short name of its own, in order.

    Parameters
    ----------
    given : sequence of str
        Run folders, model files, netlist files, names of built-in circuits.
    sample_rate : int, optional
        Hz, that all of them must have.
    circuit_rate : int
        Hz, of circuits where neither ``sample_rate`` nor a model of another kind says what theirs is.
    oversampling : int, optional
        Of circuits.
    report : callable
        Told what takes some seconds.

    Raises
    ------
    LiveError
        If a model was made for another rate than ``sample_rate``, or two for different rates.
    ModelFileError, CircuitError, SettingsError
        If one cannot be read, or there is none so named.
    """
    names = _short(given)
    files = {name: load(text, report=report) for name, text in zip(names, given, strict=True) if not is_circuit(text)}
    rates = {name: file.sample_rate for name, file in files.items()}
    for name, rate in rates.items():
        if sample_rate is not None and rate != sample_rate:
            raise LiveError(
                f"{name} was made for {rate} Hz, --sample-rate says {sample_rate} Hz. Nothing is resampled while playing: "
                f"leave --sample-rate out, and set the interface (or JACK: jackd ... -r {rate}) to {rate} Hz"
            )
        if rate != (first := next(iter(rates.values()))):
            raise LiveError(
                f"{name} was made for {rate} Hz, {next(iter(rates))} for {first} Hz, and an interface has one rate. Play "
                "them one at a time"
            )
    rate = sample_rate or next(iter(rates.values()), circuit_rate)
    models: dict[str, Playable] = {}
    for name, text in zip(names, given, strict=True):
        models[name] = files[name] if name in files else _circuit(text, rate, oversampling, report)
    return models


def slow_models(models: Mapping[str, Any], block_size: int) -> list[str]:
    """A sentence on each model that takes more of a block's time than :data:`HIGH_LOAD`, measured here and now.

    And one if two of them together take more than there is: while one follows the other both play.
    """
    size = min(block_size, BENCH_BLOCK)
    loads = {}
    for name, model in models.items():
        (timing,) = bench(model, [size], BENCH_SECONDS)
        model.reset()
        loads[name] = 1 / timing.times_real_time
    found = [
        f"{name} needs {100 * load:.0f} % of the time there is ({1 / load:.2g} times real time, in blocks of {size} samples; "
        f"above {100 * HIGH_LOAD:.0f} % the sound breaks up). Close other programs, take a smaller model (`drywet bench` "
        "compares them, `drywet distill` makes one), or give a circuit a lower --oversampling"
        for name, load in loads.items()
        if load > HIGH_LOAD
    ]
    second, first = sorted(loads, key=lambda name: loads[name])[-2:] if len(loads) > 1 else ("", "")
    if not found and first and loads[first] + loads[second] > 1:
        found.append(
            f"{first} and {second} together need {100 * (loads[first] + loads[second]):.0f} % of the time there is: sound may "
            "break up for a moment when one follows the other"
        )
    return found


def _circuit(text: str, sample_rate: int, oversampling: int | None, report: Callable[[str], None]) -> Playable:
    from drywet.circuits import load as load_circuit
    from drywet.live.circuit import LIVE_OVERSAMPLING, PlayableCircuit

    circuit = load_circuit(text, sample_rate=sample_rate, oversampling=oversampling or LIVE_OVERSAMPLING)
    return PlayableCircuit(circuit, report)


def _short(given: Sequence[str]) -> list[str]:
    """The last part of each path, or all of it where that would be the same twice."""
    stems = [Path(text).resolve().name if Path(text).is_dir() else Path(text).stem for text in given]
    names = [printable(text if Counter(stems)[stem] > 1 else stem) for text, stem in zip(given, stems, strict=True)]
    for name, count in Counter(names).items():
        if count > 1:
            raise SettingsError(f"{name} is given {count} times; once is enough")
    return names
