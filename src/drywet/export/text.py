"""JSON of weights: float32 as its shortest decimals, so that files are small and read back to the bit."""

import json
from typing import Any

import numpy as np


def numbers(array: Any) -> Any:
    """Nested lists of floats that print as the shortest decimals of float32."""
    array = np.asarray(array, np.float32)
    if array.ndim == 0:
        return float(str(array))
    return [numbers(item) for item in array]


def encode(value: Any) -> bytes:
    """One line of JSON. NaN is refused: it would be no JSON."""
    return (json.dumps(value, ensure_ascii=False, allow_nan=False) + "\n").encode()
