"""Writes a model as one self-contained C99 header: weights, state, a process function, a test vector, a description.

The generated code is plain loops in float32 without allocation; a plugin calls ``reset`` when it loads and ``process`` with
blocks of any size. Compiled with ``-DDRYWET_SELF_TEST -x c`` the header is a program that checks itself. The description, a
comment, is what ``drywet.engine.formats.c_header`` reads the tables by.
"""

import json
import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from drywet.engine.activations import Activation
from drywet.engine.contract import Array, Network
from drywet.engine.convolution import Convolution, Stack
from drywet.engine.film import Film
from drywet.engine.formats.c_header import REVERSED, TAPS_FIRST, with_description
from drywet.engine.grey_box import GreyBox
from drywet.engine.linear import Linear, WienerHammerstein
from drywet.engine.recurrent import CellLayer, Recurrent
from drywet.engine.state_space import StateSpace
from drywet.engine.wavenet import WaveNet
from drywet.engine.window_lstm import WindowLSTM
from drywet.errors import ExportError
from drywet.export.about import About
from drywet.export.c_parts import ACTIVATIONS, HELPERS, MAIN
from drywet.export.nam import ELSEWHERE
from drywet.export.numpy_file import described
from drywet.export.proof import passage

TEST_SAMPLES = 512
TOLERANCE = 2e-5


def fit(network: Network) -> Network:
    """The network, if C code for it is known; ExportError otherwise."""
    if isinstance(network, WaveNet):
        layers = [layer for array in network.arrays for layer in array.layers]
        if network.condition or network.heads or any(layer.films or layer.head for layer in layers):
            raise ExportError(
                "C code is written for plain WaveNets; this one has FiLM, condition models or heads of its own. "
                f"{ELSEWHERE}"
            )
        if any(layer.gate == "blended" or layer.residual is None for layer in layers):
            raise ExportError(
                f"C code is written for plain WaveNets; this one blends, or has layers without residual. {ELSEWHERE}"
            )
    if isinstance(network, WindowLSTM):
        raise ExportError(
            f"a window LSTM runs its {network.context} samples anew for every sample, which no plugin has the time for; numpy "
            "and onnx hold it. Train the lstm family instead: it carries its state"
        )
    if type(network) not in _EMITTERS:
        raise ExportError(f"C code is not written for this: {network.describe()}")
    for curve in _curves(network):
        if curve not in ACTIVATIONS:
            raise ExportError(f"C code knows no activation {curve}; known are {', '.join(ACTIVATIONS)}. {ELSEWHERE}")
    return network


def _curves(network: Network) -> set[str]:
    if isinstance(network, WaveNet):
        layers = [layer for array in network.arrays for layer in array.layers]
        gates = {layer.second.name for layer in layers if layer.gate == "gated"}
        return {layer.activation.name for layer in layers} | gates
    if isinstance(network, Stack):
        return {layer.activation.name for layer in network.layers if isinstance(layer, Convolution)}
    return set()


def write(network: Network, about: About) -> bytes:
    """The content of the header of a network that :func:`fit` gave."""
    source = _Source(re.sub(r"[^A-Za-z0-9]+", "_", about.labels.name or "").strip("_").lower()[:40] or "drywet")
    _EMITTERS[type(network)](network, source)
    settle = max(about.settle, network.receptive_field or 0)
    network.reset()
    network.settle(settle, np.full(network.knobs, 0.5))
    dry = passage(about.sample_rate)[_loudest(about.sample_rate)]
    wet = network.process(dry.astype(np.float64), np.full(network.knobs, 0.5))
    network.reset()
    test = {"dry": source.constant(dry), "wet": source.constant(wet)}
    arrays: dict[str, Array] = {}
    description = described(network, replace(about, settle=settle), arrays) | {"self_test": test}
    description["tensors"] = {name: source.home(array) for name, array in arrays.items()}
    return with_description(source.text(network, about, settle, test), json.dumps(description, allow_nan=False))


def _loudest(sample_rate: int) -> slice:
    start = sample_rate // 10 + sample_rate // 16
    return slice(start, start + TEST_SAMPLES)


