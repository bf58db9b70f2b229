"""Write docs/study.md from the tables in docs/tables: ``python bench/study_page.py``.

Nothing but those tables and the presets goes in, so anyone can check the page, or recompute it another way. The runs behind
them are made by bench/study_answered.py.
"""

import argparse
import csv
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import fmean, stdev

import numpy as np
from scipy.stats import fisher_exact, spearmanr, t
from study_answered import PARTS

from drywet import files
from drywet.analysis import (
    Analysis,
    ClipScore,
    Factor,
    LevelComparison,
    RunResult,
    StudyResults,
    Validation,
    analyze,
    holm,
)
from drywet.analysis.comparison import SIGNIFICANT, compare_pair
from drywet.analysis.conclusions import probability, signed, span
from drywet.analysis.describe import percent
from drywet.analysis.divergence import exact_interval
from drywet.evaluation.panel import PANEL

MARGIN_DB = 1.0
DOCS = Path(__file__).parent.parent / "docs"


@dataclass(frozen=True)
class Answer:
    """A published conclusion, or a question of its takeaways, and what came of it.

    ``p`` is that of the test behind the verdict; None where the verdict rests on an interval alone.
    """

    said: str
    verdict: str
    figure: str
    part: str
    comment: str
    p: float | None = None


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tables", type=Path, default=DOCS / "tables")
    parser.add_argument("--out", type=Path, default=DOCS / "study.md")
    args = parser.parse_args()
    files.write_text(args.out, page(args.tables))


def page(tables: Path) -> str:
    """The whole page as Markdown."""
    studies = {name: read_part(name, tables) for name in PARTS}
    found = {name: analyze(results, margin_db=MARGIN_DB) for name, results in studies.items()}
    published, asked = adjusted(conclusions(found, studies)), adjusted(questions(found, studies))
    verdicts = [answer.verdict for answer in published]
    runs = [run for results in studies.values() for run in results.scored]  # some belong to two parts
    return (
        (Path(__file__).parent / "study_page.template.md")
        .read_text(encoding="utf-8")
        .format(
            runs=len({run.id for run in runs}),
            machine=" and ".join(sorted({str(run.provenance["machine"]) for run in runs})),
            torch=" and ".join(sorted({str(run.provenance["torch"]) for run in runs})),
            parts=table_of_parts(studies),
            margin=f"{MARGIN_DB:g}",
            total=len(published),
            **{word: verdicts.count(word) for word in ("confirmed", "refuted", "undecided")},
            conclusions=table_of_answers("conclusion", published),
            questions=table_of_answers("question", asked),
            levels="\n\n".join(levels(name, found[name]) for name in studies),
            designs="\n".join(design(name, found[name]) for name in studies),
        )
    )


def conclusions(found: dict[str, Analysis], studies: dict[str, StudyResults]) -> list[Answer]:
    """What the published study concluded, in its order."""
    windows, grid, gain = found["windows"], found["grid"], found["gain"]
    return [
        range_of_esr(studies["windows"]),
        better(
            "A larger context is better (44 to 88 samples).", "windows", compare(windows, "context", "88", "44"),
            "Windows by the published recipe, as many rows in the same audio at both contexts. In the published design the "
            "larger context also saw twice the audio and was validated on a sixth of the rows. Five seeds left it undecided "
            "(−0.9 dB, p = 0.087) and asked for ten; there was time for three more, so p counts double here.",
            looks=2,
        ),
        Answer(
            "Contexts up to 440 samples help further, ever less.", "undecided", "not part of this run", "",
            "The published second experiment, one run at each of ten contexts. `ds340-context` repeats it with five seeds, "
            "with and without carried state.",
        ),
        equal(
            "64 and 96 units make no difference.", "grid", compare(grid, "units", "96", "64"),
            f"A claim of equivalence: confirmed only if a difference of {MARGIN_DB:g} dB is excluded. "
            + by_level(grid, "units", "96", "64", "epochs"),
        ),
        better(
            "A learning rate of 0.01 is slightly better than 0.0001.", "grid", compare(grid, "learning_rate", "0.01", "0.0001"),
            "The published means differ by 0.4 dB (3.03 and 3.33 %), after up to a hundred passes; here training is short, and "
            "the slow rate has hardly begun. " + by_level(grid, "learning_rate", "0.01", "0.0001", "epochs"),
        ),
        half_the_time(studies["grid"]),
        unstable(studies["grid"]),
        better(
            "0.0001 had not converged when training ended.", "grid",
            compare(grid, "epochs", "4", "1", {"learning_rate": "0.0001"}),
            "Four times the updates at that rate. The published runs had 117,000 updates of 64 samples, these at most "
            "1252 of 4224, so this says that such a rate is slow, not what it does after a hundred passes. "
            + by_level(grid, "epochs", "4", "1", "learning_rate"),
        ),
        better(
            "More drive is harder: Low is better than Mid.", "gain", compare(gain, "gain", "Low", "Mid"),
            "88 samples, 64 units, learning rate 0.003, four passes.",
        ),
        better("More drive is harder: Mid is better than High.", "gain", compare(gain, "gain", "Mid", "High"), "The same."),
        linear_time(studies["windows"]),
        misleading(studies["grid"]),
    ]  # fmt: skip


