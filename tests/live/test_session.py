"""A whole session against a fake desk: its end, its summary, its troubles."""

import math

import pytest
from fake_desk import FakeDesk, FakeStream, Reading, models

from drywet.errors import CircuitError, LiveError
from drywet.live import session as sessions
from drywet.live.meters import HOLD_SECONDS, MeterBridge
from drywet.live.session import Session


class Clock:
    """Time that passes only where the program sleeps."""

    def __init__(self):
        self.now = 100.0

    def monotonic(self):
        return self.now

    def sleep(self, seconds):
        self.now += seconds


class Fingers:
    """Presses planted keys, ``{second: key}``."""

    def __init__(self, clock, keys):
        self.clock, self.keys, self.start = clock, dict(keys), clock.now

    def pressed(self, seconds):
        self.clock.sleep(seconds)
        due = [at for at in self.keys if self.clock.now - self.start >= at]
        return [self.keys.pop(at) for at in due]


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(sessions, "time", clock)
    return clock


def make(clock, keys=(), readings=(), stream=None, messages=lambda: (), **options):
    played = models(clean=["tone"], lead=["drive", "tone"])
    desk = FakeDesk(played, readings=readings, looping=True)
    return Session(desk, stream or FakeStream(), played, Fingers(clock, keys), messages, **options), desk


def test_it_ends_after_the_given_time_and_fades_out(clock):
    session, desk = make(clock)
    summary = session.run(seconds=2.0)
    assert summary.seconds == pytest.approx(2.0 + 0.02 + 2 * 480 / 48_000, abs=0.02)
    assert desk.muted


def test_q_and_a_wish_from_outside_end_it(clock):
    session, _ = make(clock, {1.0: "q"})
    assert session.run().seconds == pytest.approx(1.04, abs=0.02)
    session, _ = make(clock)
    stop = clock.now + 3
    assert session.run(stopped=lambda: clock.now >= stop).seconds == pytest.approx(3.04, abs=0.02)


def test_knobs_glide_a_hundred_times_a_second_and_ten_views_are_shown(clock):
    session, desk = make(clock)
    views = []
    session.run(seconds=2.0, show=views.append)
    assert len(desk.glides) == pytest.approx(200, abs=3)
    assert sum(desk.glides) == pytest.approx(2.0, abs=0.02)
    assert len(views) == pytest.approx(20, abs=2)


def test_keys_and_midi_reach_the_desk(clock):
    arrived = [[[0xB0, 20, 127]], [[0xC0, 1]]]
    session, desk = make(
        clock, {0.5: " "}, messages=lambda: arrived.pop(0) if arrived else (), controllers={"drive": 20}
    )
    session.run(seconds=1.0)
    assert (desk.bypassed, desk.knobs["drive"], desk.chosen) == (True, 1.0, 1)


def test_the_summary_adds_up_what_the_meters_said(clock):
    readings = [
        Reading(-20, -10, 0, 3, blocks=10, load=0.1, worst_load=0.2),
        Reading(-12.345, -30, 1, 0, blocks=30, load=0.5, worst_load=0.9, unwell=2),
        Reading(blocks=0, load=0, worst_load=0),
        Reading(blocks=0, load=0, worst_load=0),
    ]
    session, _ = make(clock, readings=readings, stream=FakeStream(xruns=4))
    summary = session.run(seconds=0.25)
    assert summary.load == pytest.approx((10 * 0.1 + 30 * 0.5) / 40)
    assert (summary.worst_load, summary.xruns, summary.unwell) == (0.9, 4, 2)
    assert (summary.input_peak_dbfs, summary.output_peak_dbfs) == (-12.35, -10)  # rounded to 0.01 dB
    assert (summary.input_clipped, summary.output_clipped) == (1, 3)


def test_a_model_that_gave_no_numbers_is_told(clock):
    session, _ = make(clock, readings=[Reading(), Reading(unwell=1, unwell_models=("lead",)), Reading(unwell=1)])
    assert session.look().news == ""
    assert session.look().news == "lead gave no numbers: silence for a moment"
    assert session.look().news == "the input gave no numbers: silence for a moment"


def test_only_silence_has_no_peak(clock):
    session, _ = make(clock)
    assert session.run(seconds=0.2).as_json()["input_peak_dbfs"] is None


def test_a_view_tells_the_latency_of_driver_and_model_apart(clock):
    session, desk = make(clock)
    desk.chosen = 1  # 48 samples late at 48 kHz
    view = session.look()
    assert (view.driver_ms, view.model_ms) == (pytest.approx(4.0), pytest.approx(1.0))


def test_knobs_that_the_chosen_model_lacks_are_marked(clock):
    session, desk = make(clock)
    assert {knob.name: knob.here for knob in session.look().knobs} == {"tone": True, "drive": False}
    desk.chosen = 1
    assert all(knob.here for knob in session.look().knobs)


def test_clearing_takes_marks_away_but_not_from_the_summary(clock):
    stream = FakeStream(xruns=2)
    readings = [Reading(-3, -3, 5, 6, worst_load=0.7)] + [Reading(worst_load=0.2)] * 50
    session, _ = make(clock, {0.3: "c"}, readings, stream)
    views = []
    summary = session.run(seconds=0.6, show=views.append)
    assert (views[0].xruns, views[0].input.clipped, views[0].output.clipped, views[0].worst_load) == (2, 5, 6, 0.7)
    assert (views[-1].xruns, views[-1].input.clipped, views[-1].output.clipped, views[-1].worst_load) == (0, 0, 0, 0.2)
    assert (summary.xruns, summary.input_clipped, summary.output_clipped, summary.worst_load) == (2, 5, 6, 0.7)


def test_trouble_ends_it_with_the_reason_and_where_the_knobs_stood(clock):
    stream = FakeStream(troubles=[""] * 5 + ["JACK has stopped"])
    session, _ = make(clock, {0.2: "."}, stream=stream)
    with pytest.raises(
        LiveError, match=r"JACK has stopped, 0\.5 s into playing.* --knob tone=12:06 --knob drive=12:00"
    ):
        session.run(seconds=60)


def test_a_knob_that_a_circuit_cannot_follow_is_told_and_the_sound_goes_on(clock, monkeypatch):
    def glide(seconds):
        raise CircuitError("a knob takes a part out")

    session, desk = make(clock)
    monkeypatch.setattr(desk, "glide", glide)
    assert session.run(seconds=1.0).seconds > 1
    assert session.look().news == "a knob takes a part out"


def test_the_options_that_lead_back_name_what_is_not_usual(clock):
    session, desk = make(clock)
    assert session.settings() == "--knob tone=12:00 --knob drive=12:00"
    desk.output_db = -3.0
    desk.turn("drive", 0.8)
    session.panel.controllers["drive"] = 74
    assert session.settings() == "--knob tone=12:00 --knob drive=3:00 --output-db -3 --cc drive=74"


def test_a_peak_is_held_and_then_falls():
    meters = MeterBridge()
    meters.add(Reading(input_peak_dbfs=-6), 10.0)
    meters.add(Reading(input_peak_dbfs=-40), 10.0 + 0.9 * HOLD_SECONDS)
    assert (meters.input.peak_dbfs, meters.input.held_dbfs) == (-40, -6)
    meters.add(Reading(input_peak_dbfs=-50), 10.0 + 1.1 * HOLD_SECONDS)
    assert meters.input.held_dbfs == -40
    assert meters.output.held_dbfs == -math.inf
