"""Second-order polish: the last part of a budget for L-BFGS on the whole training audio at once.

Adam walks in small noisy steps; near the end a small model gains from steps that know the curvature. Worth it for tens of
parameters, as in the grey-box or Wiener-Hammerstein; for a thousand Adam gains more in the same time (docs/benchmarks.md).
"""

from collections.abc import Callable

import numpy as np
import torch
from scipy.optimize import minimize

from drywet.models import Model
from drywet.training.recipes import Recipe
from drywet.training.weights import Weights

MEMORY = 30  # steps from which the curvature is estimated


def polish(recipe: Recipe, model: Model, weights: Weights, go_on: Callable[[], bool]) -> None:
    """Lower the loss of one fixed epoch by L-BFGS-B until it converges or ``go_on()`` says no.

    ``go_on`` is asked after every update's worth of audio. The model ends with the best weights seen; weights without a
    finite loss count as worse than any.

    Source: R. Byrd, P. Lu, J. Nocedal, C. Zhu, "A limited memory algorithm for bound constrained optimization", SIAM
    Journal on Scientific Computing 16(5), 1995; scipy's implementation.
    """
    weights.swap()  # the average is better than the weights of the moment
    best_loss, best = np.inf, weights.vector.detach().clone()

    def loss_and_gradient(point: np.ndarray) -> tuple[float, np.ndarray]:
        nonlocal best_loss, best
        weights.vector.data.copy_(torch.from_numpy(point))
        weights.forget_gradient()
        state, total = recipe.begin_epoch(model, 0), 0.0
        for number in range(recipe.updates_per_epoch):
            if not go_on():
                raise _OutOfBudget
            state = tuple(tensor.detach() for tensor in state)
            loss, _, _, state = recipe.loss(model, number, state)
            (loss / recipe.updates_per_epoch).backward()
            total += loss.item() / recipe.updates_per_epoch
        if not np.isfinite(total) or not torch.isfinite(weights.gradient).all():
            return 1e30, np.zeros_like(point)
        if total < best_loss:
            best_loss, best = total, weights.vector.detach().clone()
        return total, weights.gradient.cpu().numpy().astype(np.float64)

    options = {"maxcor": MEMORY, "maxiter": 10**9, "maxfun": 10**9, "ftol": 1e-12, "gtol": 1e-12}
    try:
        start = weights.vector.detach().cpu().numpy().astype(np.float64)
        minimize(loss_and_gradient, start, jac=True, method="L-BFGS-B", options=options)
    except _OutOfBudget:
        pass
    weights.vector.data.copy_(best)
    weights.follow(1.0)


class _OutOfBudget(Exception):
    pass
