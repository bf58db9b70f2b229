"""The signal that an export is proved with."""

import json

import numpy as np
import pytest

from drywet import audio
from drywet.export import export as exporting
from drywet.export.export import export

RATE = 48_000


@pytest.fixture
def filter_of_eight(tmp_path):
    """A file that takes eight multiplications a sample, 384,000 a second."""
    values = {"version": "0.5.4", "architecture": "Linear", "config": {"receptive_field": 8, "bias": False}}
    path = tmp_path / "x.nam"
    path.write_text(json.dumps(values | {"weights": [0.1] * 8, "sample_rate": RATE}))
    return path


@pytest.mark.parametrize(("most", "samples"), [(1e10, RATE), (192_000, RATE // 2), (1, RATE // 10)])
def test_a_model_that_takes_more_work_is_proved_over_less_sound(most, samples, filter_of_eight, tmp_path, monkeypatch):
    monkeypatch.setattr(exporting, "MOST_WORK", most)
    export(filter_of_eight, "numpy", tmp_path / "x.safetensors")
    dry, _ = audio.read(tmp_path / "x.safetensors.golden-in.wav")
    assert len(dry) == samples
    # An impulse, a sweep and guitar, each at its level, are in the shortest, too.
    parts = np.split(dry, [samples // 10, samples // 10 + samples // 4])
    assert [np.abs(part).max() for part in parts] == pytest.approx([0.9, 0.3, 0.5], abs=5e-3)
