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
