"""Adam on all weights at once, with weight decay.

torch's own is as good, but its first one imports a compiler that nothing here needs, and that takes a second of a run that
may have thirty.
"""

import math

import torch
from torch import Tensor

MEAN_DECAY, SQUARE_DECAY = 0.9, 0.999


class Adam:
    """D. Kingma, J. Ba, "Adam: a method for stochastic optimization", ICLR 2015, algorithm 1, with the usual decays.

    Weights decay beside the gradient, not through it: I. Loshchilov, F. Hutter, "Decoupled weight decay regularization",
    ICLR 2019, algorithm 2.

    Parameters
    ----------
    vector : tensor, shape (P,)
        The weights; :meth:`step` changes them in place.
    epsilon : float
        Added to the root of the mean square.
    weight_decay : float
        Times the learning rate, the share of every weight that a step takes away.

    Attributes
    ----------
    mean, square : tensor, shape (P,)
        Running means of the gradient and of its square.
    steps : int
    """

    def __init__(self, vector: Tensor, epsilon: float, weight_decay: float = 0.0):
        self.vector, self.epsilon, self.weight_decay, self.steps = vector.detach(), epsilon, weight_decay, 0
        self.mean, self.square = torch.zeros_like(self.vector), torch.zeros_like(self.vector)

    def step(self, gradient: Tensor, learning_rate: float) -> None:
        """Move the weights against a gradient (P,)."""
        self.steps += 1
        self.mean.lerp_(gradient, 1 - MEAN_DECAY)
        self.square.mul_(SQUARE_DECAY).addcmul_(gradient, gradient, value=1 - SQUARE_DECAY)
        if self.weight_decay:
            self.vector.mul_(1 - learning_rate * self.weight_decay)
        root = (self.square.sqrt() / math.sqrt(1 - SQUARE_DECAY**self.steps)).add_(self.epsilon)
        self.vector.addcdiv_(self.mean, root, value=-learning_rate / (1 - MEAN_DECAY**self.steps))
