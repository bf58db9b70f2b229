"""What every built-in circuit owes whoever plays through it. A new netlist in the package is checked by being there."""

import numpy as np
import pytest

from drywet.circuits import builtin, load
from drywet.effect import Effect, render
from drywet.errors import SettingsError

RATE = 44_100


@pytest.fixture(scope="module", params=builtin())
def effect(request):
    return load(request.param)


@pytest.fixture(scope="module")
def loud():
    return np.random.default_rng(7).normal(0, 0.4, 3000).astype(np.float32)


def test_it_is_an_effect(effect):
    assert isinstance(effect, Effect)
    assert isinstance(effect.latency, int)


@pytest.mark.parametrize("block_size", [1, 64, 65, 1000])
def test_block_size_does_not_change_a_bit(effect, loud, block_size):
    np.testing.assert_array_equal(render(effect, loud, block_size=block_size), render(effect, loud))


def test_rendering_twice_gives_the_same_bits(effect, loud):
    np.testing.assert_array_equal(render(effect, loud), render(effect, loud))
    np.testing.assert_array_equal(render(load(effect.netlist.name.removesuffix(".cir")), loud), render(effect, loud))


def test_silence_stays_silence_exactly(effect):
    for position in (0.0, 0.5, 1.0):
        assert not render(effect, np.zeros(RATE, np.float32), dict.fromkeys(effect.controls, position)).any()


