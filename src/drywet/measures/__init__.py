"""One definition per quantity, for numpy arrays and torch tensors alike.

Training, evaluation and report share these, so the loss and the published figure cannot drift apart.
"""

from drywet.measures.error import apply_pre_emphasis, esr, mae, mse
from drywet.measures.lag import best_lag_esr, published_compatible_esr
from drywet.measures.linear import best_linear_esr, best_linear_prediction

__all__ = [
    "apply_pre_emphasis",
    "best_lag_esr",
    "best_linear_esr",
    "best_linear_prediction",
    "esr",
    "mae",
    "mse",
    "published_compatible_esr",
]