class _Source:
    """The parts of the header while it is put together."""

    def __init__(self, prefix: str):
        self.prefix = prefix if not prefix[0].isdigit() else f"model_{prefix}"
        self.constants: list[str] = []
        self.state: list[str] = []
        self.reset: list[str] = []
        self.body: list[str] = []
        self.on_knobs: list[str] = []
        self.helpers: list[str] = []
        self.count = 0
        self.homes: dict[int, tuple[Array, list[str], str]] = {}  # by id: an array, its tables, their layout

    def use(self, name: str) -> str:
        if name not in self.helpers:
            self.helpers.append(name)
        return f"{self.prefix}_{name}"

    def constant(self, array: Array, layout: str = "") -> str:
        """Name of the table of an array; the same array has one table only."""
        if id(array) not in self.homes:
            values = array.transpose(2, 0, 1) if layout == TAPS_FIRST else array[::-1] if layout == REVERSED else array
            self.homes[id(array)] = (array, [self._table(values)], layout)
        return self.homes[id(array)][1][0]

    def split(self, array: Array) -> list[str]:
        """Names of the tables of ``array[0]``, ``array[1]``, ..."""
        self.homes[id(array)] = (array, [self._table(part) for part in array], "")
        return self.homes[id(array)][1]

    def home(self, array: Array) -> dict[str, Any]:
        """In which tables an array of the network lies; one that is zero may have none."""
        _, tables, layout = self.homes.get(id(array), (array, [], ""))
        if not tables and array.any():
            raise ExportError("the network holds numbers that C code has no use for, such as a memory of a GRU")
        return {"tables": tables, "shape": list(array.shape)} | ({"layout": layout} if layout else {})

    def _table(self, values: Array) -> str:
        self.count += 1
        name = f"{self.prefix}_w{self.count}"
        numbers = [_literal(value) for value in np.ravel(values)]
        lines = [", ".join(numbers[n : n + 8]) for n in range(0, len(numbers), 8)]
        self.constants.append(f"static const float {name}[{len(numbers)}] = {{\n    " + ",\n    ".join(lines) + "\n};")
        return name

    def variable(self, size: int, kind: str = "float") -> str:
        """Name of a new array of the state."""
        self.count += 1
        self.state.append(f"{kind} v{self.count}[{size}];")
        return f"s->v{self.count}"

    def local(self, size: int) -> str:
        """Name of a new array inside the loop over samples."""
        self.count += 1
        self.body.append(f"float t{self.count}[{size}];")
        return f"t{self.count}"

    def film(self, film: Film | None) -> tuple[str, str] | None:
        """Names of scale and shift, made anew when knobs turn."""
        if film is None:
            return None
        scale, shift = self.variable(film.channels), self.variable(film.channels)
        parts = ", ".join(self.constant(part) for part in (film.bend, film.bend_bias, film.spread, film.spread_bias))
        self.on_knobs.append(
            f"{self.use('film')}({parts}, {film.knobs}, {len(film.bend_bias)}, {film.channels}, s->knobs, {scale}, {shift});"
        )
        return scale, shift

    def text(self, network: Network, about: About, settle: int, test: dict[str, str]) -> str:
        """The header, with a zero where the description belongs."""
        prefix, guard = self.prefix, f"{self.prefix.upper()}_H"
        knobs = network.knobs
        names = ", ".join(_plain(name) for name in about.knobs) or "none"
        helpers = "\n\n".join(HELPERS[name].replace("PREFIX", prefix) for name in HELPERS if name in self.helpers)
        title = f"{_plain(about.labels.name or 'A model')}: {network.describe()}, {about.sample_rate} Hz, mono, knobs: {names}"
        head = f"""/* {title}.

   Written by drywet. A plugin keeps one {prefix}_state for each channel:

       {prefix}_reset(&state);                          when it loads; runs {settle} zeros
       {prefix}_process(&state, dry, wet, count);       any count; dry and wet may be the same
{f"       {prefix}_set_knobs(&state, positions);           {knobs} rotations in [0, 1]; noon after reset" if knobs else ""}

   Compiled with -DDRYWET_SELF_TEST it is a program that compares itself with the trainer's output. Link with -lm.
   From the next comment and the tables drywet reads the model again. */
/* clang-format off */
\0
#ifndef {guard}
#define {guard}
#include <math.h>
#include <string.h>

#define {prefix.upper()}_SAMPLE_RATE {about.sample_rate}
#define {prefix.upper()}_KNOBS {knobs}
"""
        state = "\n    ".join([f"float knobs[{max(knobs, 1)}];", *self.state])
        body = "\n        ".join(self.body)
        on_knobs = "\n    ".join(self.on_knobs)
        reset = "\n    ".join(self.reset)
        set_knobs = f"""static void {prefix}_set_knobs({prefix}_state *s, const float *positions) {{
    for (int k = 0; k < {knobs}; k++) s->knobs[k] = positions[k];
    {on_knobs}
}}
"""
        main = MAIN
        for name, value in {
            "PREFIX": prefix, "TEST_IN": test["dry"], "TEST_OUT": test["wet"], "COUNT": TEST_SAMPLES, "TOLERANCE": TOLERANCE
        }.items():  # fmt: skip
            main = main.replace(name, str(value))
        noon = f"float noon[{knobs}]; for (int k = 0; k < {knobs}; k++) noon[k] = 0.5f; {prefix}_set_knobs(s, noon);"
        return f"""{head}
{chr(10).join(self.constants)}

typedef struct {{
    {state}
}} {prefix}_state;

{helpers}

{set_knobs if knobs else ""}
static void {prefix}_process({prefix}_state *s, const float *dry, float *wet, int count) {{
    for (int n = 0; n < count; n++) {{
        const float x0 = dry[n];
        float y;
        {body}
        wet[n] = y;
    }}
}}

static void {prefix}_reset({prefix}_state *s) {{
    float zero = 0.0f, out;
    memset(s, 0, sizeof *s);
    {reset}
    {noon if knobs else ""}
    for (int n = 0; n < {settle}; n++) {prefix}_process(s, &zero, &out, 1);
}}

{main}
#endif
"""


