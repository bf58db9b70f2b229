"""Loudness as broadcasting measures it (ITU-R BS.1770-4), and by how much a prediction misses it.

All for numpy arrays only: the weighting filter is recursive, and gating takes decisions.
"""

import math

import numpy as np
from scipy.signal import sosfilt

from drywet.errors import SignalError
from drywet.measures.error import check_finite, check_shapes

ABSOLUTE_GATE_LUFS = -70.0
RELATIVE_GATE_LU = -10.0
SHORT_TERM_GATE_LU = -20.0  # EBU Tech 3342, which leaves out fade-outs and rests
BLOCK_S, SHORT_TERM_S, HOP_S = 0.4, 3.0, 0.1


def integrated_loudness(signal, sample_rate):
    """Gated loudness of a whole clip in LUFS (the unit that ITU calls LKFS), a float.

    Mean square of the K-weighted signal over blocks of 400 ms, one every 100 ms, as ``-0.691 + 10 log10(mean square)``.
    Blocks below -70 LUFS do not count, and then those 10 LU or more below the level of the others. A sine of 997 Hz at
    full scale in one channel has -3.01 LUFS [1]_.

    Parameters
    ----------
    signal : array, shape (T,)
    sample_rate : int

    Raises
    ------
    SignalError
        If the clip is shorter than 0.4 s or not of shape (T,), a sample is not finite, or nothing in it is above -70 LUFS.

    References
    ----------
    .. [1] Recommendation ITU-R BS.1770-4, "Algorithms to measure audio programme loudness and true-peak audio
       level", 2015, annex 1.
    """
    blocks = _block_powers(signal, sample_rate, BLOCK_S)
    loud = blocks[_lufs(blocks) > ABSOLUTE_GATE_LUFS]
    if not len(loud):
        raise SignalError("nothing in the clip is louder than -70 LUFS, so its integrated loudness is undefined")
    gated = loud[_lufs(loud) > _lufs(loud.mean()) + RELATIVE_GATE_LU]
    return float(_lufs(gated.mean()))


def short_term_loudness(signal, sample_rate):
    """Ungated loudness of 3 s windows, one every 100 ms, in LUFS, no lower than -70; shape (F,).

    EBU Tech 3341, section 2.2. SignalError if the clip is shorter than 3 s, or as for :func:`integrated_loudness`.
    """
    return np.maximum(_lufs(_block_powers(signal, sample_rate, SHORT_TERM_S)), ABSOLUTE_GATE_LUFS)


def loudness_difference(wet, predicted, sample_rate):
    """Integrated loudness of ``predicted`` minus that of ``wet`` in LU, a float; positive when it is too loud.

    A step of 0.5 to 1 LU is about what a listener notices. A prediction of which nothing is above -70 LUFS counts as
    -70 LUFS. SignalError if the shapes differ, or for what :func:`integrated_loudness` refuses in wet.
    """
    check_shapes(wet, predicted)
    check_finite(wet, predicted)
    reference = integrated_loudness(wet, sample_rate)
    if _lufs(_block_powers(predicted, sample_rate, BLOCK_S)).max() <= ABSOLUTE_GATE_LUFS:
        return ABSOLUTE_GATE_LUFS - reference
    return integrated_loudness(predicted, sample_rate) - reference


def short_term_loudness_difference(wet, predicted, sample_rate):
    """95th percentile of the absolute difference between the short-term loudness of the two in LU, a float.

    Over the windows in which wet is above -70 LUFS and less than 20 LU below its mean power (the gates of EBU Tech 3342).
    It finds a passage that is too loud in a clip whose integrated loudness is right. SignalError as for
    :func:`short_term_loudness`, if the shapes differ, or no window of wet is above -70 LUFS.
    """
    check_shapes(wet, predicted)
    check_finite(wet, predicted)
    reference = short_term_loudness(wet, sample_rate)
    audible = reference > ABSOLUTE_GATE_LUFS
    if not audible.any():
        raise SignalError("no 3 s of wet are louder than -70 LUFS, so there is no loudness to compare")
    mean = 10 * np.log10(np.mean(10 ** (reference[audible] / 10)))
    heard = audible & (reference > mean + SHORT_TERM_GATE_LU)
    return float(np.percentile(np.abs(short_term_loudness(predicted, sample_rate) - reference)[heard], 95))


def k_weighting(sample_rate):
    """The two filters before the mean square, as second-order sections (2, 6): the head's shelf, then a high-pass.

    BS.1770 gives coefficients for 48 kHz only. Here they are computed for any rate from the analogue prototypes behind
    them (B. De Man, "Evaluation of implementations of the EBU R128 loudness measurement", AES 145th Convention, 2018),
    by the bilinear transform; at 48 kHz they are those of the recommendation. Up to 3.5 kHz the gain at other rates is
    within 0.05 dB of that from 32 to 384 kHz, and within 0.15 dB at 16 kHz.
    """
    k, q = math.tan(math.pi * 1681.974450955533 / sample_rate), 0.7071752369554196
    high = 10 ** (3.999843853973347 / 20)
    band = high**0.4996667741545416
    a0 = 1 + k / q + k * k
    shelf = [
        (high + band * k / q + k * k) / a0, 2 * (k * k - high) / a0, (high - band * k / q + k * k) / a0,
        1.0, 2 * (k * k - 1) / a0, (1 - k / q + k * k) / a0,
    ]  # fmt: skip
    k, q = math.tan(math.pi * 38.13547087602444 / sample_rate), 0.5003270373238773
    a0 = 1 + k / q + k * k
    high_pass = [1.0, -2.0, 1.0, 1.0, 2 * (k * k - 1) / a0, (1 - k / q + k * k) / a0]  # gain as in the recommendation
    return np.array([shelf, high_pass])


def _block_powers(signal, sample_rate, seconds):
    """Mean square of the K-weighted signal in windows of ``seconds``, one every 100 ms; shape (F,)."""
    signal = np.asarray(signal, np.float64)
    if signal.ndim != 1:
        raise SignalError(f"expected one clip of shape (T,), got shape {signal.shape}")
    if not np.isfinite(signal).all():
        raise SignalError("the clip holds NaN or infinity")
    hops_in_window = round(seconds / HOP_S)
    edges = np.round(np.arange(int(len(signal) / (HOP_S * sample_rate)) + 1) * HOP_S * sample_rate).astype(int)
    if len(edges) <= hops_in_window:
        raise SignalError(
            f"a clip of {len(signal) / sample_rate:.3f} s is too short for a loudness over {seconds:g} s; use a longer one"
        )
    weighted = sosfilt(k_weighting(sample_rate), signal)
    energy = np.concatenate([[0.0], np.cumsum(np.add.reduceat(np.square(weighted[: edges[-1]]), edges[:-1]))])
    return (energy[hops_in_window:] - energy[:-hops_in_window]) / (edges[hops_in_window:] - edges[:-hops_in_window])


def _lufs(power):
    return -0.691 + 10 * np.log10(np.maximum(power, 1e-30))
