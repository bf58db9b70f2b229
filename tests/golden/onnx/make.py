"""Makes the files of this folder: ``python make.py`` with torch, onnx, onnxscript and onnxruntime installed."""

import warnings
from pathlib import Path

import numpy as np
import onnxruntime
import torch
from torch import nn
from torch.nn.functional import pad

HERE = Path(__file__).parent
LENGTH, OPSET = 300, 17


class Cells(nn.Module):
    """A recurrent layer and a dense one, perhaps with a path around both."""

    def __init__(self, kind, units, layers=1, skip=False, bidirectional=False):
        super().__init__()
        self.cells = kind(1, units, layers, batch_first=True, bidirectional=bidirectional)
        self.dense, self.skip = nn.Linear(units * (1 + bidirectional), 1), skip

    def forward(self, x):
        y = self.dense(self.cells(x)[0])
        return y + x if self.skip else y


class GivenState(nn.Module):
    """A GRU whose state comes and goes, time first."""

    def __init__(self):
        super().__init__()
        self.cells, self.dense = nn.GRU(1, 6), nn.Linear(6, 1)

    def forward(self, x, state):
        y, state = self.cells(x, state)
        return self.dense(y), state


class Bent(nn.Module):
    """Convolutions after zeros, normalization, a slope for each channel, a recurrent layer among them."""

    def __init__(self):
        super().__init__()
        self.first, self.second = nn.Conv1d(1, 4, 3), nn.Conv1d(4, 6, 3, dilation=4, groups=2)
        self.norm, self.slopes, self.last = nn.BatchNorm1d(6), nn.PReLU(6), nn.Linear(5, 1)
        self.cells = nn.LSTM(6, 5, batch_first=True)
        for buffer in (self.norm.running_mean, self.norm.running_var):
            nn.init.uniform_(buffer, 0.2, 0.6)
        nn.init.uniform_(self.slopes.weight)

    def forward(self, x):
        x = torch.tanh(self.first(pad(x, (2, 0))))
        x = self.slopes(self.norm(self.second(pad(x, (8, 0)))))
        return self.last(self.cells(x.transpose(1, 2))[0])


class Gated(nn.Module):
    """Gated convolutions as in WaveNet: padded on both sides, and what looks ahead cut off, or cut off from the beginning."""

    def __init__(self, padded):
        super().__init__()
        self.padded, self.dilations = padded, (1, 2, 4)
        self.widen, self.head = nn.Conv1d(1, 4, 1), nn.Conv1d(4, 1, 1)
        self.layers = nn.ModuleList(nn.Conv1d(4, 8, 3, dilation=d, padding=2 * d * padded) for d in self.dilations)
        self.mixers = nn.ModuleList(nn.Conv1d(4, 4, 1) for _ in self.dilations)

    def forward(self, x):
        x, total = self.widen(x), 0
        for layer, mixer, dilation in zip(self.layers, self.mixers, self.dilations, strict=True):
            y = layer(x)
            if self.padded:
                y = y[:, :, : -2 * dilation]
            first, second = y.chunk(2, dim=1)
            z = torch.tanh(first) * torch.sigmoid(second)
            if not self.padded:
                x = x[:, :, 2 * dilation :]
            total = z if isinstance(total, int) else total[:, :, -z.shape[2] :] + z if not self.padded else total + z
            x = x + mixer(z)
        return self.head(total)


def script(name, model, shape, axis, more=()):
    """By the exporter of TorchScript, with time (and batch) left open."""
    names = ["x", *(f"state{n}" for n in range(len(more)))]
    torch.onnx.export(
        model.eval(), (torch.zeros(shape), *more), HERE / f"{name}.onnx", input_names=names, dynamo=False,
        output_names=["y", *(f"{one}_out" for one in names[1:])], opset_version=OPSET,
        dynamic_axes={"x": {0: "batch", 1: "time"} if axis == 1 else {axis: "time"}, "y": {axis: "time"}},
    )  # fmt: skip


def dynamo(name, model, shape, axis=None):
    """By the exporter of torch 2.9 and later; time has a fixed length where no axis is given."""
    shapes = ({axis: torch.export.Dim("time")},) if axis is not None else None
    torch.onnx.export(
        model.eval(), (torch.zeros(shape),), HERE / f"{name}.onnx", input_names=["x"], output_names=["y"],
        dynamic_shapes=shapes, dynamo=True, external_data=False, verbose=False,
    )  # fmt: skip


def main():
    warnings.simplefilter("ignore")
    torch.manual_seed(0)
    batch_time, channel_time = (1, LENGTH, 1), (1, 1, LENGTH)
    script("lstm_8_skip", Cells(nn.LSTM, 8, skip=True), batch_time, 1)
    script("gru_6_given_state", GivenState(), (LENGTH, 1, 1), 0, (torch.zeros(1, 1, 6),))
    script("gated_padded", Gated(True), channel_time, 2)
    script("gated_cut", Gated(False), channel_time, 2)
    dynamo("lstm_5_two_layers_fixed_length", Cells(nn.LSTM, 5, layers=2), batch_time)
    dynamo("bent", Bent(), channel_time, 2)
    script("both_directions", Cells(nn.LSTM, 3, bidirectional=True), batch_time, 1)
    script("looks_ahead", nn.Conv1d(1, 1, 3, padding=1), channel_time, 2)
    dry = (0.3 * np.random.default_rng(0).standard_normal(LENGTH)).astype(np.float32)
    np.save(HERE / "input.npy", dry)
    for path in sorted(HERE.glob("*.onnx")):
        session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
        first, *others = session.get_inputs()
        given = {one.name: np.zeros(one.shape, np.float32) for one in others}
        shape = [-1 if size in ("time", LENGTH) else 1 for size in first.shape]
        np.save(path.with_suffix(".npy"), session.run(None, {first.name: dry.reshape(shape), **given})[0].ravel())


if __name__ == "__main__":
    main()