def _plain(text: str) -> str:
    """Text that cannot end a comment."""
    return re.sub(r"[^A-Za-z0-9 .,:;()+-]", "", text)


def _literal(value: float) -> str:
    text = str(np.float32(value))
    return f"{text}f" if any(sign in text for sign in ".e") else f"{text}.0f"


def _recurrent(network: Recurrent, source: _Source) -> None:
    x, width = source.local(1 + network.knobs), 1 + network.knobs
    source.body.append(f"{x}[0] = x0;")
    source.body += [f"{x}[{k + 1}] = s->knobs[{k}];" for k in range(network.knobs)]
    for layer in network.layers:
        x, width = _cell(layer, source, x), layer.units
    head = source.constant(network.head)
    source.body.append(f"y = {_literal(network.head_bias)} + {_literal(network.dry_gain)} * x0;")
    source.body.append(f"for (int i = 0; i < {width}; i++) y += {head}[i] * {x}[i];")


def _cell(layer: CellLayer, source: _Source, x: str) -> str:
    h = source.variable(layer.units)
    names = [
        source.constant(part) for part in (layer.input_weight, layer.recurrent_weight, layer.bias, layer.recurrent_bias)
    ]
    states = [h]
    if layer.cell == "lstm":
        states.append(source.variable(layer.units))
    for state, initial in zip(states, (layer.hidden, layer.memory), strict=False):
        if initial.any():
            source.reset.append(f"memcpy({state}, {source.constant(initial)}, sizeof {state});")
    work = source.local((4 if layer.cell == "lstm" else 6) * layer.units)
    given = ", ".join([*names, x, *states, work])
    source.body.append(f"{source.use(layer.cell)}({given}, {layer.inputs}, {layer.units});")
    return h


