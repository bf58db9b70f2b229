"""Which models are played under which names, and the warning before one that is too slow."""

import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from drywet.errors import SettingsError
from drywet.live.models import load_models, slow_models

NAM = Path(__file__).parents[1] / "golden" / "nam"


class Slow:
    """Takes ``load`` of the time that a block lasts."""

    sample_rate, latency, controls = 48_000, 0, {}

    def __init__(self, load):
        self.load, self.resets = load, 0

    def reset(self):
        self.resets += 1

    def turn(self, controls):
        pass

    def process_into(self, dry, wet):
        end = time.perf_counter() + self.load * len(dry) / self.sample_rate
        while time.perf_counter() < end:
            pass


def test_a_circuit_takes_the_rate_of_the_models_beside_it():
    models = load_models([str(NAM / "linear_32.nam"), "sd1"], circuit_rate=96_000, oversampling=1)
    assert list(models) == ["linear_32", "sd1"]
    assert {model.sample_rate for model in models.values()} == {48_000}
    assert models["sd1"].latency == 0  # one times oversampling has no filters


@pytest.mark.parametrize(("asked", "rate"), [(None, 96_000), (44_100, 44_100)])
def test_a_circuit_alone_takes_the_rate_that_is_asked_for_or_that_of_the_interface(asked, rate):
    assert load_models(["sd1"], asked, circuit_rate=rate, oversampling=1)["sd1"].sample_rate == rate


def test_models_of_one_name_are_told_apart_by_their_paths(tmp_path):
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "amp.nam").write_bytes((NAM / "linear_32.nam").read_bytes())
    given = [str(tmp_path / folder / "amp.nam") for folder in ("a", "b")]
    assert list(load_models(given)) == given
    with pytest.raises(SettingsError, match="given 2 times"):
        load_models([given[0], given[0]])


def test_a_model_that_cannot_keep_up_is_told_with_its_speed_and_left_at_rest():
    models = {"amp": Slow(2.0), "light": Slow(0.01)}
    (remark,) = slow_models(models, 64)
    assert remark.startswith("amp needs ")
    assert "times real time, in blocks of 64 samples" in remark
    assert all(model.resets > 1 for model in models.values())  # before and after


def test_two_models_that_only_together_are_too_slow_are_told(monkeypatch):
    loads = {"a": 0.6, "b": 0.7, "c": 0.1}
    monkeypatch.setattr(
        "drywet.live.models.bench", lambda load, sizes, seconds: [SimpleNamespace(times_real_time=1 / load.load)]
    )
    (remark,) = slow_models({name: Slow(load) for name, load in loads.items()}, 64)
    assert remark.startswith("b and a together need 130 %")
    assert slow_models({"a": Slow(0.6), "c": Slow(0.1)}, 64) == []
    assert slow_models({"a": Slow(0.6)}, 64) == []