def questions(found: dict[str, Analysis], studies: dict[str, StudyResults]) -> list[Answer]:
    """What the takeaways ask to explore, each as a claim that it helps: confirmed is yes, refuted no."""
    grid, state = found["grid"], found["state"]
    return [
        better(
            "Is state that is carried on better than a window?", "state", compare(state, "state", "carried", "window"),
            "88 samples, as many updates and as many samples read. The recipes differ in more than the state: with it come "
            "signals at unit RMS, clipped gradients, a falling learning rate, averaged weights and an error at every sample.",
        ),
        better(
            "Does a longer context help where state is carried (TBPTT length 44 to 528)?", "grid",
            compare(grid, "context", "528", "44"),
            "The state reaches back without limit at either; the context is how far gradients do. "
            + by_level(grid, "context", "528", "44", "learning_rate"),
        ),
        better(
            "Is a rate in between better: 0.003 than 0.01?", "grid", compare(grid, "learning_rate", "0.003", "0.01"),
            by_level(grid, "learning_rate", "0.003", "0.01", "epochs"),
        ),
        better(
            "0.001 than 0.01?", "grid", compare(grid, "learning_rate", "0.001", "0.01"),
            by_level(grid, "learning_rate", "0.001", "0.01", "epochs"),
        ),
        better(
            "Does longer training help (four passes instead of one)?", "grid", compare(grid, "epochs", "4", "1"),
            by_level(grid, "epochs", "4", "1", "units"),
        ),
        shift(studies["windows"]),
    ]  # fmt: skip


def better(said: str, part: str, comparison: LevelComparison, comment: str, looks: int = 1) -> Answer:
    """A claim that one level is better than another, held against its comparison.

    Either test may decide, difference or equivalence; since the nulls of both cannot be true, that is one test to adjust for.
    Where seeds were added after a first look, p is multiplied by the number of looks (Bonferroni).
    """
    p, p_equivalence = (min(1.0, looks * value) for value in tested(comparison))
    small = f"within {MARGIN_DB:g} dB ({probability(p_equivalence)})"
    if p < SIGNIFICANT:
        though = f", though {small}" if p_equivalence < SIGNIFICANT else ""
        verdict = "confirmed" if comparison.effect_db < 0 else "refuted"
        return Answer(said, verdict, figure(comparison, f"{probability(p)}{though}"), part, comment, p)
    if p_equivalence < SIGNIFICANT:
        return Answer(said, "refuted", figure(comparison, f"equivalent {small}"), part, comment, p_equivalence)
    return undecided(said, part, comparison, comment, p)


def equal(said: str, part: str, comparison: LevelComparison, comment: str) -> Answer:
    """A claim that two levels make no difference."""
    p, p_equivalence = tested(comparison)
    if p_equivalence < SIGNIFICANT:
        real = f"a difference ({probability(p)}) but " if p < SIGNIFICANT else ""
        small = f"{real}equivalent within {MARGIN_DB:g} dB ({probability(p_equivalence)})"
        return Answer(said, "confirmed", figure(comparison, small), part, comment, p_equivalence)
    if p < SIGNIFICANT:
        return Answer(said, "refuted", figure(comparison, probability(p)), part, comment, p)
    return undecided(said, part, comparison, comment, p)


def undecided(said: str, part: str, comparison: LevelComparison, comment: str, p: float) -> Answer:
    needed = f"; {comparison.seeds_needed} seeds would probably decide" if comparison.seeds_needed else ""
    return Answer(said, "undecided", figure(comparison, probability(p)) + needed, part, comment, p)