def _convolve(layer: Convolution, source: _Source, x: str, activate: bool = True) -> str:
    """Statements for one convolution; the name of its result."""
    y = source.local(layer.outputs)
    weight, bias = source.constant(layer.weight, TAPS_FIRST), source.constant(layer.bias)
    ring, at = source.variable((layer.past + 1) * layer.inputs), source.variable(1, "int")
    sizes = f"{layer.outputs}, {layer.inputs}, {layer.weight.shape[2]}, {layer.dilation}"
    source.body.append(f"{source.use('conv')}({weight}, {bias}, {sizes}, {ring}, {at}, {x}, {y});")
    if activate and layer.activation.name != "Identity":
        source.body.append(_bend(layer.activation, y, layer.outputs))
    return y


def _bend(activation: Activation, y: str, count: int) -> str:
    return f"for (int i = 0; i < {count}; i++) {{ float v = {y}[i]; {y}[i] = {_formula(activation)}; }}"


def _formula(activation: Activation) -> str:
    """The curve at ``v``."""
    slope = dict(activation.numbers).get("negative_slope", 0.01)
    if isinstance(slope, tuple):
        raise ExportError("C code knows one slope for all channels of a PReLU only")
    return ACTIVATIONS[activation.name].replace("SLOPE", _literal(slope))


def _stack(network: Stack, source: _Source) -> None:
    x = source.local(1 + network.knobs)
    source.body.append(f"{x}[0] = x0;")
    source.body += [f"{x}[{k + 1}] = s->knobs[{k}];" for k in range(network.knobs)]
    for layer in network.layers:
        x = _cell(layer, source, x) if isinstance(layer, CellLayer) else _convolve(layer, source, x)
    source.body.append(f"y = {x}[0] + {_literal(network.dry_gain)} * x0;")


def _wavenet(network: WaveNet, source: _Source) -> None:
    film, row = source.film(network.film), 0
    source.body.append("float condition = x0;")
    x, head = "&condition", ""
    for array in network.arrays:
        channels = len(array.widen)
        wide, widen = source.local(channels), source.constant(array.widen)
        source.body.append(f"{source.use('matrix')}({widen}, {channels}, {array.widen.shape[1]}, {x}, {wide});")
        total = source.local(array.head.inputs)
        start = f"{head}[i]" if head else "0.0f"
        source.body.append(f"for (int i = 0; i < {array.head.inputs}; i++) {total}[i] = {start};")
        for layer in array.layers:
            z, rows, half = _convolve(layer.conv, source, wide, activate=False), layer.conv.outputs, layer.bottleneck
            mixin = source.constant(layer.mixin)
            source.body.append(f"for (int i = 0; i < {rows}; i++) {z}[i] += {mixin}[i] * x0;")
            if film:
                source.body.append(
                    f"for (int i = 0; i < {rows}; i++) {z}[i] = {z}[i] * {film[0]}[{row} + i] + {film[1]}[{row} + i];"
                )
            row += rows
            source.body.append(_bend(layer.activation, z, half))
            if layer.gate == "gated":
                gate = _formula(layer.second)
                source.body.append(
                    f"for (int i = 0; i < {half}; i++) {{ float v = {z}[{half} + i]; {z}[i] *= {gate}; }}"
                )
            source.body.append(f"for (int i = 0; i < {half}; i++) {total}[i] += {z}[i];")
            assert layer.residual is not None
            weight, bias = source.constant(layer.residual.weight), source.constant(layer.residual.bias)
            source.body.append(
                f"for (int o = 0; o < {channels}; o++) {{ float v = {bias}[o]; for (int i = 0; i < {half}; i++) "
                f"v += {weight}[o * {half} + i] * {z}[i]; {wide}[o] += v; }}"
            )
        head, x = _convolve(array.head, source, total), wide
    source.body.append(f"y = {_literal(network.head_scale)} * {head}[0];")


def _linear(network: Linear, source: _Source) -> None:
    x, after = _gains(network.film, source)
    y = _filtered(network.taps, source, x)
    source.body.append(f"y = {after}({y}[0] + {_literal(network.bias)});")


def _gains(film: Film | None, source: _Source) -> tuple[str, str]:
    """Name of the dry sample after the knobs' first gain, and the factor for their second."""
    x, made = source.local(1), source.film(film)
    source.body.append(f"{x}[0] = x0{f' * expf({made[1]}[0])' if made else ''};")
    return x, f"{made[0]}[0] * " if made else ""


