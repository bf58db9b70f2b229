"""A complete, plausible study folder, or one run, made of numbers alone, for tests of analysis and report.

The error of every prediction is scaled so that its ESR is the one planned, so the expected figures are known.
"""

import json
from itertools import product
from pathlib import Path

import numpy as np

from drywet import audio

FACTORS = [
    {"name": "gain", "setting": "controls.drive", "levels": ["Low", "Mid", "High"]},
    {"name": "context", "setting": "training.tbptt_length", "levels": ["44", "66", "88"]},
    {"name": "units", "setting": "model.hidden_size", "levels": ["64", "96"]},
    {"name": "learning_rate", "setting": "training.learning_rate", "levels": ["0.01", "0.0001"]},
]
CLIPS = ["gallop", "ballad", "chug", "arpeggio", "lead", "blues"]
DRIVE = {"Low": ("9:00", 4.0), "Mid": ("12:00", 12.0), "High": ("3:00", 40.0)}


def planned_esr(levels, clip_index, rng):
    """Low gain, long context and the high learning rate score lower, as in the published study; width does nothing."""
    gain = {"Low": 0.008, "Mid": 0.014, "High": 0.024}.get(levels.get("gain"), 0.012)
    context = {"44": 1.15, "66": 1.0, "88": 0.8}.get(levels.get("context"), 1.0)
    rate = {"0.01": 0.9, "0.0001": 1.4}.get(levels.get("learning_rate"), 1.0)
    return gain * context * rate * (0.6 + 0.25 * clip_index) * float(np.exp(0.12 * rng.standard_normal()))


def plucked_riff(seconds, sample_rate, rng):
    """Decaying harmonic notes in a pentatonic, peak 0.5, float32 of shape (T,)."""
    length = round(seconds * sample_rate)
    riff = np.zeros(length)
    note_length = max(1, sample_rate // 4)
    for begin in range(0, length, note_length):
        frequency = 82.4 * 2 ** (rng.choice([0, 3, 5, 7, 10, 12, 15]) / 12)
        t = np.arange(min(2 * note_length, length - begin)) / sample_rate
        note = sum(np.sin(2 * np.pi * frequency * k * t) * np.exp(-t * (2 + k)) / k for k in range(1, 9))
        riff[begin : begin + len(t)] += rng.uniform(0.4, 1.0) * note
    return (0.5 * riff / np.max(np.abs(riff))).astype(np.float32)


def distort(dry, drive):
    """A soft clipper, asymmetric enough to look like one."""
    return (0.2 * (np.tanh(drive * dry + 0.2) - np.tanh(0.2))).astype(np.float32)


def predict(wet, esr, rng):
    """``wet`` plus low-passed noise that follows its envelope, scaled to exactly ``esr``."""
    noise = np.convolve(rng.standard_normal(len(wet)), np.hanning(12), "same") * (np.abs(wet) + 0.02)
    noise *= np.sqrt(esr * np.sum(wet**2) / np.sum(noise**2))
    return (wet + noise).astype(np.float32)


def log_rows(final_esr, learning_rate, rng, collapse=False, n=40):
    """Validation rows of a run that settles at ``final_esr``, and falls apart near the end if ``collapse``."""
    rows = []
    for i in range(n):
        speed = 6 if learning_rate > 0.001 else 2.2
        level = final_esr + 0.8 * np.exp(-speed * (i + 1) / n * 2)
        event = None
        if collapse and i > 0.7 * n:
            level, event = 0.45, "collapse" if i == int(0.7 * n) + 1 else None
        wobble = np.exp(0.15 * rng.standard_normal(2) * (1 if learning_rate > 0.001 else 0.2))
        rows.append(
            {
                "update": 500 * (i + 1), "epoch": round(0.25 * (i + 1), 3), "seconds": round(1.3 * (i + 1), 2),
                "learning_rate": learning_rate, "train_esr": float(level * wobble[0]), "train_mse": float(level / 300),
                "train_mae": 0.01, "validation_esr": float(1.1 * level * wobble[1]),
                "validation_mse": float(level / 280), "validation_mae": 0.011, "event": event,
            }
        )  # fmt: skip
    return rows


def write_json(path, value):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value, indent=1))


def write_json_lines(path, rows):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


def write_study(
    folder, *, factors=FACTORS, clips=CLIPS, seconds=1.0, sample_rate=44_100, title="SD-1, stateful", esr=planned_esr
):
    """Write the study and return its folder. ``esr(levels, clip_index, rng)`` plans each score."""
    folder, rng = Path(folder), np.random.default_rng(25)
    dry = [plucked_riff(seconds, sample_rate, rng) for _ in clips]
    gains = next((factor["levels"] for factor in factors if factor["name"] == "gain"), ["Mid"])
    recordings, wet = [], {}
    for index, clip in enumerate(clips):
        audio.write(folder / f"dataset/dry/{index}.wav", dry[index], sample_rate)
        for gain in gains:
            clock, drive = DRIVE[gain]
            wet[gain, index] = distort(dry[index], drive)
            audio.write(folder / f"dataset/wet/{gain.lower()}/{index}.wav", wet[gain, index], sample_rate)
            recordings.append(
                f'[[recording]]\nid = {json.dumps(f"{clip}-{gain.lower()}")}\nrole = "test"\n'
                f'dry = "dry/{index}.wav"\nwet = "wet/{gain.lower()}/{index}.wav"\n'
                f'controls = {{drive = "{clock}", tone = "12:00", level = "12:00"}}\n'
            )
    (folder / "dataset/dataset.toml").write_text(
        f'format = 1\nname = "virtual-sd1"\ndevice = "Boss SD-1 (virtual circuit)"\n\n[chain]\n'
        f'sample_rate = {sample_rate}\ndescription = "solved circuit, no interface"\n\n' + "\n".join(recordings)
    )
    runs = []
    names = [factor["name"] for factor in factors]
    for number, levels in enumerate(product(*(factor["levels"] for factor in factors))):
        chosen = dict(zip(names, levels, strict=True))
        identity = f"{number:012x}"
        run = folder / "runs" / f"{number:02d}-{identity}"
        runs.append({"number": number, "id": identity, "folder": str(run.relative_to(folder)), "factors": chosen})
        write_run(run, number, identity, chosen, clips, dry, wet, sample_rate, rng, esr)
    study = {
        "format": 1, "name": "ds340-stateful", "title": title, "dataset": "dataset", "sha256": "5d" * 32,
        "description": "The published grid, trained with carried state.", "factors": factors, "runs": runs,
    }  # fmt: skip
    write_json(folder / "study.json", study)
    return folder


