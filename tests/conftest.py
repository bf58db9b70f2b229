"""Signals and recordings that several test modules share; all made here, in seconds."""

import numpy as np
import pytest
import torch
from helpers import require_program

from drywet import audio, files, signals
from drywet.dataset import Chain, Manifest, Pair, Recording, write_manifest

RATE = 44_100
torch.set_num_threads(1)  # as in training; several test processes share the cores


def pedal(dry, drive=8.0):
    """A little asymmetric pedal: one-pole low-pass, then a curve. Its wet signal needs memory and bends."""
    smooth = np.zeros(len(dry))
    for t in range(1, len(dry)):
        smooth[t] = 0.6 * smooth[t - 1] + 0.4 * dry[t]
    bent = np.tanh(drive * smooth + 0.2) - np.tanh(0.2)
    return (0.3 * bent).astype(np.float32)


@pytest.fixture(scope="session")
def dry():
    """Two seconds of built-in guitar, sounding from the first sample on."""
    return signals.test_riffs(RATE, 4.0)["chords"][RATE : 3 * RATE]


@pytest.fixture(scope="session")
def pair():
    """Six seconds of guitar through the little pedal."""
    dry = signals.training_track(RATE, 6.0)
    return Pair(dry, pedal(dry), RATE)


@pytest.fixture
def recording_files(tmp_path, pair):
    """The pair as dry.wav and wet.wav."""
    audio.write(tmp_path / "dry.wav", pair.dry, RATE)
    audio.write(tmp_path / "wet.wav", pair.wet, RATE)
    return tmp_path / "dry.wav", tmp_path / "wet.wav"


@pytest.fixture(scope="session")
def small_dataset(tmp_path_factory):
    """A dataset of the little pedal at two drives: 4 s train, 1 s validation, two test clips of 1 s."""
    folder = tmp_path_factory.mktemp("dataset")
    riffs = signals.test_riffs(RATE, 1.0)
    clips = [
        ("train", "track", signals.training_track(RATE, 4.0)),
        ("validation", "riff", signals.validation_riff(RATE, 1.0)),
        ("test", "chords", riffs["chords"]),
        ("test", "lead", riffs["lead"]),
    ]
    recordings = []
    for role, clip, dry in clips:
        audio.write(folder / f"{clip}.wav", dry, RATE)
        for drive, amount in (("9:00", 3.0), ("3:00", 20.0)):
            name = f"{clip}-{drive.replace(':', '')}"
            audio.write(folder / f"{name}.wav", pedal(dry, amount), RATE)
            recordings.append(
                Recording(
                    id=name,
                    clip=clip,
                    role=role,
                    dry=f"{clip}.wav",
                    wet=f"{name}.wav",
                    controls={"drive": drive},
                    dry_sha256=files.sha256(folder / f"{clip}.wav"),
                    wet_sha256=files.sha256(folder / f"{name}.wav"),
                )
            )
    manifest = Manifest(name="small", device="little pedal", chain=Chain(sample_rate=RATE), recording=recordings)
    return write_manifest(folder, manifest)


@pytest.fixture(scope="session")
def browser():
    """Chromium, started once; each test opens its own pages."""
    path = require_program("chromium")
    sync_api = pytest.importorskip("playwright.sync_api")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield browser
        browser.close()
