"""One definition per quantity, for numpy arrays and torch tensors alike.

Training, evaluation and report share these, so the loss and the published figure cannot drift apart.
"""

from drywet.measures.error import apply_pre_emphasis, dc_error, esr, mae, mse, power
from drywet.measures.lag import best_lag_esr, published_compatible_esr
from drywet.measures.linear import best_linear_esr, best_linear_prediction
from drywet.measures.spectral import mrstft
from drywet.measures.weighting import a_weighted_esr, a_weighting, a_weighting_filter, apply_a_weighting

__all__ = [
    "a_weighted_esr",
    "a_weighting",
    "a_weighting_filter",
    "apply_a_weighting",
    "apply_pre_emphasis",
    "best_lag_esr",
    "best_linear_esr",
    "best_linear_prediction",
    "dc_error",
    "esr",
    "mae",
    "mrstft",
    "mse",
    "power",
    "published_compatible_esr",
]
