"""Training speed of the compiled LSTM beside torch's own, on one thread: ``python bench/training_throughput.py``.

A sample-step is one time step of one sequence, forward and backward with gradient clipping. Both run in turn, so
that a drifting clock hits both; beside the ratio stands how far their gradients are apart (float32).
"""

import statistics
import time

import torch

from drywet.models import LSTMSettings, build
from drywet.training.provenance import machine

SHAPES = [(16, 256, 32), (32, 256, 32), (64, 66, 32), (64, 66, 64), (96, 66, 32), (96, 66, 64), (96, 1000, 32)]
ROUNDS = 15


def main():
    torch.set_num_threads(1)
    print(f"{machine()}, torch {torch.__version__}, one thread; ns per sample-step, median of {ROUNDS}")
    print(f"{'H':>4} {'T':>5} {'B':>4} {'torch':>7} {'drywet':>7} {'ratio':>6} {'GFLOP/s':>8} {'gradients differ':>17}")
    for hidden, length, batch in SHAPES:
        torch.manual_seed(0)
        model = build(LSTMSettings(hidden_size=hidden))
        dry, wet = torch.randn(2, batch, length)
        times, gradients = {}, {}
        for round_number in range(ROUNDS + 2):
            for name, compute in (("torch", model._by_torch), ("drywet", model._learn)):
                started = time.perf_counter()
                predicted, _ = compute(dry, torch.zeros(batch, 0), model.initial_state(batch))
                model.zero_grad()
                ((predicted - wet) ** 2).mean().backward()
                gradients[name] = [parameter.grad.clone() for parameter in model.parameters()]
                torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
                if round_number >= 2:
                    times.setdefault(name, []).append(time.perf_counter() - started)
        steps = length * batch
        ns = {name: 1e9 * statistics.median(values) / steps for name, values in times.items()}
        pairs = zip(gradients["torch"], gradients["drywet"], strict=True)
        differ = max(float((a - b).abs().max() / a.abs().max()) for a, b in pairs)
        ratio, gflops = ns["torch"] / ns["drywet"], 24 * hidden**2 / ns["drywet"]
        speed = f"{ns['torch']:7.0f} {ns['drywet']:7.0f} {ratio:6.2f} {gflops:8.0f}"
        print(f"{hidden:>4} {length:>5} {batch:>4} {speed} {differ:17.1e}")


if __name__ == "__main__":
    main()
