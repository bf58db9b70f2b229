"""A claim held against an analysis: confirmed, refuted or undecided, with the figures."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from drywet.analysis.analyze import Analysis
from drywet.analysis.comparison import SIGNIFICANT, LevelComparison, Verdict, compare_pair
from drywet.analysis.conclusions import Conclusion, of_comparison
from drywet.errors import SettingsError


def judge(
    analysis: Analysis, factor: str, better: str, worse: str, where: Mapping[str, str] | None = None
) -> Conclusion:
    """Is level ``better`` of a factor better than level ``worse``, as somebody claimed before this study?

    Confirmed by a difference in that direction, refuted by one in the other direction or by equivalence within the margin,
    undecided otherwise. The effect is that of ``better`` instead of ``worse``: negative speaks for the claim. One claim
    is one test; p is not adjusted. Adjust several with :func:`drywet.analysis.holm`.

    Parameters
    ----------
    where : mapping, optional
        Only configurations with these levels of other factors.

    Raises
    ------
    SettingsError
        If there are no such factors or levels, or no two configurations that differ in them alone.
    """
    found = _compare(analysis, factor, better, worse, where)
    verdict: Verdict = "undecided"
    if found.p is not None and found.p_equivalence is not None:
        if found.p < SIGNIFICANT:
            verdict = "confirmed" if found.effect_db < 0 else "refuted"
        elif found.p_equivalence < SIGNIFICANT:
            verdict = "refuted"
    return _concluded(analysis, found, verdict)


def judge_equal(
    analysis: Analysis, factor: str, one: str, other: str, where: Mapping[str, str] | None = None
) -> Conclusion:
    """Does it make no difference which of two levels is taken, as somebody claimed before this study?

    Confirmed by equivalence within the margin, refuted by a difference that is not equivalent, undecided otherwise: that no
    difference was found proves nothing. Parameters and errors as in :func:`judge`.
    """
    found = _compare(analysis, factor, one, other, where)
    verdict: Verdict = "undecided"
    if found.p is not None and found.p_equivalence is not None:
        if found.p_equivalence < SIGNIFICANT:
            verdict = "confirmed"
        elif found.p < SIGNIFICANT:
            verdict = "refuted"
    return _concluded(analysis, found, verdict)


def _compare(
    analysis: Analysis, factor: str, level: str, instead_of: str, where: Mapping[str, str] | None
) -> LevelComparison:
    design = analysis.means.design
    allowed = np.ones(len(design.cells), bool)
    for name, label in {factor: level, **(where or {})}.items():
        index = next((i for i, known in enumerate(design.factors) if known.name == name), None)
        if index is None:
            raise SettingsError(
                f"{analysis.study}: no factor {name!r}; there are: {', '.join(f.name for f in design.factors)}"
            )
        for asked in (label, instead_of) if name == factor else (label,):
            if asked not in design.factors[index].levels:
                known_levels = ", ".join(design.factors[index].levels)
                raise SettingsError(f"{analysis.study}: {asked!r} is no level of {name}: {known_levels}")
        if name != factor:
            allowed &= design.cells[:, index] == design.factors[index].levels.index(label)
    found = compare_pair(analysis.means, factor, instead_of, level, allowed, analysis.margin_db)
    if found is None:
        raise SettingsError(
            f"{analysis.study}: no two configurations with runs differ in {factor} {level} and {instead_of} alone, so the "
            "claim cannot be judged"
        )
    return found


def _concluded(analysis: Analysis, found: LevelComparison, verdict: Verdict) -> Conclusion:
    return replace(of_comparison(found, analysis.margin_db), verdict=verdict)