def test_a_note_dies_away_to_silence(effect):
    # The SD-1's bias supply needs 0.8 s to recover (16.5 kohm, 47 uF); a limit cycle would go on.
    t = np.arange(3 * RATE) / RATE
    dry = np.where(t < 0.5, np.sin(2 * np.pi * 110 * t), 0.0)
    wet = np.abs(render(effect, dry, dict.fromkeys(effect.controls, 1.0)))
    assert wet[2 * RATE :].max() < 3e-5  # -90 dBFS
    assert wet[-RATE // 2 :].max() < 0.6 * wet[2 * RATE : -RATE // 2].max()


def test_wet_is_aligned_with_dry(effect):
    # The phase of the rendered sound is that of the circuit itself: no filter delay is left.
    dry = np.zeros(2 * RATE, np.float32)
    dry[2000] = 1e-6
    wet = render(effect, dry).astype(float) / float(dry[2000])
    frequency = np.array([200.0, 1000.0, 5000.0])
    found = np.exp(-2j * np.pi * frequency[:, None] * (np.arange(len(wet)) - 2000) / RATE) @ wet
    tenth_of_a_sample = 2 * np.pi * frequency * 0.1 / RATE
    assert (np.abs(np.angle(found / effect.frequency_response(frequency))) < 0.1 * tenth_of_a_sample).all()


def test_no_knobs_and_no_input_within_20_volts_give_anything_but_finite_sound(effect):
    random = np.random.default_rng(2024)
    shapes = [
        lambda n: 20.0 * np.sign(np.sin(np.arange(n) * random.uniform(0.01, 1.0))),
        lambda n: random.uniform(-20, 20, n),
        lambda n: np.full(n, random.choice([-20.0, 20.0])),
        lambda n: 20 * np.sin(np.arange(n) * random.uniform(0.001, 3.0)),
        lambda n: np.where(random.random(n) < 0.02, random.choice([-20.0, 20.0], n), 0.0),
    ]
    for _ in range(12):
        effect.reset()
        for _ in range(4):  # knobs jump between blocks too
            knobs = {name: float(random.choice([0.0, 1.0, random.random()])) for name in effect.controls}
            wet = effect.process(random.choice(shapes)(300), knobs)
            assert np.isfinite(wet).all()
            assert np.abs(wet).max() < 100
        assert effect.unsolved == 0


def test_a_knob_turned_between_blocks_neither_clicks_nor_forgets(effect):
    t = np.arange(RATE // 2) / RATE
    dry = 0.2 * np.sin(2 * np.pi * 220 * t)
    effect.reset()
    knobs = dict(effect.controls)
    pieces = []
    for i in range(0, len(dry), 64):  # a slow sweep of every knob around its default
        knobs = {name: min(1.0, x + 0.05 * i / len(dry)) for name, x in effect.controls.items()}
        pieces.append(effect.process(dry[i : i + 64], knobs))
    swept = np.concatenate(pieces)
    still = np.concatenate([np.zeros(effect.latency), render(effect, dry, knobs)])[: len(dry)]
    assert np.abs(np.diff(swept)).max() < 1.5 * np.abs(np.diff(still)).max()
    # Once the knobs rest, the state carried over leads to the same sound as having started there.
    effect.reset()
    first = effect.process(dry[:4000], effect.controls)
    rest = effect.process(np.concatenate([dry[4000:], dry[4000:]]), knobs)
    assert np.isfinite(first).all()
    assert np.sqrt(np.mean((rest[10_000 : len(dry) - 4000] - still[14_000:]) ** 2)) < 0.02 * np.abs(still).max()


@pytest.mark.parametrize("knob", ["drive", "tone", "level"])
def test_a_slow_movement_leads_from_one_fixed_sound_to_the_other_without_a_jump(effect, knob):
    t = np.arange(RATE) / RATE
    dry = (0.2 * np.sin(2 * np.pi * 110 * t)).astype(np.float32)
    moving = render(effect, dry, {knob: [[0.2, 0.3], [0.6, 0.7]]})
    low, high = (render(effect, dry, {knob: position}) for position in (0.3, 0.7))
    np.testing.assert_array_equal(moving[: RATE // 6], low[: RATE // 6])
    assert np.abs(low - high)[-RATE // 6 :].max() > 0.1 * np.abs(high).max()  # so the next line means something
    np.testing.assert_allclose(moving[-RATE // 6 :], high[-RATE // 6 :], atol=0.01 * np.abs(high).max())
    # A click is a bend (second difference) that neither fixed sound has, and that one of the movement's 276 steps of 64
    # samples, four times steeper than on average for the sake of the pot's law, does not make either.
    bends = [np.abs(np.diff(wet, 2))[RATE // 10 :].max() for wet in (moving, low, high)]
    assert bends[0] < max(bends[1:]) + 4 / 276 * np.abs(low - high)[RATE // 10 :].max()


def test_every_drive_has_an_operating_point_and_the_points_lie_on_a_line(effect):
    """At some, rounding keeps Newton's method from settling to the last digits."""
    points = [effect.operating_point({"drive": float(x)}) for x in np.linspace(0, 1, 201)]
    voltages = np.array([list(point.values()) for point in points])
    assert np.abs(np.diff(voltages, axis=0)).max() < 0.05  # V from one position to the next


def test_turning_a_knob_at_rest_makes_no_thump(effect):
    effect.reset()
    for position in (0.5, 0.0, 1.0, 0.3):
        wet = effect.process(np.zeros(2000), dict.fromkeys(effect.controls, position))
        assert np.abs(wet).max() < 1e-4


@pytest.mark.parametrize("sample_rate", [48_000, 96_000])
def test_the_sample_rate_does_not_change_the_pedal(effect, sample_rate):
    other = load(effect.netlist.name.removesuffix(".cir"), sample_rate=sample_rate)
    peaks = []
    for circuit in (effect, other):
        t = np.arange(circuit.sample_rate // 5) / circuit.sample_rate
        wet = render(circuit, 0.3 * np.sin(2 * np.pi * 330 * t))
        peaks.append(np.sqrt(np.mean(wet[len(wet) // 2 :].astype(float) ** 2)))
    assert 20 * np.log10(peaks[0] / peaks[1]) == pytest.approx(0, abs=0.01)


@pytest.mark.parametrize(
    "options",
    [
        {"sample_rate": 10},
        {"sample_rate": 44_100.5},
        {"oversampling": 0},
        {"oversampling": 1000},
        {"laws": {"presence": "linear"}},
        {"laws": {"drive": "quadratic"}},
    ],
)
def test_impossible_options_are_refused(options):
    with pytest.raises(SettingsError):
        load("sd1", **options)


def test_an_unknown_circuit_names_those_there_are():
    with pytest.raises(SettingsError, match="sd1"):
        load("sd2")
