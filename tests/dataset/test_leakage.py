"""The leakage guard on planted copies, and on music that is alike but no copy."""

import os
import re
from dataclasses import replace
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
import soundfile

from drywet import audio, signals
from drywet.dataset import Chain, Manifest, Recording, leakage, write_manifest
from drywet.errors import DatasetError
from drywet.files import sha256
from drywet.signals.riffs import TEST_RIFFS

RATE = 44_100
DATA = Path(os.environ.get("DRYWET_SHARED_DATA", Path(__file__).parents[3] / "shared" / "data"))


@pytest.fixture(scope="module")
def riffs():
    return signals.test_riffs(RATE, 8.0)


@pytest.fixture
def hear(tmp_path):
    """A signal as the guard hears it after it was a file."""

    def heard(samples, role, rate=RATE, name="", subtype="PCM_24", ending=".wav"):
        path = tmp_path / f"{role}{name}{ending}"
        if ending == ".wav":
            audio.write(path, samples, rate, subtype=subtype)
        else:
            soundfile.write(path, samples, rate)
        return leakage.listen(path, f"{role}{name}", role)

    return heard


def with_noise(samples, snr_db, seed=0):
    noise = np.random.default_rng(seed).standard_normal(len(samples))
    level = np.sqrt(np.mean(samples.astype(float) ** 2)) * 10 ** (-snr_db / 20)
    return (samples + level * noise).astype(np.float32)


def inside_other_music(samples):
    return np.concatenate([signals.validation_riff(RATE, 4.0), samples, signals.validation_riff(RATE, 3.0)])


COPIES = {
    "the same": lambda s: {"samples": s},
    "26 dB quieter, inverted": lambda s: {"samples": -0.05 * s},
    "noise at 40 dB": lambda s: {"samples": with_noise(s, 40)},
    "noise at 25 dB": lambda s: {"samples": with_noise(s, 25)},
    "16 bit": lambda s: {"samples": 0.1 * s, "subtype": "PCM_16"},
    "MP3": lambda s: {"samples": s, "ending": ".mp3"},
    "OGG": lambda s: {"samples": s, "ending": ".ogg"},
    "48 kHz, 17 samples less": lambda s: {"samples": audio.resample(s, RATE, 48_000)[17:], "rate": 48_000},
    "16 kHz": lambda s: {"samples": audio.resample(s, RATE, 16_000), "rate": 16_000},
    "1.5 s later": lambda s: {"samples": np.concatenate([np.zeros(66_150, np.float32), s])},
    "2.5 s of it": lambda s: {"samples": s[100_001:210_251]},
    "3 s of it inside other music": lambda s: {"samples": inside_other_music(0.3 * s[50_001:182_301])},
}


@pytest.mark.parametrize("copy", COPIES)
@pytest.mark.parametrize("name", ["gallop", "arpeggio", "lead", "picking"])
def test_a_copy_in_another_role_is_found_whatever_was_done_to_it(riffs, hear, name, copy):
    train = hear(riffs[name], "train")
    (leak,) = leakage.find_leaks([train, hear(role="test", **COPIES[copy](riffs[name]))])
    assert leak.seconds > 1
    assert leak.similarity > 0.95


def test_the_place_of_a_copy_is_told_in_both_signals(riffs, hear):
    inside = np.concatenate([signals.validation_riff(RATE, 5.0), riffs["chords"][2 * RATE : 5 * RATE]])
    (leak,) = leakage.find_leaks([hear(riffs["chords"], "train"), hear(inside, "test")])
    assert (leak.first, leak.second) == ("train", "test")
    assert leak.first_s == pytest.approx(2.0, abs=0.3)
    assert leak.second_s - leak.first_s == pytest.approx(5.0 - 2.0, abs=0.001)
    assert 2.0 < leak.seconds < 3.1
    assert re.search(r"^train \(train\) from \d\.\d\d s on and test \(test\) from \d\.\d\d s on share 2", str(leak))


