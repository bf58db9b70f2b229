"""A plain torch LSTM for orientation: ``python bench/torch_peer.py dry.npy wet.npy tests.npz SECONDS SEED``.

nn.LSTM with 32 units and a dense output, TBPTT of 256 samples on 32 streams with carried state, both signals at unit RMS,
Adam at 0.005 with a half cosine, gradient clipping: the recipe that was best in plain torch, on all cores.
"""

import json
import math
import sys
import time

import numpy as np
import torch

LENGTH, STREAMS, RATE = 256, 32, 0.005


def main(dry_path, wet_path, tests_path, seconds, seed):
    started = time.perf_counter()
    torch.manual_seed(int(seed))
    dry, wet, seconds = np.load(dry_path), np.load(wet_path), float(seconds)
    dry_scale, wet_scale = 1 / np.sqrt(np.mean(dry**2)), 1 / np.sqrt(np.mean(wet**2))
    layer, dense = torch.nn.LSTM(1, 32), torch.nn.Linear(32, 1)
    parameters = [*layer.parameters(), *dense.parameters()]
    optimizer = torch.optim.Adam(parameters, lr=RATE)
    streams = len(dry) // STREAMS * STREAMS
    inputs = torch.from_numpy(dry[:streams] * dry_scale).reshape(STREAMS, -1).T.unsqueeze(-1).contiguous()
    goals = torch.from_numpy(wet[:streams] * wet_scale).reshape(STREAMS, -1).T.contiguous()
    updates, at, state = 0, len(inputs), None
    while (share := (time.perf_counter() - started) / seconds) < 1:
        if at + LENGTH > len(inputs):
            at, state = int(torch.randint(LENGTH, (1,))), None
        optimizer.param_groups[0]["lr"] = RATE * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * share)))
        optimizer.zero_grad()
        hidden, state = layer(inputs[at : at + LENGTH], state)
        ((dense(hidden).squeeze(-1) - goals[at : at + LENGTH]) ** 2).mean().backward()
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        state, at, updates = tuple(part.detach() for part in state), at + LENGTH, updates + 1
    tests, scores = np.load(tests_path), []
    start = int(tests.get("start", np.array(0)))
    with torch.no_grad():
        for name in sorted(key for key in tests if key.startswith("dry")):
            goal = tests[name.replace("dry", "wet")]
            hidden, _ = layer(torch.from_numpy(tests[name] * dry_scale).reshape(-1, 1, 1))
            predicted = dense(hidden).flatten().numpy() / wet_scale
            scores.append(float(((predicted - goal)[start:] ** 2).sum() / (goal[start:] ** 2).sum()))
    print(json.dumps({"esr": scores, "updates": updates, "parameters": sum(p.numel() for p in parameters)}))


if __name__ == "__main__":
    main(*sys.argv[1:])
