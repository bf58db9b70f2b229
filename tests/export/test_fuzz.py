"""Ten thousand damaged model files of each format: a typed error or a model that plays, never a crash, a hang or a flood."""

import json
import re
import signal
from pathlib import Path

import numpy as np
import pytest
from mutated_models import mutate, rng, tiny_files

from drywet.engine import read_bytes
from drywet.errors import ModelFileError
from drywet.export import protobuf

FILES = 10_000
CPU_SECONDS = 1.0  # for one file
LARGEST_MB = 256


@pytest.fixture(scope="module")
def tiny():
    return tiny_files()


def file_or_complaint(content):
    try:
        return read_bytes(content, "damaged")
    except ModelFileError as error:
        return str(error)


def peak_mb(since_now=False):
    """The most memory that this process held, whatever earlier tests took; 0 where the system is not Linux."""
    process = Path("/proc/self")
    if not (process / "clear_refs").exists():
        return 0.0
    if since_now:
        (process / "clear_refs").write_text("5")
    return int(re.search(r"VmHWM:\s+(\d+) kB", (process / "status").read_text())[1]) / 1024


class Hangs(Exception):
    pass


@pytest.fixture
def patience():
    """A clock of this process's own work that rings after a second of it without being wound up again."""

    def ring(number, frame):
        raise Hangs(f"one file took more than {CPU_SECONDS} s")

    before = signal.signal(signal.SIGVTALRM, ring)
    yield lambda: signal.setitimer(signal.ITIMER_VIRTUAL, CPU_SECONDS)
    signal.setitimer(signal.ITIMER_VIRTUAL, 0)
    signal.signal(signal.SIGVTALRM, before)


@pytest.mark.parametrize("name", ["nam", "aidax", "proteus", "rtneural", "onnx", "numpy", "c", "drywet"])
def test_a_damaged_file_is_a_typed_error_or_a_model_that_plays(name, tiny, patience):
    chance, files = rng(name), tiny[name]
    memory = peak_mb(since_now=True)
    dry, played, refused = np.array([0.0, 0.5, -0.5]), 0, 0
    for number in range(FILES):
        damaged = mutate(chance.choice(files), chance)
        if number % 8 == 0:
            patience()
        file = file_or_complaint(damaged)
        if isinstance(file, str):
            assert file.startswith("damaged")
            refused += 1
            continue
        with np.errstate(all="ignore"):
            wet = file.network.process(dry, np.full(file.network.knobs, 0.5))
        assert wet.shape == dry.shape
        assert file.network.knobs == len(file.knobs)
        played += 1
    assert refused > FILES / 4
    assert played > FILES / 100  # a changed weight or label leaves a model
    assert peak_mb() - memory < LARGEST_MB


def safetensors_of_one_place(tensors):
    """A megabyte that is named two thousand times."""
    entry = {"dtype": "F32", "shape": [1 << 18], "data_offsets": [0, 1 << 20]}
    header = json.dumps({f"t{number}": entry for number in range(tensors)}).encode()
    return len(header).to_bytes(8, "little") + header + bytes(1 << 20)


def grouped_wavenet():
    """Five hundred layers of 1024 channels in 1024 groups: a file of a million weights, a network of 500 million."""
    array = {"input_size": 1, "condition_size": 1, "head_size": 1, "channels": 1024, "kernel_size": 1, "groups_input": 1024,
             "dilations": [1] * 500, "activation": "Tanh", "gated": False, "head_bias": False,
             "layer1x1": {"active": False}}  # fmt: skip
    values = {"version": "0.7.0", "architecture": "WaveNet", "config": {"layers": [array]}, "weights": [0] * 1_600_000}
    return json.dumps(values).encode()


def onnx_that_grows():
    """A hundred sums of a million numbers each."""
    constants = [protobuf.tensor("one", np.ones(1, np.float32)), protobuf.tensor("size", np.array([1 << 20]))]
    nodes = [protobuf.node("Expand", ["one", "size"], ["x0"], {})]
    nodes += [protobuf.node("Add", [f"x{n}", f"x{n}"], [f"x{n + 1}"], {}) for n in range(100)]
    return protobuf.model("x", nodes, constants, [protobuf.value_info("dry", ["T"])], [], {})


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"[" * 100_000, "no model file"),
        (b'{"weights": ' + b"[" * 100_000, "too deep"),
        (b'{"version": "0.5.4", "version": "0.5.4"}', "stands twice"),
        (b'{"layers": [NaN]}', "NaN"),
        (b'{"a": "' + b"x" * (1 << 24) + b'"}', "at most"),
        (b'{"a": [' + b'"",' * 300_000 + b"1]}", "at most"),
        (b'{"version": "0.8.0", "architecture": "LSTM", "config": {}, "weights": []}', "newer drywet"),
        (b'{"version": "0.5.4", "architecture": "LSTM", "config": {"input_size": 1, "hidden_size": 3, "num_layers": 1}, '
         b'"weights": [1, 2]}', "too few"),
        (b'{"version": "0.5.4", "architecture": "LSTM", "config": {"input_size": 2, "hidden_size": 1, "num_layers": 1}, '
         b'"weights": [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]}', "has one input"),
        (b'{"version": "0.5.4", "architecture": "Linear", "config": {"receptive_field": 1, "bias": false}, '
         b'"weights": [1, 2]}', "wants 1"),
        (b"", "no model file"),
        (b'{"layers": "half a pair: \\ud800"}', "no Unicode"),
        (b"\x08\x08" * 1_000_000, "fields"),
        (safetensors_of_one_place(2000), "the tensor before it ends"),
        (grouped_wavenet(), "weights"),
        (onnx_that_grows(), "all results together"),
        ((b"/* drywet network " + b"0" * 64 + b" {") * 100_000, "without drywet's description"),
        (b"static const float " * 500_000, "no model file"),
        (b"/* x */" + b"static const float a[9] = {0.0f," * 100_000, "without drywet's description"),
    ],
)  # fmt: skip
def test_a_bad_file_is_refused_with_its_reason(content, complaint):
    with pytest.raises(ModelFileError, match=complaint):
        read_bytes(content, "bad.nam")
