"""Do the tests of `drywet analyze` keep their word? Simulated studies of which the truth is known.

Each study is a table of runs: means of configurations, luck of the seed, difficulty of clips, and what neither explains. The
program counts how often intervals hold the truth, how often tests reject a null that is true, how often equivalence is
claimed of a difference as large as the margin, and how often a difference is found that the power calculation expects to be
found in 80 of 100 studies. And it counts the same for an analysis that is wrong on purpose: riffs taken for replicates.

    python bench/simulated_studies.py                    # 2000 studies of each kind; the table of docs/analysis.md
    python bench/simulated_studies.py --studies 200

One core; prints Markdown. Random numbers start at --seed.
"""

import argparse
import math
import time
from dataclasses import dataclass

import numpy as np

from drywet.analysis.anova import Model
from drywet.analysis.bootstrap import bootstrap_intervals
from drywet.analysis.contrasts import estimate, pair, planned
from drywet.analysis.design import Design, full_grid
from drywet.analysis.divergence import exact_interval
from drywet.analysis.mixed import fit_mixed
from drywet.analysis.permutation import permutation_p
from drywet.analysis.power import POWER, difference_power, equivalence_power
from drywet.analysis.ranks import friedman
from drywet.analysis.results import Factor

SEED_SD, CLIP_SD, REST_SD = 1.3, 1.3, 0.4  # dB; see the methods: ln ESR spreads by 0.3 between seeds, as between songs
N_CLIPS, MARGIN = 6, 1.0

CONTEXT = Factor("context", "model.context", ("44", "66", "88"))
UNITS = Factor("units", "model.hidden_size", ("64", "96"))
RATE = Factor("learning_rate", "training.learning_rate", ("0.01", "0.0001"))
GAIN = Factor("gain", "controls.drive", ("Low", "Mid", "High"))


# Headings of the printed table, in percent of studies, and how the rows below begin.
COLUMNS = {
    "F rejects a true null": "F tests",
    "contrast does": "contrasts",
    "permutation does": "permutation",
    "95 % interval holds the truth": "95 % intervals",
    "bootstrap does": "95 % bootstrap",
    "equivalence at the margin": "equivalence claimed",
    "difference found, 80 expected": "difference",
    "equivalence found, 80 expected": "equivalence within",
}


@dataclass(frozen=True)
class Kind:
    """A kind of study: its design, and how the luck of the seed is distributed."""

    name: str
    design: Design
    luck: str = "normal"  # or "unequal": twice the SD at the first learning rate; or "skewed": now and then a bad run


def kinds() -> list[Kind]:
    """From the published grid with five seeds down to two configurations."""
    grid = full_grid((GAIN, CONTEXT, UNITS, RATE), 5)
    small = full_grid((CONTEXT, RATE), 3)
    pair_of_two = full_grid((RATE,), 5)
    kept = np.random.default_rng(5).random(len(grid.levels)) < 0.6  # one to five runs per configuration
    return [
        Kind("36 configurations, 5 seeds", grid),
        Kind("36 configurations, 5 seeds, unequal variances", grid, "unequal"),
        Kind("36 configurations, 5 seeds, skewed", grid, "skewed"),
        Kind("36 configurations, 0 to 5 seeds", Design(grid.factors, grid.levels[kept])),
        Kind("6 configurations, 3 seeds", small),
        Kind("6 configurations, 3 seeds, unequal variances", small, "unequal"),
        Kind("2 configurations, 5 seeds", pair_of_two),
        Kind("2 configurations, 5 seeds, unequal variances", pair_of_two, "unequal"),
    ]


def seed_luck(kind: Kind, studies: int, rng: np.random.Generator) -> np.ndarray:
    """What the seed adds to each run, mean 0, shape (N, studies), dB."""
    shape = (len(kind.design.levels), studies)
    if kind.luck == "skewed":  # a gamma with the skewness 1: the long tail is of bad runs
        return SEED_SD * (rng.gamma(4.0, 1.0, shape) - 4.0) / 2.0
    luck = SEED_SD * rng.standard_normal(shape)
    if kind.luck == "unequal":
        rate = [factor.name for factor in kind.design.factors].index("learning_rate")
        luck[kind.design.levels[:, rate] == 0] *= 2
    return luck


def difference(design: Design, factor: str, effect_db: float) -> np.ndarray:
    """Mean of each run where the second level of ``factor`` differs from the first by ``effect_db``, shape (N, 1)."""
    index = [known.name for known in design.factors].index(factor)
    return effect_db * (design.levels[:, index] == 1)[:, None].astype(float)


