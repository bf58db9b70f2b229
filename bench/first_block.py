"""From starting Python to the first block, in processes of their own: ``python bench/first_block.py --out TABLE.md``.

For one model of each kernel: milliseconds to import the engine and start numba, to load the file, and to play the first block
of 64 samples, as the least of several starts with a full cache; and with an empty one, where the kernel is compiled. It is
processor time, which other programs do not lengthen much.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np

from drywet.engine.convolution import Convolution, Stack
from drywet.engine.typical import TYPICAL
from drywet.export import numpy_file
from drywet.export.about import About

NAMES = (
    "lstm-40", "gru-40", "window lstm-64, 44 samples", "wavenet standard", "convnet-16", "s4d", "grey box", "linear-512",
)  # fmt: skip
MIXED = "convolutions and an lstm-40"
WARM = 3
START = """
import json, sys, time
begin = time.process_time()
import numpy as np
from drywet.engine import load
from drywet.engine.bench import start_numba
start_numba()
imported = time.process_time()
said = []
effect = load(sys.argv[1], report=said.append)
loaded = time.process_time()
dry, wet = np.zeros(64, np.float32), np.empty(64, np.float32)
effect.process_into(dry, wet)
played = time.process_time()
print(json.dumps([1e3 * (b - a) for a, b in ((begin, imported), (imported, loaded), (loaded, played))] + [said]))
"""


def main():
    given = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    given.add_argument("--out", type=Path)
    options = given.parse_args()
    networks = {name: TYPICAL[name]() for name in NAMES}
    cell, head = networks["lstm-40"].layers[0], networks["convnet-16"].layers[0]
    wider = replace(cell, input_weight=np.repeat(cell.input_weight / head.outputs, head.outputs, axis=1))
    dense = Convolution(np.full((1, cell.units, 1), 1 / cell.units, np.float32), np.zeros(1, np.float32))
    networks[MIXED] = Stack((head, wider, dense))
    lines = ["| model | start, ms | load, ms | first block, ms | load with an empty cache |", "|---" * 5 + "|"]
    with tempfile.TemporaryDirectory() as folder:
        for number, (name, network) in enumerate(networks.items()):
            file, cache = Path(folder) / f"{number}.safetensors", Path(folder) / f"cache {number}"
            file.write_bytes(numpy_file.write(network, About(48_000)))
            *cold, said = started(file, cache)
            warm = [started(file, cache)[:3] for _ in range(WARM)]
            best = min(warm, key=lambda times: times[1] + times[2])
            cells = [f"{best[0]:.0f}", f"{best[1]:.1f}", f"{best[2]:.2f}", f"{1e-3 * (cold[1] + cold[2]):.1f} s"]
            lines.append(f"| {name} | {' | '.join(cells)}{'' if said else ', and it was not said'} |")
            print(lines[-1], flush=True)
    if options.out:
        options.out.write_text("\n".join(lines) + "\n")


def started(file, cache):
    done = subprocess.run(
        [sys.executable, "-c", START, str(file)], env=os.environ | {"NUMBA_CACHE_DIR": str(cache)}, check=True,
        capture_output=True, text=True,
    )  # fmt: skip
    return json.loads(done.stdout)


if __name__ == "__main__":
    main()
