"""A capture session with an interface that is made of arrays: prompts, faults, resuming, files."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from fake_interface import FakeInterface, Person, clipper

from drywet import audio, controls, signals
from drywet.dataset import Dataset
from drywet.dataset.calibration import Calibration
from drywet.dataset.capture import Plan, Session, knob_settings
from drywet.errors import CaptureError, DatasetError, SettingsError, SignalError

RATE = 44_100
DRIVES = [{"drive": "9:00"}, {"drive": "12:00"}, {"drive": "3:00"}]


@pytest.fixture(scope="module")
def track():
    """One second of guitar in steps of 24 bits."""
    return (
        np.round(signals.test_riffs(RATE, 2.0)["chords"][RATE // 4 : 5 * RATE // 4] * 2**23).astype(np.float32) / 2**23
    )


@pytest.fixture
def plan(tmp_path, track):
    audio.write(tmp_path / "track.wav", track, RATE)
    return Plan(signal=tmp_path / "track.wav", folder=tmp_path / "out", device="little pedal")


class Knob:
    """The little pedal with a drive that a person turns when asked ("Drive to 3:00")."""

    def __init__(self):
        self.drive = None

    def turn(self, text):
        if "rive to " in text:
            self.drive = controls.rotation(text.split("rive to ")[1])

    def __call__(self, dry):
        return clipper(dry, 3.0 + 10 * self.drive)


def replaced(plan, **values):
    return Plan(**{**plan.__dict__, **values})


def test_each_setting_is_asked_for_and_recorded(plan, track):
    knob = Knob()
    person, interface = Person(knob.turn), FakeInterface(knob, RATE, round_trip=1234)
    dataset = Session(replaced(plan, settings=DRIVES)).run(interface, person)
    assert person.asked == ["Connect little pedal. Drive to 9:00", "Drive to 12:00", "Drive to 3:00"]
    assert [r.controls for r in dataset.manifest.recording] == DRIVES
    assert {r.role for r in dataset.manifest.recording} == {"train"}
    for recording, position in zip(dataset.manifest.recording, (0.2, 0.5, 0.8), strict=True):
        pair = dataset.load(recording)
        np.testing.assert_array_equal(pair.dry, track)
        np.testing.assert_allclose(pair.wet, clipper(track, 3.0 + 10 * position), atol=2**-23)
    assert len(person.watched) == 3


def test_the_takes_are_kept_as_they_came(plan, track):
    interface = FakeInterface(clipper, RATE, round_trip=77)
    Session(plan).run(interface, Person())
    raw, _ = audio.read(plan.folder / "takes" / "track-wet.wav")
    assert np.all(raw[:77] == 0)
    np.testing.assert_allclose(raw[77 : 77 + len(track)], clipper(track), atol=2**-23)
    assert len(raw) > len(track) + 77


def test_the_latency_found_is_the_one_set(plan):
    session = Session(plan)
    session.run(FakeInterface(clipper, RATE, round_trip=321), Person())
    assert (session.notes[0].latency, session.notes[0].latency_from) == (321, "measured")
    assert session.notes[0].behind == pytest.approx(0, abs=1.0)


def test_all_settings_of_a_session_share_one_cut(plan):
    knob = Knob()
    session = Session(replaced(plan, settings=DRIVES))
    session.run(FakeInterface(knob, RATE, round_trip=500), Person(knob.turn))
    assert len({note.latency for note in session.notes}) == 1


def test_a_dry_return_is_the_dry_of_the_dataset_and_needs_no_latency(plan, track):
    session = Session(replaced(plan, dry_return=True))
    dataset = session.run(FakeInterface(lambda dry: -clipper(dry), RATE, 800, dry_return=True), Person())
    pair = dataset.load(dataset.manifest.recording[0])
    np.testing.assert_array_equal(pair.dry, track)  # the fake interface returns it as it was
    np.testing.assert_allclose(pair.wet, -clipper(track), atol=2**-23)
    note = session.notes[0]
    assert (note.latency, note.latency_from, note.polarity) == (800, "dry return", -1)
    assert (plan.folder / "takes" / "track-dry.wav").is_file()


def test_a_wrong_cable_in_the_dry_return_is_noticed(plan):
    interface = FakeInterface(clipper, RATE, dry_return=True)
    interface.late = lambda signal, samples: np.random.default_rng(0).normal(0, 0.1, len(signal) + 8820).astype("f4")
    with pytest.raises(CaptureError, match="the dry return does not resemble what was sent"):
        Session(replaced(plan, dry_return=True, tries=1)).run(interface, Person())


@pytest.mark.parametrize(
    ("fault", "reason", "remedy"),
    [
        ("xrun", "1 xrun (blocks lost or late), the first at 0.50 s", None),
        ("clip", "wet clips: 7 samples at full scale, the first at 0.11 s", "Turn the input gain down"),
        ("silence", "wet is silent (peak -inf dBFS)", "Check cables and channels"),
    ],
)
def test_a_bad_take_is_made_again_and_says_why(plan, fault, reason, remedy):
    person, session = Person(), Session(plan)
    session.run(FakeInterface(clipper, RATE, faults=[fault, fault, None]), person)
    assert session.notes[0].tries == 3
    assert [reason in news for news in person.told] == [True, True, False]
    assert len(person.asked) == (3 if remedy else 1)
    assert remedy is None or all(remedy in text for text in person.asked[1:])


def test_after_the_last_try_it_stops_and_keeps_nothing_of_the_take(plan):
    interface = FakeInterface(clipper, RATE, faults=["xrun"] * 3)
    with pytest.raises(CaptureError, match=r"track: no good take in 3 tries; the last: 1 xrun.*run the same command"):
        Session(plan).run(interface, Person())
    assert len(interface.played) == 3
    assert not (plan.folder / "takes").exists()


def loop(latency, **values):
    return Calibration(
        interface="fake, out 1, in 1",
        sample_rate=RATE,
        latency=latency,
        polarity=1,
        gain_db=-0.5,
        response_db=[],
        **values,
    )


def late(samples):
    """A device that delays, as a digital pedal does."""
    return lambda dry: np.concatenate([np.zeros(samples, np.float32), clipper(dry)])[: len(dry)]


def test_a_calibration_says_what_is_cut_and_the_rest_is_the_device(plan, track):
    session = Session(plan)
    dataset = session.run(FakeInterface(late(200), RATE, round_trip=700), Person(), loop(700.2))
    note = session.notes[0]
    assert (note.latency, note.latency_from) == (700, "calibration")
    assert note.behind == pytest.approx(200, abs=1)
    assert dataset.manifest.chain.input_gain_db == -0.5
    wet = dataset.load(dataset.manifest.recording[0]).wet
    np.testing.assert_allclose(wet[200:], clipper(track)[:-200], atol=2**-23)


def test_a_calibration_that_no_longer_holds_is_noticed(plan):
    with pytest.raises(
        CaptureError,
        match=r"(599\.9|600\.\d) samples, sooner than through the loop that was calibrated \(700\.0\)\. Calibrate again",
    ):
        Session(replaced(plan, tries=1)).run(FakeInterface(clipper, RATE, round_trip=600), Person(), loop(700))
    other = loop(700).model_copy(update={"interface": "another one"})
    with pytest.raises(CaptureError, match="was measured on another one, this is fake"):
        Session(plan).run(FakeInterface(clipper, RATE, round_trip=700), Person(), other)


def test_a_stream_that_was_opened_again_and_came_later_is_noticed(plan):
    knob = Knob()
    Session(replaced(plan, settings=DRIVES[:1])).run(FakeInterface(knob, RATE, 700), Person(knob.turn), loop(700))
    with pytest.raises(CaptureError, match=r"after 7.* in an earlier take.*calibrate again"):
        again = Session(replaced(plan, settings=DRIVES, tries=1))
        again.run(FakeInterface(knob, RATE, 748), Person(knob.turn), loop(700))


def test_a_block_lost_unnoticed_shows_in_the_latency_and_the_take_is_made_again(plan):
    person, knob = Person(), Knob()
    person.turn = knob.turn
    session = Session(replaced(plan, settings=DRIVES[:2]))
    session.run(FakeInterface(knob, RATE, 1000, faults=[None, 64, None]), person)
    assert [note.tries for note in session.notes] == [1, 2]
    assert any("blocks were lost unnoticed" in news for news in person.told)


def test_an_interface_that_vanishes_leaves_the_finished_takes_and_the_session_goes_on(plan, track):
    knob = Knob()
    three = replaced(plan, settings=DRIVES)
    with pytest.raises(CaptureError, match="has gone"):
        Session(three).run(FakeInterface(knob, RATE, faults=[None, "gone"]), Person(knob.turn))
    kept = (plan.folder / "takes" / "track-drive900-wet.wav").read_bytes()
    assert [r.controls for r in Dataset(plan.folder).manifest.recording] == DRIVES[:1]
    again, person = Session(three), Person(knob.turn)
    assert again.missing == DRIVES[1:]
    dataset = again.run(FakeInterface(knob, RATE), person)
    assert person.asked == ["Connect little pedal. Drive to 12:00", "Drive to 3:00"]
    assert [r.controls for r in dataset.manifest.recording] == DRIVES
    assert (plan.folder / "takes" / "track-drive900-wet.wav").read_bytes() == kept
    for recording in dataset.manifest.recording:
        dataset.load(recording)  # checksums hold


def test_a_position_written_in_another_way_is_the_same_setting(plan):
    knob = Knob()
    Session(replaced(plan, settings=DRIVES)).run(FakeInterface(knob, RATE), Person(knob.turn))
    assert Session(replaced(plan, settings=[{"drive": 0.8}, {"drive": "0.2"}])).missing == []


@pytest.mark.parametrize("subtype", ["PCM_24", "FLOAT"])
def test_a_later_session_adds_to_the_same_dry_file(plan, subtype):
    knob = Knob()
    for settings in (DRIVES[:1], DRIVES):
        session = Session(replaced(plan, settings=settings, subtype=subtype))
        dataset = session.run(FakeInterface(knob, RATE, 400), Person(knob.turn))
    assert len({r.dry_sha256 for r in dataset.manifest.recording}) == 1
    for recording in dataset.manifest.recording:
        dataset.load(recording)


def test_what_people_wrote_into_the_manifest_stays(plan):
    knob = Knob()
    Session(replaced(plan, settings=DRIVES[:1])).run(FakeInterface(knob, RATE), Person(knob.turn))
    path = plan.folder / "dataset.toml"
    path.write_text(path.read_text().replace('licence = ""', 'licence = "CC0-1.0"'))
    dataset = Session(replaced(plan, settings=DRIVES[:2])).run(FakeInterface(knob, RATE), Person(knob.turn))
    assert dataset.manifest.licence == "CC0-1.0"
    assert len(dataset.manifest.recording) == 2


def test_play_level_is_the_peak_that_is_played_and_kept_as_dry(plan):
    interface = FakeInterface(clipper, RATE)
    dataset = Session(replaced(plan, play_level_dbfs=-12.0)).run(interface, Person())
    dry = dataset.load(dataset.manifest.recording[0]).dry
    assert np.abs(dry).max() == pytest.approx(10 ** (-12 / 20), rel=1e-5)
    np.testing.assert_array_equal(interface.played[0], dry)  # to the bit


def test_the_roles_that_the_signal_declares_become_recordings(plan):
    samples = signals.capture_signal(RATE, 20.0)
    audio.write(plan.signal, samples, RATE)
    dataset = Session(plan).run(FakeInterface(clipper, RATE, 999), Person())
    roles = signals.capture_roles(signals.capture_sections(20.0))
    assert {r.role for r in dataset.manifest.recording} == set(roles) == {"train", "validation", "test"}
    for recording in dataset.manifest.recording:
        begin, end = (round(seconds * RATE) for seconds in roles[recording.role])
        pair = dataset.load(recording)
        assert abs(len(pair) - (end - begin)) <= 1
        np.testing.assert_allclose(pair.dry[:100], samples[begin : begin + 100], atol=2**-23)
    with pytest.raises(StopIteration):
        next(path for path in (plan.folder / "dry").iterdir() if path.name != "track.wav")  # one file for all of them


def test_another_signal_under_the_same_name_is_refused(plan, track):
    Session(plan).run(FakeInterface(clipper, RATE), Person())
    with pytest.raises(DatasetError, match="another play level"):
        Session(replaced(plan, play_level_dbfs=-6.0))
    audio.write(plan.signal, track[: RATE // 2], RATE)
    with pytest.raises(DatasetError, match="another signal"):
        Session(plan)


def test_what_cannot_go_well_is_refused_before_anything_is_played(plan, tmp_path, track):
    with pytest.raises(SettingsError, match="between -100 and 0 dBFS"):
        Session(replaced(plan, play_level_dbfs=3.0))
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "thesis.tex").write_text("")
    with pytest.raises(DatasetError, match=r"is not empty \(thesis\.tex\) and no dataset"):
        Session(replaced(plan, folder=tmp_path / "other"))
    audio.write(tmp_path / "silent.wav", np.zeros(RATE, np.float32), RATE)
    with pytest.raises(SignalError, match="is silent from start to end"):
        Session(replaced(plan, signal=tmp_path / "silent.wav"))
    audio.write(tmp_path / "loud.wav", 3 * track, RATE, subtype="FLOAT")
    with pytest.raises(SignalError, match="above full scale"):
        Session(replaced(plan, signal=tmp_path / "loud.wav"))
    audio.write(tmp_path / "fast.wav", track, 48_000)
    Session(plan).run(FakeInterface(clipper, RATE), Person())
    with pytest.raises(DatasetError, match="is at 44100 Hz"):
        Session(replaced(plan, signal=tmp_path / "fast.wav"))
    with pytest.raises(DatasetError, match="holds 'little pedal', not 'RAT'"):
        Session(replaced(plan, device="RAT"))


def test_knob_settings_are_all_combinations():
    there = {"drive": ["9:00", "3:00"], "tone": ["0.1", "0.9"]}
    assert [tuple(setting.values()) for setting in knob_settings(there)] == [
        ("9:00", "0.1"), ("9:00", "0.9"), ("3:00", "0.1"), ("3:00", "0.9")
    ]  # fmt: skip
    assert knob_settings({}) == [{}]
    with pytest.raises(SettingsError, match="each position is given once"):
        knob_settings({"drive": ["3:00", "0.8"]})
    with pytest.raises(SettingsError, match="no name for a knob"):
        knob_settings({"../drive": ["3:00"]})
    with pytest.raises(SettingsError, match="clock time"):
        knob_settings({"drive": ["loud"]})


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_killed_at_any_moment_nothing_acknowledged_is_lost(plan):
    """kill -9 before and after every rename of a session of two settings, then the same session again."""
    child = Path(__file__).parents[1] / "capture_child.py"
    done = subprocess.run(
        [sys.executable, child, plan.signal, plan.folder], capture_output=True, text=True, timeout=200
    )
    assert done.returncode == 0, done.stderr
    killed = [line for line in done.stdout.splitlines() if line.startswith("killed")]
    assert len(killed) == 18  # before and after each: the dry file, and of 2 settings raw, wet, manifest and note
    assert done.stdout.splitlines()[-1] == f"not killed after {len(killed)}"