def of_rate(design: Design):
    """The contrast of the two learning rates."""
    index = [known.name for known in design.factors].index("learning_rate")
    found = pair(design, index, 0, 1)
    assert found is not None
    return found


def study_tests(kind: Kind, studies: int, rng: np.random.Generator) -> list[tuple[str, float]]:
    """Shares of studies, of everything that needs only run means."""
    design, model = kind.design, Model(kind.design)
    luck = seed_luck(kind, studies, rng)
    _, p, _ = model.test(luck)
    contrasts = [contrast for index in design.varying() for contrast in planned(design, index)]
    found = estimate(design, contrasts, luck)
    low, high = found.interval()
    rate = of_rate(design)
    at_margin = estimate(design, [rate], luck + difference(design, "learning_rate", MARGIN))
    rows = [
        ("F tests, true null rejected (largest of the effects)", float((p < 0.05).mean(axis=1).max())),
        ("contrasts, true null rejected (largest)", float((found.p_difference() < 0.05).mean(axis=1).max())),
        ("95 % intervals hold the truth (lowest)", float(((low <= 0) & (high >= 0)).mean(axis=1).min())),
        ("95 % intervals hold the truth (highest)", float(((low <= 0) & (high >= 0)).mean(axis=1).max())),
        ("equivalence claimed of a difference of the margin", float((at_margin.p_equivalence(MARGIN) < 0.05).mean())),
    ]
    if kind.luck == "normal":
        error = SEED_SD * math.sqrt(float((rate.weights**2 / design.counts).sum()))
        freedom = expected_freedom(design, rate.weights)
        effect = effect_for(POWER, error, freedom)
        seen = estimate(design, [rate], luck + difference(design, "learning_rate", effect))
        rows.append((f"difference of {effect:.2f} dB found, 80 % expected", float((seen.p_difference() < 0.05).mean())))
        none, margin = estimate(design, [rate], luck), margin_for(POWER, error, freedom)
        rows.append(
            (
                f"equivalence within {margin:.2f} dB found, 80 % expected",
                float((none.p_equivalence(margin) < 0.05).mean()),
            )
        )
    return rows


def expected_freedom(design: Design, weights: np.ndarray) -> float:
    """Degrees of freedom to expect of a contrast where all variances are equal, as in :func:`power.welch_freedom`."""
    parts, own = weights**2 / design.counts, design.counts > 1
    parts, freedom = np.append(parts[own], parts[~own].sum()), np.append(design.counts[own] - 1, design.error_freedom)
    squares = parts**2 / freedom
    return float((parts.sum() ** 2 + 2 * squares.sum()) / (squares * (1 + 2 / freedom)).sum())


def effect_for(power: float, error: float, freedom: float) -> float:
    """The effect with that power, to 0.001 dB."""
    return next(e for e in np.arange(0.001, 20, 0.001) if difference_power(e, error, freedom) >= power)


def margin_for(power: float, error: float, freedom: float) -> float:
    """The margin with that power of proving equivalence, to 0.001 dB."""
    return next(m for m in np.arange(0.001, 20, 0.001) if equivalence_power(m, error, freedom) >= power)


def resampling(kind: Kind, studies: int, rng: np.random.Generator) -> list[tuple[str, float]]:
    """Permutation check and bootstrap: one study at a time. Clips differ in how much the learning rate matters on them."""
    design, model, rate = kind.design, Model(kind.design), of_rate(kind.design)
    index = [known.name for known in design.factors].index("learning_rate")
    rejected, covered = 0, 0
    for _ in range(studies):
        luck = seed_luck(kind, 1, rng)
        clips = CLIP_SD * rng.standard_normal(N_CLIPS)
        own = REST_SD * rng.standard_normal((2, N_CLIPS))  # of each clip at each learning rate
        table = luck + clips + own[design.levels[:, index]] + REST_SD * rng.standard_normal((len(luck), N_CLIPS))
        interval = bootstrap_intervals(design, [rate], table, 1000, int(rng.integers(2**31)))[0]
        covered += interval[0] <= 0 <= interval[1]
        rejected += permutation_p(model, luck[:, 0], index, 499, int(rng.integers(2**31))) < 0.0501
    return [
        ("permutation check, true null rejected", rejected / studies),
        ("95 % bootstrap intervals over runs and clips hold the truth", covered / studies),
    ]