def test_different_music_by_the_same_guitars_is_no_leak(hear):
    """Two training tracks without their sweeps: 27 phrases each, of the same five guitars in the same styles."""
    start = next(s.start_s for s in signals.training_sections(60.0) if "guitar" in s.name)
    tracks = [signals.training_track(RATE, 60.0, seed)[round(start * RATE) : -2 * RATE] for seed in (1, 2, 3)]
    heard = [hear(t, role) for t, role in zip(tracks, ("train", "validation", "test"), strict=True)]
    assert leakage.find_leaks(heard) == []


def test_two_takes_of_one_riff_are_no_leak(hear):
    """The same score on the same guitar, played twice: the hand is a few milliseconds off at every note."""
    for name, riff in TEST_RIFFS.items():
        takes = [replace(riff, seed=seed).signal(6.0, RATE) for seed in (1, 2)]
        assert leakage.find_leaks([hear(takes[0], "train"), hear(takes[1], "test")]) == [], name


def test_the_roles_of_a_capture_signal_share_nothing(hear):
    samples = signals.capture_signal(RATE, 60.0)
    roles = signals.capture_roles(signals.capture_sections(60.0))
    heard = [hear(samples[round(a * RATE) : round(b * RATE)], role) for role, (a, b) in roles.items()]
    assert leakage.find_leaks(heard) == []


def test_sweeps_in_two_roles_are_a_leak_but_silence_and_synchronisation_clicks_are_none(hear, riffs):
    sweep = signals.sweep(50, 3000, 3.0, RATE, amplitude=0.5)
    sync = np.concatenate([signals.clicks([0.5, 1.0], 1.5, RATE), np.zeros(3 * RATE, np.float32)])
    (leak,) = leakage.find_leaks([hear(sweep, "train"), hear(0.1 * sweep, "test")])
    assert leak.seconds > 2
    lead, chords = (np.concatenate([sync, riffs[name]]) for name in ("lead", "chords"))
    assert leakage.find_leaks([hear(lead, "train"), hear(chords, "test")]) == []
    assert leakage.find_leaks([hear(sync, "train"), hear(np.zeros(RATE, np.float32), "test")]) == []


def test_the_same_music_in_one_role_is_no_leak(hear, riffs):
    assert leakage.find_leaks([hear(riffs["lead"], "train"), hear(0.5 * riffs["lead"], "train", name="2")]) == []


def test_what_is_known_already_is_not_compared_among_itself(hear, riffs):
    known = [hear(riffs["lead"], "train"), hear(riffs["lead"], "test")]
    assert leakage.find_leaks([hear(riffs["drop"], "validation")], known) == []
    (leak,) = leakage.find_leaks([hear(riffs["drop"], "validation")], [*known, hear(riffs["drop"], "test", name="2")])
    assert {leak.first, leak.second} == {"validation", "test2"}
    assert len(leakage.find_leaks([hear(riffs["lead"], "validation")], known)) == 2


def test_short_signals_are_heard_without_complaint(hear):
    heard = [hear(np.full(n, 0.1, np.float32), role) for n, role in ((1, "train"), (500, "test"), (3000, "validation"))]
    assert leakage.find_leaks(heard) == []


def test_precision_and_recall_on_planted_excerpts(hear, riffs):
    """60 excerpts of 2.5 to 5 s at random places, levels and polarities, with noise 40 dB below; 300 pairs that share none."""
    rng = np.random.default_rng(5)
    train = [hear(samples, "train", name=f"-{name}") for name, samples in riffs.items()]
    others = signals.training_track(RATE, 120.0, seed=11)[round(16 * RATE) :]
    found, false = 0, 0
    for number in range(60):
        name = list(riffs)[number % 6]
        length, gain = int(rng.uniform(2.5, 5) * RATE), rng.choice([-1, 1]) * 10 ** rng.uniform(-1, 0)
        start = int(rng.integers(len(riffs[name]) - length))
        begin = int(rng.integers(len(others) - 4 * RATE))
        excerpt = gain * with_noise(riffs[name][start : start + length], 40, number)
        leaks = leakage.find_leaks([*train, hear(np.concatenate([others[begin : begin + 2 * RATE], excerpt]), "test")])
        found += any(leak.first == f"train-{name}" for leak in leaks)
        false += sum(leak.first != f"train-{name}" for leak in leaks)
    assert found >= 58
    assert false == 0


