"""The audit of a dataset: damaged files, what is no pair, leaks, and what the check of a pair finds."""

import re

import numpy as np
import pytest

from drywet import audio, files, signals
from drywet.dataset import Chain, Dataset, Manifest, Recording, write_manifest
from drywet.dataset import audit as audit_module
from drywet.dataset.audit import audit
from drywet.dataset.check import Check

RATE = 44_100


@pytest.fixture(scope="module")
def riffs():
    return signals.test_riffs(RATE, 4.0)


@pytest.fixture
def real_check():
    """Asked for by the tests that want pairs to be checked as well, which takes seconds."""


@pytest.fixture(autouse=True)
def _check_of_pairs_is_left_out(request, monkeypatch):
    if "real_check" not in request.fixturenames:
        monkeypatch.setattr(audit_module, "check_pair", lambda dry, wet, rate, names: Check(rate, ()))


def recording(folder, role, clip, **more):
    values = {"id": f"{clip}-{role}", "clip": clip, "role": role, "dry": f"{clip}.wav", "wet": f"{clip}-wet.wav"} | more
    return Recording(
        dry_sha256=files.sha256(folder / values["dry"]), wet_sha256=files.sha256(folder / values["wet"]), **values
    )


@pytest.fixture
def dataset(tmp_path, riffs):
    """A riff for training in two parts, others for validation and test."""
    for name in ("chords", "lead", "drop"):
        audio.write(tmp_path / f"{name}.wav", riffs[name], RATE)
        audio.write(tmp_path / f"{name}-wet.wav", 0.5 * np.tanh(5 * riffs[name]), RATE)
    knob = {"controls": {"drive": "3:00"}}
    recordings = [
        recording(tmp_path, "train", "chords", stop=RATE, **knob),
        recording(tmp_path, "train", "chords", id="second", start=2 * RATE, **knob),
        recording(tmp_path, "validation", "lead", **knob),
        recording(tmp_path, "test", "drop", **knob),
    ]
    manifest = Manifest(name="x", device="y", licence="CC0", chain=Chain(sample_rate=RATE), recording=recordings)
    return write_manifest(tmp_path, manifest)


def test_a_sound_dataset_is_called_good(dataset, real_check):
    found = audit(dataset)
    assert (found.usable, found.verdict) == (True, "good")
    assert [remark for remark in found.remarks if remark.severity != "note"] == []


def test_another_take_as_wet_is_a_fault(dataset, real_check, riffs):
    audio.write(dataset.folder / "other.wav", 0.5 * np.tanh(5 * riffs["gallop"]), RATE)
    faulty = replace(dataset, 3, wet="other.wav")
    ((name, what),) = faults(faulty)
    assert name == "drop-test"
    assert "wet does not come from this dry" in what


@pytest.mark.parametrize("latency", [0, 200, -200])
def test_pairs_are_checked_with_the_latency_of_the_chain_taken_out(dataset, real_check, latency):
    """Wet trails by 200 samples in its file. Only a chain that says so has no latency left to repair."""
    recordings = [r for r in dataset.manifest.recording if r.clip == "drop"]
    wet, _ = audio.read(dataset.folder / "drop-wet.wav")
    audio.write(dataset.folder / "late.wav", np.roll(wet, 200), RATE)
    late = recordings[0].model_copy(update={"wet": "late.wav", "wet_sha256": files.sha256(dataset.folder / "late.wav")})
    chain = Chain(sample_rate=RATE, latency=latency)
    found = audit(
        write_manifest(dataset.folder, dataset.manifest.model_copy(update={"chain": chain, "recording": [late]}))
    )
    repairs = [r.what for r in found.remarks if r.severity == "repair" and r.recording]
    if latency == 200:
        assert repairs == []
    else:
        trails = re.match(r"latency: wet trails dry by ([\d.]+) samples", repairs[0])
        assert float(trails[1]) == pytest.approx(200 - latency, abs=0.1)


def test_each_pair_of_files_is_checked_once_and_whole(dataset, monkeypatch):
    asked = []

    def note(dry, wet, rate, names):
        asked.append((len(dry), len(wet), names[0].rpartition("/")[2]))
        return Check(rate, ())

    monkeypatch.setattr(audit_module, "check_pair", note)
    audit(dataset)
    assert asked == [(4 * RATE, 4 * RATE, f"{name}.wav") for name in ("chords", "lead", "drop")]


