"""The peer's side of esr_over_time.py: neural-amp-modeler's own standard WaveNet, its loss, optimizer and batches.

Run by the Python that has neural-amp-modeler 0.13: ``python bench/nam_peer.py dry.npy wet.npy tests.npz SECONDS SEED``.
Prints one JSON object. Batches of 16 pieces of 8192 samples and Adam at 0.004 are the trainer's defaults; the learning
rate falls as a half cosine over the given time instead of exponentially over hundreds of epochs.
"""

import json
import math
import sys
import time

import numpy as np
import torch
from nam.models.wavenet import WaveNet

PIECE, BATCH, RATE = 8192, 16, 0.004


def layers(inputs, channels, head, bias):
    return {
        "input_size": inputs, "condition_size": 1, "channels": channels, "kernel_size": 3, "activation": "Tanh",
        "head": {"out_channels": head, "kernel_size": 1, "bias": bias}, "dilations": [2**k for k in range(10)],
    }  # fmt: skip


def main(dry_path, wet_path, tests_path, seconds, seed):
    started = time.perf_counter()
    torch.manual_seed(int(seed))
    rng = np.random.default_rng(int(seed))
    dry, wet, seconds = np.load(dry_path), np.load(wet_path), float(seconds)
    net = WaveNet.init_from_config(
        {"layers_configs": [layers(1, 16, 8, False), layers(16, 8, 1, True)], "head_scale": 0.02}
    )
    optimizer = torch.optim.Adam(net.parameters(), lr=RATE)
    field, updates = net.receptive_field, 0
    while (share := (time.perf_counter() - started) / seconds) < 1:
        optimizer.param_groups[0]["lr"] = RATE * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * share)))
        first = rng.integers(0, len(dry) - PIECE - field, BATCH)
        inputs = torch.from_numpy(np.stack([dry[f : f + PIECE + field - 1] for f in first]))
        goal = torch.from_numpy(np.stack([wet[f + field - 1 : f + field - 1 + PIECE] for f in first]))
        optimizer.zero_grad()
        torch.nn.functional.mse_loss(net(inputs, pad_start=False), goal).backward()
        optimizer.step()
        updates += 1
    tests, scores = np.load(tests_path), []
    with torch.no_grad():
        for name in sorted(key for key in tests if key.startswith("dry")):
            goal = tests[name.replace("dry", "wet")]
            start = int(tests.get("start", np.array(0)))
            predicted = net(torch.from_numpy(tests[name])[None], pad_start=True)[0].numpy()
            scores.append(float(((predicted - goal)[start:] ** 2).sum() / (goal[start:] ** 2).sum()))
    print(json.dumps({"esr": scores, "updates": updates, "parameters": sum(p.numel() for p in net.parameters())}))


if __name__ == "__main__":
    main(*sys.argv[1:])