def mixed_model(kind: Kind, studies: int, rng: np.random.Generator) -> float:
    """How often the mixed model rejects a true null of the learning rate; a study takes it a good part of a second."""
    rejected = 0
    for _ in range(studies):
        luck = seed_luck(kind, 1, rng)
        table = luck + CLIP_SD * rng.standard_normal(N_CLIPS) + REST_SD * rng.standard_normal((len(luck), N_CLIPS))
        fit = fit_mixed(kind.design, table)
        assert not isinstance(fit, str), fit
        rejected += next(e.p for e in fit.effects if e.name == "learning rate") < 0.05
    return rejected / studies


def ranks_over(what: str, studies: int, rng: np.random.Generator) -> float:
    """How often Friedman's test rejects a true null: 12 configurations over 3 knob settings x 5 seeds, or over 6 clips.

    Over clips one trained network per configuration (its mean over knobs and seeds, if you like) plays all the blocks.
    """
    rejected = 0
    for _ in range(studies):
        if what == "trainings":
            table = SEED_SD * rng.standard_normal((15, 12)) + 2 * rng.standard_normal((15, 1))
        else:
            luck = SEED_SD / math.sqrt(15) * rng.standard_normal((1, 12))
            table = (
                CLIP_SD * rng.standard_normal((N_CLIPS, 1)) + luck + REST_SD / 4 * rng.standard_normal((N_CLIPS, 12))
            )
        rejected += friedman(table)[1] < 0.05
    return rejected / studies


def clips_as_replicates(kind: Kind, studies: int, rng: np.random.Generator) -> float:
    """How often the F test of the learning rate rejects a true null when every clip of every run counts as a run."""
    design = kind.design
    more = Design(design.factors, np.repeat(design.levels, N_CLIPS, axis=0))
    table = np.repeat(seed_luck(kind, studies, rng), N_CLIPS, axis=0)
    table = table + REST_SD * rng.standard_normal(table.shape)
    model = Model(more)
    index = [known.name for known in design.factors].index("learning_rate")
    return float((model.test(table)[1][model.terms.index((index,))] < 0.05).mean())


def exact_coverage(studies: int, rng: np.random.Generator) -> float:
    """Lowest coverage of Clopper-Pearson intervals among divergence rates of 1, 5 and 20 % in 18 and 90 runs."""
    lowest = 1.0
    for runs in (18, 90):
        for share in (0.01, 0.05, 0.2):
            intervals = [exact_interval(count, runs) for count in range(runs + 1)]
            counts = rng.binomial(runs, share, studies)
            lowest = min(lowest, float(np.mean([intervals[c][0] <= share <= intervals[c][1] for c in counts])))
    return lowest


def cell(rows: list[tuple[str, float]], begins: str) -> str:
    """The shares in percent of what begins so; of a difference or margin in dB, which."""
    found = [(what, share) for what, share in rows if what.startswith(begins)]
    size = f" ({found[0][0].split(' dB')[0].split()[-1]} dB)" if found and " dB found" in found[0][0] else ""
    return " to ".join(f"{100 * share:.1f}" for _, share in found) + size


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--studies", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    rng, started = np.random.default_rng(arguments.seed), time.process_time()
    print("| Study | " + " | ".join(COLUMNS) + " |\n|" + "---|" * (len(COLUMNS) + 1))
    for kind in kinds():
        rows = study_tests(kind, arguments.studies, rng)
        if len(kind.design.cells) < 36:
            rows += resampling(kind, arguments.studies, rng)
        print(f"| {kind.name} | " + " | ".join(cell(rows, begins) for begins in COLUMNS.values()) + " |", flush=True)
    fewer = max(1, arguments.studies // 10)
    others = [
        ("ranks over 15 blocks of training reject a true null", ranks_over("trainings", arguments.studies, rng)),
        ("exact intervals of a rate hold the truth (lowest)", exact_coverage(arguments.studies, rng)),
        ("wrong on purpose: ranks over clips reject a true null", ranks_over("clips", arguments.studies, rng)),
        ("wrong on purpose: F test with clips as replicates rejects a true null",
         clips_as_replicates(kinds()[0], arguments.studies, rng)),
        (f"mixed model, 6 configurations, 3 seeds, rejects a true null ({fewer} studies)",
         mixed_model(kinds()[4], fewer, np.random.default_rng(arguments.seed + 1))),
    ]  # fmt: skip
    print("\n| What | % of studies |\n|---|---|")
    for what, share in others:
        print(f"| {what} | {100 * share:.1f} |")
    print(
        f"\n{arguments.studies} studies of each kind, seed {arguments.seed}; {time.process_time() - started:.0f} s of one core"
    )


if __name__ == "__main__":
    main()
