"""What `drywet play` shows and refuses; sound and devices are in tests/live/test_play_jack.py."""

import json
import math
from pathlib import Path

import pytest
from fake_desk import FakeStream, Reading
from rich.console import Console
from typer.testing import CliRunner

from drywet.cli import app, play_screen
from drywet.errors import AudioFileError, LiveError, ModelFileError, SettingsError
from drywet.live import desk as live_desk
from drywet.live import stream as live_stream
from drywet.live.meters import Meter
from drywet.live.panel import KEYS
from drywet.live.session import Knob, View

GOLDEN = str(Path(__file__).parents[1] / "golden" / "nam" / "lstm_h8.nam")


def view(**changed):
    quiet = Meter(-math.inf, -math.inf, 0)
    usual = {
        "seconds": 12.3, "input": quiet, "output": quiet, "load": 0.123, "worst_load": 0.31, "xruns": 0, "driver_ms": 5.3,
        "model_ms": 1.4, "models": ("clean", "lead"), "chosen": 1, "bypassed": False, "muted": False, "looping": False,
        "input_db": 0.0, "output_db": -3.0, "selected": "drive", "helping": False, "news": "",
        "knobs": (Knob("drive", 0.65, True, 20), Knob("tone", 0.5, False, None)),
    }  # fmt: skip
    return View(**usual | changed)


def shown(view, width=80, measured_ms=None):
    console = Console(width=width, record=True, file=open("/dev/null", "w"))  # noqa: SIM115, closed with the process
    console.print(play_screen.screen(view, "Scarlett 2i2 USB (ALSA), out 1 and 2, in 1", measured_ms))
    return console.export_text().splitlines()


def line_of(lines, name):
    (found,) = [line for line in lines if line.split()[:1] == [name]]
    return found


@pytest.mark.parametrize(("peak", "cells"), [(0.0, 40), (6.0, 40), (-30.0, 20), (-60.0, 0), (-math.inf, 0)])
def test_meters_are_linear_in_db_from_60_below_full_scale(peak, cells):
    assert line_of(shown(view(input=Meter(peak, peak, 0))), "in").count("━") == cells


def test_a_held_peak_stands_above_the_bar():
    bar = line_of(shown(view(output=Meter(-30.0, -15.0, 0))), "out")
    assert bar[6 : 6 + 40] == "━" * 20 + "─" * 9 + "━" + "─" * 10
    assert "-15.0 dBFS" in bar


def test_clip_marks_xruns_and_states_show_only_where_there_are_any():
    text = "\n".join(shown(view()))
    assert not any(word in text for word in ("CLIP", "BYPASS", "MUTE", "LOOP"))
    assert "xruns 0" in text
    everything = view(output=Meter(0, 0, 12), xruns=3, bypassed=True, muted=True, looping=True, input=Meter(0, 0, 1))
    text = "\n".join(shown(everything))
    assert all(word in text for word in ("CLIP 12", "CLIP 1", "xruns 3", "BYPASS", "MUTE", "LOOP"))


def test_knobs_show_the_clock_face_and_those_of_other_models_say_so():
    lines = shown(view())
    drive, tone = [line for line in lines if "●" in line]
    assert "▸ drive" in drive
    assert "1:30" in drive  # 0.65 of 300 degrees from 7:00
    assert "CC 20" in drive
    assert "12:00   not on this model" in tone


def test_latency_is_summed_and_a_measured_one_is_preferred():
    assert play_screen.latency(5.3, 1.4) == "latency 6.7 ms: in and out 5.3 (as the driver says), model 1.4"
    measured = play_screen.latency(5.3, 1.4, 6.6)
    assert measured == "latency 8.0 ms: in and out 6.6 (measured; the driver says 5.3), model 1.4"


@pytest.mark.parametrize("helping", [False, True])
def test_the_screen_fits_80_columns_and_24_lines_and_is_cut_rather_than_folded_below(helping):
    full = view(
        output=Meter(0, 0, 123456), input=Meter(0, 0, 123456), load=2.5, worst_load=99.0, xruns=99999, input_db=-40,
        output_db=-60, driver_ms=99.9, model_ms=99.9, helping=helping,
        knobs=(Knob("an uncommonly long name of a knob", 1.0, False, 127),),
    )  # fmt: skip
    lines = shown(full, measured_ms=99.9)
    assert max(map(len, lines)) <= 80
    assert len(lines) < 24
    cut = [line for line in lines if "…" in line]
    assert all("an uncommonly lo…" in line for line in cut)
    assert len(shown(full, width=40)) == len(lines)


def test_names_in_a_stranger_s_file_cannot_steer_the_terminal():
    text = "\n".join(shown(view(models=("a\x1b[2Jb",), chosen=0, knobs=(Knob("\x1b[31mred", 0.5, True, None),))))
    assert "\x1b" not in text
    assert "a?[2Jb" in text


def test_help_lists_every_key():
    text = "\n".join(shown(view(helping=True)))
    assert all(f" {key} " in text and meaning in text for key, meaning in KEYS)


