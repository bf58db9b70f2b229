"""What training keeps for every family in the registry: it learns, it repeats, it resumes, whatever the cores."""

import itertools

import numpy as np
import pytest
import torch
from small_models import SMALL

from drywet import files
from drywet.errors import SignalError
from drywet.models import load_effect
from drywet.settings import parse
from drywet.training import RunConfig, RunSettings, load_training_data, train

# A filter or a gain starts from its least-squares fit; there is nothing left to learn.
FITTED = {"gain", "linear", "static-curve"}


def config(family, epochs=2, **changes):
    if family == "window-lstm":
        training = {"recipe": "windows", "train_rows": 800, "budget": f"{epochs}epochs"}
    else:
        small = {"batch_size": 20, "tbptt_length": 256, "warm_up": 512, "validations": 4}
        training = {**small, "budget": f"{epochs}epochs"}
    values = {
        "controls": {"drive": "9:00"},
        "model": {"family": family, **SMALL[family]},
        "training": training | changes,
        "seed": 3,
    }
    return RunConfig(name=family, settings=parse(RunSettings, values, "test"))


@pytest.fixture
def data(small_dataset):
    return load_training_data(small_dataset, {"drive": "9:00"})


@pytest.mark.parametrize("family", SMALL)
def test_it_learns_and_keeps_the_best(family, data, tmp_path):
    status = train(config(family, epochs=6), data, tmp_path / "run")
    log = files.read_json_lines(tmp_path / "run" / "log.jsonl")
    found = [row["validation_esr"] for row in log]
    assert status.best_esr == min(found)
    assert family in FITTED or min(found) < 0.8 * found[0]
    assert all(np.isfinite(list(map(float, found))))


@pytest.mark.parametrize("family", SMALL)
def test_stopped_anywhere_and_on_more_cores_it_gives_the_same_bits(family, data, tmp_path):
    train(config(family), data, tmp_path / "whole")
    for stop in (1, 4, 9, 10**9):
        calls = itertools.count()
        status = train(
            config(family), data, tmp_path / "parts", should_stop=lambda c=calls, s=stop: next(c) >= s, threads=2
        )
    assert status.state == "finished"
    for name in ("best.safetensors", "last.safetensors"):
        whole, parts = (load_numbers(tmp_path / folder / name) for folder in ("whole", "parts"))
        assert whole.keys() == parts.keys()
        assert all(torch.equal(whole[key], parts[key]) for key in whole), name


def load_numbers(path):
    from safetensors.torch import load_file

    return load_file(path)


@pytest.mark.parametrize("family", sorted(set(SMALL) - {"window-lstm"}))
def test_polish_goes_on_from_where_adam_stopped(family, data, tmp_path):
    """An interrupted polish is made again, to the same bits. That it lowers the loss: test_polish.py."""
    both = config(family, epochs=6, polish=0.8)
    train(both, data, tmp_path / "whole")
    updates = files.read_json_lines(tmp_path / "whole" / "log.jsonl")[-1]["update"]
    calls = itertools.count()
    status = train(both, data, tmp_path / "parts", should_stop=lambda: next(calls) > 0.75 * updates)
    assert status.state == "interrupted"
    adam = load_numbers(tmp_path / "parts" / "last.safetensors")
    train(both, data, tmp_path / "parts")
    whole, parts = (load_numbers(tmp_path / folder / "last.safetensors") for folder in ("whole", "parts"))
    assert all(torch.equal(whole[key], parts[key]) for key in whole)
    assert family in FITTED or not torch.equal(adam["average"], parts["average"])


def test_stopped_before_the_first_validation_there_is_a_model_and_the_end_is_the_same(data, tmp_path):
    train(config("s4d"), data, tmp_path / "whole")
    calls = itertools.count()
    status = train(config("s4d"), data, tmp_path / "parts", should_stop=lambda: next(calls) >= 3)
    assert status.best_esr is None
    assert load_effect(tmp_path / "parts").model.parameter_count() == 1513
    train(config("s4d"), data, tmp_path / "parts")
    assert (tmp_path / "whole" / "best.safetensors").read_bytes() == (
        tmp_path / "parts" / "best.safetensors"
    ).read_bytes()


def test_averaged_weights_are_what_is_validated_and_kept(data, tmp_path):
    """With a look back of almost the whole budget, the best model lags behind the last weights."""
    train(config("lstm", averaging=0.9), data, tmp_path / "run")
    numbers = load_numbers(tmp_path / "run" / "last.safetensors")
    best = torch.cat([p.detach().flatten() for p in load_effect(tmp_path / "run").model.parameters()])
    last = torch.cat(
        [numbers[f"model.{name}"].flatten() for name, _ in load_effect(tmp_path / "run").model.named_parameters()]
    )
    assert not torch.equal(best, last)
    assert torch.equal(best, numbers["average"])


def test_audio_shorter_than_the_memory_of_the_model_is_refused(data, tmp_path):
    too_long = config("linear")
    model = too_long.settings.model.model_copy(update={"taps": 200_000})
    settings = too_long.settings.model_copy(update={"model": model})
    with pytest.raises(SignalError, match="200000"):
        train(too_long.model_copy(update={"settings": settings}), data, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_audio_shorter_than_the_warm_up_is_refused(data, tmp_path):
    with pytest.raises(SignalError, match="warm_up"):
        train(config("s4d", warm_up=500_000), data, tmp_path / "run")
    assert not (tmp_path / "run").exists()
