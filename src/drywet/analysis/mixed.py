"""Mixed model: runs and clips both random, so that the spread of each can be seen beside the effects.

On a complete table it says of the effects what the analysis of run means says, whose tests are exact and the ones to quote.
What it adds are the components of variance: how much of a score is the run, how much the clip, and how much neither.
"""

import math
import warnings
from dataclasses import dataclass

import numpy as np
from scipy.special import fdtrc

from drywet.analysis.anova import Model
from drywet.analysis.design import Design
from drywet.analysis.run_means import factor_names

MOST_ROWS = (
    3000  # the fit inverts matrices of rows x rows: seconds for a thousand, eight times as long for twice as many
)


@dataclass(frozen=True)
class MixedEffect:
    """Wald test of one effect, as F with the degrees of freedom between runs: as chi-squared it takes few runs for many."""

    name: str
    f: float
    freedom: int
    p: float


@dataclass(frozen=True)
class Mixed:
    """The fit (REML): standard deviations in dB, and effects."""

    run_sd_db: float
    clip_sd_db: float
    rest_sd_db: float
    effects: tuple[MixedEffect, ...]


def fit_mixed(design: Design, clip_response: np.ndarray) -> Mixed | str:
    """The fit to dB per run and clip, shape (N, K), NaN where a score is missing; or why there is none.

    That may be: nothing repeated, one clip, too many scores, no convergence.
    """
    run, clip = np.nonzero(~np.isnan(clip_response))
    if not design.error_freedom:
        return "no configuration was trained twice"
    if clip_response.shape[1] < 2:
        return "one clip tells nothing of the spread between clips"
    if len(run) > MOST_ROWS:
        return f"{len(run)} scores are more than the {MOST_ROWS} that are fitted in reasonable time"
    model = Model(design)
    if not model.terms:
        return model.left_out[0] if model.left_out else "no factor varies"
    from statsmodels.regression.mixed_linear_model import MixedLM, VCSpec
    from statsmodels.tools.sm_exceptions import ConvergenceWarning

    def indicator(index: np.ndarray) -> np.ndarray:
        return np.eye(index.max() + 1)[index]

    names, matrices = ["clip", "run"], [indicator(clip), indicator(run)]
    components = VCSpec(names, [[[f"{i}" for i in range(m.shape[1])]] for m in matrices], [[m] for m in matrices])
    # The columns are made here and not by a formula: patsy evaluates formulas, and factors have names from files.
    fit_of = MixedLM(clip_response[run, clip], model.columns[run], groups=np.ones(len(run)), exog_vc=components)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            warnings.simplefilter("error", ConvergenceWarning)
            fit = fit_of.fit(reml=True, method=["lbfgs"])
            fixed, covariance = np.asarray(fit.fe_params), np.asarray(fit.cov_params())[: model.columns.shape[1]]
    except (ConvergenceWarning, np.linalg.LinAlgError, ValueError, FloatingPointError) as error:
        return f"the fit did not converge ({str(error).splitlines()[0][:100]}); quote the analysis of run means"
    if not np.isfinite(fit.vcomp).all() or not math.isfinite(fit.scale):
        return "the fit did not converge (variances not finite); quote the analysis of run means"
    spoken, effects = factor_names(design.factors), []
    for term, part in zip(model.terms, model.slices, strict=True):
        own = fixed[part]
        f = float(own @ np.linalg.solve(covariance[part, part], own)) / len(own)
        name = " × ".join(spoken[index] for index in term)
        effects.append(MixedEffect(name, f, len(own), float(fdtrc(len(own), design.error_freedom, f))))
    of_clip, of_run = (math.sqrt(max(0.0, float(value))) for value in fit.vcomp)
    return Mixed(of_run, of_clip, math.sqrt(fit.scale), tuple(effects))
