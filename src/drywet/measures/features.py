"""What a clip does over time: level, crest and brightness of short frames, and where a prediction departs from them.

Trajectories take numpy arrays and torch tensors alike; the differences are statistics of one clip, for numpy only.
"""

from dataclasses import dataclass

import numpy as np
from scipy.signal import get_window

from drywet.errors import SignalError
from drywet.measures.arrays import fourier, frames, like, namespace
from drywet.measures.error import clip_pair

FRAME_S = 0.05  # four periods of a low E
HOP_S = 0.025
HIGHEST_HZ = 22_050.0  # what counts as brightness; at high sample rates hiss beyond hearing would rule it
FLOOR_DB = -80.0  # relative to the peak of the clip
ACTIVE_DB = -60.0  # relative to the peak of wet: below it a frame is a rest, and not compared


@dataclass(frozen=True)
class Difference:
    """Statistics of ``predicted - wet`` over the frames of a clip in which wet sounds, in the unit of the trajectory.

    Attributes
    ----------
    bias : float
        Median of the difference, with its sign.
    median, percentile_95 : float
        Of the absolute difference: the usual frame, and the worst that is not an exception.
    """

    bias: float
    median: float
    percentile_95: float


def rms_db(signal, sample_rate, floor=None):
    """Level of frames of 50 ms, one every 25 ms, in dB relative to 1; shape (..., F), of signals (..., T).

    ``floor`` (an amplitude) is added as energy; by default it lies 80 dB below the peak of the signal. SignalError if the
    signal is shorter than a frame, or silent where no floor is given.
    """
    cut, floor = _cut(signal, sample_rate, floor)
    return 10 * namespace(signal).log10((cut**2).mean(-1) + floor**2)


def crest_db(signal, sample_rate, floor=None):
    """Peak over RMS of the same frames in dB; shape (..., F). A sine has 3.01, a square wave 0, and silence 0 too.

    Compression and clipping lower it. The floor, as in :func:`rms_db`, is added to the energy of both.
    """
    cut, floor = _cut(signal, sample_rate, floor)
    log10, amax = namespace(signal).log10, namespace(signal).amax
    return 10 * (log10(amax(cut**2, -1) + floor**2) - log10((cut**2).mean(-1) + floor**2))


def centroid_hz(signal, sample_rate):
    """Spectral centroid of the same frames in Hz: ``sum f |X| / sum |X|``, Hann window; shape (..., F).

    Weighted by magnitude, it goes with the brightness that listeners report (J. Grey, J. Gordon, "Perceptual effects of
    spectral modifications on musical timbres", JASA 63, 1978; G. Peeters, "A large set of audio features", IRCAM, 2004).
    Frequencies above 22.05 kHz do not count. A silent frame has 0 Hz. SignalError if the signal is shorter than a frame.
    """
    cut, _ = _cut(signal, sample_rate, 0.0)
    window = like(get_window("hann", cut.shape[-1]), signal)
    hertz = np.fft.rfftfreq(cut.shape[-1], 1 / sample_rate)
    hertz = hertz[hertz <= HIGHEST_HZ]
    magnitude = abs(fourier(signal).rfft(cut * window))[..., : len(hertz)]
    total = magnitude.sum(-1)
    return (magnitude * like(hertz, signal)).sum(-1) / (total + (total == 0))


def rms_difference_db(wet, predicted, sample_rate):
    """:class:`Difference` of the levels in dB. Both have one floor, 80 dB below the peak of wet."""
    wet, predicted, floor, active = _compared(wet, predicted, sample_rate)
    return _difference(rms_db(wet, sample_rate, floor), rms_db(predicted, sample_rate, floor), active)


def crest_difference_db(wet, predicted, sample_rate):
    """:class:`Difference` of the crest factors in dB: negative where the prediction is squashed more than the device."""
    wet, predicted, floor, active = _compared(wet, predicted, sample_rate)
    return _difference(crest_db(wet, sample_rate, floor), crest_db(predicted, sample_rate, floor), active)


def centroid_difference_percent(wet, predicted, sample_rate):
    """:class:`Difference` of the spectral centroids in % of that of wet: positive where the prediction is brighter."""
    wet, predicted, _, active = _compared(wet, predicted, sample_rate)
    reference = centroid_hz(wet, sample_rate)
    active &= reference > 0
    reference = np.where(active, reference, 1.0)
    return _difference(100.0, 100 * centroid_hz(predicted, sample_rate) / reference, active)


def _cut(signal, sample_rate, floor):
    """Frames (..., F, N), and the floor, of shape (..., 1) where it is the signal's own."""
    length, hop = round(FRAME_S * sample_rate), round(HOP_S * sample_rate)
    if signal.shape[-1] < length:
        raise SignalError(f"{signal.shape[-1]} samples are shorter than a frame of {FRAME_S:g} s, {length} samples")
    if floor is None:
        peak = namespace(signal).amax(abs(signal), -1)
        if (peak == 0).any():
            raise SignalError("the signal is silent, so it has no peak for a floor to be relative to")
        floor = 10 ** (FLOOR_DB / 20) * peak[..., None]
    return frames(signal, length, hop), floor


def _compared(wet, predicted, sample_rate):
    """Both signals, their common floor, and in which frames wet sounds."""
    wet, predicted = clip_pair(wet, predicted)
    peak = np.abs(wet).max()
    sounds = rms_db(wet, sample_rate, 1e-6 * peak) > ACTIVE_DB + 20 * np.log10(peak)
    return wet, predicted, 10 ** (FLOOR_DB / 20) * peak, sounds


def _difference(wet, predicted, active):
    difference = (predicted - wet)[active]
    if not len(difference):
        raise SignalError("wet is within 60 dB of its peak in no frame of 50 ms, so there is nothing to compare")
    absolute = np.abs(difference)
    return Difference(*(float(x) for x in (np.median(difference), np.median(absolute), np.percentile(absolute, 95))))
