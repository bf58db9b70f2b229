"""ABX trials: is a difference heard, how large is it for the ear, and can "nobody hears it" be claimed?

A failed ABX test proves nothing. The claim is made only where the upper bound of the share of right answers stays below
60 %, ten points above guessing.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy import stats
from scipy.optimize import brentq

from drywet.analysis.holm import holm
from drywet.listening.answers import Listener

MARGIN = 0.6  # share of right answers below which a difference counts as not distinguishable
ALPHA = 0.05
LARGEST_D_PRIME = 10.0


@dataclass(frozen=True)
class Heard:
    """What an ABX test says about one model.

    Attributes
    ----------
    trials, correct, listeners : int
    share : float
        Of right answers; 0.5 is guessing.
    interval : pair of float
        95 %, for the listeners that these stand for.
    p, p_holm : float
        Exact one-sided binomial test of guessing, alone and adjusted for the number of models.
    d_prime, d_prime_interval : float
        Sensitivity; 0 is deaf to the difference, 1 gives 58 % right answers in ABX. None where it has no bound.
    upper_bound : float
        One-sided 95 % bound of the share.
    """

    model: str
    trials: int
    correct: int
    listeners: int
    share: float
    interval: tuple[float, float]
    p: float
    p_holm: float
    d_prime: float | None
    d_prime_interval: tuple[float | None, float | None]
    upper_bound: float

    @property
    def is_heard(self) -> bool:
        """Whether guessing is refuted, errors over all models together kept at 5 %."""
        return self.p_holm < ALPHA

    @property
    def is_not_distinguishable(self) -> bool:
        """Whether a share of right answers of 60 % or more is refuted; errors of this one claim are kept at 5 %."""
        return self.upper_bound < MARGIN


def tell_apart(listeners: Sequence[Listener], models: Sequence[str]) -> tuple[Heard, ...]:
    """The verdict on each model, over all excerpts and listeners."""
    found = []
    for model in models:
        counts = []
        for listener in listeners:
            right = [trial.is_correct for trial in listener.told if trial.model == model]
            if right:
                counts.append((sum(right), len(right)))
        if counts:
            found.append((model, np.array(counts)))
    p_values = [float(stats.binomtest(*counts.sum(axis=0).tolist(), 0.5, "greater").pvalue) for _, counts in found]
    return tuple(
        _verdict(model, counts, p, adjusted)
        for (model, counts), p, adjusted in zip(found, p_values, holm(p_values), strict=True)
    )


def _verdict(model: str, counts: np.ndarray, p: float, p_holm: float) -> Heard:
    correct, trials = (int(total) for total in counts.sum(axis=0))
    low, high = share_interval(counts[:, 0], counts[:, 1])
    return Heard(
        model=model,
        trials=trials,
        correct=correct,
        listeners=len(counts),
        share=correct / trials,
        interval=(low, high),
        p=p,
        p_holm=p_holm,
        d_prime=d_prime(correct / trials),
        d_prime_interval=(d_prime(low), d_prime(high)),
        upper_bound=share_interval(counts[:, 0], counts[:, 1], 1 - 2 * ALPHA)[1],
    )


def share_interval(correct: np.ndarray, trials: np.ndarray, confidence: float = 0.95) -> tuple[float, float]:
    """Interval of the share of right answers in the population of listeners, from counts per listener, shape (L,).

    Clopper and Pearson's exact interval, with the number of trials reduced to what they are worth when some listeners hear
    more than others (E. L. Korn, B. I. Graubard, "Confidence intervals for proportions with small expected number of
    positive counts estimated from survey data", Survey Methodology 24, 1998). The trials of one listener alone say
    something about that listener only, and count in full.
    """
    count, total = len(trials), int(trials.sum())
    share = float(correct.sum() / total)
    effective = float(total)
    if count > 1 and 0 < share < 1:
        # Variance of the ratio estimate over listeners, against that of independent trials.
        residuals = correct - share * trials
        variance = count / (count - 1) * np.sum(residuals**2) / total**2
        simple = share * (1 - share) / total
        level = (1 + confidence) / 2
        students = stats.t.ppf(level, total - 1) / stats.t.ppf(level, count - 1)
        effective = min(total, total / max(variance / simple, 1.0) * students**2)
    right = share * effective
    tail = (1 - confidence) / 2
    low = 0.0 if right == 0 else float(stats.beta.ppf(tail, right, effective - right + 1))
    high = 1.0 if right == effective else float(stats.beta.ppf(1 - tail, right + 1, effective - right))
    return low, high


def d_prime(share: float) -> float | None:
    """Sensitivity d' of a listener with this share of right answers in ABX; 0 up to guessing, None for all right.

    Of answers that are pooled over listeners who differ it is a little less than the mean of their own.

    Differencing model, in which X is taken for the one it is closer to: the share is
    ``F(d / sqrt 2) F(d / sqrt 6) + F(-d / sqrt 2) F(-d / sqrt 6)``, F the normal distribution (N. A. Macmillan, C. D.
    Creelman, *Detection Theory: A User's Guide*, 2nd ed., 2005, ch. 9).

    >>> round(d_prime(0.75), 2)
    2.02
    """
    if share <= 0.5:
        return 0.0
    if share >= expected_share(LARGEST_D_PRIME):
        return None
    return float(brentq(lambda d: expected_share(d) - share, 0.0, LARGEST_D_PRIME))


def expected_share(sensitivity: float) -> float:
    """Share of right answers in ABX at a sensitivity d', see :func:`d_prime`."""
    first, second = sensitivity / math.sqrt(2), sensitivity / math.sqrt(6)
    phi = stats.norm.cdf
    return float(phi(first) * phi(second) + phi(-first) * phi(-second))


@lru_cache
def trials_needed(power: float = 0.8) -> int:
    """Independent trials after which equivalence is shown with this probability where nobody hears anything."""
    for trials in range(10, 1000):
        correct = np.arange(trials)
        bounds = stats.beta.ppf(1 - ALPHA, correct + 1, trials - correct)
        passing = int(np.sum(bounds < MARGIN))
        if passing and stats.binom.cdf(passing - 1, trials, 0.5) >= power:
            return trials
    raise AssertionError("some number of trials below 1000 suffices for every power in use")
