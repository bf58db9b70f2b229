"""Sample-by-sample error between the wet signal and its prediction."""

import numpy as np

from drywet.errors import SignalError
from drywet.measures.arrays import namespace


def power(signal):
    """Mean square of a whole array, summed in double precision: a float.

    >>> power(np.array([3.0, -4.0]))
    12.5
    """
    return float(np.mean(np.square(signal, dtype=np.float64)))


def esr(wet, predicted, *, pre_emphasis=None):
    """Error-to-signal ratio: energy of the error over energy of the wet signal.

    0 is a perfect prediction, 1 is what silence scores. Each leading index has its own ratio; nothing is averaged
    here, because a mean of ratios and a ratio of means differ.

    Parameters
    ----------
    wet, predicted : array or tensor, shape (..., T)
    pre_emphasis : float, optional
        Coefficient ``a`` of ``x[t] - a x[t - 1]``, applied to both first ([1]_: 0.85 at 44.1 kHz).

    Returns
    -------
    array or tensor, shape (...)

    Raises
    ------
    SignalError
        If the shapes differ, or ``wet`` is silent.

    References
    ----------
    .. [1] A. Wright, V. Välimäki, "Perceptual loss function for neural modeling of audio systems", ICASSP 2020.

    >>> wet = np.array([1.0, -2.0, 2.0])
    >>> float(round(esr(wet, 0.9 * wet), 6))
    0.01
    """
    check_shapes(wet, predicted)
    if pre_emphasis is not None:
        wet, predicted = (apply_pre_emphasis(signal, pre_emphasis) for signal in (wet, predicted))
    energy = (wet**2).sum(-1)
    if (energy == 0).any():
        raise SignalError("wet is silent, so its error-to-signal ratio is undefined")
    return ((wet - predicted) ** 2).sum(-1) / energy


def mse(wet, predicted):
    """Mean squared error over the last axis, shape (...), of signals of shape (..., T)."""
    check_shapes(wet, predicted)
    return ((wet - predicted) ** 2).mean(-1)


def mae(wet, predicted):
    """Mean absolute error over the last axis, shape (...), of signals of shape (..., T)."""
    check_shapes(wet, predicted)
    return abs(wet - predicted).mean(-1)


def dc_error(wet, predicted, *, power=None):
    """Squared mean of the error over the mean square of the wet signal, shape (...), of signals of shape (..., T).

    What a constant offset adds to the ESR (A. Wright, V. Välimäki, ICASSP 2020, who add it to a loss that
    pre-emphasis has made deaf to offsets). ``power`` is what to divide by instead, as in :func:`drywet.measures.mrstft`:
    that of the whole recording, when the signals are excerpts that may be silent. SignalError if the shapes differ, or
    ``wet`` is silent and no ``power`` given.
    """
    check_shapes(wet, predicted)
    if power is None:
        power = (wet**2).mean(-1)
        if (power == 0).any():
            raise SignalError("wet is silent, so its DC error is undefined")
    return (wet - predicted).mean(-1) ** 2 / power


def apply_pre_emphasis(signal, coefficient):
    """``x[t] - coefficient * x[t - 1]`` with ``x[-1] = 0``, a first-order high-pass; same shape (..., T).

    Source: Wright, Välimäki, ICASSP 2020, eqn (5).
    """
    emphasised = signal * 1.0
    emphasised[..., 1:] -= coefficient * signal[..., :-1]
    return emphasised


def check_shapes(wet, predicted):
    """SignalError if the two signals differ in shape."""
    if wet.shape != predicted.shape:
        raise SignalError(f"wet has shape {tuple(wet.shape)}, predicted {tuple(predicted.shape)}")


def check_finite(wet, predicted):
    """SignalError if one of the two signals, array or tensor, holds NaN or infinity."""
    for name, signal in (("wet", wet), ("predicted", predicted)):
        if not namespace(signal).isfinite(signal).all():
            raise SignalError(f"{name} holds NaN or infinity")


def clip_pair(wet, predicted):
    """Both signals as float64 arrays (T,), for measures of one whole clip that are made for numpy only.

    SignalError if the shapes differ, are not (T,), a sample is not finite, or wet is silent.
    """
    check_shapes(wet, predicted)
    wet, predicted = (np.asarray(signal, np.float64) for signal in (wet, predicted))
    if wet.ndim != 1:
        raise SignalError(f"expected one clip of shape (T,), got shape {wet.shape}")
    check_finite(wet, predicted)
    if not wet.any():
        raise SignalError("wet is silent, so an error relative to it is undefined")
    return wet, predicted
