import pytest
import torch
from torch import nn

from drywet.training.adam import Adam
from drywet.training.weights import Weights


@pytest.mark.parametrize("weight_decay", [0.0, 0.3])
def test_steps_are_those_of_torch(weight_decay):
    generator = torch.Generator().manual_seed(0)
    start = torch.randn(50, dtype=torch.float64, generator=generator)
    vector, theirs = start.clone(), torch.nn.Parameter(start.clone())
    ours = Adam(vector, epsilon=1e-6, weight_decay=weight_decay)
    oracle = torch.optim.AdamW([theirs], eps=1e-6, weight_decay=weight_decay)
    for number in range(200):
        gradient = torch.randn(50, dtype=torch.float64, generator=generator) * torch.logspace(-8, 2, 50)
        theirs.grad, rate = gradient, 0.01 / (1 + number)
        oracle.param_groups[0]["lr"] = rate
        oracle.step()
        ours.step(gradient, rate)
    torch.testing.assert_close(vector, theirs.detach(), rtol=1e-12, atol=1e-14)
    assert float((vector - start).abs().min()) > 1e-6  # they moved


def test_a_step_on_the_vector_of_weights_moves_the_model():
    torch.manual_seed(0)
    model, signal = nn.Linear(3, 2), torch.randn(5, 3)
    before, output = [parameter.detach().clone() for parameter in model.parameters()], model(signal).detach()
    weights = Weights(model)
    (model(signal) ** 2).sum().backward()
    Adam(weights.vector, epsilon=1e-8).step(weights.gradient, 0.01)
    for parameter, old in zip(model.parameters(), before, strict=True):  # the first step is the rate, against the sign
        torch.testing.assert_close(parameter.detach(), old - 0.01 * parameter.grad.sign(), rtol=0, atol=1e-6)
    assert not torch.equal(model(signal), output)
