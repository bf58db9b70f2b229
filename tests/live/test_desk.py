"""What the audio thread makes of a block, played without one.

Expected values: the effects themselves, offline; straight lines for fades and glides, whose lengths are the documented ones.
"""

import threading
import time

import numpy as np
import pytest
from engine_networks import recurrent
from live_effects import RATE, echo, effect, gain, play

from drywet.engine import EngineEffect
from drywet.errors import CircuitError, LiveError, SettingsError, SignalError
from drywet.live.desk import Desk
from drywet.live.record import TAKEN

RUN_IN, FADE, GLIDE = 2400, 480, 960  # samples: 50, 10 and 20 ms


@pytest.fixture(scope="module")
def dry():
    """Half a second of noise, some of it silent."""
    noise = 0.3 * np.random.default_rng(1).standard_normal(RATE // 2)
    noise[3000:6000] = 0
    return noise.astype(np.float32)


def line(length, samples, start=0):
    """From 0 to 1 within ``samples``, beginning after ``start``."""
    return np.clip((np.arange(1, length + 1) - start) / samples, 0, 1)


class Knobbed:
    """An effect that remembers how it was turned, and plays like ``inner``."""

    sample_rate, latency = RATE, 0

    def __init__(self, inner, **controls):
        self.inner, self.controls, self.turned, self.resets = inner, controls, [], 0

    def reset(self):
        self.resets += 1
        self.inner.reset()

    def turn(self, controls):
        self.turned.append(dict(controls))

    def native(self):
        return self.inner.native()


@pytest.mark.parametrize("block", [1, 64, 100, 24_000])
def test_an_effect_on_the_desk_gives_the_bits_that_it_gives_alone(dry, block):
    network = recurrent("lstm", 5)
    expected = effect(network).process(dry, {})
    desk = Desk({"lstm": effect(network)}, RATE, largest_block=256)
    np.testing.assert_array_equal(play(desk, dry, block), expected)


def test_gains_in_db_multiply_before_and_after(dry):
    desk = Desk({"half": gain(0.5)}, RATE)
    desk.input_db, desk.output_db = 6.0, -20.0
    np.testing.assert_allclose(play(desk, dry), 0.5 * 10 ** (-14 / 20) * dry, rtol=1e-6)
    assert (desk.input_db, desk.output_db) == pytest.approx((6.0, -20.0))


def test_a_gain_glides_to_its_new_value_in_20_ms():
    desk = Desk({"one": gain(1.0)}, RATE)
    ones = np.ones(2000, np.float32)
    play(desk, ones)
    desk.output_db = -20.0
    np.testing.assert_allclose(play(desk, ones), 1 - 0.9 * line(2000, GLIDE), rtol=1e-6)


def test_bypass_is_the_input_bit_by_bit_at_the_output_level(dry):
    desk = Desk({"loud": gain(3.0)}, RATE)
    desk.bypassed = True
    desk.input_db = 12.0
    np.testing.assert_array_equal(play(desk, dry), dry)
    desk.output_db = -20.0
    play(desk, dry)
    np.testing.assert_allclose(play(desk, dry), 0.1 * dry, rtol=1e-6)


@pytest.mark.parametrize(("setting", "from_", "to"), [("bypassed", -0.5, 1.0), ("muted", -0.5, 0.0)])
def test_bypass_and_mute_fade_in_a_straight_line_of_10_ms_and_back(setting, from_, to):
    desk = Desk({"minus half": gain(-0.5)}, RATE)
    ones = np.ones(1000, np.float32)
    play(desk, ones)
    setattr(desk, setting, True)
    np.testing.assert_allclose(play(desk, ones), from_ + (to - from_) * line(1000, FADE), atol=1e-6)
    setattr(desk, setting, False)
    np.testing.assert_allclose(play(desk, ones), to + (from_ - to) * line(1000, FADE), atol=1e-6)
    assert play(desk, ones)[0] == from_


def test_a_fade_that_is_turned_back_goes_on_from_where_it_was():
    desk = Desk({"one": gain(1.0)}, RATE)
    ones = np.ones(240, np.float32)
    play(desk, ones)
    desk.muted = True
    assert play(desk, ones)[-1] == pytest.approx(0.5)
    desk.muted = False
    np.testing.assert_allclose(play(desk, ones), 0.5 + 0.5 * line(240, FADE), atol=1e-6)


def test_the_loop_replaces_the_input_exactly_and_goes_round(dry):
    loop = dry[:1001]
    desk = Desk({"one": gain(1.0)}, RATE, loop=loop)
    desk.looping = True
    np.testing.assert_array_equal(play(desk, np.ones(5005, np.float32)), np.tile(loop, 5))


def test_a_loop_that_is_switched_on_while_playing_fades_in_from_its_beginning(dry):
    loop = np.full(700, 0.5, np.float32)
    loop[0] = 0.25
    desk = Desk({"one": gain(1.0)}, RATE, loop=loop)
    zeros = np.zeros(1000, np.float32)
    play(desk, zeros)
    for _ in range(2):
        desk.looping = True
        np.testing.assert_allclose(play(desk, zeros), line(1000, FADE) * np.tile(loop, 2)[:1000], atol=1e-6)
        desk.looping = False
        play(desk, zeros)
        assert not play(desk, zeros).any()


def test_without_a_loop_none_can_be_switched_on():
    with pytest.raises(SettingsError, match="no loop to play"):
        Desk({"one": gain(1.0)}, RATE).looping = True


# Changing the model


def test_the_new_model_fades_in_after_50_ms_in_a_straight_line_of_10_ms():
    desk = Desk({"a": gain(0.5), "b": gain(-0.25)}, RATE)
    ones = np.ones(4000, np.float32)
    play(desk, ones)
    desk.chosen = 1
    wet = play(desk, ones)
    np.testing.assert_allclose(wet, 0.5 - 0.75 * line(4000, FADE, RUN_IN), atol=1e-6)
    np.testing.assert_array_equal(wet[:RUN_IN], np.full(RUN_IN, 0.5, np.float32))
    np.testing.assert_array_equal(wet[RUN_IN + FADE :], np.full(4000 - RUN_IN - FADE, -0.25, np.float32))


def test_the_new_model_has_heard_what_was_played_before_it_is_heard(dry):
    """An echo of 40 ms, within the 50 ms of its run-in: the fade mixes dry with dry of 40 ms ago, not with silence."""
    late = 1920
    desk = Desk({"one": gain(1.0), "echo": echo(late)}, RATE)
    play(desk, dry[:4800])
    desk.chosen = 1
    wet = play(desk, dry[4800:9600])
    share = line(4800, FADE, RUN_IN)
    expected = (1 - share) * dry[4800:9600] + share * dry[4800 - late : 9600 - late]
    np.testing.assert_allclose(wet, expected, atol=1e-6)


def test_changing_the_model_does_not_click():
    """A click is a jump of the slope: the largest second difference, beside that of each model alone.

    The fade bends the line by at most the slopes of both times 1 / FADE, twice, and by their difference at its ends.
    """
    sine = (0.5 * np.sin(2 * np.pi * 110 * np.arange(9600) / RATE)).astype(np.float32)
    desk = Desk({"a": gain(1.0), "b": gain(-1.0)}, RATE)
    play(desk, sine)
    desk.chosen = 1
    wet = play(desk, sine).astype(np.float64)
    bend = np.abs(np.diff(wet, 2)).max()
    slope, jump = 2 * np.pi * 110 / RATE * 0.5, 1.0  # of the sine, and between both models at most
    assert bend <= 1e-6 + np.abs(np.diff(sine.astype(np.float64), 2)).max() + 4 * slope / FADE + jump / FADE
    cut = np.concatenate([sine[:100], -sine[100:]])  # what no fade would do
    assert np.abs(np.diff(cut, 2)).max() > 20 * bend


def test_a_change_of_mind_during_the_run_in_is_never_heard():
    desk = Desk({"a": gain(1.0), "b": gain(0.0), "c": gain(0.5)}, RATE)
    ones = np.ones(1000, np.float32)
    play(desk, ones)
    desk.chosen = 1
    assert np.all(play(desk, ones) == 1)
    desk.chosen = 0
    assert np.all(play(desk, np.ones(9600, np.float32)) == 1)
    desk.chosen = 1
    play(desk, ones)
    desk.chosen = 2
    wet = play(desk, np.ones(4000, np.float32))
    np.testing.assert_allclose(wet, 1 - 0.5 * line(4000, FADE, RUN_IN), atol=1e-6)


def test_a_model_that_is_chosen_during_a_fade_waits_for_its_end():
    desk = Desk({"a": gain(1.0), "b": gain(0.0), "c": gain(0.5)}, RATE)
    play(desk, np.ones(64, np.float32))
    desk.chosen = 1
    play(desk, np.ones(RUN_IN + FADE // 2, np.float32), block=RUN_IN + FADE // 2)
    desk.chosen = 2
    wet = play(desk, np.ones(6000, np.float32), block=FADE // 2)
    np.testing.assert_allclose(wet[: FADE // 2], 0.5 - line(FADE // 2, FADE), atol=1e-6)
    expected = 0.5 * line(6000 - FADE // 2, FADE, RUN_IN)
    np.testing.assert_allclose(wet[FADE // 2 :], expected, atol=1e-6)


def test_a_model_that_is_left_is_put_to_rest_and_plays_as_if_new(dry):
    model = Knobbed(echo(100))
    desk = Desk({"a": model, "b": gain(1.0)}, RATE)
    loud = np.ones(1000, np.float32)
    play(desk, loud)
    desk.chosen = 1
    play(desk, loud)
    desk.glide()
    assert model.resets == 1  # when the desk was made; it is still heard
    play(desk, np.ones(3000, np.float32))
    desk.glide()
    assert model.resets == 2
    desk.glide()
    assert model.resets == 2
    assert not model.inner.process(np.zeros(200, np.float32), {}).any()  # no sample of what it had heard


# Knobs


def test_a_knob_gets_from_end_to_end_in_a_tenth_of_a_second_and_every_model_that_has_it_hears_of_it():
    first, second = Knobbed(gain(1.0), drive=0.0, tone=0.5), Knobbed(gain(1.0), drive=0.7)
    desk = Desk({"a": first, "b": second, "c": gain(1.0)}, RATE)
    assert desk.knobs == {"drive": 0.0, "tone": 0.5}  # of two models with one knob, the first one's position
    assert second.turned[-1] == {"drive": 0.0}
    desk.turn("drive", 1.0)
    assert desk.knobs["drive"] == 1.0
    del first.turned[:], second.turned[:]
    for _ in range(15):
        desk.glide()
    assert [turn["drive"] for turn in first.turned] == pytest.approx([0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0])
    assert first.turned[-1] == {"drive": 1.0, "tone": 0.5}
    assert [turn["drive"] for turn in second.turned] == [turn["drive"] for turn in first.turned]
    desk.turn("drive", 0.95)
    desk.glide(0.05)
    assert first.turned[-1]["drive"] == 0.95


def test_a_knob_that_does_not_exist_or_turns_too_far_is_refused():
    desk = Desk({"a": Knobbed(gain(1.0), drive=0.0)}, RATE)
    with pytest.raises(SettingsError, match="no knob named 'drvie'; there are: drive"):
        desk.turn("drvie", 0.5)
    with pytest.raises(SettingsError, match=r"between 0 and 1 .*, not 1\.01"):
        desk.turn("drive", 1.01)
    with pytest.raises(SettingsError, match="no model number 1; there are 1"):
        desk.chosen = 1
    with pytest.raises(SettingsError, match="at most 40 dB"):
        desk.input_db = float("nan")


# Meters


def test_meters_show_peaks_and_clipping_since_the_last_look():
    desk = Desk({"double": gain(2.0)}, RATE)
    block = np.zeros(640, np.float32)
    block[5], block[6:10], block[20] = -0.25, 0.5, 1.0
    play(desk, block)
    meters = desk.meters()
    assert (meters.input_peak_dbfs, meters.output_peak_dbfs) == pytest.approx((0, 6.0206), abs=1e-3)
    assert (meters.input_clipped, meters.output_clipped, meters.blocks) == (1, 5, 10)
    play(desk, np.full(64, 0.1, np.float32))
    meters = desk.meters()
    assert (meters.input_peak_dbfs, meters.output_peak_dbfs) == pytest.approx((-20, -13.9794), abs=1e-3)
    assert (meters.input_clipped, meters.output_clipped, meters.blocks) == (0, 0, 1)
    silent = desk.meters()
    assert (silent.blocks, silent.load, silent.worst_load) == (0, 0.0, 0.0)
    assert silent.output_peak_dbfs == -np.inf


def test_the_load_is_the_time_that_blocks_took_of_the_time_they_last():
    desk = Desk({"one": gain(1.0)}, RATE)
    play(desk, np.zeros(960, np.float32), 480)  # two blocks of 10 ms
    desk.record.history[:2, TAKEN] = 1e6, 4e6  # nanoseconds
    meters = desk.meters()
    assert (meters.load, meters.worst_load) == pytest.approx((0.25, 0.4))


def test_the_time_of_a_block_is_that_of_the_systems_clock():
    """Most of a long block, played in parts, lies between two looks at a clock from outside."""
    desk = Desk({"lstm": effect(recurrent("lstm", 5))}, RATE)
    dry = np.zeros(200_000, np.float32)
    before = time.perf_counter()
    play(desk, dry, len(dry))
    outside = time.perf_counter() - before
    inside = desk.record.history[0, TAKEN] * 1e-9
    assert 0 < inside <= outside
    assert inside > 0.01 * outside  # the unit is right


def test_looking_late_loses_old_blocks_and_no_clipped_sample():
    desk = Desk({"one": gain(1.0)}, RATE)
    play(desk, np.ones(5000, np.float32), 1)
    play(desk, np.full(5000, 0.5, np.float32), 1)
    meters = desk.meters()
    assert (meters.blocks, meters.input_clipped) == (10_000, 5000)
    assert meters.input_peak_dbfs == pytest.approx(-6.02, abs=0.01)
    count, loads = desk.block_loads(9_990)
    assert count == 10_000
    assert len(loads) == 10
    assert (loads > 0).all()


# Anything at any time


def test_turning_everything_at_random_never_leaves_a_trace(dry):
    random = np.random.default_rng(5)
    models = [gain(0.5), gain(-0.25), echo(700)]
    desk = Desk(dict(zip("abc", models, strict=True)), RATE, loop=0.1 * dry[:500])

    def turn(what):
        if what < 3:
            desk.chosen = what
        elif what == 3:
            desk.bypassed = not desk.bypassed
        elif what == 4:
            desk.muted = not desk.muted
        elif what == 5:
            desk.looping = not desk.looping
        elif what == 6:
            desk.input_db, desk.output_db = random.uniform(-30, 0, 2)
        elif what == 7:
            models[desk.chosen].network.numbers[:] = np.nan
        else:
            desk.glide()

    for _ in range(2000):
        turn(random.integers(12))
        start, count = random.integers(1000), random.integers(1, 1000)
        assert np.abs(play(desk, dry[start : start + count], 300)).max() <= np.abs(dry).max()
    desk.chosen, desk.bypassed, desk.muted, desk.looping = 1, False, False, False
    desk.input_db = desk.output_db = 0.0
    for _ in range(3):  # a fade may be on its way, then the run-in
        desk.glide()
        play(desk, dry[:RUN_IN])
    np.testing.assert_array_equal(play(desk, dry), np.float32(-0.25) * dry)


def test_models_are_put_to_rest_only_while_nobody_plays_them():
    """Echoes within the run-in make ones of ones, unless one is put to rest while it is heard: then zeros come."""
    desk = Desk({"a": echo(1500), "b": echo(2000), "c": echo(1000)}, RATE)
    ones = np.ones(16, np.float32)
    play(desk, np.ones(4800, np.float32))
    stop, lowest = threading.Event(), []

    def audio_thread():
        wet, low = np.empty_like(ones), 1.0
        while not stop.is_set():
            desk.process(ones, wet)  # without the lock of the interpreter
            low = min(low, float(wet.min()))
        lowest.append(low)

    thread = threading.Thread(target=audio_thread)
    thread.start()
    random, end = np.random.default_rng(6), time.monotonic() + 1.0
    changes = 0
    while time.monotonic() < end:
        desk.chosen = int(random.integers(3))
        changes += 1
        for _ in range(random.integers(1, 300)):
            desk.glide()
    stop.set()
    thread.join()
    assert lowest[0] > 1 - 1e-5
    assert changes > 10


def test_a_model_whose_fade_ends_while_the_others_are_looked_for_is_not_put_to_rest():
    """The audio thread plays a block between any two looks that the control thread takes at it."""
    old, new = Knobbed(gain(1.0)), Knobbed(gain(0.5))
    desk = Desk({"old": old, "new": new}, RATE)
    play(desk, np.zeros(64, np.float32))
    desk.chosen = 1
    play(desk, np.zeros(RUN_IN + FADE - 16, np.float32), 16)
    desk.chosen = 0  # too late: the new one is heard already
    play(desk, np.zeros(8, np.float32))
    record = desk.record

    class Interrupted:
        def __getattr__(self, name):
            value = getattr(record, name)
            if name in ("sounding", "coming"):
                play(desk, np.zeros(8, np.float32))
            return value

    resets = new.resets
    desk._record = Interrupted()
    desk.glide()
    assert record.sounding == 1
    assert new.resets == resets


# What goes wrong


def test_a_model_that_gives_no_numbers_is_silenced_put_to_rest_and_faded_in_again():
    model = gain(0.5)
    desk = Desk({"a": model}, RATE)
    ones = np.ones(1000, np.float32)
    play(desk, ones)
    model.network.numbers[:] = np.nan
    assert not play(desk, ones).any()
    assert desk.meters().unwell == 1  # once; then it is left alone
    desk.glide()
    np.testing.assert_allclose(play(desk, ones), 0.5 * line(1000, FADE), atol=1e-6)
    assert np.all(play(desk, ones) == 0.5)
    assert desk.meters().unwell == 0


@pytest.mark.parametrize("absurd", [np.nan, np.inf, -np.inf, 1e9])
def test_no_absurd_number_ever_leaves_the_desk(absurd):
    desk = Desk({"a": gain(1.0), "b": gain(absurd if np.isfinite(absurd) else 1.0)}, RATE)
    ones = np.ones(3000, np.float32)
    desk._effects[1].network.numbers[:] = absurd
    play(desk, ones)
    desk.chosen = 1  # it must not be heard, and not break what is
    wet = play(desk, ones)
    assert np.abs(wet).max() <= 1
    assert np.all(wet[:RUN_IN] == 1)
    meters = desk.meters()
    assert meters.unwell >= 1
    assert meters.unwell_models == ("b",)  # not the one that sounds
    desk.glide()
    assert desk.meters().unwell_models == ()


def test_a_circuit_that_cannot_follow_its_knob_does_not_hold_up_the_others():
    def refuse(controls):
        raise CircuitError("cannot be done while playing")

    stuck, model = Knobbed(gain(1.0), drive=0.0), Knobbed(gain(1.0), drive=0.0)
    desk = Desk({"a": stuck, "b": model}, RATE)
    stuck.turn = refuse
    del model.turned[:]
    desk.turn("drive", 1.0)
    with pytest.raises(CircuitError, match="while playing"):
        desk.glide(1.0)
    assert model.turned == [{"drive": 1.0}]
    desk.record.effects[:2]["unwell"] = 1
    before = model.resets
    with pytest.raises(CircuitError, match="while playing"):
        desk.glide()
    assert (desk.record.effects[:2]["unwell"].tolist(), model.resets) == ([0, 0], before + 1)
    desk.glide()  # nothing is to be done, so nothing is complained about


def test_broken_input_counts_as_silence_and_does_not_stay_in_the_model():
    desk = Desk({"echo": echo(2)}, RATE)
    dry = np.ones(64, np.float32)
    dry[[10, 11, 12]] = np.nan, np.inf, -1e30
    expected = np.concatenate([[0, 0], np.where(np.isin(np.arange(62), [10, 11, 12]), 0, 1)])
    np.testing.assert_array_equal(play(desk, dry), expected)
    assert desk.meters().unwell == 1


def test_what_cannot_be_played_is_refused_with_what_to_do():
    with pytest.raises(LiveError, match=r"b is made for 44100 Hz.*played at 48000 Hz.*one rate together"):
        Desk({"a": gain(1.0), "b": gain(1.0, 44_100)}, RATE)
    with pytest.raises(LiveError, match="17 models: 1 to 16"):
        Desk({str(n): gain(1.0) for n in range(17)}, RATE)
    with pytest.raises(LiveError, match="0 models"):
        Desk({}, RATE)
    for loop in (np.zeros(0), np.zeros((2, 5)), np.array([0.0, np.nan])):
        with pytest.raises(SignalError, match="a loop is a finite signal"):
            Desk({"a": gain(1.0)}, RATE, loop=loop)
    desk = Desk({"a": gain(1.0)}, RATE)
    for wrong in (np.zeros(64), np.zeros(128, np.float32)[::2], np.zeros(63, np.float32)):
        with pytest.raises(SignalError, match=r"contiguous float32 of shape \(64,\)"):
            desk.process(np.zeros(64, np.float32), wrong)


def test_a_network_without_compiled_form_says_what_to_do_instead():
    plain = recurrent("lstm", 3)
    with pytest.raises(LiveError, match=r"LSTM.*no compiled form.*drywet distill.*drywet render"):
        Desk({"plain": EngineEffect(gain(1.0).file, network=plain)}, RATE)


def test_an_empty_block_is_no_block():
    desk = Desk({"a": gain(1.0)}, RATE)
    play(desk, np.zeros(0, np.float32))
    desk.process(np.zeros(0, np.float32), np.zeros(0, np.float32))
    assert desk.meters().blocks == 0
