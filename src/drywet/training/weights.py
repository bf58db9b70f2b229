"""All trainable numbers of a model as one vector.

Clipping, Adam and averaging tensor by tensor would take longer than the gradient of a small model.
"""

import torch
from torch import nn


class Weights:
    """The parameters of ``model`` that are trained, laid one after another; the model's own tensors become views.

    Attributes
    ----------
    vector : nn.Parameter, shape (P,)
    gradient : tensor, shape (P,)
        Where ``backward`` adds up; :meth:`forget_gradient` empties it.
    average : tensor, shape (P,)
        A running mean of ``vector``, see :meth:`follow`.
    """

    def __init__(self, model: nn.Module):
        parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
        self.vector = nn.Parameter(torch.cat([parameter.detach().flatten() for parameter in parameters]))
        self.gradient = torch.zeros_like(self.vector)
        self.vector.grad = self.gradient
        self.average = self.vector.detach().clone()
        start = 0
        for parameter in parameters:
            stop = start + parameter.numel()
            parameter.data = self.vector.data[start:stop].view(parameter.shape)
            parameter.grad = self.gradient[start:stop].view(parameter.shape)
            start = stop

    def forget_gradient(self) -> None:
        self.gradient.zero_()

    def clip_gradient(self, largest: float | None) -> bool:
        """Shorten the gradient to the norm ``largest``; False, and nothing done, when it is not finite."""
        norm = float(self.gradient.norm())
        if not norm < float("inf"):  # NaN fails too
            return False
        if largest is not None and norm > largest:
            self.gradient.mul_(largest / norm)
        return True

    def follow(self, share: float) -> None:
        """Move the average by ``share``, in [0, 1], of its distance to the present weights; at 1 it is these weights."""
        if share >= 1:
            self.average.copy_(self.vector.detach())  # lerp would keep a NaN
        else:
            self.average.lerp_(self.vector.detach(), share)

    def swap(self) -> None:
        """Put the average into the model and keep its weights as the average; a second call undoes it."""
        values = self.vector.detach()
        kept = values.clone()
        values.copy_(self.average)
        self.average.copy_(kept)
