"""``drywet study``: run, list and show studies."""

from pathlib import Path

import typer

from drywet.cli import common, progress

app = typer.Typer(no_args_is_help=True)


@app.command()
def run(
    study: str = typer.Argument(help="A preset (see `drywet study list`) or a .toml file."),
    out: Path = typer.Option(None, "--out", "-o", help="Study folder. Default: studies/<name>."),
    dataset: Path = typer.Option(None, help="Recorded dataset to use instead of the virtual circuit."),
    jobs: int = typer.Option(None, "--jobs", "-j", min=1, help="Models at a time. Default: one per core."),
    executor: str = typer.Option("local", help="local (one process per run) or inline."),
    set_: list[str] = typer.Option(
        None, "--set", help="Any setting, e.g. --set run.training.budget=3epochs. Repeatable."
    ),
    only: list[str] = typer.Option(
        None, help="A part of the grid: these levels of a factor, e.g. --only gain=Mid,High. Repeatable."
    ),
) -> None:
    """Train, evaluate and report every run of a study. Run it again to go on after an interruption.

    Example: `drywet study run ds340-stateful`
    """
    page = run_study(study, out, dataset, jobs, executor, common.parse_settings(set_), _parse_levels(only))
    common.stdout.print(f"report: {page}")


@app.command(name="list")
def list_(json_: bool = typer.Option(False, "--json", help="Print as JSON.")) -> None:
    """The studies that come with drywet, and those in ./studies.

    Example: `drywet study list`
    """
    from drywet import files
    from drywet.errors import RunError
    from drywet.training import load_study, preset_names

    rows = []
    for name in preset_names():
        settings = load_study(name)
        rows.append({"study": name, "runs": len(settings.configs()), "finished": None, "title": settings.title})
    for path in sorted(Path("studies").glob("*/study.json")):
        known = files.read_json_object(path)
        runs = known.get("runs")
        if not isinstance(runs, list) or not all(isinstance(run, dict) and "folder" in run for run in runs):
            raise RunError(f"{path}: does not say where its runs are; the file is damaged")
        finished = sum((path.parent / str(run["folder"]) / "evaluation.jsonl").is_file() for run in runs)
        title = str(known.get("title", ""))
        rows.append({"study": str(path.parent), "runs": len(runs), "finished": finished, "title": title})
    common.print_json(rows) if json_ else common.print_table(rows)


@app.command()
def show(
    study: str = typer.Argument(help="A preset, a .toml file, or a study folder."),
    json_: bool = typer.Option(False, "--json", help="Print as JSON."),
) -> None:
    """What a study varies, and the ESR of each of its models so far.

    Example: `drywet study show ds340`
    """
    folder = Path(study)
    rows = _rows_of_folder(folder) if (folder / "study.json").is_file() else _rows_of_settings(study)
    if json_:
        common.print_json(rows)
    else:
        common.print_table(rows, study)


def _parse_levels(assignments: list[str] | None) -> dict[str, list[str]]:
    """``["gain=Mid,High"]`` as ``{"gain": ["Mid", "High"]}``."""
    from drywet.errors import SettingsError

    levels = {}
    for assignment in assignments or []:
        name, equals, labels = assignment.partition("=")
        if not equals or not labels:
            raise SettingsError(f"--only {assignment}: write it as factor=level,level, for example gain=Mid,High")
        levels[name.strip()] = [label.strip() for label in labels.split(",")]
    return levels


def _rows_of_folder(folder: Path) -> list[dict]:
    from drywet.analysis import read_study

    results = read_study(folder)
    return [
        {"number": run.number, **run.factors, "status": run.status, "mean_esr": run.mean_esr if run.clips else None}
        for run in results.runs
    ]


def _rows_of_settings(study: str) -> list[dict]:
    from drywet.training import load_study

    return [{"number": config.number, **config.factors} for config in load_study(study).configs()]


def run_study(
    name: str,
    out: Path | None,
    dataset: Path | None,
    jobs: int | None,
    executor_name: str,
    changes: dict,
    only: dict[str, list[str]] | None = None,
) -> Path:
    """All stages, from circuit to report; the report's index.html."""
    from drywet import analysis, evaluation, executor, report
    from drywet.training import load_study, load_training_data, open_study, train_study
    from drywet.training.estimate import estimate_study_seconds

    settings = load_study(name, changes, only)
    folder = out or Path("studies") / settings.name
    workers = executor.by_name(executor_name, jobs)
    with progress.stage("rendering the dataset", 1) as stage:
        study = open_study(
            settings, folder, dataset, workers, lambda share: stage.update(0, share), common.stderr.print
        )
        stage.update(1, 1.0)
    configs = [config for config, _ in study.runs]
    first = configs[0].settings
    data = load_training_data(study.dataset, first.controls, first.model.controls)
    seconds = estimate_study_seconds(configs, data, getattr(workers, "jobs", 1))
    common.stderr.print(
        f"{len(configs)} runs, about {common.duration(seconds)} at most; Ctrl-C stops, the same command goes on"
    )

    with progress.stage("training", len(configs)) as stage:
        outcomes = train_study(study, workers, _Tally(stage, len(configs)))
    with progress.stage("evaluating", len(configs)) as stage:
        done: set[int] = set()

        def evaluated(index: int, rows: list) -> None:
            done.add(index)
            stage.update(len(done), len(done) / len(configs))

        evaluated_outcomes = evaluation.evaluate_study(folder, workers, evaluated)
    status = 0
    for config, trained, scored in zip(configs, outcomes, evaluated_outcomes, strict=True):
        error = trained.error or scored.error  # without a model there is nothing to evaluate
        if error:
            common.stderr.print(f"run {config.number} ({config.name}): {error}")
            status = max(status, error.exit_status)
    with progress.stage("writing the report", 1) as stage:
        analysis.write_tables(analysis.read_study(folder), folder)
        page = report.build_study_report(folder)
        stage.update(1, 1.0)
    if status:
        common.stderr.print(f"some runs failed, as said above; the report shows the others: {page}")
        raise typer.Exit(status)
    return page


class _Tally:
    """Turns news from many runs into one bar."""

    def __init__(self, stage: progress.Stage, total: int):
        self.stage, self.total = stage, total
        self.shares: dict[int, float] = {}
        self.best: float | None = None

    def __call__(self, index: int, status) -> None:
        self.shares[index] = 1.0 if status.state == "finished" else status.share
        if status.best_esr is not None:
            self.best = min(status.best_esr, self.best or status.best_esr)
        done = sum(share >= 1.0 for share in self.shares.values())
        self.stage.update(done, sum(self.shares.values()) / self.total, progress.best_note(self.best))
