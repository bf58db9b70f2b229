"""Factorial analysis of variance on run means: Type III sums of squares, HC3 where variances differ.

The error is the spread between runs of one configuration and nothing else, so a difference counts as large only beside the
luck of the seed. Everything is linear algebra on a response of shape (N,) or (N, S): S responses at once, as simulations
and permutations need.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations

import numpy as np
from scipy.special import fdtrc

from drywet.analysis.design import Design
from drywet.analysis.holm import holm
from drywet.analysis.run_means import factor_names

# Below this p of the Brown-Forsythe test variances count as different. A test that decides between two tests has to be
# quick to suspect (T. A. Bancroft, Biometrics 20, 1964): at 5 % it misses what still harms.
UNEQUAL = 0.2


@dataclass(frozen=True)
class Effect:
    """One row of the table of variance: a main effect or an interaction.

    Attributes
    ----------
    omega_squared : float
        Partial omega squared: the share of variance, among what this effect and the seeds cause, that the effect causes. Of
        all such measures the one that does not flatter small studies; it is negative where there is less than noise.
    p, p_holm : float
        Of its F test; adjusted for all rows of the table.
    """

    name: str
    factors: tuple[int, ...]
    sum_of_squares: float
    freedom: int
    f: float
    p: float
    p_holm: float
    omega_squared: float


@dataclass(frozen=True)
class Spread:
    """Brown-Forsythe test of equal variance between the levels of one factor."""

    factor: int
    f: float
    p: float
    sd_db: tuple[float, ...]  # between seeds, per present level


@dataclass(frozen=True)
class Anova:
    """The table, its error, and what its assumptions are worth."""

    effects: tuple[Effect, ...]
    error_freedom: int
    error_variance: float  # dB^2
    robust: bool  # HC3
    spreads: tuple[Spread, ...]
    notes: tuple[str, ...] = ()


class Model:
    """Sum-to-zero coded columns of every main effect and interaction that the cells of a design can tell apart."""

    def __init__(self, design: Design):
        self.design = design
        self.varying = design.varying()
        self.terms, self.left_out = _estimable_terms(design, self.varying)

    @cached_property
    def columns(self) -> np.ndarray:
        """All columns, the constant first, shape (N, P)."""
        return _columns(self.design.levels, self.design, self.terms)[0]

    @cached_property
    def slices(self) -> list[slice]:
        """Which columns belong to which term."""
        return _columns(self.design.levels, self.design, self.terms)[1]

    @cached_property
    def _bases(self) -> list[np.ndarray]:
        """Orthonormal basis of what each term explains beyond all the others together (Type III), shape (N, p) each."""
        bases = []
        for part in self.slices:
            others = np.delete(self.columns, np.arange(part.start, part.stop), axis=1)
            q, _ = np.linalg.qr(others)
            own = self.columns[:, part]
            bases.append(np.linalg.qr(own - q @ (q.T @ own))[0])
        return bases

    def sums_of_squares(self, response: np.ndarray) -> np.ndarray:
        """Type III sum of squares of every term, shape (terms, ...)."""
        centred = response - response.mean(axis=0)
        return np.array([((basis.T @ centred) ** 2).sum(axis=0) for basis in self._bases])

    def f_values(self, response: np.ndarray) -> np.ndarray:
        """F of every term over the variance between seeds, shape (terms, ...)."""
        freedom = np.array([part.stop - part.start for part in self.slices])
        squares = self.sums_of_squares(response)
        return squares / freedom.reshape(-1, *[1] * (squares.ndim - 1)) / self.design.pooled_variance(response)

    def robust_f_values(self, response: np.ndarray, terms: Sequence[int] | None = None) -> np.ndarray:
        """F of every term, or of those numbered, by the Wald test with the HC3 covariance, shape (terms, ...).

        HC3 (MacKinnon, White, J. Econometrics 29, 1985) divides each residual by 1 - leverage; in a cell of n runs the leverage
        is 1/n. A run alone in its cell has no residual: it gets the pooled variance.
        """
        design, counts = self.design, self.design.counts[self.design.cell_of_run]
        y = response.reshape(len(response), -1)
        squares = (design.residuals(y) / np.where(counts > 1, 1 - 1 / counts, 1.0)[:, None]) ** 2
        squares = np.where(counts[:, None] > 1, squares, design.pooled_variance(y))
        inverse = np.linalg.pinv(self.columns)
        f = []
        for part in self.slices if terms is None else [self.slices[term] for term in terms]:
            rows = inverse[part]  # (p, N)
            coefficients = (rows @ y).T  # (S, p)
            covariance = np.einsum("in,ns,jn->sij", rows, squares, rows, optimize=True)
            solved = np.linalg.solve(covariance, coefficients[..., None])[..., 0]
            f.append((coefficients * solved).sum(axis=1) / len(rows))
        return np.array(f).reshape(len(f), *response.shape[1:])

    def test(self, response: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """F and p of every term, shape (terms, ...), and whether they are HC3's, shape (...).

        They are where the variance between seeds differs between the levels of a factor: the smallest of the Brown-Forsythe
        p values times their number (Holm) is below 20 %.
        """
        unequal = [brown_forsythe(self.design, response, factor)[1] for factor in self.varying]
        robust = np.min(unequal, axis=0) * len(unequal) < UNEQUAL
        f = self.f_values(response)
        if robust.any():
            f = np.where(robust, self.robust_f_values(response), f)
        freedom = np.array([part.stop - part.start for part in self.slices])
        p = fdtrc(freedom.reshape(-1, *[1] * (f.ndim - 1)), self.design.error_freedom, f)
        return f, p, robust


def analyse_variance(design: Design, response: np.ndarray) -> Anova | None:
    """The table for a response of shape (N,); None where nothing is repeated or only one configuration exists.

    Sum-to-zero contrasts and Type III sums of squares, so that unequal numbers of seeds do not mix effects. Where the
    variance between seeds differs between the levels of a factor (Brown-Forsythe, Holm), the F tests are HC3 Wald tests.
    """
    model = Model(design)
    if not design.repeats(response) or not model.terms:
        return None
    variance = float(design.pooled_variance(response))
    squares = model.sums_of_squares(response)
    f, p, robust = model.test(response)
    names = factor_names(design.factors)
    freedoms = [part.stop - part.start for part in model.slices]
    n = len(response)
    effects = tuple(
        Effect(
            name=" × ".join(names[index] for index in term),
            factors=term,
            sum_of_squares=float(squares[i]),
            freedom=freedoms[i],
            f=float(f[i]),
            p=float(p[i]),
            p_holm=adjusted,
            omega_squared=float((squares[i] - freedoms[i] * variance) / (squares[i] + (n - freedoms[i]) * variance)),
        )
        for i, (term, adjusted) in enumerate(zip(model.terms, holm(p.tolist()), strict=True))
    )
    spreads = compare_spreads(design, response)
    return Anova(effects, design.error_freedom, variance, bool(robust), spreads, tuple(model.left_out))


def compare_spreads(design: Design, response: np.ndarray) -> tuple[Spread, ...]:
    """Brown-Forsythe test for each factor: do its levels differ in the spread between seeds?"""
    spreads = []
    for factor in design.varying():
        f, p = brown_forsythe(design, response, factor)
        squares = design.residuals(response) ** 2
        sds = []
        for level in design.present(factor):
            at = design.levels[:, factor] == level
            freedom = at.sum() - len(np.unique(design.cell_of_run[at]))
            sds.append(float(np.sqrt(squares[at].sum() / freedom)) if freedom else float("nan"))
        spreads.append(Spread(factor, float(f), float(p), tuple(sds)))
    return tuple(spreads)


def brown_forsythe(design: Design, response: np.ndarray, factor: int) -> tuple[np.ndarray, np.ndarray]:
    """F and p of a one-way analysis of distances from the cell's median; response of shape (N, ...), results (...).

    The smallest distance of each cell is left out: it is zero in a cell of odd size and repeats another one in a cell of even
    size, which would make the test blind with few seeds (Hines, Hines, Biometrics 56, 2000). p is 1 where there is nothing
    to compare.
    """
    y = response.reshape(len(response), -1)
    distances, groups = [], []
    for cell, levels in enumerate(design.cells):
        own = y[design.cell_of_run == cell]
        if len(own) > 1:
            distances.append(np.sort(np.abs(own - np.median(own, axis=0)), axis=0)[1:])
            groups += [levels[factor]] * (len(own) - 1)
    group = np.array(groups)
    present = np.unique(group)
    freedom = len(group) - len(present)
    if len(present) < 2 or freedom < 1:
        return np.zeros(response.shape[1:]), np.ones(response.shape[1:])
    z = np.concatenate(distances)
    means = {level: z[group == level].mean(axis=0) for level in present}
    between = sum((group == level).sum() * (means[level] - z.mean(axis=0)) ** 2 for level in present)
    within = sum(((z[group == level] - means[level]) ** 2).sum(axis=0) for level in present)
    with np.errstate(divide="ignore", invalid="ignore"):
        f = np.nan_to_num(between / (len(present) - 1) / (within / freedom), posinf=1e9)
    p = fdtrc(len(present) - 1, freedom, f)
    return f.reshape(response.shape[1:]), p.reshape(response.shape[1:])


def _columns(levels: np.ndarray, design: Design, terms: Sequence[tuple[int, ...]]) -> tuple[np.ndarray, list[slice]]:
    """Sum-to-zero columns for rows of level indices, shape (rows, P), and which belong to which term."""
    coded = {}
    for factor in {factor for term in terms for factor in term}:
        present = np.unique(design.levels[:, factor])
        codes = np.vstack([np.eye(len(present) - 1), -np.ones(len(present) - 1)])
        coded[factor] = codes[np.searchsorted(present, levels[:, factor])]
    parts, slices, position = [np.ones((len(levels), 1))], [], 1
    for term in terms:
        product = coded[term[0]]
        for factor in term[1:]:
            product = (product[:, :, None] * coded[factor][:, None, :]).reshape(len(levels), -1)
        parts.append(product)
        slices.append(slice(position, position + product.shape[1]))
        position += product.shape[1]
    return np.hstack(parts), slices


def _estimable_terms(design: Design, varying: Sequence[int]) -> tuple[list[tuple[int, ...]], list[str]]:
    """All effects up to the highest order that the cells can tell apart, and what is left out in words."""
    for order in range(len(varying), 0, -1):
        terms = [term for size in range(1, order + 1) for term in combinations(varying, size)]
        sizes = [int(np.prod([len(design.present(factor)) - 1 for factor in term])) for term in terms]
        if 1 + sum(sizes) > len(design.cells):
            continue
        columns, _ = _columns(design.cells, design, terms)
        if np.linalg.matrix_rank(columns) == columns.shape[1]:
            missing = (
                [f"the grid has gaps, so interactions of more than {order} factors are not looked at"]
                if order < len(varying)
                else []
            )
            return terms, missing
    names = ", ".join(factor_names([design.factors[index] for index in varying]))
    return [], [
        f"the runs cannot tell the effects of {names} apart: too few configurations, or factors that move together"
    ]
