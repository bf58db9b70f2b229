"""Where in the spectrum the error lies."""

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from drywet.errors import SignalError
from drywet.measures.arrays import fourier, like, namespace
from drywet.measures.error import check_finite, check_shapes

LOWEST, HIGHEST = -16, 13  # third octaves from 1 kHz: 25 Hz to 20 kHz
FADE_S = 0.02  # at either end of the clip, so that its cut edges do not leak into other bands
FLOOR = 1e-8  # of the energy of wet: -80 dB


@dataclass(frozen=True)
class ThirdOctaves:
    """Error by third octave; N bands.

    Attributes
    ----------
    centres_hz : array, shape (N,)
        Exact mid-band frequencies, ``1000 * 10^(n / 10)`` Hz.
    esr : array or tensor, shape (..., N)
        Energy of the error in the band over that of wet in the band.
    share : array or tensor, shape (..., N)
        Energy of the error in the band over that of all of wet: what the band adds to the ESR of the clip.
    """

    centres_hz: np.ndarray
    esr: Any
    share: Any


def third_octave_esr(wet, predicted, sample_rate):
    """Error-to-signal ratio in each third octave from 25 Hz to 20 kHz; the band of the Nyquist frequency is cut there.

    Bands have base-10 mid frequencies and edges at ``10^(1/20)`` either side (IEC 61260-1:2014, 5.2 to 5.5), but are cut
    out of the spectrum of the whole clip, whose first and last 20 ms are faded, so that each component belongs to one band
    alone. A band in which wet has less than -80 dB of its energy is measured against that instead, so that a
    prediction's hiss where the device has none is shown, and nothing is infinite.

    Parameters
    ----------
    wet, predicted : array or tensor, shape (..., T), T at least 0.2 s
    sample_rate : int

    Returns
    -------
    ThirdOctaves

    Raises
    ------
    SignalError
        If the shapes differ, a sample is not finite, the clip is shorter than 0.2 s, or wet is silent.
    """
    check_shapes(wet, predicted)
    check_finite(wet, predicted)
    length = wet.shape[-1]
    if length < 0.2 * sample_rate:
        raise SignalError(
            f"{length} samples are too few for third octaves from 25 Hz; {int(0.2 * sample_rate)} are needed"
        )
    indices = np.arange(LOWEST, HIGHEST + 1)
    centres = 1000 * 10 ** (indices / 10)
    centres = centres[centres * 10 ** (-1 / 20) < sample_rate / 2]
    edges = np.append(centres * 10 ** (-1 / 20), centres[-1] * 10 ** (1 / 20))
    bins = np.minimum(np.ceil(edges * length / sample_rate).astype(int), length // 2 + 1)
    fade = like(_faded(length, round(FADE_S * sample_rate)), wet)
    stack = namespace(wet).stack
    signal, error = (_energies(part * fade, bins, stack) for part in (wet, wet - predicted))
    total = ((wet * fade) ** 2).sum(-1)[..., None]
    if (total == 0).any():
        raise SignalError("wet is silent, so its error by third octave is undefined")
    return ThirdOctaves(centres, error / namespace(wet).maximum(signal, FLOOR * total), error / total)


def _faded(length, samples):
    weights = np.ones(length)
    rise = np.sin(np.pi / 2 * (np.arange(samples) + 0.5) / samples) ** 2
    weights[:samples], weights[-samples:] = rise, rise[::-1]
    return weights


def _energies(signal, bins, stack):
    """Energy between neighbouring ``bins``, shape (..., N), in the units of a sum of squares over time (Parseval)."""
    spectrum = fourier(signal).rfft(signal)
    density = (spectrum.real**2 + spectrum.imag**2) * (2 / signal.shape[-1])
    return stack([density[..., low:high].sum(-1) for low, high in pairwise(bins)], -1)
