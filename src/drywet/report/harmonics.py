"""The overtones of one steady note, as the device and as the model give them."""

from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from drywet.report.style import LINE, NARROW, SIGNAL_COLOURS, WIDE, new_figure
from drywet.report.waveforms import Waveforms

_FRAME_S = 0.093  # 4096 samples at 44.1 kHz: eight periods of the low E string
_LOWEST_HZ, _HIGHEST_HZ = 75.0, 1000.0
_CLEAREST = 0.95  # of the energy of dry that its periodic part must hold: one note, not a chord
_QUIETEST = 0.01  # of the loudest frame's energy
_N = 16


@dataclass(frozen=True)
class Note:
    """A steady note of a clip: where it lies, its frequency, and the levels of its partials in dBFS, shape (N,) each."""

    start_s: float
    frequency_hz: float
    levels_db: dict[str, np.ndarray]


def steadiest_note(waves: Waveforms) -> Note | None:
    """The frame of 93 ms in which dry is nearest to one periodic note; None where every frame holds chords or noise.

    Partials are fitted by least squares, so frames need not hold whole periods.
    """
    rate = waves.sample_rate
    length = round(_FRAME_S * rate)
    starts = np.arange(0, len(waves.dry) - length, length // 2)
    if not len(starts):
        return None
    pieces = waves.dry[starts[:, None] + np.arange(length)].astype(np.float64)
    energy = np.sum(pieces**2, axis=1)
    loud = energy >= _QUIETEST * energy.max()
    found = []
    for start, piece in zip(starts[loud], pieces[loud], strict=True):
        frequency, clarity = _pitch(piece, rate)
        if clarity >= _CLEAREST:
            found.append((clarity, int(start), frequency))
    if not found:
        return None
    _, start, frequency = max(found)
    part = slice(start, start + length)
    nearby = frequency * (1 + np.linspace(-0.006, 0.006, 25))
    fits = [partials(waves.wet[part], f, rate)[1] for f in nearby]
    frequency = float(nearby[int(np.argmin(fits))])
    levels = {
        name: 20 * np.log10(np.maximum(partials(getattr(waves, name)[part], frequency, rate)[0], 1e-7))
        for name in ("dry", "wet", "predicted")
    }
    return Note(start / rate, frequency, levels)


def partials(signal: np.ndarray, frequency_hz: float, sample_rate: int) -> tuple[np.ndarray, float]:
    """Amplitudes of up to 16 partials of ``frequency_hz`` below Nyquist, shape (N,), and the energy they leave over."""
    n = min(_N, int(0.49 * sample_rate / frequency_hz))
    phase = 2 * np.pi * frequency_hz / sample_rate * np.arange(len(signal))[:, None] * np.arange(1, n + 1)
    waves = np.concatenate([np.cos(phase), np.sin(phase), np.ones((len(signal), 1))], axis=1)
    target = signal.astype(np.float64)
    weights = np.linalg.lstsq(waves, target, rcond=None)[0]
    return np.hypot(weights[:n], weights[n : 2 * n]), float(np.sum((target - waves @ weights) ** 2))


def draw_harmonics(note: Note, *, narrow: bool = False) -> Figure:
    """Levels of the partials side by side: device, model, and what went in."""
    figure = new_figure(NARROW if narrow else WIDE, 2.9 if narrow else 3.3)
    axes = figure.subplots()
    highest = max(levels.max() for levels in note.levels_db.values())
    bottom = highest - 90
    styles = {"dry": ("o", 4, -0.22), "wet": ("s", 6, 0.0), "predicted": ("D", 5.5, 0.22)}
    for name, (marker, size, shift) in styles.items():
        levels = np.maximum(note.levels_db[name], bottom)
        places = np.arange(1, len(levels) + 1) + shift
        axes.vlines(places, bottom, levels, color=SIGNAL_COLOURS[name] if name != "dry" else LINE, lw=2.2, alpha=0.7)
        axes.plot(places, levels, marker, ms=size, color=SIGNAL_COLOURS[name], mec="white", mew=0.6)
    axes.set_xticks(np.arange(1, len(note.levels_db["wet"]) + 1))
    axes.set_ylim(bottom, highest + 5)
    axes.set_xlabel(f"partial of {note.frequency_hz:.1f} Hz")
    axes.set_ylabel("dBFS")
    handles = [
        Line2D([], [], ls="", marker=marker, ms=7, color=SIGNAL_COLOURS[name], label=name)
        for name, (marker, _, _) in styles.items()
    ]
    figure.legend(handles=handles, loc="outside upper center", ncols=3)
    return figure


def _pitch(piece: np.ndarray, sample_rate: int) -> tuple[float, float]:
    """Frequency in Hz, and the share of the energy that repeats after its period (normalised autocorrelation)."""
    length = len(piece)
    spectrum = np.fft.rfft(piece, 2 * length)
    correlation = np.fft.irfft(np.abs(spectrum) ** 2)[:length]
    squares = np.concatenate([[0.0], np.cumsum(piece**2)])
    lags = np.arange(int(sample_rate / _HIGHEST_HZ), min(int(sample_rate / _LOWEST_HZ), length // 2))
    overlap = (squares[length - lags] + squares[length] - squares[lags]) / 2
    clarity = correlation[lags] / np.maximum(overlap, 1e-30)
    best = int(np.argmax(clarity > 0.98 * clarity.max()))  # the shortest of the periods that fit as well
    while best + 1 < len(clarity) and clarity[best + 1] > clarity[best]:
        best += 1
    return sample_rate / float(lags[best]), float(clarity[best])