def figure(comparison: LevelComparison, tests: str) -> str:
    return f"{effect(comparison)}, {tests}; {comparison.runs} runs"


def effect(comparison: LevelComparison) -> str:
    """The effect with its interval."""
    return f"{signed(comparison.effect_db)} dB{span(comparison.interval_db)}"


def tested(comparison: LevelComparison) -> tuple[float, float]:
    """p of no difference, and of a difference as large as the margin."""
    assert comparison.p is not None, "configurations have one run each"
    assert comparison.p_equivalence is not None
    return comparison.p, comparison.p_equivalence


def compare(
    analysis: Analysis, factor: str, level: str, instead_of: str, where: Mapping[str, str] | None = None
) -> LevelComparison:
    """Level instead of level, over all configurations or those with the levels ``where``."""
    design = analysis.means.design
    cells = np.ones(len(design.cells), bool)
    for index, known in enumerate(design.factors):
        if where and known.name in where:
            cells &= design.cells[:, index] == known.levels.index(where[known.name])
    found = compare_pair(analysis.means, factor, instead_of, level, cells, MARGIN_DB)
    assert found is not None, f"{factor}: {level} and {instead_of} have no configurations in common"
    return found


def by_level(analysis: Analysis, factor: str, one: str, other: str, within: str) -> str:
    """The same comparison at each level of another factor."""
    design = next(known for known in analysis.means.design.factors if known.name == within)
    index = analysis.means.design.factors.index(design)
    parts = []
    for level in (design.levels[i] for i in analysis.means.design.present(index)):
        found = compare(analysis, factor, one, other, {within: level})
        parts.append(f"{effect(found)} at {level}")
    name = within.replace("_", " ")
    return f"By {name}: {'; '.join(parts)}."


def adjusted(answers: list[Answer]) -> list[Answer]:
    """Verdicts that still stand when the p of all tested answers are adjusted together (Holm)."""
    p_values = {answer.said: answer.p for answer in answers if answer.p is not None}
    p_values = dict(zip(p_values, holm(list(p_values.values())), strict=True))
    return [
        replace(answer, verdict="undecided")
        if answer.p is not None and answer.verdict != "undecided" and p_values[answer.said] >= SIGNIFICANT
        else answer
        for answer in answers
    ]


def range_of_esr(results: StudyResults) -> Answer:
    decibels = np.array([10 * math.log10(run.mean("esr_published_compatible")) for run in results.scored])
    mean, (low, high) = interval(decibels)
    ratios = [10 ** (value / 10) for value in (mean, low, high)]
    inside = sum(0.01 <= run.mean("esr_published_compatible") <= 0.05 for run in results.scored)
    verdict = "undecided"
    if ratios[1] >= 0.01 and ratios[2] <= 0.05:
        verdict = "confirmed"
    elif ratios[2] < 0.01 or ratios[1] > 0.05:
        verdict = "refuted"
    best = min(run.mean_esr for run in results.scored)
    return Answer(
        "Models reach an ESR of 1 to 5 %.",
        verdict,
        f"mean {percent(ratios[0])} [{percent(ratios[1])}, {percent(ratios[2])}] compared one sample late as published; "
        f"{inside} of {len(decibels)} runs inside",
        "windows",
        f"Windows by the published recipe, after {results.scored[0].updates:,.0f} updates; the published had up to 117,000. "
        f"Compared without that shift the best of them has {percent(best)}.",
    )


def half_the_time(results: StudyResults) -> Answer:
    shares = []
    runs = {tuple(run.factors.values()): run for run in results.scored}
    names = [factor.name for factor in results.factors]
    for levels_of_run, slow in runs.items():
        at = dict(zip(names, levels_of_run, strict=True))
        fast = runs.get(tuple((at | {"learning_rate": "0.01"}).values()))
        if at["learning_rate"] != "0.0001" or at["epochs"] != "4" or fast is None:
            continue
        reached = min(row.validation_esr for row in slow.log)
        when = next((row.update for row in fast.log if row.validation_esr <= reached), math.inf)
        shares.append(min(1.0, when / slow.updates))
    mean, (low, high) = interval(np.array(shares))
    return Answer(
        "0.01 needs half the time of 0.0001.",
        "confirmed" if high <= 0.5 else "refuted" if low > 0.5 else "undecided",
        f"{100 * mean:.0f} % [{100 * low:.0f}, {100 * high:.0f}] of the updates; {len(shares)} pairs of runs",
        "grid",
        "How much of the training with 0.0001 (four passes) it takes a run with 0.01 to have the validation ESR that the "
        "other ends with; looked at ten times a run, so 10 % is the least that can be seen. The published runs were "
        "stopped by patience instead.",
    )


