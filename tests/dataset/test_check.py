"""The check of a pair, on pairs whose truth is known."""

import os
from pathlib import Path

import numpy as np
import pytest
from devices import chorus, compressor, diode_clipper, echo, reverb

from drywet import audio, signals
from drywet.circuits import VirtualCircuit, load_netlist
from drywet.circuits.netlist import parse
from drywet.dataset.check import check_files, check_pair
from drywet.effect import render
from drywet.errors import AudioFileError

RATE = 44_100
DATA = Path(os.environ.get("DRYWET_SHARED_DATA", Path(__file__).parents[3] / "shared" / "data"))


@pytest.fixture(scope="module")
def dry():
    """Twenty seconds of guitar in three of its styles."""
    riffs = signals.test_riffs(RATE, 7.0)
    return np.concatenate([riffs[name] for name in list(riffs)[:3]])


@pytest.fixture(scope="module")
def sd1(dry):
    circuit = VirtualCircuit(parse(load_netlist("sd1").text), oversampling=2)
    return {drive: render(circuit, dry, {"drive": drive}) for drive in (0.2, 0.5, 0.8)}


def named(check):
    return {finding.name: finding for finding in check.findings}


def faulty(check):
    return {finding.name for finding in check.findings if finding.severity in ("repair", "fatal")}


@pytest.mark.parametrize("drive", [0.2, 0.5, 0.8])
def test_the_virtual_sd1_is_a_pedal_and_a_good_recording(dry, sd1, drive):
    check = check_pair(dry, sd1[drive], RATE)
    assert check.memory.kind == "pedal"
    assert check.status == "good", check.verdict
    assert abs(check.alignment.latency) < 2


@pytest.mark.parametrize(
    ("device", "after", "kind"),
    [
        (diode_clipper, "guitar", "pedal"),
        (diode_clipper, "sd1", "pedal"),
        (lambda x: reverb(x, 0.1), "guitar", "reverb or delay"),
        (lambda x: reverb(x, 0.1), "sd1", "reverb or delay"),
        (echo, "guitar", "reverb or delay"),
        (chorus, "sd1", "chorus or vibrato"),
    ],
)
def test_devices_are_told_apart_plain_and_after_an_overdrive(dry, sd1, device, after, kind):
    """``bench/checks.py`` prints the figures for all of them."""
    check = check_pair(dry, device(dry if after == "guitar" else sd1[0.5]), RATE)
    assert check.memory.kind == kind, check.memory
    assert ("device" in faulty(check)) == (kind != "pedal")


def test_a_compressor_is_told_from_a_pedal():
    """It shows where the playing is loud and soft by turns, and the signal was not levelled by an overdrive before."""
    dry = signals.training_track(RATE, 30.0)
    assert check_pair(dry, compressor(dry), RATE).memory.kind == "compressor"


def test_delay_inversion_clipping_dropout_click_and_a_lost_buffer_are_all_told(dry, sd1):
    wet = -np.concatenate([np.zeros(300, np.float32), sd1[0.5]])
    limit = 0.8 * np.abs(wet).max()
    wet = np.clip(wet, -limit, limit)
    loud = np.flatnonzero(np.convolve(wet**2, np.ones(4410) / 4410, "same") > 1e-3)
    gap, click = (int(loud[np.searchsorted(loud, share * len(wet))]) for share in (0.2, 0.4))
    wet[gap : gap + 100] = 0
    wet[click] = -limit if wet[click] > 0 else limit
    cut = int(0.7 * len(wet))
    check = check_pair(dry, np.concatenate([wet[:cut], wet[cut + 128 :]]), RATE)
    found = named(check)
    assert check.status == "usable"
    assert {"latency", "wet clipping", "wet dropouts", "wet clicks", "lost samples", "length"} <= faulty(check)
    assert found["polarity"].numbers["polarity"] == -1
    assert found["latency"].numbers["latency_samples"] == pytest.approx(300, abs=1)
    assert found["lost samples"].numbers["jump_samples"] == pytest.approx(-128, abs=3)
    assert found["lost samples"].where[0][0] == pytest.approx(cut / RATE, abs=1.5)
    assert found["wet dropouts"].where[0][0] == pytest.approx(gap / RATE, abs=0.001)
    assert any(start == pytest.approx(click / RATE, abs=1e-4) for start, _ in found["wet clicks"].where)
    assert "drywet align" in found["latency"].advice


