"""Make the runs behind docs/study.md, and their tables: ``python bench/study_answered.py --out FOLDER``.

A part of the presets ds340-answered and ds340-context that one core does in an hour. Seeds come one after another, each
with all configurations, so that it may be stopped at any time; the same command goes on. Several of these may run at once
on the same folder: a run is claimed by the one that trains it. ``--tables docs/tables`` writes what there is as CSV, which
bench/study_page.py turns into the page.
"""

import argparse
import csv
import fcntl
import io
import math
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from drywet import evaluation, executor, files
from drywet.analysis import RunResult, read_study
from drywet.dataset import Dataset
from drywet.dataset.virtual import render_dataset
from drywet.errors import TrainingError
from drywet.evaluation.panel import PANEL
from drywet.models import load_effect
from drywet.training import Study, StudySettings, load_study, load_training_data, open_study, train

SHORT = {"dataset.train_seconds": 30.0, "dataset.validation_seconds": 4.0}
FEW_UPDATES = {"dataset.riff_seconds": 1.0, "run.training.budget": "4000updates"}


@dataclass(frozen=True)
class Part:
    """A part of a preset: the levels that are left, what is shorter, and which audio it shares with other parts."""

    preset: str
    audio: str
    only: dict[str, list[str]]
    changes: dict[str, Any] = field(default_factory=dict)
    seeds: int = 5  # the presets have as many

    def settings(self) -> StudySettings:
        """The study file that this part is."""
        settings = load_study(self.preset, self.changes, self.only)
        *factors, seed = settings.factor
        seed = seed.model_copy(update={"levels": list(range(self.seeds))})
        return settings.model_copy(update={"factor": [*factors, seed]})


PARTS = {
    "grid": Part("ds340-answered", "short", {"gain": ["Mid"], "context": ["44", "528"], "units": ["64", "96"]}, SHORT),
    "gain": Part(
        "ds340-answered",
        "short",
        {"context": ["88"], "units": ["64"], "learning_rate": ["0.003"], "epochs": ["4"]},
        SHORT,
    ),
    "state": Part("ds340-context", "whole", {"context": ["88"]}, FEW_UPDATES),
    "windows": Part("ds340-context", "whole", {"state": ["window"], "context": ["44", "88"]}, FEW_UPDATES, seeds=8),
}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--parts", nargs="+", default=list(PARTS), choices=list(PARTS))
    parser.add_argument(
        "--seeds", nargs="+", default=[str(seed) for seed in range(max(p.seeds for p in PARTS.values()))]
    )
    parser.add_argument("--skip", nargs="+", default=[], help="levels whose runs are left for another time")
    parser.add_argument("--tables", type=Path, help="write the tables of what there is into this folder, and end")
    args = parser.parse_args()
    if args.tables:
        write_tables(args.out, args.tables)
        return
    studies = open_parts(args.out, args.parts)
    started = time.perf_counter()
    for seed in args.seeds:
        for name in args.parts:
            for config, folder in studies[name].runs:
                if config.factors["seed"] != seed or set(args.skip) & set(config.factors.values()):
                    continue
                if make_run(studies[name], config, folder, args.out):
                    print(f"{time.perf_counter() - started:7.0f} s  seed {seed}  {name}: {config.name}", flush=True)


def open_parts(out: Path, names: list[str]) -> dict[str, Study]:
    """The parts as study folders; parts on the same audio share one dataset folder."""
    studies = {}
    for name in names:
        settings = PARTS[name].settings()
        assert settings.dataset is not None
        dataset = render_dataset(settings.dataset, out / PARTS[name].audio, executor.Inline())
        studies[name] = open_study(settings, out / name, dataset.folder)
    return studies


def make_run(study: Study, config, folder: Path, out: Path) -> bool:
    """Train and score one run, unless it is there or another process is at it; whether it was made now."""
    run_id = folder.name.partition("-")[2]
    with claimed(out / "claims" / run_id) as ours:
        if not ours or (folder / "evaluation.jsonl").is_file():
            return False
        for made in out.glob(f"*/runs/*-{run_id}/evaluation.jsonl"):  # by another part that has the same run
            shutil.copytree(made.parent, folder)
            return False
        data = load_training_data(study.dataset, config.settings.controls)
        try:
            train(config, data, folder)
        except TrainingError as error:
            print(error)
        if (folder / "best.safetensors").is_file():
            clips = evaluation.test_clips(Dataset(study.dataset.folder), dict(config.settings.controls))
            evaluation.evaluate(load_effect(folder / "best.safetensors"), clips, folder)
        return True


@contextmanager
def claimed(path: Path) -> Iterator[bool]:
    """Whether this process alone has ``path``; given up when the process ends, however it ends."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            yield False
        else:
            yield True


def write_tables(out: Path, folder: Path) -> None:
    """``study-<part>.csv`` with a row per run, and ``study-<part>-validations.csv`` with a row per look at the validation
    audio. Ratios are ratios, not percent.
    """
    for name in PARTS:
        if not (out / name / "study.json").is_file():
            continue
        runs = [run for run in read_study(out / name).runs if run.status in ("finished", "diverged")]
        files.write_text(folder / f"study-{name}.csv", _csv([_row(run) for run in runs]))
        validations = [
            {
                "number": run.number,
                "update": row.update,
                "validation_esr": f"{row.validation_esr:.6g}",
                "event": row.event,
            }
            for run in runs
            for row in run.log
        ]
        files.write_text(folder / f"study-{name}-validations.csv", _csv(validations))


def _row(run: RunResult) -> dict[str, Any]:
    panel = {each.name: np.array([clip.panel.get(each.name, math.nan) for clip in run.clips]) for each in PANEL}
    panel |= {each.name: np.abs(panel[each.name]) for each in PANEL if each.better == "zero"}
    return {
        "number": run.number,
        "id": run.id,
        **run.factors,
        "status": run.status,
        "parameters": run.parameters,
        "updates": f"{run.updates:g}",
        "epochs": f"{run.epochs:g}",
        "train_seconds": f"{run.seconds:g}",
        **{name: run.provenance.get(name) for name in ("machine", "torch")},
        **{f"esr:{clip.clip}": f"{clip.esr:.6g}" for clip in run.clips},
        "esr_published_compatible": f"{run.mean('esr_published_compatible'):.6g}",
        "esr_linear": f"{run.mean('esr_linear'):.6g}",
        **{name: f"{np.nanmean(values):.6g}" for name, values in panel.items() if not np.isnan(values).all()},
    }


def _csv(rows: list[dict[str, Any]]) -> str:
    text = io.StringIO()
    names = list(dict.fromkeys(name for row in rows for name in row))
    writer = csv.DictWriter(text, names, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


if __name__ == "__main__":
    main()
