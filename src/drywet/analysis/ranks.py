"""Ranks of configurations over blocks, and critical differences; only where the blocks are independent trainings.

A block is one knob setting with one seed: there every configuration was trained anew, and its score is the mean over
clips. Clips are no blocks: all of them are played by the same trained networks, so configurations that differ in nothing but
luck differ in the same way on every clip, and the test of Friedman rejects a true null nearly always.
"""

import math
from dataclasses import dataclass

import numpy as np
from scipy.special import fdtrc
from scipy.stats import rankdata, studentized_range

from drywet.analysis.run_means import RunMeans

FEWEST_BLOCKS = 6


@dataclass(frozen=True)
class Ranks:
    """Mean rank of each configuration, 1 the lowest error, best first.

    Attributes
    ----------
    critical_difference : float
        Mean ranks closer than this are not told apart (Nemenyi, 5 %; J. Demsar, JMLR 7, 2006).
    p : float
        Of no difference between configurations (Friedman's statistic in the form of Iman and Davenport).
    """

    configurations: tuple[str, ...]
    mean_ranks: tuple[float, ...]
    blocks: int
    p: float
    critical_difference: float
    left_out: tuple[str, ...]  # blocks without a run of every configuration


def rank_configurations(means: RunMeans) -> Ranks | str:
    """Ranks of the configurations, or why there are none."""
    factors = means.design.factors
    varying = means.design.varying()
    tuned = [index for index in varying if not factors[index].is_control]
    knobs = [index for index in varying if factors[index].is_control]
    if not tuned:
        return "every run has the same hyperparameters, so there is nothing to rank"
    if len(set(means.seeds)) < 2:
        return (
            "a block is a knob setting with a seed, and every configuration was trained with one seed. The clips are no "
            "blocks: the same trained networks play all of them"
        )
    scores: dict[tuple[str, ...], dict[tuple[str, ...], float]] = {}
    for row, seed, value in zip(means.design.levels, means.seeds, means.response, strict=True):
        block = (*(factors[i].levels[row[i]] for i in knobs), f"seed {seed}")
        scores.setdefault(block, {})[tuple(factors[i].levels[row[i]] for i in tuned)] = float(value)
    configurations = list(dict.fromkeys(name for members in scores.values() for name in members))
    complete = {block: members for block, members in scores.items() if len(members) == len(configurations)}
    left_out = tuple(" ".join(block) for block in scores if block not in complete)
    if len(complete) < FEWEST_BLOCKS:
        return (
            f"only {len(complete)} of {len(scores)} blocks (knob setting with seed) have a run of all {len(configurations)} "
            f"configurations, and fewer than {FEWEST_BLOCKS} say too little"
        )
    table = np.array([[members[name] for name in configurations] for members in complete.values()])
    mean_ranks, p = friedman(table)
    order = np.argsort(mean_ranks, kind="stable")
    k, n = len(configurations), len(table)
    q = float(studentized_range.ppf(0.95, k, np.inf)) / math.sqrt(2)
    return Ranks(
        configurations=tuple(" ".join(configurations[i]) for i in order),
        mean_ranks=tuple(float(mean_ranks[i]) for i in order),
        blocks=n,
        p=p,
        critical_difference=q * math.sqrt(k * (k + 1) / (6 * n)),
        left_out=left_out,
    )


def friedman(table: np.ndarray) -> tuple[np.ndarray, float]:
    """Mean ranks of the k columns over the n rows (blocks), and the p of Iman and Davenport (1980)."""
    n, k = table.shape
    ranks = rankdata(table, axis=1)
    mean_ranks = ranks.mean(axis=0)
    spread = ((ranks - (k + 1) / 2) ** 2).sum() / (n * (k - 1))  # k (k + 1) / 12 without ties
    if spread == 0:
        return mean_ranks, 1.0
    chi_squared = n * ((mean_ranks - (k + 1) / 2) ** 2).sum() / spread
    rest = n * (k - 1) - chi_squared
    if rest <= 1e-9:  # every block has the same order: as unlikely as that, by counting
        return mean_ranks, math.exp(-(n - 1) * math.lgamma(k + 1))
    return mean_ranks, float(fdtrc(k - 1, (k - 1) * (n - 1), (n - 1) * chi_squared / rest))