def unstable(results: StudyResults) -> Answer:
    counts = {}
    for level in ("0.01", "0.0001"):
        runs = [run for run in results.runs if run.factors["learning_rate"] == level and run.log]
        counts[level] = (sum(run.instability is not None for run in runs), len(runs))
    (fast, n_fast), (slow, n_slow) = counts["0.01"], counts["0.0001"]
    p = float(fisher_exact([[fast, n_fast - fast], [slow, n_slow - slow]], alternative="greater").pvalue)
    low, high = (100 * bound for bound in exact_interval(fast, n_fast))
    return Answer(
        "0.01 is at times unstable, 0.0001 is not.",
        "confirmed" if p < SIGNIFICANT else "undecided",
        f"{fast} of {n_fast} runs at 0.01 [{low:.0f}, {high:.0f} %], {slow} of {n_slow} at 0.0001; {probability(p)}",
        "grid",
        "Unstable means rolled back, collapsed or diverged. The published collapses came after 40,000 updates and more, "
        "without clipping and with a rate that does not fall, so calm runs here cannot refute them.",
        p,
    )


def linear_time(results: StudyResults) -> Answer:
    context = np.array([float(run.factors["context"]) for run in results.scored])
    seconds = np.array([run.seconds for run in results.scored])
    x, y = np.log(context) - np.log(context).mean(), np.log(seconds)
    slope = float((x * y).sum() / (x**2).sum())
    residuals = y - y.mean() - slope * x
    error = math.sqrt((residuals**2).sum() / (len(x) - 2) / (x**2).sum())
    half = float(t.isf(0.025, len(x) - 2)) * error
    verdict = "confirmed" if slope - half > 0.9 and slope + half < 1.1 else "undecided"
    if slope - half > 1.1 or slope + half < 0.9:
        verdict = "refuted"
    times = ", ".join(
        f"{fmean(seconds[context == value]):.0f} s at {value:.0f}" for value in sorted(set(context.tolist()))
    )
    return Answer(
        "The time of training grows in proportion to the context.",
        verdict,
        f"exponent {slope:.2f} [{slope - half:.2f}, {slope + half:.2f}]; {len(x)} runs",
        "windows",
        f"1 is proportional; confirmed if the interval lies between 0.9 and 1.1. Mean training time {times}, on a machine "
        "that did other work too.",
    )


def misleading(results: StudyResults) -> Answer:
    esr = [run.geometric_mean_esr for run in results.scored]
    parts = []
    for name, label in (("log_mel", "log-mel distance"), ("noise_to_mask_db", "noise-to-mask ratio")):
        other = [run.clips[0].panel[name] for run in results.scored]  # the table has the mean over clips
        parts.append(f"{signed(float(spearmanr(esr, other).statistic), 2)} with the {label}")
    return Answer(
        "ESR alone may mislead.",
        "undecided",
        f"rank correlation of ESR over runs: {', '.join(parts)}; {len(esr)} runs",
        "grid",
        "1 would mean that both put all models in the same order. Neither is a listener, so this only shows how much room "
        "there is for misleading; [listening tests](listening.md) decide.",
    )


def shift(results: StudyResults) -> Answer:
    cost = np.array([10 * math.log10(run.mean("esr_published_compatible") / run.mean_esr) for run in results.scored])
    mean, around = interval(cost)
    return Answer(
        "How much of the published ESR is the comparison one sample late?",
        "described",
        f"{signed(mean)} dB{span(around)}; {len(cost)} runs",
        "windows",
        "The published test compared each prediction with the next sample. It adds error, the more the better the model.",
    )


def interval(values: np.ndarray) -> tuple[float, tuple[float, float]]:
    """Mean and 95 % Student interval."""
    mean = float(values.mean())
    half = float(t.isf(0.025, len(values) - 1)) * stdev(values.tolist()) / math.sqrt(len(values))
    return mean, (mean - half, mean + half)


def table_of_answers(what: str, answers: Sequence[Answer]) -> str:
    words = {"confirmed": "yes", "refuted": "no"} if what == "question" else {}
    rows = [
        (answer.said, f"**{words.get(answer.verdict, answer.verdict)}**", answer.figure, answer.part)
        for answer in answers
    ]
    comments = [f"**{answer.said}** {answer.comment}" for answer in answers if answer.comment]
    return "\n\n".join([markdown((what, "verdict", "figure", "part"), rows), *comments])


