"""The analysis as tables: what was compared, the variance, the design, rates, ranks, cost, and the conclusions."""

from pathlib import Path

from drywet.analysis.analyze import Analysis
from drywet.analysis.ranks import Ranks
from drywet.analysis.table import Table
from drywet.files import write_text


def analysis_tables(analysis: Analysis) -> tuple[Table, ...]:
    """Every table that has rows."""
    tables = (
        _conclusions(analysis), _comparisons(analysis), _variance(analysis), _components(analysis), _design(analysis),
        _rates(analysis), _ranks(analysis), *_costs(analysis), _runs(analysis),
    )  # fmt: skip
    return tuple(table for table in tables if table.rows)


def write_analysis_tables(analysis: Analysis, folder: Path | str) -> list[Path]:
    """Write each table as ``.csv``, ``.md`` and ``.tex`` into ``folder``."""
    written = []
    for table in analysis_tables(analysis):
        for ending, text in (("csv", table.as_csv()), ("md", table.as_markdown()), ("tex", table.as_latex())):
            written.append(Path(folder) / f"{table.name}.{ending}")
            write_text(written[-1], text)
    return written


def _conclusions(analysis: Analysis) -> Table:
    rows = tuple(
        (c.text, c.kind, c.verdict, c.effect_db, *(c.interval_db or (None, None)), c.p) for c in analysis.conclusions
    )
    header = ("conclusion", "kind", "verdict", "effect in dB", "low", "high", "p")
    return Table("conclusions", "Conclusions", header, rows)


def _comparisons(analysis: Analysis) -> Table:
    rows = tuple(
        (
            c.factor, c.kind, c.first, c.second, c.effect_db, *(c.interval_db or (None, None)),
            *(c.bootstrap_db or (None, None)), c.p, c.p_holm, c.p_equivalence, c.p_equivalence_holm, c.verdict, c.runs,
            c.matched, c.second_lower, c.detectable_db, c.seeds_needed,
        )
        for c in analysis.comparisons
    )  # fmt: skip
    header = (
        "factor", "kind", "from", "to", "effect in dB", "low", "high", "low, other clips", "high, other clips", "p",
        "p Holm", "p equivalence", "p equivalence Holm", "verdict", "runs", "matched", "lower in", "detectable dB",
        "seeds needed",
    )  # fmt: skip
    title = f"Levels compared, {analysis.means.label}, margin of equivalence {analysis.margin_db:g} dB"
    return Table("comparisons", title, header, rows)


def _variance(analysis: Analysis) -> Table:
    found = analysis.anova
    header = (
        "effect", "sum of squares", "df", "F", "p", "p Holm", "ω²", "p permutation", "F mixed model",
        "p mixed model",
    )  # fmt: skip
    if found is None:
        return Table("variance", "", header, ())
    mixed = {} if isinstance(analysis.mixed, str) else {effect.name: effect for effect in analysis.mixed.effects}
    factors = analysis.means.design.factors
    rows: list[tuple] = []
    for effect in found.effects:
        wald = mixed.get(effect.name)
        permuted = analysis.permutation.get(factors[effect.factors[0]].name) if len(effect.factors) == 1 else None
        rows.append(
            (effect.name, effect.sum_of_squares, effect.freedom, effect.f, effect.p, effect.p_holm, effect.omega_squared,
             permuted, wald.f if wald else None, wald.p if wald else None)
        )  # fmt: skip
    sum_of_errors = found.error_variance * found.error_freedom
    rows.append(("seeds (error)", sum_of_errors, found.error_freedom, *[None] * 7))
    robust = "HC3, since variances differ" if found.robust else "equal variances"
    return Table("variance", f"Analysis of variance of run means, Type III, {robust}", header, tuple(rows))


def _components(analysis: Analysis) -> Table:
    header = ("what", "SD in dB")
    if isinstance(analysis.mixed, str):
        return Table("components", "", header, ())
    mixed = analysis.mixed
    rows = (("run", mixed.run_sd_db), ("clip", mixed.clip_sd_db), ("neither", mixed.rest_sd_db))
    return Table("components", "Components of variance, mixed model (REML)", header, rows)


def _design(analysis: Analysis) -> Table:
    rows = tuple((finding.kind, finding.text) for finding in analysis.check.findings)
    return Table("design", "What to know of the design", ("kind", "finding"), rows)


def _rates(analysis: Analysis) -> Table:
    rows = tuple((r.what, r.factor, r.level, r.count, r.runs, r.share, *r.interval) for r in analysis.rates)
    header = ("what", "factor", "level", "count", "runs", "share", "low", "high")
    return Table("rates", "Diverged and unstable runs, 95 % Clopper-Pearson intervals", header, rows)


def _ranks(analysis: Analysis) -> Table:
    header = ("configuration", "mean rank")
    if not isinstance(analysis.ranks, Ranks):
        return Table("ranks", "", header, ())
    ranks = analysis.ranks
    title = f"Mean ranks over {ranks.blocks} blocks; critical difference {ranks.critical_difference:.2f} (Nemenyi, 5 %)"
    return Table("ranks", title, header, tuple(zip(ranks.configurations, ranks.mean_ranks, strict=True)))


def _costs(analysis: Analysis) -> list[Table]:
    return [
        Table(
            f"cost-{cost}",
            f"{analysis.means.label} against {cost}",
            ("configuration", "mean in dB", cost, "runs", "on the front"),
            tuple((p.configuration, p.response_db, p.cost, p.runs, "yes" if p.on_front else "") for p in points),
        )
        for cost, points in analysis.pareto.items()
    ]


def _runs(analysis: Analysis) -> Table:
    means = analysis.means
    names = [factor.name for factor in means.design.factors]
    rows = tuple(
        (run, *(means.design.factors[i].levels[level] for i, level in enumerate(row)), seed, float(value), *clips,
         "yes" if diverged else "")
        for run, row, seed, value, clips, diverged in zip(
            means.runs, means.design.levels.tolist(), means.seeds, means.response, means.clip_response.tolist(),
            means.diverged, strict=True,
        )
    )  # fmt: skip
    return Table(
        "runs", f"{means.label} in dB per run", ("run", *names, "seed", "mean", *means.clips, "diverged"), rows
    )
