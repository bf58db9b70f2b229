"""``drywet bench``: what can be played on this machine."""

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import typer

from drywet.cli import common

_FAMILIES_RATE = 48_000  # Hz, what most interfaces run at


def bench(
    models: list[Path] = typer.Argument(
        None, help="Model files or run folders; the usual sizes of all families when left out."
    ),
    blocks: list[int] = typer.Option(None, "--block", help="Samples at once; repeatable. 16 to 1024 when left out."),
    seconds: float = typer.Option(0.3, help="How long to play at each block size."),
    json_: bool = typer.Option(False, "--json", help="Print everything that was measured as JSON."),
) -> None:
    """Measure how fast models play here, and how late their slowest blocks are.

    "first block" is the time from the file, or from random weights, to the first block that was played. The kernel of a model
    comes from a cache; where there is none it is compiled first, which is said. For every block size the table gives the 99th
    percentile of a block's time, in percent of what the block lasts: above 100 % the sound breaks up; drywet calls a size
    playable below 50 %. One core is used, and noise as input.

    Example: `drywet bench runs/my-pedal`
    """
    from drywet.engine.bench import BLOCK_SIZES, Timing, first_block, smallest_block
    from drywet.engine.bench import bench as measure
    from drywet.errors import SettingsError

    sizes = tuple(sorted(set(blocks or BLOCK_SIZES)))
    if sizes[0] < 1 or sizes[-1] > 1 << 16:
        raise SettingsError(f"--block {sizes[0] if sizes[0] < 1 else sizes[-1]}: is 1 to 65536 samples")
    if not 0 < seconds <= 60:
        raise SettingsError(f"--seconds {seconds:g}: is above 0, at most 60")
    rows, table, disturbed = [], [], False
    said: list[str] = []

    def report(text: str) -> None:
        said.append(text)
        common.stderr.print(text)

    for name, load in _models(models or [], report):
        said.clear()
        effect, ready = first_block(load)
        words = effect.network.describe() if hasattr(effect, "network") else "circuit"
        timings: list[Timing] = measure(effect, sizes, seconds)
        middle = min(timings, key=lambda timing: abs(timing.block_size - 64))
        smallest = smallest_block(timings)
        rows.append(
            {
                "model": name, "network": words, "first_block_seconds": ready, "compiled": bool(said),
                "sample_rate": effect.sample_rate, "smallest_block": smallest,
                "timings": [
                    {
                        "block_size": timing.block_size, "blocks": timing.blocks, "ns_per_sample": timing.ns_per_sample,
                        "times_real_time": timing.times_real_time, "p99_us": timing.p99_us, "p99_load": timing.p99_load,
                    }
                    for timing in timings
                ],
            }
        )  # fmt: skip
        table.append(
            {
                "model": name, f"ns/sample at {middle.block_size}": f"{middle.ns_per_sample:.0f}",
                "x real time": f"{middle.times_real_time:.3g}",
                "first block": f"{ready:.1f} s, compiled" if said else f"{1000 * ready:.0f} ms",
                **{f"p99 at {timing.block_size}": _percent(timing.p99_load) for timing in timings},
                "plays from": "not here" if smallest is None else f"{smallest}",
            }
        )  # fmt: skip
        disturbed |= any(timing.disturbed for timing in timings)
    if json_:
        common.print_json(rows)
    else:
        common.print_table(table)
    if disturbed:
        common.stderr.print(
            "some blocks took many times as long as most: other programs were using this core, so p99 says more about "
            "them than about the models; close them and measure again"
        )


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %" if share >= 0.1 else f"{100 * share:.2g} %"


def _models(models: list[Path], report: Callable[[str], None]) -> Iterator[tuple[str, Callable[[], Any]]]:
    """Name of every model to measure, and what loads it."""
    from drywet.engine import ModelFile, Network
    from drywet.engine import load as load_file
    from drywet.engine.bench import start_numba
    from drywet.engine.effect import EngineEffect
    from drywet.engine.kernels import compiled

    start_numba()  # else that would count as the first model's loading
    for path in models:
        yield str(path), partial(load_file, path, report=report)
    if models:
        return
    from drywet.circuits import load as load_circuit
    from drywet.engine.typical import TYPICAL
    from drywet.live.circuit import LIVE_OVERSAMPLING, PlayableCircuit

    def of_network(network: Network) -> EngineEffect:
        file = ModelFile("drywet", "", network.kind, network, _FAMILIES_RATE, 0, 0)
        return EngineEffect(file, network=compiled(network, report))

    def of_circuit() -> PlayableCircuit:
        circuit = load_circuit("sd1", sample_rate=_FAMILIES_RATE, oversampling=LIVE_OVERSAMPLING)
        return PlayableCircuit(circuit, report)

    for name, make in TYPICAL.items():
        yield name, partial(of_network, make())
    yield f"virtual SD-1, {LIVE_OVERSAMPLING} x oversampled", of_circuit
