"""What one clip holds over frequency: average spectra with the error by third octave, and spectrograms."""

import itertools
import math

import numpy as np
from matplotlib.figure import Figure
from scipy.signal import get_window, welch

from drywet.errors import SignalError
from drywet.measures import third_octave_esr
from drywet.report.style import ALARM, MUTED, NARROW, SIGNAL_COLOURS, WIDE, frequency_axis, frequency_ticks, new_figure
from drywet.report.waveforms import SIGNALS, Waveforms

_LOWEST_HZ = 40.0
_BANDS_DB = (-50.0, 10.0)  # shown of the error by third octave
_FRAME_S = 0.046  # 2048 samples at 44.1 kHz: the strings of a chord apart, its pick still sharp
_ROWS, _COLUMNS = 128, 400  # of a spectrogram; more cannot be seen
_RANGE_DB = 80.0


def draw_spectra(waves: Waveforms, *, narrow: bool = False) -> Figure:
    """Average power spectra in dB (Welch, 4096 samples, Hann), and below the error by third octave."""
    figure = new_figure(NARROW if narrow else WIDE, 4.6 if narrow else 5.0)
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(1.5, 1))
    length = min(4096, len(waves.wet))
    top = -math.inf
    for name in SIGNALS:
        frequency, power = welch(
            getattr(waves, name).astype(np.float64), waves.sample_rate, nperseg=length, scaling="spectrum"
        )
        level = 10 * np.log10(np.maximum(power[1:], 1e-16))
        top = max(top, level.max(initial=-160.0))  # one sample has no spectrum
        width = {"wet": 2.6, "dry": 0.9}.get(name, 1.3)
        opacity = 0.55 if name == "wet" else 0.95
        upper.plot(frequency[1:], level, color=SIGNAL_COLOURS[name], lw=width, alpha=opacity, label=name)
    upper.set_ylim(top - 90, top + 5)
    upper.set_ylabel("dBFS per bin")
    upper.legend(loc="lower left", ncols=2)
    try:
        bands = third_octave_esr(waves.wet.astype(np.float64), waves.predicted.astype(np.float64), waves.sample_rate)
    except SignalError:  # too short for bands
        lower.set_visible(False)
        upper.xaxis.set_tick_params(labelbottom=True)
    else:
        low, high = _BANDS_DB
        esr_db, share_db = (10 * np.log10(np.maximum(ratio, 1e-12)) for ratio in (bands.esr, bands.share))
        left = bands.centres_hz * 10 ** (-1 / 20) * 1.02
        lower.bar(
            left, np.clip(esr_db, low, high) - low, bands.centres_hz * (10**0.05 - 10**-0.05) * 0.96, low,
            align="edge", color=SIGNAL_COLOURS["difference"], alpha=0.8, label="of wet in the band",
        )  # fmt: skip
        lower.plot(
            bands.centres_hz, np.maximum(share_db, low), "_", ms=12 if not narrow else 6, mew=2, color=MUTED,
            label="of all of wet",
        )  # fmt: skip
        lower.axhline(0, color=ALARM, lw=0.8, ls=":")
        lower.set_ylim(low, high)
        lower.set_ylabel("error in dB")
        lower.legend(loc="upper left", ncols=2, fontsize=8)
    frequency_axis(lower, _LOWEST_HZ, waves.sample_rate / 2)
    return figure


def draw_spectrograms(waves: Waveforms, *, narrow: bool = False) -> Figure:
    """Spectrograms of dry, wet, predicted and difference, 80 dB below the loudest point of wet (of dry, for dry)."""
    figure = new_figure(NARROW if narrow else WIDE, 8.4 if narrow else 5.2)
    grid = figure.subplots(*((4, 1) if narrow else (2, 2)), sharex=True, sharey=True)
    edges = np.geomspace(_LOWEST_HZ, waves.sample_rate / 2, _ROWS + 1)
    levels = {name: spectrogram_db(getattr(waves, name), waves.sample_rate, edges) for name in SIGNALS}
    tops = {name: levels["dry" if name == "dry" else "wet"].max() for name in SIGNALS}
    seconds = len(waves.wet) / waves.sample_rate
    drawn = None
    for axes, name in zip(np.ravel(grid), SIGNALS, strict=True):
        # Steps of 1.25 dB: fewer colours than the eye can tell, and half the file.
        shown = np.round((levels[name] - tops[name]) / 1.25) * 1.25
        drawn = axes.imshow(
            shown, cmap="inferno", vmin=-_RANGE_DB, vmax=0, aspect="auto", interpolation="none", origin="lower",
            extent=(0, seconds, *np.log2(edges[[0, -1]])),
        )  # fmt: skip
        axes.set_title(name, color=SIGNAL_COLOURS[name])
        axes.grid(visible=False)
        ticks = frequency_ticks(edges[0], edges[-1])  # an image has even steps, so the octaves are numbered
        axes.set_yticks(np.log2(list(ticks)), list(ticks.values()))
    for axes in np.ravel(grid)[-1 if narrow else -2 :]:
        axes.set_xlabel("seconds")
    for axes in np.ravel(grid)[:: 1 if narrow else 2]:
        axes.set_ylabel("Hz")
    assert drawn is not None
    figure.colorbar(
        drawn, ax=grid, location="bottom" if narrow else "right", label="dB below the loudest point of wet (dry: of dry)",
        aspect=40, pad=0.02,
    ).outline.set_visible(False)  # fmt: skip
    return figure


def spectrogram_db(signal: np.ndarray, sample_rate: int, edges_hz: np.ndarray) -> np.ndarray:
    """Level between neighbouring ``edges_hz`` over time, shape (bands, frames), 0 dB for a sine of full scale.

    Hann windows of 46 ms. A band holds the loudest bin in it; one narrower than the bins, the nearest bin.
    """
    length = min(2 ** round(math.log2(_FRAME_S * sample_rate)), len(signal))
    starts = np.linspace(0, len(signal) - length, min(_COLUMNS, max(1, 4 * len(signal) // length))).astype(int)
    window = get_window("hann", length) if length > 2 else np.ones(length)
    pieces = signal[starts[:, None] + np.arange(length)] * window
    magnitude = np.abs(np.fft.rfft(pieces, axis=1)) * (2 / window.sum())
    bins = np.clip(np.round(edges_hz * length / sample_rate).astype(int), 0, magnitude.shape[1] - 1)
    bands = [magnitude[:, low : max(low + 1, high)].max(axis=1) for low, high in itertools.pairwise(bins)]
    return 20 * np.log10(np.maximum(bands, 1e-7))
