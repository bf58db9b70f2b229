"""L-BFGS against a planted filter."""

import numpy as np
import torch

from drywet.dataset import Pair
from drywet.models import build
from drywet.models.baselines import LinearSettings
from drywet.training import RunSettings, StatefulRecipe, TrainingData
from drywet.training.polish import polish
from drywet.training.recipes import build_recipe
from drywet.training.weights import Weights


def planted(go_on):
    """A two-tap model of a planted filter, started from nothing; its taps after the polish."""
    rng = np.random.default_rng(0)
    dry = rng.standard_normal(8000).astype(np.float32)
    wet = 0.7 * dry
    wet[1:] -= 0.3 * dry[:-1]
    pair = Pair(dry, wet.astype(np.float32), 44_100)
    recipe = StatefulRecipe(batch_size=4, tbptt_length=200, warm_up=10)
    settings = RunSettings(model=LinearSettings(taps=2), training=recipe)
    recipe = build_recipe(settings, TrainingData([pair], [pair], "x"))
    model = build(settings.model)
    weights = Weights(model)
    weights.vector.data.zero_()
    weights.follow(1.0)
    polish(recipe, model, weights, go_on)
    impulse = torch.zeros(1, 2)
    impulse[0, 0] = 1
    with torch.no_grad():
        return model(impulse, torch.zeros(1, 0), model.initial_state(1))[0][0].numpy()


def test_it_finds_a_planted_filter():
    np.testing.assert_allclose(planted(lambda: True), [0.7, -0.3], atol=1e-4)


def test_it_stops_when_told_to_and_keeps_the_best_so_far():
    answers = iter([True] * 25)  # two looks at the audio, of ten updates each
    found = planted(lambda: next(answers, False))
    assert np.abs(found - [0.7, -0.3]).max() > 1e-3
    assert np.abs(found - [0.7, -0.3]).max() < 0.5
    np.testing.assert_array_equal(planted(lambda: False), [0, 0])
