"""Keys and MIDI messages to the state of the desk. Values come from docs/live.md, which a player reads."""

import math
from pathlib import Path

import pytest
from fake_desk import FakeDesk, models

from drywet.errors import SettingsError
from drywet.live import keys
from drywet.live.panel import KEYS, Panel, assign

DOCS = Path(__file__).parents[2] / "docs" / "live.md"


@pytest.fixture
def desk():
    return FakeDesk(models(clean=["tone"], lead=["drive", "tone"], third=[]), looping=True)


@pytest.fixture
def panel(desk):
    return Panel(desk, assign(list(desk.knobs), {}))


def press(panel, *pressed):
    for key in pressed:
        panel.press(key)
    return panel.desk


def cc(panel, controller, *values):
    for value in values:
        panel.hear([0xB0, controller, value])
    return panel.desk


def test_digits_and_tab_choose_the_model(panel):
    assert press(panel, "3").chosen == 2
    assert press(panel, keys.TAB).chosen == 0  # round the end
    assert press(panel, keys.TAB).chosen == 1
    assert press(panel, "9").chosen == 1
    assert "no model 9" in panel.news


def test_space_m_and_l_switch_there_and_back(panel):
    for key, name in ((" ", "bypassed"), ("m", "muted"), ("l", "looping")):
        before = getattr(panel.desk, name)
        assert getattr(press(panel, key), name) is not before
        assert getattr(press(panel, key), name) is before


def test_arrows_choose_a_knob_and_turn_it_by_half_an_hour_or_six_minutes(panel):
    assert panel.selected == "tone"
    assert press(panel, keys.RIGHT).knobs == {"tone": 0.55, "drive": 0.5}
    press(panel, keys.DOWN, keys.LEFT, ",", keys.FINE_LEFT)
    assert panel.desk.knobs["drive"] == pytest.approx(0.5 - 0.05 - 0.01 - 0.01)
    press(panel, keys.DOWN)  # round the end
    assert panel.selected == "tone"
    assert press(panel, keys.UP, ".", keys.FINE_RIGHT).knobs["drive"] == pytest.approx(0.45)


def test_a_knob_stops_at_its_ends(panel):
    assert press(panel, *[keys.RIGHT] * 30).knobs["tone"] == 1
    assert press(panel, *["," for _ in range(150)]).knobs["tone"] == 0


def test_levels_go_in_steps_of_a_decibel_within_their_ranges(panel):
    press(panel, "+", "=", "-", "-", "-", "]", "]", "[")
    assert (panel.desk.output_db, panel.desk.input_db) == (-1, 1)
    assert press(panel, *["+"] * 50).output_db == 12
    assert press(panel, *["["] * 99).input_db == -40


def test_the_loop_and_the_live_input_are_switched_only_where_both_are(desk):
    desk.looping = True
    assert press(Panel(desk, live_input=False), "l").looping
    desk.looping = False
    without = Panel(desk)
    assert not press(without, "l").looping
    assert "--loop" in without.news


def test_without_knobs_the_arrows_do_nothing():
    panel = Panel(FakeDesk(models(a=[])), {})
    for key in (keys.UP, keys.DOWN, keys.LEFT, "L"):
        press(panel, key)
    assert not panel.learning
    assert "no knob" in panel.news


def test_help_opens_and_closes_and_q_ends(panel):
    press(panel, "h")
    assert panel.helping
    press(panel, keys.ESCAPE)
    assert not panel.helping
    assert not panel.ended
    press(panel, "q")
    assert panel.ended


def test_unknown_keys_do_nothing(panel):
    before = vars(panel.desk).copy()
    press(panel, "ß", "\n", "0", "", "Z")
    assert vars(panel.desk) == before


def test_controllers_from_20_on_turn_the_knobs_in_order(panel):
    cc(panel, 20, 127)
    cc(panel, 21, 0)
    assert panel.desk.knobs == {"tone": 1.0, "drive": 0.0}


def test_controller_7_is_the_output_level_as_general_midi_has_it(panel):
    """40 log10(value / 127): half is 12 dB down."""
    assert cc(panel, 7, 127).output_db == 0
    assert cc(panel, 7, 64).output_db == pytest.approx(40 * math.log10(64 / 127))
    assert cc(panel, 7, 0).output_db == -60


def test_a_pedal_that_springs_back_switches_each_time_it_goes_down(panel):
    assert cc(panel, 64, 127).bypassed
    assert cc(panel, 64, 127, 0).bypassed  # still down, then up
    assert not cc(panel, 64, 127).bypassed


def test_a_button_that_stays_says_where_it_stands(panel):
    assert cc(panel, 80, 127, 127).bypassed
    assert not cc(panel, 80, 0).bypassed


def test_a_program_change_chooses_the_model(panel):
    panel.hear([0xC5, 1])
    assert panel.desk.chosen == 1
    panel.hear([0xC5, 77])
    assert panel.desk.chosen == 1


def test_learning_gives_the_next_controller_to_the_chosen_knob(panel):
    press(panel, keys.DOWN, "L")  # drive, which has 21
    assert "shall turn drive" in panel.news
    cc(panel, 20, 0)  # which turned tone until now
    assert panel.desk.knobs == {"tone": 0.5, "drive": 0.0}
    cc(panel, 21, 127)  # turns nothing any more
    assert panel.desk.knobs == {"tone": 0.5, "drive": 0.0}
    assert panel.controllers == {"drive": 20}


def test_a_controller_with_a_use_of_its_own_can_be_learned(panel):
    press(panel, "L")
    assert cc(panel, 64, 127).knobs["tone"] == 1
    assert not panel.desk.bypassed


def test_without_midi_there_is_nothing_to_learn_from(desk):
    panel = Panel(desk)
    press(panel, "L")
    assert not panel.learning
    assert "--midi" in panel.news


def test_learning_can_be_given_up(panel):
    press(panel, "L", keys.ESCAPE)
    cc(panel, 99, 1)
    assert panel.controllers == {"tone": 20, "drive": 21}


def test_wanted_controllers_take_the_place_of_the_usual_ones():
    assert assign(["a", "b", "c"], {"a": 21}) == {"a": 21, "c": 22}
    assert len(assign([str(n) for n in range(20)], {})) == 12  # 20 to 31
    with pytest.raises(SettingsError, match="no knob named 'x'; there are: a, b"):
        assign(["a", "b"], {"x": 3})
    with pytest.raises(SettingsError, match="0 to 127"):
        assign(["a"], {"a": 128})
    with pytest.raises(SettingsError, match="controller 5 cannot turn a and b"):
        assign(["a", "b"], {"a": 5, "b": 5})


def test_the_page_explains_every_key():
    text = DOCS.read_text()
    for key, _ in KEYS:
        assert f"| `{key}` |" in text, key