def _filtered(taps: Array, source: _Source, x: str) -> str:
    y, weight = source.local(1), source.constant(taps, REVERSED)
    ring, at = source.variable(len(taps)), source.variable(1, "int")
    source.body.append(f"{source.use('conv')}({weight}, 0, 1, 1, {len(taps)}, 1, {ring}, {at}, {x}, {y});")
    return y


def _wiener_hammerstein(network: WienerHammerstein, source: _Source) -> None:
    x, after = _gains(network.film, source)
    x = _filtered(network.before, source, x)
    knots, values = source.constant(network.knots), source.constant(network.values)
    source.body.append(f"{x}[0] = {source.use('curve')}({knots}, {values}, {len(network.knots)}, {x}[0]);")
    y = _filtered(network.after, source, x)
    source.body.append(f"y = {after}{y}[0];")


def _state_space(network: StateSpace, source: _Source) -> None:
    banks, states, channels, _ = network.poles.shape
    units, film = network.w1.shape[2], source.film(network.film)
    u = source.local(channels)
    source.body.append(f"for (int c = 0; c < {channels}; c++) {u}[c] = {_literal(network.dry_gain)} * x0;")
    of_banks = [source.split(part) for part in (network.poles, network.readouts, network.direct)]
    of_stages = [
        source.split(part) for part in (network.w1, network.b1, network.w2, network.b2, network.w3, network.b3)
    ]
    for k in range(banks):
        tables = ", ".join(part[k] for part in of_banks)
        memory = source.variable(2 * states * channels)
        source.body.append(f"{source.use('bank')}({tables}, {memory}, {u}, {states}, {channels});")
        if k == banks - 1:
            break
        if film:
            source.body.append(
                f"for (int c = 0; c < {channels}; c++) "
                f"{u}[c] = {u}[c] * {film[0]}[{k * channels} + c] + {film[1]}[{k * channels} + c];"
            )
        hidden, again = source.local(units), source.local(units)
        parts = [part[k] for part in of_stages]
        layer = source.use("dense_tanh")
        source.body.append(f"{layer}({parts[0]}, {parts[1]}, {channels}, {units}, {u}, {hidden});")
        source.body.append(f"{layer}({parts[2]}, {parts[3]}, {units}, {units}, {hidden}, {again});")
        source.body.append(
            f"for (int c = 0; c < {channels}; c++) {{ float v = {parts[5]}[c]; for (int i = 0; i < {units}; i++) "
            f"v += {parts[4]}[i * {channels} + c] * {again}[i]; {u}[c] += v; }}"
        )
    source.body.append(f"y = {_literal(network.bias)};")
    source.body.append(f"for (int c = 0; c < {channels}; c++) y += {u}[c];")
    source.body.append(f"y *= {_literal(network.wet_gain)};")


def _grey_box(network: GreyBox, source: _Source) -> None:
    filters, stages = len(network.filters), len(network.stages)
    rows, clippers = source.variable(6 * filters, "double"), source.variable(7 * max(stages, 1), "double")
    memory, volts = source.variable(2 * filters, "double"), source.variable(max(stages, 1), "double")
    learned = f"{source.constant(network.filters)}, {source.constant(network.stages)}"
    film = source.film(network.film)
    scale, shift = film or ("0", "0")
    given = f"{learned}, {scale}, {shift}, {filters}, {stages}, {rows}, {clippers}"
    numbers = f"{source.use('grey_numbers')}({given});"
    (source.on_knobs if film else source.reset).append(numbers)
    source.body.append(
        f"y = (float)({_literal(network.wet_gain)} * {source.use('grey_box')}({rows}, {clippers}, {memory}, {volts}, "
        f"{filters}, {stages}, {network.first_stage}, {_literal(network.dry_gain)} * x0));"
    )


_EMITTERS: dict[type[Network], Callable[..., None]] = {
    Recurrent: _recurrent,
    Stack: _stack,
    WaveNet: _wavenet,
    Linear: _linear,
    WienerHammerstein: _wiener_hammerstein,
    StateSpace: _state_space,
    GreyBox: _grey_box,
}
