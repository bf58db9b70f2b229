"""Permutation check: the same F, with labels of runs shuffled where the factor must not matter if it does nothing."""

import numpy as np

from drywet.analysis.anova import Model
from drywet.analysis.design import Design

_BATCH = 2_000_000  # numbers shuffled at a time


def permutation_p(model: Model, response: np.ndarray, factor: int, permutations: int = 5000, seed: int = 0) -> float:
    """p of the main effect of ``factor``: how often a shuffled response of shape (N,) gives as large an F.

    Runs are shuffled within each combination of the other factors: exact whatever the distribution, if the factor does
    nothing there. The F is HC3's, so that it also holds, nearly, for means where the factor changes the spread alone
    (M. Pauly, E. Brunner, F. Konietschke, J. R. Statist. Soc. B 77, 2015). The observed order counts as one of the
    permutations, so p is never 0.
    """
    blocks = block_of_run(model.design, factor)
    term = model.terms.index((factor,))
    observed = model.robust_f_values(response, [term])[0]
    rng, larger, left = np.random.default_rng(seed), 0, permutations
    while left:
        batch = min(left, max(1, _BATCH // len(response)))
        shuffled = shuffle_within(blocks, response, batch, rng)
        larger += int((model.robust_f_values(shuffled, [term])[0] >= observed * (1 - 1e-9)).sum())
        left -= batch
    return (1 + larger) / (1 + permutations)


def block_of_run(design: Design, factor: int) -> np.ndarray:
    """Index of each run's combination of all factors but one, shape (N,)."""
    others = np.delete(design.levels, factor, axis=1)
    return np.unique(others, axis=0, return_inverse=True)[1].reshape(-1) if others.size else np.zeros(len(others), int)


def shuffle_within(blocks: np.ndarray, response: np.ndarray, times: int, rng: np.random.Generator) -> np.ndarray:
    """``response`` shuffled within blocks, shape (N, times)."""
    in_order = np.argsort(blocks, kind="stable")
    keys = rng.random((len(blocks), times)) + blocks[in_order][:, None]
    shuffled = np.empty((len(blocks), times))
    shuffled[in_order] = response[in_order][np.argsort(keys, axis=0)]
    return shuffled
