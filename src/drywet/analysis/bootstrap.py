"""Two-level bootstrap: intervals that hold for other clips too, by resampling runs within configurations, then clips."""

from collections.abc import Sequence

import numpy as np
from scipy.special import ndtr, stdtrit

from drywet.analysis.contrasts import Contrast
from drywet.analysis.design import Design


def bootstrap_intervals(
    design: Design, contrasts: Sequence[Contrast], clip_response: np.ndarray, draws: int = 4000, seed: int = 0
) -> np.ndarray:
    """95 % intervals of the contrasts over runs and clips, shape (K, 2); NaN with fewer than two clips or no repeats.

    Every draw takes n - 1 of the n runs of each cell and K - 1 of the K clips, with replacement: with n of n the spread of few
    seeds would come out too small by (n - 1)/n (McCarthy, Snowden 1985). All runs share the clips drawn, as they share
    the clips played. Percentiles are widened to Student's, for there are few runs and clips (Hesterberg, Am. Stat. 69, 2015).

    Parameters
    ----------
    clip_response : array, shape (N, K)
        dB without gaps.
    """
    n_clips = clip_response.shape[1]
    if n_clips < 2 or not design.error_freedom:
        return np.full((len(contrasts), 2), np.nan)
    weights = np.array([contrast.weights for contrast in contrasts])  # (contrasts, C)
    rng = np.random.default_rng(seed)
    run_counts = _resampled_runs(design, draws, rng)  # (draws, N), each cell's sum to 1
    clip_shares = rng.multinomial(n_clips - 1, np.full(n_clips, 1 / n_clips), draws) / (n_clips - 1)  # (draws, K)
    run_weights = weights[:, design.cell_of_run]  # (contrasts, N)
    effects = np.array([((run_counts * own) @ clip_response * clip_shares).sum(axis=1) for own in run_weights])
    freedom = _freedom(design, weights, clip_response)
    tails = ndtr(stdtrit(freedom, 0.025))  # percentile whose normal quantile is Student's
    return np.array([np.quantile(row, [tail, 1 - tail]) for row, tail in zip(effects, tails, strict=True)])


def _resampled_runs(design: Design, draws: int, rng: np.random.Generator) -> np.ndarray:
    """The share of every run in the mean of its cell, for each draw, shape (draws, N)."""
    shares = np.empty((draws, len(design.levels)))
    for cell, count in enumerate(design.counts):
        own = np.flatnonzero(design.cell_of_run == cell)
        if count == 1:
            shares[:, own] = 1.0
        else:
            shares[:, own] = rng.multinomial(count - 1, np.full(count, 1 / count), draws) / (count - 1)
    return shares


def _freedom(design: Design, weights: np.ndarray, clip_response: np.ndarray) -> np.ndarray:
    """Satterthwaite degrees of freedom of the two levels together, for each contrast."""
    n_clips = clip_response.shape[1]
    of_runs = design.variances(clip_response.mean(axis=1)) / design.counts * weights**2  # (contrasts, C)
    of_clips = (weights @ design.means(clip_response)).var(axis=1, ddof=1) / n_clips
    squares = (of_runs**2 / np.maximum(design.counts - 1, 1)).sum(axis=1) + of_clips**2 / (n_clips - 1)
    total = of_runs.sum(axis=1) + of_clips
    return np.where(squares > 0, total**2 / np.where(squares > 0, squares, 1.0), design.error_freedom)
