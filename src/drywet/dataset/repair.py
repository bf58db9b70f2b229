"""Repairs of a recording that its alignment calls for, each one said aloud: latency, drift, polarity, fraction.

What is repaired is a copy; the files stay as they are.
"""

import math
from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
import soxr
from scipy.signal import oaconvolve
from scipy.signal.windows import kaiser

from drywet.dataset.alignment import Alignment
from drywet.dataset.pair import Pair
from drywet.errors import SettingsError, SignalError

REPAIRS = ("latency", "drift", "polarity", "fraction")
DEFAULT_REPAIRS = ("latency", "drift", "polarity")
DRIFT_WORTH_REPAIRING = 1.0  # samples, from start to end of the recording
SINC_TAPS = 128  # either way; interpolation error below -90 dB up to 0.9 of the band


@dataclass(frozen=True)
class Repaired:
    """The repaired copy and what was done to it, a sentence for each."""

    pair: Pair
    actions: tuple[str, ...]


def repair(
    dry: np.ndarray,
    wet: np.ndarray,
    alignment: Alignment,
    sample_rate: int,
    repairs: Collection[str] = DEFAULT_REPAIRS,
) -> Repaired:
    """Dry and wet made simultaneous and equally long.

    Parameters
    ----------
    dry, wet : array, shape (T,) each; lengths may differ
    alignment : Alignment
        As :func:`drywet.dataset.alignment.measure_alignment` found it.
    repairs : collection of str
        ``latency``: whole samples are cut off; no value changes. ``drift``: wet is resampled to dry's clock where the drift is
        beyond doubt and amounts to a sample. ``polarity``: wet is negated where it is inverted. ``fraction``: wet is also
        moved by the rest of a sample (not by default: a model learns that, and interpolation touches every value).

    Raises
    ------
    SettingsError
        If a repair is unknown.
    SignalError
        If nothing is left where dry and wet overlap.
    """
    unknown = [name for name in repairs if name not in REPAIRS]
    if unknown:
        raise SettingsError(f"no repair is called {unknown[0]!r}; there are {', '.join(REPAIRS)}")
    actions = []
    drift = alignment.drift_ppm * 1e-6
    certain = abs(alignment.drift_ppm) > 3 * alignment.drift_uncertainty_ppm
    turns = "drift" in repairs and certain and abs(drift) * len(dry) >= DRIFT_WORTH_REPAIRING
    if turns:
        wet = soxr.resample(wet, sample_rate * (1 + drift), sample_rate, quality="VHQ")
        actions.append(f"wet resampled by {-1e6 * drift:+.2f} ppm, to the clock of dry")
    # Resampling brings wet's own time to dry's, so a latency counted in wet's samples becomes this many of dry's.
    latency = alignment.latency / (1 + drift) if turns else alignment.latency
    whole = whole_samples(latency) if "latency" in repairs else 0
    if whole > 0:
        wet = wet[whole:]
        actions.append(f"the first {whole} samples of wet cut off ({1000 * whole / sample_rate:.2f} ms)")
    elif whole < 0:
        dry = dry[-whole:]
        actions.append(
            f"the first {-whole} samples of dry cut off, because wet leads ({-1000 * whole / sample_rate:.2f} ms)"
        )
    if "fraction" in repairs:
        rest = latency - whole
        wet = _advance(wet, rest)
        actions.append(f"wet moved by {-rest:+.3f} samples")
    if "polarity" in repairs and alignment.polarity < 0:
        wet = -wet
        actions.append("wet turned upright")
    length = min(len(dry), len(wet))
    if length == 0:
        raise SignalError(
            f"nothing is left: a latency of {latency:.0f} samples leaves no part in which dry ({len(dry)} samples) and "
            f"wet ({len(wet)}) overlap"
        )
    for name, signal in (("dry", dry), ("wet", wet)):
        if len(signal) > length:
            over = len(signal) - length
            actions.append(
                f"the last {over} samples of {name} cut off ({over / sample_rate:.3f} s), where the other has ended"
            )
    return Repaired(Pair(dry[:length], wet[:length].astype(np.float32), sample_rate), tuple(actions))


def whole_samples(latency: float) -> int:
    """How many samples to cut for a latency that is no whole number: rounded down, unless more than 0.75 would be left.

    A causal model can be late by a part of a sample, but not early. On a real TS9 that leads by half a sample, a model of the
    version that trails by half a sample has 3 to 7 % less ESR than of the one that leads by it (three seeds).
    """
    return math.floor(latency + 0.25)


def _advance(signal: np.ndarray, samples: float) -> np.ndarray:
    """``signal`` earlier by a fraction of a sample, band-limited (windowed sinc), same length."""
    taps = np.arange(-SINC_TAPS, SINC_TAPS + 1)
    response = np.sinc(taps + samples) * kaiser(len(taps), 8.0)
    return oaconvolve(signal.astype(np.float64), response)[SINC_TAPS : SINC_TAPS + len(signal)].astype(np.float32)