def make_dataset(folder, parts, latency=0):
    """A dataset whose recordings are (role, file, start, stop); dry and wet are one file."""
    recordings = [
        Recording(
            id=f"{role}-{number}", clip="c", role=role, dry=name, wet=name, start=start, stop=stop,
            dry_sha256=sha256(folder / name), wet_sha256=sha256(folder / name),
        )
        for number, (role, name, start, stop) in enumerate(parts)
    ]  # fmt: skip
    chain = Chain(sample_rate=RATE, latency=latency)
    return write_manifest(folder, Manifest(name="x", device="y", chain=chain, recording=recordings))


def listen_to(dataset):
    return leakage.listen_to(dataset.folder, dataset.manifest)


def test_a_dataset_with_a_leak_is_refused_by_content(tmp_path, riffs):
    audio.write(tmp_path / "a.wav", riffs["drop"], RATE)
    audio.write(tmp_path / "b.wav", 0.5 * riffs["drop"], RATE)
    dataset = make_dataset(tmp_path, [("train", "a.wav", None, None), ("test", "b.wav", None, None)])
    with pytest.raises(
        DatasetError, match=r"train-0 \(train\) from 0.* and test-1 \(test\) .* share .* s of dry audio"
    ):
        leakage.refuse_leaks(listen_to(dataset), "x")


@pytest.mark.parametrize("latency", [0, 40, -40])
def test_only_the_parts_are_listened_to(tmp_path, riffs, latency):
    """The second file repeats the first one's beginning, but neither part holds it."""
    audio.write(tmp_path / "a.wav", np.concatenate([riffs["drop"], riffs["lead"]]), RATE)
    audio.write(tmp_path / "b.wav", np.concatenate([riffs["chords"], riffs["drop"]]), RATE)
    half = len(riffs["drop"])
    apart = [("train", "a.wav", half, None), ("test", "b.wav", None, half)]
    heard = listen_to(make_dataset(tmp_path, apart, latency))
    assert len(heard[0].samples) == pytest.approx(8 * leakage.RATE, abs=10)
    assert leakage.find_leaks(heard) == []
    both = [("train", "a.wav", None, half), ("test", "b.wav", half, None)]
    assert len(leakage.find_leaks(listen_to(make_dataset(tmp_path, both, latency)))) == 1


def test_recordings_of_one_dry_file_are_listened_to_once(tmp_path, riffs):
    audio.write(tmp_path / "a.wav", riffs["drop"], RATE)
    dataset = make_dataset(tmp_path, [("train", "a.wav", None, None)] * 3)
    assert len(listen_to(dataset)) == 1


def test_real_recordings_share_only_what_their_readme_says():
    """``sim`` was made from di_ng1, di_ng3 and fluid_lead; all other pairs of the collection are different music."""
    paths = sorted(DATA.glob("dry/*.flac")) + sorted(DATA.glob("*/*/dry.flac"))
    if not paths:
        pytest.skip(f"no recordings at {DATA}")
    names = [path.stem if path.stem != "dry" else path.parent.name for path in paths]
    heard = {n: leakage.listen(path, n, "train") for n, path in zip(names, paths, strict=True)}
    shared = {
        (one, other) for one, other in combinations(heard, 2)
        if leakage.find_leaks([heard[one], replace(heard[other], role="test")])
    }  # fmt: skip
    assert shared == {(name, "ts9_guitarix_knobs") for name in ("di_ng1", "di_ng3", "fluid_lead")}
