"""Power: how small a difference a design could have seen, and how many seeds it takes to see one."""

import math

from scipy.optimize import brentq
from scipy.special import ncfdtr, nctdtr, stdtrit
from scipy.stats import f as f_distribution

POWER = 0.8
ALPHA = 0.05
TYPICAL_SD_DB = 1.3  # between seeds of one configuration, 0.3 nat: a public benchmark of 3 seeds has 0.1 to 0.45
MOST_SEEDS = 1000


def difference_power(effect_db: float, error_db: float, freedom: float) -> float:
    """Chance that a two-sided t test at 5 % finds an effect of ``effect_db`` with that standard error."""
    if error_db == 0:
        return 1.0
    critical, shift = stdtrit(freedom, 1 - ALPHA / 2), effect_db / error_db
    return float(1 - nctdtr(freedom, shift, critical) + nctdtr(freedom, shift, -critical))


def equivalence_power(margin_db: float, error_db: float, freedom: float) -> float:
    """Chance that two one-sided tests at 5 % prove equivalence within the margin where there is no difference at all."""
    if error_db == 0:
        return 1.0
    one_sided = 1 - nctdtr(freedom, margin_db / error_db, stdtrit(freedom, 1 - ALPHA))
    return float(max(0.0, 2 * one_sided - 1))


def anova_power(omega_squared: float, runs: int, freedom: int, error_freedom: int) -> float:
    """Chance that an F test at 5 % finds an effect whose share of the variance is ``omega_squared`` (in [0, 1))."""
    shift = runs * omega_squared / (1 - omega_squared)
    critical = f_distribution.isf(ALPHA, freedom, error_freedom)
    return float(1 - ncfdtr(freedom, error_freedom, shift, critical))


def detectable_db(error_db: float, freedom: float) -> float:
    """The smallest effect that a test with this standard error finds in four of five studies."""
    if error_db == 0:
        return 0.0
    low, high = 0.0, 2 * error_db
    while difference_power(high, error_db, freedom) < POWER:
        low, high = high, 2 * high
    return float(brentq(lambda effect: difference_power(effect, error_db, freedom) - POWER, low, high))


def seeds_needed(error_db: float, seeds: float, cells: int, *, difference_db: float, margin_db: float) -> int | None:
    """Seeds per configuration with which four of five studies decide: they find a difference of ``difference_db``, or prove
    equivalence within ``margin_db`` where there is none.

    Parameters
    ----------
    error_db : float
        Standard error of the comparison with ``seeds`` seeds in each of ``cells`` configurations.

    Returns
    -------
    int or None
        None if more than a thousand.
    """

    def decides(count: int) -> bool:
        error, freedom = error_db * math.sqrt(seeds / count), cells * (count - 1)
        return (
            difference_power(difference_db, error, freedom) >= POWER
            and equivalence_power(margin_db, error, freedom) >= POWER
        )

    if not decides(MOST_SEEDS):
        return None
    low, high = 1, 2
    while not decides(high):
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if decides(middle) else (middle, high)
    return high