def faults(dataset):
    found = audit(dataset)
    assert not found.usable
    assert found.verdict.startswith("not usable")
    return [(remark.recording, remark.what) for remark in found.remarks if remark.severity == "fatal"]


def test_every_damaged_file_is_named_not_only_the_first(dataset):
    (dataset.folder / "lead-wet.wav").unlink()
    audio.write(dataset.folder / "drop.wav", np.ones(4 * RATE, np.float32), RATE)
    (lead, no_file), (drop, changed) = faults(dataset)
    assert (lead, drop) == ("lead-validation", "drop-test")
    assert "there is no such file" in no_file
    assert "has changed since" in changed


def replace(dataset, number, **changes):
    """The dataset with a recording that names other files or another part."""
    recordings = list(dataset.manifest.recording)
    if "wet" in changes:
        changes["wet_sha256"] = files.sha256(dataset.folder / changes["wet"])
    recordings[number] = recordings[number].model_copy(update=changes)
    return write_manifest(dataset.folder, dataset.manifest.model_copy(update={"recording": recordings}))


@pytest.mark.parametrize(
    ("samples", "rate", "message"),
    [
        (np.ones(9, np.float32), RATE, "has 9 samples, but lead.wav has 176400"),
        (np.zeros(4 * RATE, np.float32), RATE, "is silent"),
        (np.ones(4 * RATE, np.float32), 48_000, "48000 Hz, 44100 Hz is needed"),
    ],
)
def test_files_that_are_no_pair_are_faults(dataset, samples, rate, message):
    audio.write(dataset.folder / "bad.wav", samples, rate)
    ((name, what),) = faults(replace(dataset, 2, wet="bad.wav"))
    assert name == "lead-validation"
    assert message in what


def test_a_part_beyond_the_end_or_of_silence_is_a_fault(dataset):
    ((_, what),) = faults(replace(dataset, 2, stop=4 * RATE + 1))
    assert "goes to sample 176401, but lead-wet.wav holds 176400" in what
    fading = np.concatenate([np.ones(RATE), np.zeros(3 * RATE)]).astype(np.float32)
    audio.write(dataset.folder / "fading.wav", fading, RATE)
    ((_, what),) = faults(replace(dataset, 2, wet="fading.wav", start=2 * RATE, stop=None))
    assert "fading.wav: is silent" in what


def test_a_leak_is_a_fault_whatever_the_file_is_called(dataset, riffs):
    audio.write(dataset.folder / "innocent.wav", 0.2 * riffs["lead"], RATE)
    audio.write(dataset.folder / "innocent-wet.wav", -0.2 * riffs["lead"], RATE)
    leaking = [*dataset.manifest.recording, recording(dataset.folder, "test", "innocent", controls={"drive": 1})]
    manifest = dataset.manifest.model_copy(update={"recording": leaking})
    ((name, what),) = faults(write_manifest(dataset.folder, manifest))
    assert name == "innocent-test"
    assert "lead-validation (validation) from 0" in what


def test_what_is_lacking_is_a_repair_or_a_note(dataset):
    manifest = dataset.manifest.model_copy(update={"licence": "", "recording": dataset.manifest.recording[:2]})
    found = audit(write_manifest(dataset.folder, manifest))
    assert found.verdict == "usable with 1 repair"
    assert [(r.severity, r.what[:32]) for r in found.remarks] == [
        ("repair", "has no recording for validation "), ("note", "states no licence; others cannot"),
    ]  # fmt: skip
    mixed = replace(dataset, 1, controls={"tone": 0.5})
    assert "recordings name different knobs (drive; tone)" in audit(mixed).remarks[0].what


def test_an_empty_dataset_is_not_usable(tmp_path):
    dataset = write_manifest(tmp_path, Manifest(name="x", device="y", licence="CC0", chain=Chain(sample_rate=RATE)))
    ((_, what),) = faults(Dataset(dataset.folder))
    assert "holds no recordings" in what
