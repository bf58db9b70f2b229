"""C headers that are read again: what is read plays what the compiled code plays, and a changed header says so."""

import json
import re

import numpy as np
import pytest
import torch
from small_models import SMALL
from typer.testing import CliRunner

from drywet.cli import app
from drywet.engine import read_bytes
from drywet.engine.recurrent import CellLayer, Recurrent
from drywet.errors import ExportError, ModelFileError
from drywet.export import export as exporting
from drywet.export.about import About, Labels
from drywet.export.explain import explain
from drywet.export.formats import FORMATS
from drywet.export.proof import passage
from drywet.models import FAMILIES, build, model_bytes

RATE = 48_000
CHOSEN = FORMATS["c"]


def header(family, controls=(), name="my */ pedal DESCRIPTION"):
    torch.manual_seed(1)
    model = build(FAMILIES[family][0](controls=controls, **SMALL[family]))
    file = read_bytes(model_bytes(model, RATE), "model")
    return CHOSEN.write(CHOSEN.fit(file.network), About(RATE, controls, Labels(name=name), settle=100))


@pytest.fixture(scope="module")
def lstm():
    return header("lstm")


@pytest.mark.parametrize("family", ["lstm", "gru", "wavenet", "linear", "wiener-hammerstein", "s4d", "grey-box"])
def test_what_is_read_plays_the_headers_own_vector(family):
    """Which the compiled code plays too (test_formats.py)."""
    controls = () if family == "lstm" else ("drive", "tone")
    file = read_bytes(header(family, controls), "x.h")
    test, noon = file.self_test, np.full(len(controls), 0.5)
    file.network.settle(test.run_in, noon)
    assert np.ptp(test.promised) > 1e-3
    np.testing.assert_allclose(file.network.process(test.given, noon), test.promised, rtol=0, atol=1e-6)
    assert (file.format, file.knobs, file.sample_rate) == ("c", controls, RATE)
    assert file.metadata["name"] == "my */ pedal DESCRIPTION"
    assert not [note for note in explain(file).odd if "self-test" in note or "changed" in note]


def test_a_formatter_that_moves_white_space_changes_nothing(lstm):
    moved = lstm.replace(b"\n", b"\r\n").replace(b", ", b",\n\t").replace(b'",\n\t"', b'", "')
    file = read_bytes(moved, "x.h")
    assert file.notes == ()
    assert read_bytes(lstm, "x.h").network.head_bias == file.network.head_bias


def test_a_changed_weight_is_read_and_a_changed_header_says_so(lstm):
    weight = re.search(rb"_w3\[\d+\] = \{\s*(-?[\d.]+f)", lstm)[1]
    notes = explain(read_bytes(lstm.replace(weight, b"2.5f", 1), "x.h")).odd
    assert any("self-test is missed" in note for note in notes)
    assert any("was changed after drywet wrote it" in note for note in notes)
    notes = explain(read_bytes(lstm.replace(b"0.5f * tanhf", b"0.4f * tanhf"), "x.h")).odd
    assert any("was changed" in note for note in notes)
    assert not any("self-test" in note for note in notes)  # it is the tables that are played here


TABLE = b"static const float extra[2] = {1.0f, 2.0f};"


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        (b"/* drywet network", b"/* something else", "without drywet's description"),
        (b"#include <math.h>", TABLE, "the table extra belongs to no array"),
        (b"#include <math.h>", 2 * TABLE, "extra stands twice"),
        (b"#include <math.h>", TABLE.replace(b"1.0f", b"0x1p3f"), "no float literal"),
        (b"#include <math.h>", TABLE.replace(b"1.0f", b"1_0.0f"), "no float literal"),
        (b"#include <math.h>", TABLE.replace(b"1.0f", b"1.0"), "no float literal"),
        (b"#include <math.h>", TABLE.replace(b"1.0f", b"1.0e39f"), "not finite"),
        (b"#include <math.h>", TABLE.replace(b"[2]", b"[3]"), "holds 2 numbers, 3 are declared"),
        (b"#include <math.h>", TABLE.replace(b"[2]", b"[999999999]"), "numbers in .* tables, at most"),
        (b'["my_pedal_description_w6"]', b'["my_pedal_description_w5"]', "missing or named twice"),
        (b'"shape": [24, 1]', b'"shape": [24, 2]', "wants 48"),
        (b'"tables": [], "shape": [6]', b'"tables": [], "shape": [4194304]', "weights are"),
        (b'"format": 1', b'"format": 2', "this drywet reads 1"),
        (b"_w3[24]", b"_w3[nan]", "missing or named twice"),
    ],
)
def test_a_header_that_does_not_fit_together_is_refused(lstm, old, new, complaint):
    assert old in lstm
    with pytest.raises(ModelFileError, match=complaint):
        read_bytes(lstm.replace(old, new, 1), "x.h")


def test_numbers_that_the_code_would_not_use_are_not_left_out_in_silence():
    weights = [np.ones(shape, np.float32) for shape in ((3, 1), (3, 1), 3, 3, 1, 1)]  # the last is memory, of a GRU
    with pytest.raises(ExportError, match="memory of a GRU"):
        CHOSEN.write(Recurrent((CellLayer("gru", *weights),), np.ones(1, np.float32), 0.0), About(RATE))


def test_c_code_of_others_is_refused_as_such():
    with pytest.raises(ModelFileError, match="is C code without"):
        read_bytes(b"#ifndef X\n#define X\nstatic const float w[1] = {1.0f};\n#endif\n", "x.h")


def test_the_commands_take_a_header(tmp_path, lstm, monkeypatch):
    monkeypatch.setattr(exporting, "passage", lambda rate: passage(rate, 0.05))
    monkeypatch.setattr(exporting, "loudness_and_gain", lambda effect, knobs: (-18.0, 0.5))
    file = tmp_path / "pedal.h"
    file.write_bytes(lstm)

    def command(*arguments):
        done = CliRunner().invoke(app, [str(argument) for argument in arguments], catch_exceptions=False)
        assert done.exit_code == 0, done.output
        return json.loads(done.stdout)

    assert "LSTM, 6 units" in command("inspect", file, "--json")["facts"]["network"]
    assert command("convert", file, tmp_path / "pedal.nam", "--json")["difference"] < 1e-5
    assert command("import", file, "--json")["difference"] < 1e-6
    assert (tmp_path / "pedal.safetensors").is_file()
