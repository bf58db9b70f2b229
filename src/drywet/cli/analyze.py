"""``drywet analyze``: what a study shows, and what it does not."""

from pathlib import Path

import typer

from drywet.cli import common, progress


def analyze(
    study: Path = typer.Argument(help="A study folder."),
    out: Path = typer.Option(None, "--out", "-o", help="Where tables and figures go. Default: STUDY/analysis."),
    response: str = typer.Option("esr", help="What is analysed: esr, or a measure of the evaluation panel."),
    margin_db: float = typer.Option(1.0, help="Differences below this many dB do not matter (equivalence)."),
    mixed: bool = typer.Option(True, help="Fit the mixed model too; seconds to a minute."),
    json_: bool = typer.Option(False, "--json", help="Print everything as JSON."),
) -> None:
    """Say which settings matter, with intervals; the training run counts, not the clip.

    Tables (CSV, Markdown, LaTeX) and figures (SVG, PDF, PNG) go into a folder. With one seed per configuration nothing is said
    about significance, and a study file with seeds is written instead.

    Example: `drywet analyze studies/ds340-stateful`
    """
    from drywet import analysis as stage
    from drywet import files
    from drywet.report.effects import write_effect_figures

    results = stage.read_study(study)
    if out is not None:
        _check_place(out, results.name)
    with progress.stage("analysing", 1) as bar:
        found = stage.analyze(results, response=response, margin_db=margin_db, mixed=mixed)
        bar.update(1, 1.0)
    folder = out or study / "analysis"
    files.write_json(folder / "analysis.json", found.as_json())
    stage.write_analysis_tables(found, folder)
    more = stage.write_study_with_seeds(results, found.recommended_seeds, folder) if found.recommended_seeds else None
    with progress.stage("drawing", 1) as bar:
        write_effect_figures(found, folder)
        bar.update(1, 1.0)
    if json_:
        common.print_json(found.as_json())
        return
    for finding in found.check.findings:
        common.stdout.print(f"note: {finding.text}")
    for conclusion in found.conclusions:
        common.stdout.print(f"- {conclusion.text}")
    common.stdout.print(f"tables and figures: {folder}")
    if more:
        common.stdout.print(f"the study with {found.recommended_seeds} seeds: {more}")


def _check_place(folder: Path, study: str) -> None:
    """SettingsError where a folder is in use for anything but the analysis of this study."""
    from drywet import files
    from drywet.errors import SettingsError

    if not files.in_use(folder):
        return
    analysis = folder / "analysis.json"
    of = files.read_json_object(analysis).get("study") if analysis.exists() else None
    if not isinstance(of, str):
        raise SettingsError(f"{folder}: holds files, but no analysis of drywet's; choose an empty folder for --out")
    if of != study:
        raise SettingsError(f"{folder}: holds the analysis of {of}, not of {study}; choose another folder for --out")
