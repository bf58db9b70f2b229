"""Delays put there on purpose are found again; what does not belong together is not believed.

Where the device is a circuit or a filter of minimum phase, the latency asked for is the one that was planted, not the place
of a correlation peak. bench/alignment.py does the same over thousands of cases.
"""

from itertools import product
from pathlib import Path

import numpy as np
import pytest
from planted_delays import BROADBAND, DEVICES, MUSIC, RATE, dry_of, plant, wet_of

from drywet import audio
from drywet.dataset.alignment import measure_alignment
from drywet.errors import SignalError

CASES = 21  # of each of the 24 kinds: 504 in all
DATA = Path(__file__).parents[3] / "shared" / "data" / "real"


@pytest.mark.parametrize("device", DEVICES)
def test_any_planted_delay_is_found_to_the_sample_through(device):
    """Broadband audio; the fraction of a sample is compared with that of the same recording without faults."""
    unshifted = measure_alignment(dry_of("track"), wet_of("track", device), RATE)
    assert abs(unshifted.latency) < 0.3
    beyond = []
    for seed in range(CASES):
        case = plant("track", device, seed)
        found = measure_alignment(case.dry, case.wet, RATE)
        assert found.trusted, case.name
        assert found.polarity == case.polarity, case.name
        assert abs(found.latency - case.latency) < 0.5, case.name
        assert found.drift_ppm == pytest.approx(case.drift_ppm, abs=6), case.name
        beyond.append(found.latency - case.latency - unshifted.latency)
    # Pedal and cabinet together leave so little treble above the noise that its level moves the estimate.
    assert np.quantile(np.abs(beyond), 0.9) < (0.3 if "+" in device else 0.1)


@pytest.mark.parametrize(("source", "device"), list(product(MUSIC, DEVICES)))
def test_music_alone_is_found_to_two_samples_or_so(source, device):
    for seed in range(1000, 1000 + CASES):
        case = plant(source, device, seed)
        found = measure_alignment(case.dry, case.wet, RATE)
        assert found.trusted, case.name
        assert found.polarity == case.polarity, case.name
        assert abs(found.latency - case.latency) < 2.5, case.name
        assert found.drift_ppm == pytest.approx(case.drift_ppm, abs=10), case.name


@pytest.mark.parametrize(("one", "other"), [(a, b) for a, b in product(BROADBAND + MUSIC, MUSIC) if a != b])
def test_another_take_is_not_believed(one, other):
    for device in ("sd1 0.0", "sd1 1.0", "cabinet"):
        found = measure_alignment(dry_of(one), wet_of(other, device), RATE)
        assert not found.trusted, (device, found)


@pytest.mark.parametrize(("source", "device"), [("track", "fuzz"), ("lead", "fuzz"), ("gallop", "cabinet")])
@pytest.mark.parametrize("lost", [8, 25, 100])
def test_a_latency_that_jumps_midway_is_not_taken_for_a_drift(source, device, lost):
    wet = wet_of(source, device)
    jumping = np.concatenate([wet[: len(wet) // 2], wet[len(wet) // 2 + lost :]])
    assert not measure_alignment(dry_of(source), jumping, RATE).trusted


@pytest.mark.parametrize("source", MUSIC)
def test_dry_and_wet_swapped_are_not_believed_where_the_inverse_of_the_device_hides_the_delay(source):
    assert not measure_alignment(wet_of(source, "sd1 1.0"), dry_of(source), RATE).trusted


def test_a_sine_says_nothing_about_a_delay_of_whole_periods():
    sine = np.sin(2 * np.pi * 440 * np.arange(8 * RATE) / RATE).astype(np.float32)
    assert not measure_alignment(sine, np.tanh(3 * sine), RATE).trusted


def test_a_loop_fits_in_several_places_and_none_is_believed():
    loop = np.tile(dry_of("gallop")[: 2 * RATE], 6)
    assert not measure_alignment(loop, np.tanh(8 * loop), RATE).trusted


def test_noise_and_a_recording_that_ends_too_soon_are_not_believed():
    rng = np.random.default_rng(3)
    noise = rng.standard_normal(8 * RATE).astype(np.float32)
    assert not measure_alignment(dry_of("gallop"), noise, RATE).trusted
    assert not measure_alignment(dry_of("gallop")[6 * RATE :], wet_of("gallop", "fuzz")[: 3 * RATE], RATE).trusted


def test_silence_and_crumbs_are_refused():
    with pytest.raises(SignalError, match="silent"):
        measure_alignment(np.zeros(RATE, np.float32), dry_of("gallop"), RATE)
    with pytest.raises(SignalError, match="at least 0.5 s"):
        measure_alignment(dry_of("gallop"), dry_of("gallop")[:1000], RATE)


def test_a_file_is_measured_without_reading_it_whole(tmp_path):
    case = plant("gallop", "fuzz", 5)
    audio.write(tmp_path / "dry.wav", case.dry, RATE, subtype="FLOAT")
    audio.write(tmp_path / "wet.wav", case.wet, RATE, subtype="FLOAT")
    with audio.open_reader(tmp_path / "dry.wav") as dry, audio.open_reader(tmp_path / "wet.wav") as wet:
        from_files = measure_alignment(dry, wet, RATE)
    assert from_files == measure_alignment(case.dry, case.wet, RATE)


def test_time_in_seconds_and_drift_agree():
    found = measure_alignment(dry_of("track"), wet_of("track", "cabinet"), RATE)
    assert found.at(10.0) == pytest.approx(found.latency + 10 * RATE * found.drift_ppm * 1e-6)
    assert found.spread >= 0
    assert found.as_json()["latency_samples"] == pytest.approx(found.latency, abs=1e-3)


@pytest.mark.parametrize("name", ["ts9_drive_max", "diode_clipper_1n4148"])
def test_real_recordings_shifted_and_inverted_move_by_just_that(name):
    if not DATA.is_dir():
        pytest.skip(f"no recordings at {DATA}")
    (dry, rate), (wet, _) = audio.read(DATA / name / "dry.flac"), audio.read(DATA / name / "wet.flac")
    before = measure_alignment(dry, wet, rate)
    after = measure_alignment(dry[7:], -wet[29:], rate)  # wet now leads by 22 samples more
    assert before.trusted
    assert after.trusted
    assert abs(before.latency) < 2.5  # its README: simultaneous up to the phase of the circuit
    assert after.latency == pytest.approx(before.latency - 22, abs=0.1)
    assert after.polarity == -before.polarity
