"""What runs in the audio thread and beside it, and what is said where libraries or devices are missing."""

import builtins
import threading
import time

import numpy as np
import pytest

from drywet.errors import CaptureError, MissingDependencyError, SettingsError
from drywet.interfaces import FULL_SCALE, Tape, list_devices, open_interface, roll, tape

RATE = 8_000


@pytest.fixture
def signal():
    return np.random.default_rng(1).uniform(-0.9, 0.9, 5_000).astype(np.float32)


def play(loaded, sizes, late=0):
    """Run a tape through a cable that delays by ``late`` samples, in blocks of the sizes given, over and over."""
    played, line = [], np.zeros(late, np.float32)
    while loaded.position < loaded.length:
        size = sizes[len(played) % len(sizes)]
        outgoing = np.full(size, 7.0, np.float32)
        arrived = line[:size] if late else np.zeros(size, np.float32)
        loaded.exchange([np.resize(arrived, size), np.ones(size, np.float32)], outgoing)
        line = np.concatenate([line, outgoing])[size:]
        played.append(outgoing)
    return np.concatenate(played)


@pytest.mark.parametrize("sizes", [[64], [1000], [17, 640, 1], [50_000]])
def test_blocks_of_any_size_play_the_signal_between_silences_and_record_all_of_it(signal, sizes):
    loaded = Tape(signal, 2, RATE)
    played = play(loaded, sizes)
    lead = round(tape.LEAD_SECONDS * RATE)
    np.testing.assert_array_equal(played[lead : lead + len(signal)], signal)
    assert not played[:lead].any()
    assert not played[lead + len(signal) :].any()
    take = loaded.take()
    assert take.recorded.shape == (2, len(signal) + tape.TAIL_SECONDS * RATE)
    assert np.all(take.recorded[1] == 1)


def test_a_recording_trails_the_signal_by_the_round_trip(signal):
    loaded = Tape(signal, 2, RATE)
    play(loaded, [256], late=700)
    np.testing.assert_array_equal(loaded.take().recorded[0, 700 : 700 + len(signal)], signal)


def test_lost_blocks_count_from_the_signal_on_and_say_when(signal):
    loaded = Tape(signal, 1, RATE)
    blocks = [np.zeros(800, np.float32)], np.zeros(800, np.float32)
    loaded.note_xrun()  # during the lead
    for _ in range(3):
        loaded.exchange(*blocks)
    assert loaded.take().xruns == ()
    loaded.exchange(*blocks)
    loaded.note_xrun()
    assert loaded.take().xruns == ((3200 - 2400) / RATE,)  # the lead has 0.3 s


def test_meters_show_the_peak_since_the_last_look_and_hold_the_clip_lamp(signal):
    loaded = Tape(signal, 1, RATE)
    levels = []
    for level in (0.5, FULL_SCALE, 0.25):
        begin = loaded.position
        loaded.exchange([np.full(3000, -level, np.float32)], np.zeros(3000, np.float32))
        levels.append(loaded.levels(begin, loaded.position))
    assert [look.peaks_dbfs[0] for look in levels] == pytest.approx([-6.02, 0, -12.04], abs=0.01)
    assert [look.clipped[0] for look in levels] == [0, 3000, 3000]
    assert [look.share for look in levels] == pytest.approx([n * 3000 / loaded.length for n in (1, 2, 3)])


def test_a_take_ends_when_the_tape_is_full_and_every_sample_was_metered(signal):
    loaded, seen = Tape(signal, 1, RATE), []

    def feed():
        while loaded.position < loaded.length:
            loaded.exchange([np.ones(500, np.float32)], np.zeros(500, np.float32))
            time.sleep(0.005)

    feeder = threading.Thread(target=feed)
    feeder.start()
    take = roll(loaded, seen.append, lambda: "")
    feeder.join()
    assert take.recorded.shape[1] == loaded.length - loaded.lead
    assert seen[-1].share == 1.0
    assert seen[-1].clipped == (loaded.length,)


def test_an_interface_that_stops_calling_is_given_up(signal, monkeypatch):
    monkeypatch.setattr(tape, "STALL_SECONDS", 0.2)
    with pytest.raises(CaptureError, match="has delivered nothing for .* which is dropped"):
        roll(Tape(signal, 1, RATE), lambda levels: None, lambda: "")


def test_an_interface_that_says_it_has_gone_ends_the_take_at_once(signal):
    with pytest.raises(CaptureError, match=r"the server has gone 0\.0 s into the take, which is dropped.*run the same"):
        roll(Tape(signal, 1, RATE), lambda levels: None, lambda: "the server has gone")


@pytest.mark.parametrize(("module", "backend"), [("jack", "jack"), ("sounddevice", "portaudio")])
@pytest.mark.parametrize("fault", [ImportError, OSError])
def test_a_missing_library_says_how_to_get_it(monkeypatch, module, backend, fault):
    load = builtins.__import__

    def without(name, *arguments, **options):
        if name == module:
            raise fault(name)
        return load(name, *arguments, **options)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(MissingDependencyError, match="install"):
        open_interface(backend, "", RATE, [1], [1])


def test_without_any_library_there_is_no_list(monkeypatch):
    def missing():
        raise MissingDependencyError("install it")

    for module in ("portaudio", "jack_server"):
        monkeypatch.setattr(f"drywet.interfaces.{module}.devices", missing)
    with pytest.raises(MissingDependencyError, match="install it; install it"):
        list_devices()


def test_impossible_channels_and_backends_are_refused():
    with pytest.raises(SettingsError, match="counted from 1"):
        open_interface("jack", "", RATE, [0], [1])
    with pytest.raises(SettingsError, match="no backend named 'asio'; there are portaudio and jack"):
        open_interface("asio", "", RATE, [1], [1])
