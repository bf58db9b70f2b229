"""What runs in the audio thread and beside it, and what is said where libraries or devices are missing."""

import builtins
import threading
import time

import numpy as np
import pytest
from fake_interface import FakeInterface, Person

from drywet import signals
from drywet.dataset import calibration
from drywet.dataset.interfaces import FULL_SCALE, Tape, list_devices, open_interface, roll, tape
from drywet.errors import CaptureError, MissingDependencyError, SettingsError

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
        monkeypatch.setattr(f"drywet.dataset.interfaces.{module}.devices", missing)
    with pytest.raises(MissingDependencyError, match="install it; install it"):
        list_devices()


def test_impossible_channels_and_backends_are_refused():
    with pytest.raises(SettingsError, match="counted from 1"):
        open_interface("jack", "", RATE, [0], [1])
    with pytest.raises(SettingsError, match="no backend named 'asio'; there are portaudio and jack"):
        open_interface("asio", "", RATE, [1], [1])


# The loop calibration, on loops whose delay, gain and filter are planted.


def loop(delay=0.0, gain=1.0, response=lambda hz: 1.0):
    """A device for FakeInterface: a linear system, applied to the spectrum."""

    def through(dry):
        hz = np.fft.rfftfreq(2 * len(dry), 1 / 44_100)
        spectrum = np.fft.rfft(dry, 2 * len(dry)) * np.exp(-2j * np.pi * hz * delay / 44_100) * response(hz) * gain
        return np.fft.irfft(spectrum)[: len(dry)]

    return through


@pytest.mark.parametrize(("whole", "fraction"), [(0, 0.0), (1, 0.0), (300, 0.0), (4096, 0.5), (2000, 0.25)])
def test_calibration_finds_the_round_trip_gain_and_polarity(whole, fraction):
    interface = FakeInterface(loop(fraction, gain=-0.5), 44_100, round_trip=whole)
    found = calibration.calibrate(interface, Person().watch)
    assert found.latency == pytest.approx(whole + fraction, abs=0.2)
    assert round(found.latency) == whole or fraction == 0.5
    assert found.gain_db == pytest.approx(20 * np.log10(0.5), abs=0.01)
    assert found.polarity == -1
    assert found.unevenness_db < 0.05
    assert ["inverts" in remark for remark in found.remarks()] == [True]


def test_calibration_finds_the_response_of_a_first_order_filter():
    """A high-pass at 100 Hz: |H|^2 = f^2 / (f^2 + fc^2), relative to its value at 1 kHz."""
    interface = FakeInterface(loop(response=lambda hz: 1j * hz / (1j * hz + 100)), 44_100, round_trip=500)
    found = calibration.calibrate(interface, Person().watch)
    for hz, db in found.response_db:
        assert db == pytest.approx(10 * np.log10(hz**2 / (hz**2 + 1e4) * 1.01), abs=0.2), hz
    assert any("the loop is not even" in remark for remark in found.remarks())


def test_calibration_survives_a_noisy_loop_and_its_file(tmp_path):
    noise = np.random.default_rng(3)
    device = loop(gain=0.3)
    interface = FakeInterface(lambda dry: device(dry) + noise.normal(0, 1e-3, len(dry)), 44_100, round_trip=900)
    found = calibration.calibrate(interface, Person().watch)
    assert found.latency == pytest.approx(900, abs=0.1)
    calibration.save(tmp_path, found)
    assert calibration.load(tmp_path) == found
    assert calibration.load(tmp_path / "elsewhere") is None


def test_calibration_refuses_what_is_no_cable():
    quiet = FakeInterface(lambda dry: 1e-5 * dry, 44_100)
    with pytest.raises(CaptureError, match="almost nothing came back"):
        calibration.calibrate(quiet, Person().watch)
    with pytest.raises(CaptureError, match="lost blocks"):
        calibration.calibrate(FakeInterface(loop(), 44_100, faults=["xrun"]), Person().watch)
    with pytest.raises(CaptureError, match="clips"):
        calibration.calibrate(FakeInterface(loop(), 44_100, faults=["clip"]), Person().watch)

    def monitored(dry):
        """The direct sound, and once more 50 ms later: direct monitoring is on."""
        return 0.5 * dry + 0.5 * np.concatenate([np.zeros(2205, np.float32), dry])[: len(dry)]

    with pytest.raises(CaptureError, match="mute direct monitoring"):
        calibration.calibrate(FakeInterface(monitored, 44_100), Person().watch)
    with pytest.raises(CaptureError, match="Bypass every device"):
        other = FakeInterface(lambda dry: signals.noise(len(dry) / 44_100, 44_100), 44_100)
        calibration.calibrate(other, Person().watch)