def write_run(run, number, identity, chosen, clips, dry, wet, sample_rate, rng, esr):
    gain = chosen.get("gain", "Mid")
    rate = float(chosen.get("learning_rate", 0.001))
    units = int(chosen.get("units", 64))
    linear = 0.09 + 0.05 * ["Low", "Mid", "High"].index(gain)
    rows = []
    for index, clip in enumerate(clips):
        planned = esr(chosen, index, rng)
        audio.write(run / f"renders/{index}.wav", predict(wet[gain, index], planned, rng), sample_rate)
        rows.append(
            {
                "clip": clip, "esr": planned, "esr_best_lag": 0.99 * planned, "lag": 0,
                "esr_published_compatible": planned + 0.014, "esr_linear": linear,
                "mse": planned * 0.005, "mae": 0.004, "seconds": len(dry[index]) / sample_rate,
                "panel": {
                    "null_depth_db": float(10 * np.log10(planned)), "loudness_difference_lu": -0.3 + 0.2 * index,
                    "transient_esr": 1.5 * planned, "noise_to_mask_db": None if index else -2.0,
                },
                "sample_rate": sample_rate, "dry": f"../../dataset/dry/{index}.wav",
                "wet": f"../../dataset/wet/{gain.lower()}/{index}.wav", "predicted": f"renders/{index}.wav",
            }
        )  # fmt: skip
    write_json_lines(run / "evaluation.jsonl", rows)
    write_json_lines(run / "log.jsonl", log_rows(rows[0]["esr"], rate, rng, collapse=rate > 0.001 and number % 14 == 6))
    settings = {
        "model": {"family": "lstm", "hidden_size": units, "layers": 1, "skip": False},
        "training": {
            "recipe": "stateful", "learning_rate": rate, "batch_size": 40, "loss": "esr",
            "tbptt_length": int(chosen.get("context", 66)), "optimizer": "adam", "budget_seconds": 60,
        },
        "seed": int(chosen.get("seed", 25)),
    }  # fmt: skip
    write_json(
        run / "config.json",
        {
            "format": 1, "id": identity, "number": number, "name": " ".join(chosen.values()), "factors": chosen,
            "controls": {"drive": DRIVE[gain][0], "tone": "12:00", "level": "12:00"}, "settings": settings,
            "dataset_sha256": "5d" * 32,
        },
    )  # fmt: skip
    write_json(
        run / "provenance.json",
        {
            "drywet": "0.1.0", "python": "3.11.2", "torch": "2.13.0", "numpy": "2.4.6", "machine": "Fake CPU @ 3.0 GHz",
            "cores": 2, "threads": 1, "started": "2026-01-01T10:00:00Z", "finished": "2026-01-01T10:01:00Z",
            "status": "finished", "train_seconds": 52.0 + number % 5, "epochs": 10.0, "updates": 20_000,
            "parameters": 4 * units * (units + 1) + 9 * units + 1, "best_validation_esr": rows[0]["esr"],
            "best_update": 19_500,
        },
    )  # fmt: skip
    return run


def write_own_run(folder):
    """What ``drywet train dry.wav wet.wav`` leaves: the clip is the last part of one long file, named absolutely."""
    rng, rate = np.random.default_rng(1), 8000
    dry = plucked_riff(3.0, rate, rng)
    wet = distort(dry, 8.0)
    start, stop = 2 * rate, 3 * rate
    run = folder / "run"
    audio.write(folder / "dry.wav", dry, rate)
    audio.write(folder / "wet.wav", wet, rate)
    audio.write(run / "renders/held-out.wav", predict(wet[start:stop], 0.01, rng), rate)
    write_json(run / "config.json", {"format": 1, "id": "ab", "name": "dry to wet", "settings": {"seed": 3}})
    write_json(run / "provenance.json", {"status": "finished", "train_seconds": 61.0, "parameters": 1234})
    write_json_lines(run / "log.jsonl", log_rows(0.01, 0.005, rng))
    write_json_lines(
        run / "evaluation.jsonl",
        [
            {
                "clip": "held-out", "esr": 0.01, "esr_linear": 0.1, "seconds": 1.0, "sample_rate": rate,
                "dry": str(folder / "dry.wav"), "wet": "../wet.wav", "predicted": "renders/held-out.wav",
                "start": start, "stop": stop,
            }
        ],
    )  # fmt: skip
    return run


# What probes.json of a run holds.
PROBES = {
    "aliasing": {"levels_dbfs": [-6.0], "frequency_hz": [261.6, 523.3], "asr": [[1e-9, 1e-6]]},
    "harmonics": {
        "frequency_hz": [82.4], "levels_dbfs": [-20.0, 0.0], "level_db": [[[-20.0, -60.0, None], [0.0, -20.0, None]]]
    },
    "faults": [{"probe": "after_burst", "seconds": 1.5, "text": "<script>window.pwned=1</script> still sounds"}],
}  # fmt: skip
