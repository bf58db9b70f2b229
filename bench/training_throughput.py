"""Training speed of the compiled recurrent layers beside torch's own: ``python bench/training_throughput.py``.

A sample-step is one time step of one sequence, forward and backward with gradient clipping. torch keeps to one thread:
it gains nothing from a second one in networks of this size, so its best use of two cores is one process on each. The
column for two threads therefore compares drywet on both cores with twice torch's throughput. All take turns of a few
updates, so that a drifting clock hits all; beside the ratios stands how far the gradients are apart (float32).
"""

import statistics
import time

import torch

from drywet.models import GRUSettings, LSTMSettings, build, parallel
from drywet.training.provenance import machine

SHAPES = [(16, 256, 32), (32, 256, 32), (64, 66, 32), (64, 66, 64), (96, 66, 32), (96, 66, 64), (96, 1000, 32)]
ROUNDS, TURNS = 5, 5
THREADS = {"torch": 1, "drywet": 1, "both cores": 2}


def main():
    torch.set_num_threads(1)
    print(f"{machine()}, torch {torch.__version__}; ns per sample-step, median of {ROUNDS * TURNS}")
    print("                                one thread             two threads")
    print("        H     T   B   torch  drywet  ratio  GFLOP/s  drywet  ratio  gradients differ")
    for settings, gates in ((LSTMSettings, 4), (GRUSettings, 3)):
        for hidden, length, batch in SHAPES:
            torch.manual_seed(0)
            model = build(settings(hidden_size=hidden))
            dry, wet = torch.randn(2, batch, length)
            ns, gradients = measure(model, dry, wet)
            pairs = zip(gradients["torch"], gradients["both cores"], strict=True)
            differ = max(float((a - b).abs().max() / a.abs().max()) for a, b in pairs)
            torch_ns, drywet, both = ns.values()
            one = f"{torch_ns:7.0f} {drywet:7.0f} {torch_ns / drywet:6.2f} {6 * gates * hidden**2 / drywet:8.0f}"
            two = f"{both:7.0f} {torch_ns / 2 / both:6.2f} {differ:17.1e}"
            print(f"{model.settings.family:>5} {hidden:>3} {length:>5} {batch:>3} {one} {two}", flush=True)


def measure(model, dry, wet):
    """ns per sample-step and the gradients, each way."""
    times, gradients = {name: [] for name in THREADS}, {}
    for _ in range(ROUNDS):
        for name, count in THREADS.items():
            compute = model._by_torch if name == "torch" else model._learn
            for turn in range(1 + TURNS):
                started = time.perf_counter()
                with parallel.threads(count):
                    predicted, _ = compute(dry, torch.zeros(len(dry), 0), model.initial_state(len(dry)))
                    model.zero_grad()
                    ((predicted - wet) ** 2).mean().backward()
                gradients[name] = [parameter.grad.clone() for parameter in model.parameters()]
                torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
                if turn:  # the first one finds the caches full of somebody else's numbers
                    times[name].append(time.perf_counter() - started)
    return {name: 1e9 * statistics.median(values) / dry.numel() for name, values in times.items()}, gradients


if __name__ == "__main__":
    main()
