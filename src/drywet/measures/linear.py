"""The best linear model: the floor that anything nonlinear has to beat."""

import numpy as np
from scipy.linalg import solve_toeplitz
from scipy.signal import correlate, oaconvolve

from drywet.errors import SignalError
from drywet.measures.error import esr


def best_linear_prediction(dry, wet, taps=512, lead=32):
    """``wet`` as well as one FIR filter of ``dry`` can give it in the least-squares sense, shape (T,).

    The filter is fitted to the very signals it is applied to, so no linear model of that length does better on them.
    ``lead`` of the taps look ahead, so that a wet signal that leads by a few samples is not held against the filter.
    Errors are those of :func:`least_squares_filter`.
    """
    impulse_response = least_squares_filter(dry, wet, taps, lead)
    return oaconvolve(np.asarray(dry, np.float64), impulse_response)[lead : lead + len(dry)]


def least_squares_filter(dry, wet, taps, lead=0):
    """Impulse response (taps,) of the FIR filter that brings ``dry`` closest to ``wet``; the first ``lead`` look ahead.

    Method: normal equations R h = p with the autocorrelation R of dry and the crosscorrelation p of dry and wet
    (Wiener-Hopf; S. Haykin, *Adaptive Filter Theory*, ch. 2), solved by Levinson recursion. Signals count as zero
    outside the clip. A diagonal load of 1e-9 of the power keeps band-limited signals solvable.

    Raises
    ------
    SignalError
        If the lengths differ, the clip is not longer than the filter, or ``dry`` is silent.
    """
    if len(dry) != len(wet):
        raise SignalError(f"dry has {len(dry)} samples, wet {len(wet)}")
    if len(dry) <= taps:
        raise SignalError(f"a clip of {len(dry)} samples is too short for a linear model of {taps} taps")
    dry, wet = np.asarray(dry, np.float64), np.asarray(wet, np.float64)
    if not dry.any():
        raise SignalError("dry is silent, so there is no best linear model")
    zero_lag = len(dry) - 1  # index of lag 0 in a full correlation
    autocorrelation = correlate(dry, dry, method="fft")[zero_lag : zero_lag + taps]
    crosscorrelation = correlate(wet, dry, method="fft")[zero_lag - lead : zero_lag - lead + taps]
    autocorrelation[0] *= 1 + 1e-9
    return solve_toeplitz(autocorrelation, crosscorrelation)


def best_linear_esr(dry, wet, taps=512, lead=32):
    """ESR of :func:`best_linear_prediction`, a float."""
    return float(esr(np.asarray(wet, np.float64), best_linear_prediction(dry, wet, taps, lead)))
