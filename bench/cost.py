"""How the cost of training grows: with the model, with the audio, with the number of models: ``python bench/cost.py``.

Speed and memory only; the audio is noise. Memory is the peak of a fresh process that trains for a few updates.
"""

import resource
import subprocess
import sys
import tempfile
import time

import numpy as np
import torch

from drywet import executor
from drywet.dataset import Pair
from drywet.models import build, parallel
from drywet.settings import parse
from drywet.training import RunConfig, RunSettings, TrainingData, train
from drywet.training.estimate import estimate
from drywet.training.provenance import machine

RATE = 44_100
SIZES = [
    ("lstm", {"hidden_size": 16}), ("lstm", {"hidden_size": 32}), ("lstm", {"hidden_size": 64}), ("lstm", {"hidden_size": 96}),
    ("lstm", {"hidden_size": 32, "layers": 2}), ("gru", {"hidden_size": 32}), ("s4d", {"stages": 1}), ("s4d", {"stages": 2}),
    ("s4d", {"stages": 4}), ("s4d", {"channels": 16, "units": 32}), ("wavenet", {"size": "nano"}), ("wavenet", {}),
    ("grey-box", {}),
]  # fmt: skip


def main():
    print(f"{machine()}, torch {torch.__version__}\n")
    print(f"{'model':44} {'parameters':>10} {'ns/sample':>9} {'2 threads':>9} {'render':>7}")
    data = noise(60.0)
    for family, values in SIZES:
        config = run({"family": family, **values})
        chunk = config.settings.training.batch_size * config.settings.training.tbptt_length
        one, two = (1e9 * estimate(config, data, threads).update_seconds / chunk for threads in (1, 2))
        model = build(config.settings.model)
        name = " ".join([family, *(f"{key}={value}" for key, value in values.items())])
        print(f"{name:44} {model.parameter_count():10} {one:9.0f} {two:9.0f} {rendered(model):7.0f}", flush=True)

    print(f"\n{'seconds of audio, s4d':44} {'MB in all':>10} {'ms/update':>9}")
    for seconds in (30, 60, 300, 1800):
        done = subprocess.run([sys.executable, __file__, str(seconds)], check=True, capture_output=True, text=True)
        print(f"{seconds:<44} {done.stdout.strip()}", flush=True)

    print(f"\n{'number of models, lstm-16, 4 epochs of 60 s':44} {'jobs':>10} {'seconds':>9}")
    for models, jobs in ((1, 1), (2, 1), (2, 2), (4, 2), (8, 2)):
        started = time.perf_counter()
        list(executor.Local(jobs).map(one_of_many, list(range(models)), lambda index, share: None))
        print(f"{models:<44} {jobs:10} {time.perf_counter() - started:9.1f}", flush=True)


def run(model, budget="2epochs", seed=0):
    values = {"model": model, "training": {"budget": budget}, "seed": seed}
    return RunConfig(name="cost", settings=parse(RunSettings, values, "cost"))


def noise(seconds):
    dry = np.random.default_rng(0).standard_normal(int(seconds * RATE)).astype(np.float32) / 10
    pair = Pair(dry, np.tanh(3 * dry), RATE)
    return TrainingData([pair], [pair[:RATE]], "noise")


def rendered(model):
    """ns per sample of one long signal on one thread."""
    dry, knobs = torch.randn(1, 10 * RATE) / 10, torch.zeros(1, 0)
    with torch.no_grad(), parallel.threads(1):
        model(dry[:, :RATE], knobs, model.initial_state(1))
        started = time.perf_counter()
        model(dry, knobs, model.initial_state(1))
    return 1e9 * (time.perf_counter() - started) / dry.numel()


def memory(seconds):
    found = estimate(run({"family": "s4d"}), noise(seconds))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{peak:10.0f} {1000 * found.update_seconds:9.2f}")


def one_of_many(seed, tell):
    with tempfile.TemporaryDirectory() as folder:
        train(run({"family": "lstm", "hidden_size": 16}, "4epochs", seed), noise(60.0), f"{folder}/run")


if __name__ == "__main__":
    if len(sys.argv) > 1:
        memory(float(sys.argv[1]))
    else:
        main()
