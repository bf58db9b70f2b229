"""Loopback calibration: with a cable from output to input, what the interface alone does to a signal."""

from collections.abc import Callable
from pathlib import Path
from typing import Literal

import numpy as np
from pydantic import Field

from drywet import audio, files, signals
from drywet.errors import CaptureError
from drywet.interfaces import FULL_SCALE, Interface, Levels
from drywet.settings import Settings, parse

CALIBRATION = "calibration.json"
SWEEP_SECONDS, SWEEP_DBFS = 3.0, -12.0
LOWEST_HZ, HIGHEST_HZ = 20.0, 20_000.0
FLAT_HZ, FLAT_DB = (40.0, 16_000.0), 1.0  # an interface that bends more than this has a filter or a wrong input on
CLEAR_DB = 20.0  # by which the direct sound must stand above everything else that comes back


class Calibration(Settings):
    """What a loop of interface and cable does; ``calibration.json``."""

    format: Literal[1] = 1
    interface: str
    sample_rate: int
    latency: float = Field(ge=0)  # samples
    polarity: Literal[1, -1]
    gain_db: float  # at 1 kHz, from full scale sent to full scale recorded
    response_db: list[tuple[float, float]]  # (Hz, dB relative to 1 kHz), in thirds of an octave

    @property
    def unevenness_db(self) -> float:
        """Largest deviation from the gain at 1 kHz between 40 Hz and 16 kHz."""
        return max((abs(db) for hz, db in self.response_db if FLAT_HZ[0] <= hz <= FLAT_HZ[1]), default=0.0)

    def remarks(self) -> list[str]:
        """What a person should know before recording through this loop."""
        found = []
        if self.polarity < 0:
            found.append(
                "the loop inverts: every wet recording will be inverted. A balanced cable with pins swapped does this"
            )
        if self.unevenness_db > FLAT_DB:
            found.append(
                f"the loop is not even: up to {self.unevenness_db:.1f} dB off between {FLAT_HZ[0]:.0f} Hz and "
                f"{FLAT_HZ[1]:.0f} Hz, {FLAT_DB:.0f} dB is expected. Switch off filters, pads and effects of the interface"
            )
        return found


def calibrate(interface: Interface, watch: Callable[[Levels], None]) -> Calibration:
    """Measure round trip, polarity, gain and frequency response of a loop, from a sweep played once.

    The recording divided by the sweep, frequency by frequency, is the response; the largest peak of its inverse
    transform is where the sound arrives.

    Raises
    ------
    CaptureError
        If too little comes back, it is clipped, blocks were lost, or it is no cable: echoes, or other sound in between.
    """
    rate = interface.sample_rate
    highest = min(HIGHEST_HZ, 0.45 * rate)
    amplitude = 10 ** (SWEEP_DBFS / 20)
    sent = signals.sweep(LOWEST_HZ, highest, SWEEP_SECONDS, rate, amplitude=amplitude, fade_seconds=0.02)
    take = interface.play_and_record(sent, watch)
    recorded = take.recorded[0]
    peak = float(np.abs(recorded).max())
    if take.xruns:
        raise CaptureError(f"the interface lost blocks while it was calibrated (at {take.xruns[0]:.1f} s). {_AGAIN}")
    if audio.amplitude_to_db(peak) < SWEEP_DBFS - 60:
        raise CaptureError(
            f"calibration: almost nothing came back (peak {audio.amplitude_to_db(peak):.0f} dBFS, {SWEEP_DBFS:.0f} dBFS was "
            f"sent). The cable goes from the output that plays to the input of the wet channel. {_AGAIN}"
        )
    if peak >= FULL_SCALE:
        raise CaptureError(f"calibration: the input clips. Turn its gain down, and leave it there. {_AGAIN}")
    return analyse(sent, recorded, rate, highest, interface.description)


def analyse(sent: np.ndarray, recorded: np.ndarray, rate: int, highest_hz: float, interface: str) -> Calibration:
    """The calibration that a recording of ``sent`` through the loop shows; ``recorded`` may be longer."""
    length = len(recorded)
    hz = np.fft.rfftfreq(length, 1 / rate)
    inside = (hz >= LOWEST_HZ) & (hz <= highest_hz)
    into, out = np.fft.rfft(sent.astype(np.float64), length), np.fft.rfft(recorded.astype(np.float64))
    response = np.where(inside, out * into.conj() / (np.abs(into) ** 2 + 1e-9 * np.max(np.abs(into) ** 2)), 0)
    impulse = np.fft.irfft(response, length)
    place = int(np.argmax(np.abs(impulse)))
    distance = np.abs(np.arange(length) - place)
    near = np.minimum(distance, length - distance) <= 0.005 * rate  # the transform is circular
    if place > length - len(sent) or np.abs(impulse[~near]).max() > 10 ** (-CLEAR_DB / 20) * abs(impulse[place]):
        raise CaptureError(
            f"calibration: what came back is not the sweep alone ({place} samples late, and other sound less than "
            f"{CLEAR_DB:.0f} dB below it). Bypass every device, mute direct monitoring, and use a cable. {_AGAIN}"
        )
    # Power in thirds of an octave, so that noise between the bins of a long transform does not matter.
    centres = 1000 * 2 ** (np.arange(-15, 14) / 3)
    centres = centres[(centres > 1.2 * LOWEST_HZ) & (centres < highest_hz / 1.2)]
    gains = {}
    for centre in centres.tolist():
        band = (hz >= centre * 2 ** (-1 / 6)) & (hz < centre * 2 ** (1 / 6))
        gains[centre] = 10 * float(np.log10(np.sum(np.abs(out[band]) ** 2) / np.sum(np.abs(into[band]) ** 2)))
    return Calibration(
        interface=interface,
        sample_rate=rate,
        latency=round(place + _parabola(np.abs(impulse[place - 1 : place + 2])), 3) if place else 0.0,
        polarity=1 if impulse[place] > 0 else -1,
        gain_db=round(gains[1000.0], 2),
        response_db=[(round(centre, 1), round(gain - gains[1000.0], 2)) for centre, gain in gains.items()],
    )


def load(folder: Path) -> Calibration | None:
    """The calibration of an earlier session in a dataset's folder, if there is one."""
    path = folder / CALIBRATION
    return parse(Calibration, files.read_json(path), str(path)) if path.is_file() else None


def save(folder: Path, calibration: Calibration) -> None:
    """Keep it for the takes of later sessions."""
    files.write_json(folder / CALIBRATION, calibration.model_dump())


def _parabola(values: np.ndarray) -> float:
    """Where the peak lies between three samples, from the middle one."""
    before, at, after = values.tolist()
    return 0.5 * (before - after) / (before - 2 * at + after)


_AGAIN = "Then run the same command again"
