"""One definition per quantity, for numpy arrays and torch tensors alike.

Training, evaluation and report share these, so the loss and the published figure cannot drift apart.
"""

from drywet.measures.aliasing import ExactSine, aliasing_to_signal_ratio, exact_sine
from drywet.measures.artifacts import Click, clicks, dc_drift, silence, step_response
from drywet.measures.bands import ThirdOctaves, third_octave_esr
from drywet.measures.error import apply_pre_emphasis, dc_error, esr, mae, mse, power
from drywet.measures.features import (
    Difference,
    centroid_difference_percent,
    centroid_hz,
    crest_db,
    crest_difference_db,
    rms_db,
    rms_difference_db,
)
from drywet.measures.harmonics import harmonic_error_db, harmonic_levels_db, product_levels_db
from drywet.measures.lag import best_lag_esr, published_compatible_esr
from drywet.measures.linear import best_linear_esr, best_linear_prediction
from drywet.measures.loudness import (
    integrated_loudness,
    k_weighting,
    loudness_difference,
    short_term_loudness,
    short_term_loudness_difference,
)
from drywet.measures.masking import noise_to_mask_ratio_db
from drywet.measures.matched import Matched, matched_error, null_depth_db
from drywet.measures.onsets import onsets, transient_esr
from drywet.measures.spectral import log_mel_error, mrstft
from drywet.measures.weighting import a_weighted_esr, a_weighting, a_weighting_filter, apply_a_weighting

__all__ = [
    "Click",
    "Difference",
    "ExactSine",
    "Matched",
    "ThirdOctaves",
    "a_weighted_esr",
    "a_weighting",
    "a_weighting_filter",
    "aliasing_to_signal_ratio",
    "apply_a_weighting",
    "apply_pre_emphasis",
    "best_lag_esr",
    "best_linear_esr",
    "best_linear_prediction",
    "centroid_difference_percent",
    "centroid_hz",
    "clicks",
    "crest_db",
    "crest_difference_db",
    "dc_drift",
    "dc_error",
    "esr",
    "exact_sine",
    "harmonic_error_db",
    "harmonic_levels_db",
    "integrated_loudness",
    "k_weighting",
    "log_mel_error",
    "loudness_difference",
    "mae",
    "matched_error",
    "mrstft",
    "mse",
    "noise_to_mask_ratio_db",
    "null_depth_db",
    "onsets",
    "power",
    "product_levels_db",
    "published_compatible_esr",
    "rms_db",
    "rms_difference_db",
    "short_term_loudness",
    "short_term_loudness_difference",
    "silence",
    "step_response",
    "third_octave_esr",
    "transient_esr",
]
