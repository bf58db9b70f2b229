"""What a misaligned comparison does to the error-to-signal ratio."""

from drywet.errors import SignalError
from drywet.measures.error import esr


def best_lag_esr(wet, predicted, max_lag=32):
    """The lowest ESR over whole-sample shifts, and the shift in samples.

    A lag far from 0 says that model and wet are misaligned, and what the model would score without that.

    Parameters
    ----------
    wet, predicted : array, shape (T,), T > 2 * max_lag
    max_lag : int
        Largest shift tried, in samples, either way.

    Returns
    -------
    esr : float
        Over the T - |lag| samples that overlap.
    lag : int
        Positive when ``predicted`` trails ``wet``.
    """
    length = len(wet)
    if length <= 2 * max_lag:
        raise SignalError(
            f"{length} samples are too few to try lags up to {max_lag}; at least {2 * max_lag + 1} are needed"
        )

    def esr_at(lag):
        return float(esr(wet[max(0, -lag) : length - max(0, lag)], predicted[max(0, lag) : length + min(0, lag)]))

    lag = min(range(-max_lag, max_lag + 1), key=lambda lag: (esr_at(lag), abs(lag)))
    return esr_at(lag), lag


def published_compatible_esr(wet, predicted):
    """ESR as the published SD-1 study computed it: the prediction for sample t is compared with wet sample t + 1.

    Only for comparison with its tables. A perfect prediction of a sine of frequency f scores 4 sin^2(pi f / rate)
    instead of 0 (reference: the difference of two unit phasors one sample apart).
    """
    return float(esr(wet[1:], predicted[:-1]))
