"""Power: how small a difference a design could have seen, and how many seeds it takes to see one."""

import math

from scipy.optimize import brentq
from scipy.special import nctdtr, stdtrit

POWER = 0.8
ALPHA = 0.05
TYPICAL_SD_DB = 1.3  # between seeds of one configuration, 0.3 nat: a public benchmark of 3 seeds has 0.1 to 0.45
MOST_SEEDS = 1000


def difference_power(effect_db: float, error_db: float, freedom: float) -> float:
    """Chance that a two-sided t test at 5 % finds an effect of ``effect_db`` with that standard error."""
    if error_db == 0:
        return 1.0
    critical, shift = stdtrit(freedom, 1 - ALPHA / 2), effect_db / error_db
    other_side = nctdtr(freedom, shift, -critical)  # scipy says NaN where it is below 1e-16
    return float(1 - nctdtr(freedom, shift, critical) + (0.0 if math.isnan(other_side) else other_side))


def equivalence_power(margin_db: float, error_db: float, freedom: float) -> float:
    """Chance that two one-sided tests at 5 % prove equivalence within the margin where there is no difference at all."""
    if error_db == 0:
        return 1.0
    one_sided = 1 - nctdtr(freedom, margin_db / error_db, stdtrit(freedom, 1 - ALPHA))
    return float(max(0.0, 2 * one_sided - 1))


def detectable_db(error_db: float, freedom: float) -> float:
    """The smallest effect that a test with this standard error finds in four of five studies."""
    if error_db == 0:
        return 0.0
    low, high = 0.0, 2 * error_db
    while difference_power(high, error_db, freedom) < POWER:
        low, high = high, 2 * high
    return float(brentq(lambda effect: difference_power(effect, error_db, freedom) - POWER, low, high))


def welch_freedom(cells: int, seeds: int) -> float:
    """Degrees of freedom to expect of a Welch test over so many configurations, all with the same variance.

    Less than ``cells (seeds - 1)``, because every variance is estimated by itself: with f degrees of freedom the mean square
    of such an estimate is 1 + 2/f times the square of its mean.
    """
    own = seeds - 1
    return own * (cells * own + 2) / (own + 2)


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
        error, freedom = error_db * math.sqrt(seeds / count), welch_freedom(cells, count)
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
