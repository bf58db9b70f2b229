"""Training speed of the compiled loops beside torch's own operations: ``python bench/training_throughput.py``.

A sample-step is one time step of one sequence, forward and backward with gradient clipping. torch keeps to one thread:
it gains nothing from a second one in networks of this size, so its best use of two cores is one process on each. The
column for two threads therefore compares drywet on both cores with twice torch's throughput. All take turns of a few
updates, so that a drifting clock hits all; beside the ratios stands how far the gradients are apart (float32).
The roofline is what the same matrix products reach by themselves, in registers. S4D stands beside its Fourier form.
"""

import statistics
import time

import numpy as np
import torch

from drywet.models import GRUSettings, LSTMSettings, build, parallel
from drywet.models.diagonal_scan import FilterBanks
from drywet.models.state_space import StateSpaceSettings, filter_banks_by_torch
from drywet.models.tiles import multiply_add
from drywet.training.provenance import machine

SHAPES = [(16, 256, 32), (32, 256, 32), (64, 66, 32), (64, 66, 64), (96, 66, 32), (96, 66, 64), (96, 1000, 32)]
ROUNDS, TURNS = 5, 5
THREADS = {"torch": 1, "drywet": 1, "both cores": 2}


def main():
    torch.set_num_threads(1)
    print(f"{machine()}, torch {torch.__version__}; ns per sample-step, median of {ROUNDS * TURNS}")
    print(f"roofline of the matrix products, one thread: {peak():.0f} GFLOP/s")
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
    for length, batch in ((12288, 2), (512, 32)):
        torch_ns, drywet, both = state_space(length, batch)
        one, two = f"{torch_ns:7.0f} {drywet:7.0f} {torch_ns / drywet:6.1f}", f"{both:7.0f} {torch_ns / 2 / both:6.1f}"
        print(f"  s4d     {length:>5} {batch:>3} {one}          {two}", flush=True)


def peak():
    """GFLOP/s of a product that fits the first cache."""
    a, w, out = (np.ones(shape, np.float32) for shape in ((32, 64), (64, 96), (32, 96)))
    multiply_add(a, False, w, out)
    best = 0.0
    for _ in range(20):
        started = time.perf_counter()
        for _ in range(1000):
            multiply_add(a, False, w, out)
        best = max(best, 1000 * 2 * 32 * 64 * 96 / (time.perf_counter() - started) / 1e9)
    return best


def state_space(length, batch):
    """ns per sample, forward and backward, of the default S4D: by torch, compiled on one thread, and on two."""
    torch.manual_seed(0)
    model = build(StateSpaceSettings())
    parameters = dict(model.named_parameters())
    names = ["decay", "turn", "real", "imaginary", "direct", "w1", "b1", "w2", "b2", "w3", "b3", "bias"]
    operands = [model.initial_state(batch)[0], torch.ones(batch, 2, 8), torch.zeros(batch, 2, 8)]
    operands += [parameters[name] for name in names]
    signal, times = torch.randn(batch, length), {name: [] for name in THREADS}
    for _ in range(ROUNDS):
        for name, count in THREADS.items():
            compute = filter_banks_by_torch if name == "torch" else lambda *given: FilterBanks.apply(True, *given)
            for turn in range(1 + TURNS):
                started = time.perf_counter()
                with parallel.threads(count):
                    output, _ = compute(signal, *operands)
                    model.zero_grad()
                    (output**2).mean().backward()
                if turn:
                    times[name].append(time.perf_counter() - started)
    return [1e9 * statistics.median(values) / signal.numel() for values in times.values()]


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
