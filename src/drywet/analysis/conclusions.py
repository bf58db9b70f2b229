"""What may be concluded, in plain English: each sentence with its number, interval and unit, none firmer than its evidence."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from drywet.analysis.anova import Anova, Effect
from drywet.analysis.comparison import SIGNIFICANT, Interval, LevelComparison, Verdict
from drywet.analysis.contrasts import Contrast, estimate
from drywet.analysis.design import Design
from drywet.analysis.divergence import Rate
from drywet.analysis.run_means import RunMeans, factor_names

Kind = Literal["refusal", "importance", "comparison", "trend", "knob", "interaction", "divergence", "power"]


@dataclass(frozen=True)
class Conclusion:
    """One sentence and the figures in it.

    Attributes
    ----------
    factor : str
        The factor it is about; empty where it is about the study.
    effect_db, interval_db : float, pair of float, optional
        In dB of the response; the interval is the 95 % one over runs.
    p : float, optional
        Of the test that the verdict rests on, adjusted for the number of comparisons.
    verdict : str
        ``confirmed`` (there is an effect), ``equivalent`` (none as large as the margin), ``undecided``, ``described`` (no test
        was made). :func:`drywet.analysis.judge` adds ``refuted``.
    """

    text: str
    kind: Kind
    verdict: Verdict
    factor: str = ""
    effect_db: float | None = None
    interval_db: Interval | None = None
    p: float | None = None


def conclude(
    means: RunMeans,
    anova: Anova | None,
    comparisons: Sequence[LevelComparison],
    rates: Sequence[Rate],
    margin_db: float,
) -> tuple[Conclusion, ...]:
    """Every conclusion about the factors, most important first; the refusal and the advice on seeds stand elsewhere."""
    found: list[Conclusion] = []
    if anova:
        found.append(_importance(anova, means.design))
    tuned = sorted((c for c in comparisons if not c.is_knob), key=lambda c: -abs(c.effect_db))
    found += [of_comparison(c, margin_db) for c in tuned]
    if anova:
        found += [_interaction(means, effect) for effect in anova.effects if _shown(effect)]
    found += [of_comparison(c, margin_db) for c in comparisons if c.is_knob]
    found += _divergence(rates)
    if anova:
        found += _power(means, anova, comparisons)
    return tuple(found)


def of_comparison(c: LevelComparison, margin_db: float) -> Conclusion:
    """The sentence of one comparison.

    >>> row = LevelComparison(
    ...     "pair", "units", False, "64", "96", False, 180, 18, 11, -0.2, (-0.6, 0.2), None, 0.3, 0.3, 0.003, 0.003
    ... )
    >>> of_comparison(row, 1.0).text
    'units 96 instead of 64: −0.2 dB [−0.6, +0.2], equivalent within 1 dB (p = 0.003; 180 runs)'
    """
    verdict = c.verdict
    kind: Kind = "knob" if c.is_knob else "trend" if c.kind == "trend" else "comparison"
    name = c.factor.replace("_", " ")
    along = "along the logarithm" if c.logarithmic else "along a straight line"
    what = (
        f"{name} {c.second} instead of {c.first}"
        if c.kind == "pair"
        else f"{name} from {c.first} to {c.second}, {along}"
    )
    head = f"{what}: {signed(c.effect_db)} dB{span(c.interval_db)}"
    if verdict == "described":
        lower = f", lower in {c.second_lower} of {c.matched} matched configurations" if c.kind == "pair" else ""
        return Conclusion(f"{head}{lower}; not tested", kind, verdict, c.factor, c.effect_db)
    margin = f"{margin_db:g} dB"
    if verdict == "equivalent":
        p = c.p_equivalence_holm
        real = f"a difference ({probability(c.p_holm)}) but " if _below(c.p_holm) else ""
        tail = f"{real}equivalent within {margin} ({probability(p)}; {c.runs} runs)"
    elif verdict == "confirmed":
        p = c.p_holm
        better = "harder" if c.effect_db > 0 else "easier"
        if not c.is_knob:
            better = "worse" if c.effect_db > 0 else "better"
        tail = f"{better} ({probability(p)}; {c.runs} runs)"
        if c.bootstrap_db and c.bootstrap_db[0] <= 0 <= c.bootstrap_db[1]:
            tail += f"; on these clips, for over other clips the interval is{span(c.bootstrap_db)}"
    else:
        p = c.p_holm
        tests = f"{probability(p)} and {probability(c.p_equivalence_holm)}"
        tail = f"undecided: neither a difference nor equivalence within {margin} is shown ({tests}; {c.runs} runs)"
        if c.seeds_needed:
            tail += f"; {c.seeds_needed} seeds per configuration would probably decide"
    return Conclusion(f"{head}, {tail}", kind, verdict, c.factor, c.effect_db, c.interval_db, p)


def signed(value: float, decimals: int = 1) -> str:
    """A number with its sign, a true minus; two decimals where one would show nothing.

    >>> signed(-0.25), signed(0.04), signed(0.0)
    ('−0.2', '+0.04', '0.0')
    """
    decimals = 2 if 0 < abs(value) < 0.095 else decimals
    text = f"{value:+.{decimals}f}"
    return f"{0:.{decimals}f}" if float(text) == 0 else text.replace("-", "−")


def span(interval: Interval | None) -> str:
    """`` [−0.6, +0.2]``, nothing for None."""
    return f" [{signed(interval[0])}, {signed(interval[1])}]" if interval else ""


def probability(p: float | None) -> str:
    """``p = 0.003``, ``p < 0.001``."""
    if p is None:
        return "no p"
    return "p < 0.001" if p < 0.001 else f"p = {p:.3f}" if p < 0.0995 else f"p = {p:.2f}"


def _below(p: float | None) -> bool:
    return p is not None and p < SIGNIFICANT


def _shown(effect: Effect) -> bool:
    return len(effect.factors) == 2 and effect.p_holm < SIGNIFICANT


def _importance(anova: Anova, design: Design) -> Conclusion:
    mains = sorted((e for e in anova.effects if len(e.factors) == 1), key=lambda e: -e.omega_squared)
    clear = [e for e in mains if e.p_holm < SIGNIFICANT]
    spread = f"seeds alone spread by {anova.error_variance**0.5:.1f} dB (SD)"
    if not clear:
        names = " or ".join(e.name for e in mains)
        return Conclusion(
            f"No effect of {names} is established on the mean; {spread}", "importance", "undecided", p=mains[0].p_holm
        )
    listed = "; ".join(f"{e.name} (ω² {e.omega_squared:.2f}, {probability(e.p_holm)})" for e in clear)
    others = [e.name for e in mains if e not in clear]
    rest = f". No overall effect of {' or '.join(others)} is established" if others else ""
    return Conclusion(
        f"What matters, as a share of the variance that it and the seeds cause: {listed}{rest}; {spread}", "importance",
        "confirmed", design.factors[clear[0].factors[0]].name, p=clear[0].p_holm,
    )  # fmt: skip


def _interaction(means: RunMeans, effect: Effect) -> Conclusion:
    """How much the step of one factor differs between the ends of the other."""
    design = means.design
    one, two = sorted(effect.factors, key=lambda factor: len(design.present(factor)))
    if design.factors[one].is_control:
        one, two = two, one
    names = factor_names(design.factors)
    ends = [(design.present(factor)[0], design.present(factor)[-1]) for factor in (one, two)]
    steps = [_step(design, one, ends[0], two, at) for at in ends[1]]
    contrasts = [_weighing(steps[0]), _weighing(steps[1]), _weighing(steps[1] - steps[0])]
    found = estimate(design, contrasts, means.response)
    low, high = found.interval()
    labels = [design.factors[factor].levels for factor in (one, two)]
    first, second = (labels[0][level] for level in ends[0])
    said = " and ".join(
        f"{signed(float(found.effect[i]))} dB{span((float(low[i]), float(high[i])))} at {names[two]} {labels[1][at]}"
        for i, at in enumerate(ends[1])
    )
    depends = f"the effect of {names[one]} depends on {names[two]} ({probability(effect.p_holm)})"
    text = f"{depends}: {second} instead of {first} is {said}"
    return Conclusion(
        text,
        "interaction",
        "confirmed",
        effect.name,
        float(found.effect[2]),
        (float(low[2]), float(high[2])),
        effect.p_holm,
    )


def _step(design: Design, one: int, ends: tuple[int, int], two: int, at: int) -> np.ndarray:
    """Weights of the mean difference between two levels of factor ``one`` where factor ``two`` is at ``at``."""
    weights = np.zeros(len(design.cells))
    here = design.cells[:, two] == at
    for level, sign in zip(ends, (-1, 1), strict=True):
        members = here & (design.cells[:, one] == level)
        weights[members] += sign / max(1, members.sum())
    return weights


def _weighing(weights: np.ndarray) -> Contrast:
    return Contrast("pair", 0, "", "", weights, 0)


def _divergence(rates: Sequence[Rate]) -> list[Conclusion]:
    found = []
    for what in ("diverged", "unstable"):
        own = [rate for rate in rates if rate.what == what]
        overall = next((rate for rate in own if not rate.factor), None)
        if overall is None or (not overall.count and what == "unstable"):
            continue
        words = (
            "training diverged" if what == "diverged" else "training was unstable (rolled back, collapsed or diverged)"
        )
        text = f"{words} in {_rate(overall)} of runs"
        by_factor: dict[str, list[Rate]] = {}
        for rate in own:
            if rate.factor and overall.count:
                by_factor.setdefault(rate.factor, []).append(rate)
        # Only where the levels differ clearly: intervals that do not meet.
        for factor, levels in by_factor.items():
            least, most = min(levels, key=lambda rate: rate.share), max(levels, key=lambda rate: rate.share)
            if least.interval[1] < most.interval[0]:
                text += f"; {factor.replace('_', ' ')} {most.level}: {_rate(most)}, {least.level}: {_rate(least)}"
        found.append(Conclusion(text, "divergence", "described"))
    return found


def _rate(rate: Rate) -> str:
    low, high = (100 * bound for bound in rate.interval)
    return f"{rate.count} of {rate.runs}, {100 * rate.share:.0f} % [{low:.0f}, {high:.0f}]"


def _power(means: RunMeans, anova: Anova, comparisons: Sequence[LevelComparison]) -> list[Conclusion]:
    pairs = [c for c in comparisons if c.kind == "pair" and c.detectable_db is not None and not c.is_knob]
    if not pairs:
        return []
    by_factor: dict[str, float] = {}
    for c in pairs:
        by_factor[c.factor] = max(by_factor.get(c.factor, 0.0), c.detectable_db or 0.0)
    listed = ", ".join(f"{value:.2g} dB of {name.replace('_', ' ')}" for name, value in by_factor.items())
    counts = means.design.counts
    seeds = f"{counts.min()}" if counts.min() == counts.max() else f"{counts.min()} to {counts.max()}"
    runs = f"{len(means.response)} runs, {seeds} per configuration"
    return [
        Conclusion(
            f"What this design could have seen ({runs}, SD {anova.error_variance**0.5:.1f} dB between seeds): differences "
            f"from {listed} on are found by four of five such studies, before adjusting for several comparisons",
            "power",
            "described",
        )
    ]
