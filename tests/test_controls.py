import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from drywet import controls
from drywet.errors import SettingsError


@pytest.mark.parametrize(
    ("position", "rotation"),
    [
        ("7:00", 0.0),
        ("9:00", 0.2),
        ("12:00", 0.5),
        ("1:30", 0.65),
        ("3:00", 0.8),
        ("5:00", 1.0),
        ("0.25", 0.25),
        (1, 1.0),
    ],
)
def test_clock_face_to_rotation(position, rotation):
    assert controls.rotation(position) == pytest.approx(rotation)


@given(st.integers(0, 600))
def test_every_minute_of_the_clock_comes_back(minutes):
    assert controls.rotation(controls.clock(minutes / 600)) == pytest.approx(minutes / 600, abs=1e-6)


@pytest.mark.parametrize("position", ["6:00", "5:01", "6:59", "13:00", "noon", "", "-0.1", 1.1, float("nan"), "9:60"])
def test_impossible_positions_are_refused(position):
    with pytest.raises(SettingsError):
        controls.rotation(position)


def test_knobs_not_given_stay_at_their_default_and_unknown_ones_are_named():
    assert controls.resolve({"drive": "3:00"}, {"drive": 0.5, "tone": 0.5}) == {"drive": 0.8, "tone": 0.5}
    with pytest.raises(SettingsError, match="no knob named 'drvie'.*drive, tone"):
        controls.resolve({"drvie": 0.1}, {"drive": 0.5, "tone": 0.5})


SWEEP = [[0.5, "9:00"], [1.5, 0.8], [2.0, "0.5"]]  # 0.2, 0.8, 0.5


def test_a_movement_is_linear_between_its_breakpoints_and_still_outside():
    seconds = np.array([0.0, 0.5, 0.75, 1.0, 1.75, 2.0, 100.0])
    np.testing.assert_allclose(controls.movement(SWEEP).at(seconds), [0.2, 0.2, 0.35, 0.5, 0.65, 0.5, 0.5])
    assert not controls.movement(SWEEP).is_still


@pytest.mark.parametrize("position", ["9:00", 0.2, [[0, 0.2]], [[3.0, "9:00"], [4.0, 0.2]]])
def test_a_knob_that_does_not_move_is_the_same_however_it_is_written(position):
    move = controls.movement(position)
    assert move.is_still
    assert move.as_json() == 0.2
    assert float(move.at(np.float64(3.5))) == 0.2


def test_a_movement_comes_back_from_its_numbers():
    assert controls.movement(SWEEP).as_json() == [[0.5, 0.2], [1.5, 0.8], [2.0, 0.5]]
    assert controls.movement(controls.movement(SWEEP).as_json()) == controls.movement(SWEEP)


def test_a_later_start_shifts_the_movement():
    later = controls.movement(SWEEP).from_then_on(1.0)
    np.testing.assert_allclose(later.at(np.array([0.0, 0.5])), [0.5, 0.8])


@pytest.mark.parametrize(
    ("position", "message"),
    [
        ([], "1 to 10000 breakpoints, this one has 0"),
        ([[i, 0.5] for i in range(10_001)], "this one has 10001"),
        ([[0.0, 0.5], [0.0, 0.6]], "breakpoint 1 of a movement is at 0.0 s, but the one before it is at 0.0 s"),
        ([[1.0, 0.5], [0.5, 0.6]], "in order of time"),
        ([[-1.0, 0.5]], "breakpoint 0 of a movement is at -1.0, not a time"),
        ([[float("nan"), 0.5]], "not a time"),
        ([[float("inf"), 0.5]], "not a time"),
        ([["1", 0.5]], "not a time"),
        ([[0.0, 1.5]], "between 0 and 1"),
        ([[0.0, "6:00"]], "outside"),
        ([[0.0, [0.5]]], "is no knob position"),
        ([0.0, 0.5], r"write \[seconds, position\]"),
        ([[0.0]], r"write \[seconds, position\]"),
        ([[0.0, 0.5, 1.0]], r"write \[seconds, position\]"),
    ],
)
def test_impossible_movements_are_refused(position, message):
    with pytest.raises(SettingsError, match=message):
        controls.movement(position)


def test_a_single_position_is_asked_for_where_nothing_can_move():
    with pytest.raises(SettingsError, match="is no knob position"):
        controls.rotation(SWEEP)


@given(length=st.integers(1, 3000), cuts=st.sets(st.integers(1, 2999)), rate=st.sampled_from([1000, 44_100]))
def test_parts_are_complete_and_stand_where_the_movement_is_in_the_middle_of_64_samples(length, cuts, rate):
    moves = {"drive": controls.movement([[0.01, 0.2], [0.03, 0.8]]), "tone": controls.movement(0.4)}
    found = np.full((length, 2), np.nan)
    for start, stop in itertools.pairwise([0, *sorted(cut for cut in cuts if cut < length), length]):
        for part, rotations in controls.still_parts(moves, start, stop, rate):
            assert np.isnan(found[part]).all()
            assert start <= part.start < part.stop <= stop
            found[part] = rotations["drive"], rotations["tone"]
    middles = np.arange(length) // 64 * 64 + 32
    np.testing.assert_allclose(found[:, 0], np.interp(middles / rate, [0.01, 0.03], [0.2, 0.8]))
    assert (found[:, 1] == 0.4).all()


def test_nothing_is_cut_where_no_knob_moves():
    moves = {"drive": controls.movement([[0.0, 0.2], [0.01, 0.8]])}
    parts = [part for part, _ in controls.still_parts(moves, 0, 10_000, 44_100)]
    assert len(parts) == 8  # 441 samples of movement touch the middles of seven blocks; then it rests
    assert (parts[-1].start, parts[-1].stop) == (448, 10_000)


def test_positions_are_shown_as_they_were_written():
    assert controls.describe_all({"drive": SWEEP, "tone": 0.5}) == (
        "drive 9:00 at 0.5 s to 0.8 at 1.5 s to 0.5 at 2 s, tone 0.5"
    )
    long = controls.describe([[i, 0.1] for i in range(100)])
    assert long == "0.1 at 0 s to 0.1 at 1 s to 97 more to 0.1 at 99 s"
