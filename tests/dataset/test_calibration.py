"""The loop calibration, on loops whose delay, gain and filter are planted."""

import numpy as np
import pytest
from fake_interface import FakeInterface, Person

from drywet import signals
from drywet.dataset import calibration
from drywet.errors import CaptureError


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
