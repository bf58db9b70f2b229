"""``drywet render`` with a file of another program."""

from pathlib import Path

import numpy as np
from typer.testing import CliRunner

from drywet import audio
from drywet.cli import app

NAM = Path(__file__).parents[1] / "golden" / "nam"


def test_a_nam_file_renders_as_in_its_own_engine(tmp_path):
    done = CliRunner().invoke(
        app, ["render", *map(str, (NAM / "lstm_h8.nam", NAM / "input.wav", tmp_path / "wet.wav"))]
    )
    assert done.exit_code == 0, done.exception
    wet, _ = audio.read(tmp_path / "wet.wav")
    np.testing.assert_allclose(wet, np.load(NAM / "lstm_h8.npy"), rtol=0, atol=1e-5)