def table_of_parts(studies: dict[str, StudyResults]) -> str:
    rows = []
    for name, results in studies.items():
        factors = "; ".join(f"{factor.name.replace('_', ' ')} {', '.join(factor.levels)}" for factor in results.factors)
        seconds = results.settings["dataset"]["train_seconds"]
        updates = sorted({run.updates for run in results.scored})
        listed = " or ".join(f"{value:,.0f}" for value in updates)
        rows.append((name, f"`{PARTS[name].preset}`", factors, str(len(results.scored)), f"{seconds:g} s", listed))
    return markdown(("part", "of preset", "levels", "runs", "audio", "updates"), rows)


def markdown(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (header, ["---"] * len(header), *rows))


def levels(name: str, analysis: Analysis) -> str:
    means, rows = analysis.means, []
    deviation = math.sqrt(float(means.design.pooled_variance(means.response)))
    for index in means.design.varying():
        factor = means.design.factors[index]
        for level in means.design.present(index):
            values = means.response[means.design.levels[:, index] == level]
            esr = percent(10 ** (float(values.mean()) / 10))
            who = (factor.name.replace("_", " "), factor.levels[level], str(len(values)))
            rows.append((*who, esr, signed(float(values.mean()))))
    head = f"Part `{name}`, {len(means.response)} runs; the standard deviation between seeds is {deviation:.1f} dB:"
    return f"{head}\n\n{markdown(('factor', 'level', 'runs', 'ESR', 'dB'), rows)}"


def design(name: str, analysis: Analysis) -> str:
    """What the check of the design found, but for factors that were left at one level on purpose."""
    check = analysis.check
    found = [finding.text for finding in check.findings if finding.kind != "one level"]
    settings = [text for text in found if " moves with state: " in text]
    found = [text for text in found if text not in settings]
    if settings:
        names = ", ".join(f"`{text.partition(' moves')[0]}`" for text in settings)
        found.append(f"the two recipes differ in {names}")
    seeds = str(check.fewest) if check.balanced else f"{check.fewest} to {check.most}"
    words = " ".join(f"{text[0].upper()}{text[1:]}." for text in found) or "Nothing is confounded."
    return f"- `{name}`: {check.present} configurations of {seeds} seeds. {words}"


def read_part(name: str, tables: Path) -> StudyResults:
    """The results of a part as its tables have them; its design comes from the preset."""
    settings = PARTS[name].settings()
    logs: dict[int, list[Validation]] = {}
    for row in read_csv(tables / f"study-{name}-validations.csv"):
        esr = float(row["validation_esr"])
        looked = Validation(int(row["update"]), math.nan, math.nan, math.nan, math.nan, esr, row["event"] or None)
        logs.setdefault(int(row["number"]), []).append(looked)
    rows = {int(row["number"]): row for row in read_csv(tables / f"study-{name}.csv")}
    runs = []
    for config in settings.configs():
        row = rows.get(config.number, {})
        panel = {key: float(value) for key, value in row.items() if key in {each.name for each in PANEL} and value}
        clips = [
            ClipScore(
                key.removeprefix("esr:"), float(value), esr_published_compatible=float(row["esr_published_compatible"]),
                esr_linear=float(row["esr_linear"]), panel=panel,
            )
            for key, value in row.items() if key.startswith("esr:") and value
        ]  # fmt: skip
        runs.append(
            RunResult(
                number=config.number,
                id=row.get("id", ""),
                name=config.name,
                folder=Path(name),
                factors=config.factors,
                settings=config.settings.model_dump(mode="json"),
                provenance={
                    "status": row.get("status", "not started"),
                    **{key: float(row[key]) for key in ("parameters", "updates", "epochs", "train_seconds") if row},
                    **{key: row[key] for key in ("machine", "torch") if row},
                },
                log=tuple(logs.get(config.number, ())),
                clips=tuple(clips),
                missing=None if clips else "not made",
            )
        )
    factors = tuple(Factor(factor.name, factor.described(), tuple(factor.labelled())) for factor in settings.factor)
    return StudyResults(
        Path(name), settings.name, settings.title, "", factors, tuple(runs), settings=settings.model_dump(mode="json")
    )


def read_csv(path: Path) -> list[dict[str, str]]:
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


if __name__ == "__main__":
    main()
