"""Do the statistics of listening tests keep their promises? Simulated listeners of known ears, 2000 tests of each kind.

    python bench/simulated_listeners.py

Prints a Markdown table: what is promised, and what was found with the binomial 95 % interval of the simulations.
"""

import numpy as np
from scipy import stats

from drywet.listening import Listener, rate_conditions, screen_listeners
from drywet.listening.discrimination import d_prime, share_interval, trials_needed
from drywet.listening.ratings import mean_interval, median_interval

TESTS = 2000
ROLES = {"reference": "reference", "a": "model", "b": "model", "c": "model"}


def ratings(rng, listeners, items=4):
    """Points near the top of the scale, as good models get: 100 less exponentials, one of the listener, one of the rating."""
    return 100 - rng.exponential(8, (listeners, 1)) - rng.exponential(4, (listeners, items))


def covers(interval, value):
    return interval[0] <= value <= interval[1]


def abx(rng, sensitivity, listeners, trials):
    """Right answers per listener: X is taken for the sound that it is closer to on an axis of hearing with unit noise."""
    shape = listeners, trials
    a, b, x = rng.normal(sensitivity, 1, shape), rng.normal(0, 1, shape), rng.normal(sensitivity, 1, shape)
    return (np.abs(x - a) < np.abs(x - b)).sum(axis=1)


def d_prime_covers(rng, sensitivity, listeners, trials):
    low, high = share_interval(abx(rng, sensitivity, listeners, trials), np.full(listeners, trials))
    upper = d_prime(high)
    return d_prime(low) <= sensitivity and (upper is None or sensitivity <= upper)


def claims_equivalence(rng, share, spread, listeners, trials):
    ears = np.clip(share + spread * np.sqrt(3) * rng.uniform(-1, 1, listeners), 0, 1)
    return share_interval(rng.binomial(trials, ears), np.full(listeners, trials), 0.9)[1] < 0.6


def listeners(points):
    """Listeners of ``points``, shape (listeners, items, versions), in the order of ROLES."""
    return [
        Listener(str(number), {f"item {i}": dict(zip(ROLES, row, strict=True)) for i, row in enumerate(rows)})
        for number, rows in enumerate(points.tolist())
    ]


def equal_models(rng, count):
    """Three models that are equally good, and a reference that everybody finds."""
    points = 100 - rng.exponential(8, (count, 1, 1)) - rng.exponential(4, (count, 4, len(ROLES)))
    points[:, :, 0] = 100
    return rate_conditions(listeners(points), ROLES, "reference")


def calls_models_different(ratings):
    return any(contrast.p_holm < 0.05 for contrast in ratings.contrasts if contrast.second != "reference")


def calls_a_copy_worse(rng, count):
    """Models that are the reference itself, and listeners who guess which version is; two items, after the screening."""
    points = 100 - rng.exponential(10, (count, 2, len(ROLES)))
    np.put_along_axis(points, rng.integers(len(ROLES), size=(count, 2, 1)), 100, axis=2)
    kept = screen_listeners(listeners(points)).kept
    contrasts = rate_conditions(kept, ROLES, "reference").contrasts if kept else ()
    return any(contrast.p_holm < 0.05 for contrast in contrasts if contrast.second == "reference")


def main():
    rng = np.random.default_rng(25)
    median = np.median(ratings(rng, 1_000_000))

    def mean_covers(listeners):
        return covers(mean_interval(ratings(rng, listeners).mean(axis=1), rng), 88)

    def share_covers(listeners):
        return covers(share_interval(rng.binomial(24, rng.beta(6, 3, listeners)), np.full(listeners, 24)), 6 / 9)

    many = trials_needed()
    claims = [
        ("mean of ratings, 12 listeners: interval covers", "95 %", lambda: mean_covers(12)),
        ("mean of ratings, 20 listeners: interval covers", "95 %", lambda: mean_covers(20)),
        (
            "median, 20 listeners: interval covers",
            "95 %",
            lambda: covers(median_interval(ratings(rng, 20), rng), median),
        ),
        (
            "d' = 1.5, 10 listeners of 16 trials: interval covers",
            "at least 95 %",
            lambda: d_prime_covers(rng, 1.5, 10, 16),
        ),
        (
            "d' = 0.5, 20 listeners of 16 trials: interval covers",
            "at least 95 %",
            lambda: d_prime_covers(rng, 0.5, 20, 16),
        ),
        ("share of 12 unequal listeners of 24 trials: interval covers", "at least 95 %", lambda: share_covers(12)),
        ("equivalence at the margin, one listener", "at most 5 %", lambda: claims_equivalence(rng, 0.6, 0, 1, 160)),
        ("equivalence at the margin, 12 equal ones", "at most 5 %", lambda: claims_equivalence(rng, 0.6, 0, 12, 24)),
        (
            "equivalence at the margin, 12 unequal ones",
            "at most 5 %",
            lambda: claims_equivalence(rng, 0.6, 0.15, 12, 24),
        ),
        (
            f"equivalence, one listener who hears nothing, {many} trials",
            "80 %",
            lambda: claims_equivalence(rng, 0.5, 0, 1, many),
        ),
        (
            "equivalence, 14 listeners who hear nothing, 16 trials each",
            "at least 80 %",
            lambda: claims_equivalence(rng, 0.5, 0, 14, 16),
        ),
        (
            "three equal models, 12 listeners: two are called different",
            "at most 5 %",
            lambda: calls_models_different(equal_models(rng, 12)),
        ),
        (
            "three equal models, 12 listeners: Friedman's test says that they differ",
            "at most 5 %",
            lambda: equal_models(rng, 12).friedman_p < 0.05,
        ),
        (
            "models that are the reference itself, 30 listeners before screening: called worse",
            "nothing",
            lambda: calls_a_copy_worse(rng, 30),
        ),
    ]
    print("| | promised | found |\n|---|---|---|")
    for name, promised, test in claims:
        count = int(sum(test() for _ in range(TESTS)))
        low, high = stats.binomtest(count, TESTS).proportion_ci()
        print(f"| {name} | {promised} | {count / TESTS:.1%} ({low:.1%} to {high:.1%}) |", flush=True)


if __name__ == "__main__":
    main()
