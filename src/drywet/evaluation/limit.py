"""The noise-limited best of a clip: the ESR that the noise in wet alone makes, whatever the model."""

import numpy as np

from drywet.dataset.check.excerpt import Timing
from drywet.dataset.check.levels import measure_levels
from drywet.dataset.check.noise import noise_from_repeats, noise_in_silence
from drywet.dataset.check.repeats import compare_repeats
from drywet.measures import power

SIMULATED_ESR = 1e-9  # -90 dB, below any converter: no noise was there


def noise_limit(dry: np.ndarray, wet: np.ndarray, sample_rate: int) -> tuple[float | None, str]:
    """The ESR that no model can go below on average, and where that is known from; None with the reason it is not known.

    Simultaneous signals of shape (T,). Where a passage of dry occurs twice, half the difference of the two passages of wet
    is noise; else what is left of wet while dry is silent (:mod:`drywet.dataset.check`, of which `drywet check` gives all
    the details).
    """
    wet_power = power(wet)
    limit = noise_from_repeats(compare_repeats(dry, wet, sample_rate, 0.0, 0.0), wet_power)
    limit = limit or noise_in_silence(wet, sample_rate, measure_levels(dry, sample_rate), wet_power, Timing())
    if limit is None:
        return None, "unknown: nothing in dry occurs twice, and it is never silent"
    where = "dry occurs twice" if limit.source == "repeats" else "dry is silent"
    if limit.esr < SIMULATED_ESR:
        return None, f"no noise in {limit.seconds:.1f} s in which {where}: a simulated device"
    return limit.esr, f"{'' if limit.exact else 'at most; '}from {limit.seconds:.1f} s in which {where}"
