"""What is heard: which excerpt, which models, aligned, and measured as it is heard."""

import numpy as np
import pytest
from fake_study import FACTORS, write_json_lines, write_study

from drywet import audio, files
from drywet.dataset.pair import loudest
from drywet.errors import RunError, SettingsError
from drywet.listening import collect_items
from drywet.listening.anchors import LINEAR, LOW


def test_a_study_gives_best_median_and_worst_of_each_clip(study, material):
    esrs = {}
    for run in sorted((study / "runs").iterdir()):
        context = files.read_json(run / "config.json")["factors"]["context"]
        esrs[context] = np.prod([row["esr"] for row in files.read_json_lines(run / "evaluation.jsonl")])
    order = sorted(esrs, key=lambda context: esrs[context])
    assert len(material.items) == 2
    for item in material.items:
        assert [sound.condition for sound in item.sounds] == [
            "reference", *(f"{context} 64 0.01" for context in order), LOW, LINEAR
        ]  # fmt: skip


def test_the_error_of_what_is_heard_is_that_of_the_evaluation(study, material):
    """The clips are shorter than an excerpt, so excerpt and clip are the same samples; renders have 24 bits."""
    for run in (study / "runs").iterdir():
        name = files.read_json(run / "config.json")["name"].removeprefix("Mid ")
        for row, item in zip(files.read_json_lines(run / "evaluation.jsonl"), material.items, strict=True):
            (sound,) = (sound for sound in item.sounds if sound.condition == name)
            assert sound.measures["esr"] == pytest.approx(row["esr"], rel=1e-3)


def test_an_excerpt_is_the_loudest_part(study):
    signal = np.full(1000, 0.1)
    signal[600:700] = 1.0
    assert 600 - 200 <= loudest(signal, 300) <= 600
    item = collect_items([study], clips=["chug"], models=["0"], seconds=0.5).items[0]
    assert {len(sound.samples) for sound in item.sounds} == {8000}


def test_a_wet_file_that_trails_is_heard_in_time_with_the_prediction(study, tmp_path):
    run = next((study / "runs").iterdir())
    row = files.read_json_lines(run / "evaluation.jsonl")[0]
    dry, rate = audio.read(run / row["dry"])
    wet, _ = audio.read(run / row["wet"])
    late = 100
    audio.write(tmp_path / "dry.wav", np.concatenate([dry, np.zeros(late)]), rate)
    audio.write(tmp_path / "wet.wav", np.concatenate([np.zeros(late), wet]), rate)
    audio.write(tmp_path / "predicted.wav", wet, rate)
    files.write_json(tmp_path / "config.json", {"name": "late"})
    paths = {name: f"{name}.wav" for name in ("dry", "wet", "predicted")}
    write_json_lines(tmp_path / "evaluation.jsonl", [{"clip": "riff", "esr": 0.0, "latency": late, **paths}])
    reference, model = collect_items([tmp_path]).items[0].sounds
    np.testing.assert_allclose(reference.samples, model.samples, atol=1e-6)


def test_what_is_not_there_is_named_with_what_is(study, tmp_path):
    with pytest.raises(SettingsError, match=r"no model 'nonsense'; there are: .*64 0\.01"):
        collect_items([study], models=["nonsense"])
    with pytest.raises(SettingsError, match=r"no clip named 'ballad'.*chug"):
        collect_items([study], clips=["ballad"])
    files.write_json(tmp_path / "config.json", {"name": "untrained"})
    with pytest.raises(RunError, match="Evaluate it"):
        collect_items([tmp_path])


def test_recordings_of_one_clip_are_named_by_the_knobs_that_differ(tmp_path):
    levels = {"gain": ["Low", "High"], "context": ["44"], "units": ["64"], "learning_rate": ["0.01"]}
    factors = [dict(factor, levels=levels[factor["name"]]) for factor in FACTORS]
    folder = write_study(tmp_path / "study", factors=factors, clips=["chug"], seconds=1.0, sample_rate=8000)
    items = collect_items([folder]).items
    assert [item.name for item in items] == ["chug at drive 9:00", "chug at drive 3:00"]
    assert [[sound.condition for sound in item.sounds] for item in items] == [["reference", "44 64 0.01"]] * 2