def test_swapped_files_are_recognised(dry, sd1):
    check = check_pair(sd1[0.8], dry, RATE, names=("a.wav", "b.wav"))
    assert check.status == "not usable"
    assert "swapped" in check.verdict
    assert named(check)["swapped"].advice == "run `drywet check b.wav a.wav`"


def test_another_take_is_recognised(sd1):
    other = signals.training_track(RATE, 20.0, seed=5)
    check = check_pair(other, sd1[0.5], RATE)
    assert check.status == "not usable"
    assert "does not come from this dry" in check.verdict


@pytest.mark.parametrize("snr_db", [25, 45])
def test_noise_limits_the_score_as_planted(dry, sd1, snr_db):
    twice, wet = np.concatenate([dry, dry[: 7 * RATE]]), np.concatenate([sd1[0.5], sd1[0.5][: 7 * RATE]])
    rms = float(np.sqrt(np.mean(wet**2))) * 10 ** (-snr_db / 20)
    check = check_pair(twice, wet + signals.noise(len(wet) / RATE, RATE, rms=rms, seed=1), RATE)
    assert 10 * np.log10(check.noise.esr) == pytest.approx(-snr_db, abs=1)
    assert check.noise.esr < check.linear_esr < 1


@pytest.mark.parametrize("silent", ["dry", "wet"])
def test_silence_is_named(dry, sd1, silent):
    pair = {"dry": dry, "wet": sd1[0.5]} | {silent: np.zeros_like(dry)}
    check = check_pair(pair["dry"], pair["wet"], RATE)
    assert check.verdict == f"not usable: {silent} is silent: its peak is digital silence"


def test_too_little_sound_is_named(dry, sd1):
    assert "2.00 s of sound are too few" in check_pair(dry[: 2 * RATE], sd1[0.5][: 2 * RATE], RATE).verdict


def test_different_rates_are_named(tmp_path, dry, sd1):
    audio.write(tmp_path / "dry.wav", dry, 44_100)
    audio.write(tmp_path / "wet.wav", sd1[0.5], 48_000)
    check = check_files(tmp_path / "dry.wav", tmp_path / "wet.wav")
    assert check.verdict == "not usable: dry is at 44100 Hz, wet at 48000 Hz"


def test_stereo_is_used_where_it_is_clear_and_asked_about_where_not(tmp_path, dry, sd1):
    import soundfile

    audio.write(tmp_path / "dry.wav", dry, RATE)
    for name, right in (("equal", sd1[0.5]), ("left-only", 0 * sd1[0.5]), ("both", dry)):
        soundfile.write(tmp_path / f"{name}.wav", np.stack([sd1[0.5], right], 1), RATE, subtype="PCM_24")
    for name in ("equal", "left-only"):
        assert check_files(tmp_path / "dry.wav", tmp_path / f"{name}.wav").status == "good"
    refused = check_files(tmp_path / "dry.wav", tmp_path / "both.wav")
    assert refused.status == "not usable"
    assert "--wet-channel" in named(refused)["channels"].advice
    assert check_files(tmp_path / "both.wav", tmp_path / "both.wav", dry_channel=1, wet_channel=0).status == "good"


def test_a_missing_file_is_an_error(tmp_path):
    with pytest.raises(AudioFileError, match="no such file"):
        check_files(tmp_path / "dry.wav", tmp_path / "wet.wav")


@pytest.mark.skipif(not DATA.is_dir(), reason=f"no recordings at {DATA}")
@pytest.mark.parametrize(
    ("dry_path", "wet_path"),
    [
        ("real/ts9_drive_max/dry", "real/ts9_drive_max/wet"),
        ("real/diode_clipper_1n4148/dry", "real/diode_clipper_1n4148/wet"),
        *(
            ("sim/ts9_guitarix_knobs/dry", f"sim/ts9_guitarix_knobs/wet_drive{d}_tone400")
            for d in ("000", "050", "100")
        ),
    ],
)
def test_real_pairs_are_good(dry_path, wet_path):
    check = check_files(DATA / f"{dry_path}.flac", DATA / f"{wet_path}.flac")
    assert check.status == "good", check.verdict
    assert check.memory.kind == "pedal"
    assert check.alignment.polarity == (-1 if "ts9_drive_max" in wet_path else 1)  # as its README says
