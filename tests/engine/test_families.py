"""The engine's network of every family in the registry against the trainer's own forward pass."""

import numpy as np
import pytest
import torch
from small_models import SMALL

from drywet.effect import Effect, render
from drywet.engine import EngineEffect, read_bytes
from drywet.models import FAMILIES, TrainedEffect, build, model_bytes

RATE = 44_100
KNOBS = {"drive": 0.3, "tone": 0.9}
IN_TWO_LAYERS = {"gru in two layers": "gru", "lstm in two layers": "lstm"}


@pytest.fixture(params=[*SMALL, *IN_TWO_LAYERS])
def family(request):
    return request.param


def small_model(family, controls=()):
    torch.manual_seed(0)
    more = {"layers": 2} if family in IN_TWO_LAYERS else {}
    family = IN_TWO_LAYERS.get(family, family)
    model = build(FAMILIES[family][0](controls=controls, **SMALL[family], **more))
    model.dry_scale.fill_(3.0)
    model.wet_scale.fill_(0.5)
    return model


@pytest.fixture(scope="module")
def noise():
    dry = 0.2 * np.random.default_rng(7).standard_normal(1500)
    dry[:50] = 0
    return dry.astype(np.float32)


@pytest.mark.parametrize("controls", [(), tuple(KNOBS)], ids=["no knobs", "two knobs"])
def test_a_models_file_sounds_without_torch_as_in_training(family, controls, noise):
    model = small_model(family, controls)
    knobs = {name: KNOBS[name] for name in controls}
    effect = EngineEffect(read_bytes(model_bytes(model, RATE), "model"))
    assert isinstance(effect, Effect)
    trained = render(TrainedEffect(model, RATE), noise, knobs)
    np.testing.assert_allclose(render(effect, noise, knobs, block_size=400), trained, rtol=0, atol=2e-6)
    assert np.abs(trained).max() > 0.01


def test_cost_is_that_of_the_trainers_model(family):
    model = small_model(family)
    network = read_bytes(model_bytes(model, RATE), "model").network
    unused = {"static-curve": 2, "wavenet": 9}.get(family, 0)  # both gains around the curve; the last residual
    assert network.cost() == model.macs_per_sample() + unused
