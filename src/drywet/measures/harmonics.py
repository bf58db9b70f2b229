"""Levels of harmonics and of intermodulation products, read at exact bins of a DFT without a window."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from drywet.errors import SignalError
from drywet.measures.aliasing import ExactSine, exact_sine, exact_spectrum

HARMONICS = 10
FLOOR_DBC = -70.0  # below the loudest harmonic of the device; what lies deeper is not compared
SILENT_DB = -160.0  # stands for a level of nothing


@dataclass(frozen=True)
class TonePair:
    """Two tones for intermodulation; ``ratio`` is the amplitude of the first over that of the second."""

    name: str
    first_hz: float
    second_hz: float
    ratio: float = 1.0


TONE_PAIRS = (
    TonePair("997 + 1213 Hz", 997.0, 1213.0),
    TonePair("SMPTE 60 + 7000 Hz, 4:1", 60.0, 7000.0, 4.0),
    TonePair("CCIF 19 + 20 kHz", 19_000.0, 20_000.0),
)  # SMPTE RP 120; CCIF, now IEC 60268-3 difference-frequency distortion
# Multiples of the two tones in each product, up to the third order.
PRODUCTS = ((1, 0), (0, 1), (-1, 1), (1, 1), (2, 0), (0, 2), (2, -1), (-1, 2), (2, 1), (1, 2), (3, 0), (0, 3))


def harmonic_levels_db(wet: np.ndarray, sine: ExactSine, count: int = HARMONICS) -> np.ndarray:
    """Level of H1 to H``count`` in dBFS (1.0 peak is 0), shape (count,); NaN above half the sample rate.

    ``wet`` holds ``sine.length`` samples of the settled response to ``sine``. A harmonic that is not there is at most
    -160 dB. SignalError as for :func:`~drywet.measures.aliasing.exact_spectrum`.
    """
    peaks = np.abs(exact_spectrum(wet, sine.length))[sine.bin :: sine.bin][:count]
    levels = np.full(count, np.nan)
    levels[: len(peaks)] = _decibels(peaks)
    return levels


def harmonic_error_db(device_db: np.ndarray, model_db: np.ndarray, floor_dbc: float = FLOOR_DBC) -> float:
    """RMS difference in dB over the harmonics that the device has above ``floor_dbc`` below its loudest, a float.

    Levels in dB of shape (..., H) from :func:`harmonic_levels_db`; "loudest" is per leading index. A harmonic that the
    model lacks counts as if it stood at the floor, so that its absence has a finite price.

    Raises
    ------
    SignalError
        If the shapes differ, or the device has no harmonic at all.
    """
    if device_db.shape != model_db.shape:
        raise SignalError(f"the device's table has shape {device_db.shape}, the model's {model_db.shape}")
    loudest = np.nanmax(device_db, axis=-1, keepdims=True)
    counted = (device_db > loudest + floor_dbc) & (loudest > SILENT_DB)
    if not counted.any():
        raise SignalError("the device has no harmonics, so there is nothing to compare")
    difference = np.maximum(model_db, loudest + floor_dbc) - device_db
    return float(np.sqrt(np.mean(difference[counted] ** 2)))


@dataclass(frozen=True)
class ExactPair:
    """Two exact sines of one length."""

    first: ExactSine
    second: ExactSine

    def bin_of(self, product: tuple[int, int]) -> int:
        """Bin of ``a * first + b * second``; negative frequencies are counted positive."""
        return abs(product[0] * self.first.bin + product[1] * self.second.bin)


def exact_pair(pair: TonePair, sample_rate: int, seconds: float = 0.2) -> ExactPair:
    """The tones of ``pair`` moved to exact bins. SignalError if one lies above half the sample rate."""
    return ExactPair(exact_sine(pair.first_hz, sample_rate, seconds), exact_sine(pair.second_hz, sample_rate, seconds))


def product_levels_db(wet: np.ndarray, pair: ExactPair, products: Sequence[tuple[int, int]] = PRODUCTS) -> np.ndarray:
    """Level of each product in dBFS (1.0 peak is 0), shape (P,); NaN where it lies above half the sample rate."""
    peaks = np.abs(exact_spectrum(wet, pair.first.length))
    bins = [pair.bin_of(product) for product in products]
    return np.array([_decibels(peaks[bin_]) if 0 < bin_ < len(peaks) else np.nan for bin_ in bins])


def product_name(product: tuple[int, int]) -> str:
    """``2 f1 - f2`` and the like.

    >>> product_name((2, -1)), product_name((-1, 2)), product_name((0, 1))
    ('2 f1 - f2', '2 f2 - f1', 'f2')
    """
    terms = [(count, tone) for count, tone in zip(product, ("f1", "f2"), strict=True) if count]
    terms.sort(key=lambda term: term[0] < 0)
    first, *rest = [f"{abs(count)} {tone}" if abs(count) > 1 else tone for count, tone in terms]
    return first + "".join(
        f" {'-' if count < 0 else '+'} {text}" for (count, _), text in zip(terms[1:], rest, strict=True)
    )


def _decibels(peaks: np.ndarray) -> np.ndarray:
    return 20 * np.log10(np.maximum(peaks, 10 ** (SILENT_DB / 20)))
