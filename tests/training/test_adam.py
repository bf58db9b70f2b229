import torch

from drywet.training.adam import Adam


def test_steps_are_those_of_torch():
    generator = torch.Generator().manual_seed(0)
    start = torch.randn(50, dtype=torch.float64, generator=generator)
    vector, theirs = start.clone(), torch.nn.Parameter(start.clone())
    ours, oracle = Adam(vector, epsilon=1e-6), torch.optim.Adam([theirs], eps=1e-6)
    for number in range(200):
        gradient = torch.randn(50, dtype=torch.float64, generator=generator) * torch.logspace(-8, 2, 50)
        theirs.grad, rate = gradient, 0.01 / (1 + number)
        oracle.param_groups[0]["lr"] = rate
        oracle.step()
        ours.step(gradient, rate)
    torch.testing.assert_close(vector, theirs.detach(), rtol=1e-12, atol=1e-14)
    assert float((vector - start).abs().min()) > 1e-6  # they moved
