"""Answers as the page writes them, from listeners whose ears are known."""

import json

import numpy as np


def mushra_answers(key, rate, listener="Ann", seed=1):
    """A listener's file, as the page writes it; ``rate(item, condition)`` gives the ratings."""
    trials = []
    for item in key.items:
        sounds = key.sounds_of(item)
        ratings = {name: rate(key.items[item], sound.condition) for name, sound in sounds.items()}
        trials.append({"item": item, "order": list(sounds), "ratings": ratings, "seconds": 30.5, "switches": 4})
    return envelope(key, trials, listener, seed)


def abx_answers(key, hears, listener="Ann", seed=1):
    """A listener's file; ``hears(model)`` says whether the next answer about a model is right."""
    trials = []
    rng = np.random.default_rng(seed)
    for sound in key.abx_trials():
        item = key.sounds[sound].item
        a, b = rng.permutation([key.references[item], sound]).tolist()
        x, other = rng.permutation([a, b]).tolist()
        answer = x if hears(key.sounds[sound].condition) else other
        trials.append({"item": item, "a": a, "b": b, "x": x, "answer": answer, "seconds": 9.0, "switches": 3})
    return envelope(key, trials, listener, seed)


def envelope(key, trials, listener, seed):
    return {
        "format": 1, "test": key.test, "kind": key.kind, "listener": listener, "seed": seed,
        "started": f"2026-01-01T10:{seed % 60:02d}:00Z", "finished": "2026-01-01T10:20:00Z", "volume_db": -12,
        "practice": [], "trials": trials, "comment": "",
    }  # fmt: skip


def save(path, answers):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(answers))
    return path