def test_the_line_for_logs_says_the_same_shorter():
    line = play_screen.line(view(output=Meter(-9, -1.25, 2), bypassed=True))
    assert line == "12 s: lead (bypass), in -inf, out -1.2 dBFS, 2 samples clipped, load 12 % (worst 31 %), xruns 0"


@pytest.fixture
def stream(monkeypatch):
    """The real desk on a stream that never asks for sound."""
    opened = []

    def open_stream(desk, backend, name, play, record, block_size=None, output_name=""):
        fake = FakeStream()
        fake.description, fake.close = "fake", lambda: opened.append("closed")
        monkeypatch.setattr(desk, "meters", Reading)
        opened.append((desk, backend, name, list(play), list(record), block_size, output_name))
        return fake

    monkeypatch.setattr(live_stream, "open_stream", open_stream)
    return opened


def run(*arguments):
    return CliRunner().invoke(app, ["play", *arguments], catch_exceptions=False)


def test_options_reach_desk_and_stream(stream):
    result = run(
        GOLDEN, "--backend", "portaudio", "--interface", "Scarlett", "--input-channel", "2", "--play-channel", "3,4",
        "--output-interface", "Speakers", "--block", "64",
        "--loop", "chords", "--output-db", "-6", "--input-db", "3", "--seconds", "0.2", "--json",
    )  # fmt: skip
    desk, *opened = stream[0]
    assert opened == ["portaudio", "Scarlett", [3, 4], [2], 64, "Speakers"]
    assert stream[1:] == ["closed"]
    assert desk.looping
    summary = json.loads(result.stdout)
    assert (summary["model"], summary["output_db"], summary["input_db"]) == ("lstm_h8", -6, 3)
    assert summary["seconds"] == pytest.approx(0.25, abs=0.5)
    assert (summary["driver_ms"], summary["measured_ms"], summary["input_peak_dbfs"]) == (4.0, None, None)
    assert "latency 4.0 ms" in result.stderr


def test_a_loop_needs_no_input(stream):
    run(GOLDEN, "--backend", "portaudio", "--loop", "chords", "--seconds", "0.1")
    assert stream[0][4] == []
    run(GOLDEN, "--backend", "portaudio", "--seconds", "0.1")
    assert stream[2][4] == [1]


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ([], SettingsError, "play what?"),
        (["sd2"], SettingsError, "no run folder, model file or circuit named 'sd2'; built-in circuits: .*sd1"),
        (["missing.nam"], ModelFileError, "missing.nam: no such file"),
        ([GOLDEN, GOLDEN], SettingsError, "given 2 times"),
        ([GOLDEN, "--output-db", "30"], SettingsError, "--output-db 30: is from -60 to 12 dB"),
        ([GOLDEN, "--knob", "drive=3:00"], SettingsError, "no knob named 'drive'"),
        ([GOLDEN, "--backend", "alsa"], SettingsError, "--backend alsa: is one of portaudio, jack"),
        ([GOLDEN, "--cc", "drive=3"], SettingsError, "no MIDI input is named"),
        ([GOLDEN, "--cc", "drive"], SettingsError, "write it as knob=controller"),
        ([GOLDEN, "--sample-rate", "44100"], LiveError, "was made for 48000 Hz, --sample-rate says 44100 Hz"),
        ([GOLDEN, "--loop", "missing.wav"], AudioFileError, "missing.wav"),
        ([GOLDEN, "--midi", "no such port"], LiveError, "no MIDI input is named 'no such port'"),
    ],
)
def test_what_cannot_be_is_refused_before_a_device_is_opened(stream, arguments, error, message):
    with pytest.raises(error, match=message):
        run("--backend", "portaudio", *arguments, "--seconds", "0.1")
    assert stream == []


def test_a_knob_that_models_share_begins_where_it_is_shown_whatever_was_measured_before(stream, monkeypatch):
    from drywet.live import models as live_models

    def slow_models(models, block_size):
        for model in models.values():
            model.reset()  # as after measuring
        measured.append(len(desks))
        return []

    desks, measured = [], []
    made = live_desk.Desk.__init__

    def remember(self, *arguments, **options):
        desks.append(self)
        made(self, *arguments, **options)

    monkeypatch.setattr(live_models, "slow_models", slow_models)
    monkeypatch.setattr(live_desk.Desk, "__init__", remember)
    run(GOLDEN, "--backend", "portaudio", "--seconds", "0.1")
    assert (measured, len(desks)) == ([0], 1)


def test_models_of_two_rates_are_refused_with_both(stream, tmp_path):
    with open(GOLDEN) as file:
        model = json.load(file)
    (tmp_path / "other.nam").write_text(json.dumps(model | {"sample_rate": 44_100}))
    with pytest.raises(LiveError, match="other was made for 44100 Hz, lstm_h8 for 48000 Hz"):
        run(GOLDEN, str(tmp_path / "other.nam"), "--backend", "portaudio")


def test_a_loop_of_another_rate_is_refused_with_both(stream, tmp_path, dry):
    from drywet import audio

    audio.write(tmp_path / "dry.wav", dry, 44_100)
    with pytest.raises(AudioFileError, match="sample rate is 44100 Hz, 48000 Hz is needed"):
        run(GOLDEN, "--loop", str(tmp_path / "dry.wav"), "--backend", "portaudio")
