"""Live playing on JACK's dummy driver: is a block ever late? ``python bench/live.py --seconds 60 --json TABLE.json``.

Starts a JACK server of its own (48 kHz, blocks of 64 samples, the server waits for nobody), plays each model for the given time
from a loop of built-in guitar, and looks at what the audio thread did. Models are networks of the usual sizes with random
weights, the virtual SD-1, or the model files and run folders that are named. ``dry`` is the desk alone, bypassed.

Columns: blocks that the server found late (xruns); the time a block took in the audio thread, as a share of the time that it
lasts: mean, 99th percentile, worst; memory that the audio thread was given by the system (page faults) and by numba's runtime
(allocations) while it played. Without real-time rights (``--realtime``; the system must grant them) other programs can make a
block late at any time. Below the table: how many blocks were late for a client that does nothing, the machine's own floor.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import jack
import numpy as np
from numba.core.runtime import _nrt_python, rtsys

from drywet import signals
from drywet.engine import EngineEffect, ModelFile
from drywet.engine.kernels import compiled
from drywet.engine.linear import Linear
from drywet.engine.typical import TYPICAL
from drywet.errors import LiveError
from drywet.live.desk import Desk
from drywet.live.models import load_models
from drywet.live.stream import open_stream

RATE, BLOCK = 48_000, 64
NETWORKS = (
    "grey box", "s4d", "lstm-16", "lstm-40", "lstm-64", "lstm-96", "gru-40", "wavenet nano", "wavenet standard", "convnet-16"
)  # fmt: skip
LOOK_SECONDS = 0.5  # the desk remembers 4096 blocks, more than five seconds
WARM_UP_SECONDS = 1.0  # threads start, pages of code are read


def main():
    given = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    given.add_argument("models", nargs="*", help="model files or run folders; typical networks when left out")
    given.add_argument("--seconds", type=float, default=60.0, help="per model")
    given.add_argument("--block", type=int, default=BLOCK)
    given.add_argument("--realtime", action="store_true", help="the server and its clients ask for real-time priority")
    given.add_argument("--json", type=Path, help="write the rows to this file")
    options = given.parse_args()
    _nrt_python.memsys_enable_stats()
    rows = []
    server, name = started(options)
    try:
        for title, effect, bypassed in effects(options.models):
            rows.append({"model": title, **measured(effect, bypassed, name, options)})
            print(".", end="", flush=True, file=sys.stderr)
        idle = late_for_a_client_that_does_nothing(name, options.seconds)
    finally:
        server.terminate()
        server.wait()
    print(file=sys.stderr)
    print(table(rows))
    print(f"\nlate for a client that does nothing: {idle}")
    if options.json:
        about = {"seconds": options.seconds, "block": options.block, "late_for_an_idle_client": idle}
        options.json.write_text(json.dumps({**about, "rows": rows}, indent=1))


def started(options):
    """The server, and its name."""
    name = f"drywet-bench-{os.getpid()}"
    rights = "--realtime" if options.realtime else "--no-realtime"
    command = ["jackd", "-n", name, rights, "-d", "dummy", "-r", str(RATE), "-p", str(options.block)]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL), name


def effects(paths):
    """Title, Effect and whether it is bypassed, of everything to measure, one at a time."""
    if paths:
        yield from ((name, effect, False) for name, effect in load_models(paths, RATE).items())
        return
    yield "dry", network_effect(Linear(np.ones(1, np.float32))), True
    yield from ((name, network_effect(TYPICAL[name]()), False) for name in NETWORKS)
    yield "virtual SD-1", load_models(["sd1"], RATE)["sd1"], False


def network_effect(network):
    return EngineEffect(ModelFile("drywet", "", network.kind, network, RATE, 0, 0), network=compiled(network))


def measured(effect, bypassed, server, options):
    """What ``options.seconds`` of playing were like."""
    desk = Desk({"model": effect}, RATE, loop=signals.test_riffs(RATE, 8.0)["chords"])
    desk.looping, desk.bypassed = True, bypassed
    before = threads()
    stream = patiently_opened(desk, server)
    try:
        own = threads() - before
        time.sleep(WARM_UP_SECONDS)
        late, faults, given = stream.xruns, page_faults(own), rtsys.get_allocation_stats()[0]
        blocks, _ = desk.block_loads(0)
        desk.meters()
        loads, end = [], time.monotonic() + options.seconds
        while time.monotonic() < end and not stream.trouble():
            time.sleep(LOOK_SECONDS)
            blocks, some = desk.block_loads(blocks)
            loads.append(some)
        loads = np.concatenate(loads)
        return {
            "blocks": len(loads), "xruns": stream.xruns - late, "mean": loads.mean(), "p99": np.percentile(loads, 99),
            "worst": loads.max(), "ns_per_sample": float(np.median(loads)) * 1e9 / RATE,
            "page_faults": page_faults(own) - faults, "allocations": rtsys.get_allocation_stats()[0] - given,
            "unwell": desk.meters().unwell, "trouble": stream.trouble(),
        }  # fmt: skip
    finally:
        stream.close()


def late_for_a_client_that_does_nothing(server, seconds):
    """Late blocks that are the machine's own."""
    client, late = jack.Client("idle", no_start_server=True, servername=server), []
    client.set_xrun_callback(late.append)
    with client:
        time.sleep(WARM_UP_SECONDS)
        late.clear()
        time.sleep(seconds)
        return len(late)


def patiently_opened(desk, server):
    """A stream on a server that may be about to start."""
    end = time.monotonic() + 20
    while True:
        try:
            return open_stream(desk, "jack", server, [1, 2], [1])
        except LiveError:
            if time.monotonic() > end:
                raise
            time.sleep(0.2)


def threads():
    """Numbers of this process's threads; nothing outside Linux."""
    tasks = Path("/proc/self/task")
    return {path.name for path in tasks.iterdir()} if tasks.exists() else set()


def page_faults(numbers):
    """Of these threads, minor and major (proc(5): fields 10 and 12 of stat)."""
    total = 0
    for number in numbers:
        fields = Path(f"/proc/self/task/{number}/stat").read_text().rpartition(")")[2].split()
        total += int(fields[10 - 3]) + int(fields[12 - 3])
    return total


def table(rows):
    lines = ["| model | ns/sample | mean | p99 | worst block | xruns | page faults | allocations |", "|---" * 8 + "|"]
    for row in rows:
        shares = " | ".join(percent(row[name]) for name in ("mean", "p99", "worst"))
        counts = f"{row['xruns']} of {row['blocks']} | {row['page_faults']} | {row['allocations']}"
        lines.append(f"| {row['model']} | {row['ns_per_sample']:.0f} | {shares} | {counts} |")
    return "\n".join(lines)


def percent(share):
    return f"{100 * share:.0f} %" if share >= 0.1 else f"{100 * share:.2g} %"


if __name__ == "__main__":
    main()
