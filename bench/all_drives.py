"""One model for every drive of the virtual SD-1, at drives it never saw: ``python bench/all_drives.py --out FOLDER``.

Trains one model with a drive knob on 60 s of audio in all (nine drives, and moving), and scores it on six unseen riffs
at four unseen drives. With ``--single`` also one model for each of these four drives, each on 60 s recorded at that very
drive; together they train as long as the one. Datasets and finished runs in FOLDER are used again.
"""

import argparse
import time
from pathlib import Path

import numpy as np

from drywet import controls, evaluation, executor
from drywet.cli.common import parse_settings
from drywet.dataset.virtual import VirtualDataset, render_dataset
from drywet.models import load_effect
from drywet.settings import parse, set_path
from drywet.training import RunConfig, RunSettings, load_training_data, train
from drywet.training.provenance import machine
from drywet.training.settings import Budget

SECONDS = 60.0


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--budget", default="120s", help="of the one model, and of all single-setting models together")
    parser.add_argument("--family", default="lstm")
    parser.add_argument("--set", action="append", help="any run setting, e.g. model.hidden_size=16; repeatable")
    parser.add_argument("--seed", type=int, default=25)
    parser.add_argument("--single", action="store_true", help="train the single-setting models too")
    args = parser.parse_args()

    settings = VirtualDataset(all_drives={}, train_seconds=SECONDS, validation_seconds=6.0)
    every = render_dataset(settings, args.out / "every-drive", executor.Local())
    drives = [controls.rotation(position) for position in settings.all_drives.test]
    started = time.perf_counter()
    model, run = trained(args, every, "one", {"model.controls": ["drive"], "training.budget": args.budget})
    print(f"{machine()}; {args.family}, {model.model.parameter_count()} parameters, seed {args.seed}")
    print(f"one model: {run.seconds:.0f} s of training ({time.perf_counter() - started:.0f} s in all)")
    columns = {"one model": {drive: errors(model, every, drive) for drive in drives}}
    if args.single:
        levels = {f"{drive:g}": drive for drive in drives}
        alone = VirtualDataset(drive=levels, train_seconds=SECONDS, validation_seconds=6.0, riff_seconds=1.0)
        dataset = render_dataset(alone, args.out / "one-drive-each", executor.Local())
        columns["its own"] = {}
        for drive in drives:
            changes = {"controls.drive": drive, "training.budget": share(args.budget, len(drives))}
            effect, _ = trained(args, dataset, f"single-{drive:g}", changes)
            columns["its own"][drive] = errors(effect, every, drive)

    print(f"ESR in % on {len(next(iter(columns['one model'].values())))} unseen riffs, mean and worst")
    print(f"{'drive':>6}" + "".join(f"{name:>12} {'worst':>8}" for name in columns))
    for drive in drives:
        found = [scores[drive] for scores in columns.values()]
        print(f"{drive:6g}" + "".join(f"{100 * np.mean(esr):12.3f} {100 * max(esr):8.3f}" for esr in found))
    together = [[esr for found in scores.values() for esr in found] for scores in columns.values()]
    print(f"{'all':>6}" + "".join(f"{100 * np.mean(esr):12.3f} {100 * max(esr):8.3f}" for esr in together))


def trained(args, dataset, name, changes):
    """The effect and its training status; the run folder is named after its settings."""
    values = {"model": {"family": args.family}, "seed": args.seed}
    for setting, value in {**changes, **parse_settings(args.set)}.items():
        values = set_path(values, setting, value)
    config = RunConfig(name=name, settings=parse(RunSettings, values, "--set"))
    data = load_training_data(dataset, config.settings.controls, config.settings.model.controls)
    folder = args.out / "runs" / f"{name}-{config.run_id(data.sha256)}"
    status = train(config, data, folder, threads=executor.available_cores())
    return load_effect(folder), status


def errors(effect, dataset, drive):
    """ESR of each test riff at this drive."""
    return [row["esr"] for row in evaluation.evaluate(effect, evaluation.test_clips(dataset, {"drive": drive}))]


def share(budget, parts):
    """A budget for each of ``parts`` models that together train as long."""
    whole = Budget.from_text(budget)
    return f"{whole.seconds / parts}s" if whole.seconds is not None else f"{whole.epochs / parts}epochs"


if __name__ == "__main__":
    main()
