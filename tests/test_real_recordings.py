"""Real recordings, where they are: a folder ``shared/data`` beside the repository, or named by DRYWET_SHARED_DATA."""

import os
from pathlib import Path

import pytest
import torch

from drywet import measures
from drywet.dataset import load_pair
from drywet.evaluation import clip_of_files, evaluate
from drywet.models import load_effect
from drywet.training import recording, train

DATA = Path(os.environ.get("DRYWET_SHARED_DATA", Path(__file__).parents[2] / "shared" / "data"))
TS9 = DATA / "real" / "ts9_drive_max"


@pytest.fixture(autouse=True)
def _needs_the_recordings():
    if not TS9.is_dir():
        pytest.skip(f"no recordings at {DATA}")


def test_the_ts9_is_learnt_in_seconds_far_beyond_any_filter(tmp_path):
    """A short training; the figure for two minutes is measured by bench/own_recording.py."""
    torch.manual_seed(0)
    prepared = recording.prepare(TS9 / "dry.flac", TS9 / "wet.flac", "lstm", "12epochs", 25)
    train(prepared.config, prepared.data, tmp_path / "run")
    test = prepared.split.test
    (row,) = evaluate(
        load_effect(tmp_path / "run"), [clip_of_files(TS9 / "dry.flac", TS9 / "wet.flac", test.start, test.stop)]
    )
    assert row["esr"] < 0.25 * row["esr_linear"]
    assert row["lag"] == 0
    assert row["seconds"] == pytest.approx(8, abs=0.1)


def test_the_ts9_wet_is_inverted_and_a_little_late():
    """As its README says, found by another lane: the sign and place of the largest crosscorrelation."""
    pair = load_pair(TS9 / "dry.flac", TS9 / "wet.flac")
    _, lag = measures.best_lag_esr(-pair.wet[:200_000], pair.dry[:200_000] * (pair.wet.std() / pair.dry.std()))
    assert -6 <= lag <= 0  # dry leads wet


def test_a_clipper_at_an_odd_rate_is_trained_at_that_rate(tmp_path):
    folder = DATA / "real" / "diode_clipper_1n4148"
    prepared = recording.prepare(folder / "dry.flac", folder / "wet.flac", "lstm", "1epochs", 25)
    train(prepared.config, prepared.data, tmp_path / "run")
    assert load_effect(tmp_path / "run").sample_rate == 50_000
