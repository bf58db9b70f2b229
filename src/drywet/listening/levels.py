"""Equal loudness for everything that is compared, because the louder of two equal sounds is taken for the better."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from drywet import measures
from drywet.errors import SignalError
from drywet.listening.items import Item, fade_ends

TARGET_LUFS = -23.0  # EBU R 128
TOLERANCE_LU = 0.1  # an order of magnitude below what is heard as louder
HIGHEST_PEAK_DBFS = -1.0  # a converter's interpolation may exceed the samples


@dataclass(frozen=True)
class Matched:
    """Items at one loudness, in LUFS, and the gain in dB that each sound was given (by item, then by sound)."""

    items: tuple[Item, ...]
    loudness_lufs: float
    gains_db: tuple[tuple[float, ...], ...]


def match_loudness(items: Sequence[Item]) -> Matched:
    """All sounds of all items at one integrated loudness (ITU-R BS.1770) within 0.1 LU, their ends faded.

    The loudness is -23 LUFS, or lower where a peak would come within 1 dB of full scale.

    Raises
    ------
    SignalError
        If a sound is silent, too short for BS.1770 (0.4 s), or cannot be matched.
    """
    faded = [[fade_ends(sound.samples, item.sample_rate) for sound in item.sounds] for item in items]
    target = TARGET_LUFS
    for item, signals in zip(items, faded, strict=True):
        for sound, signal in zip(item.sounds, signals, strict=True):
            where = f"{item.name}, {sound.condition}"
            if not np.isfinite(signal).all():
                raise SignalError(f"{where}: holds NaN or infinity")
            headroom_db = HIGHEST_PEAK_DBFS - 20 * np.log10(max(np.max(np.abs(signal)), 1e-12))
            target = min(target, _loudness(signal, item.sample_rate, where) + headroom_db)
    matched, gains = [], []
    for item, signals in zip(items, faded, strict=True):
        sounds, gains_db = [], []
        for sound, signal in zip(item.sounds, signals, strict=True):
            where = f"{item.name}, {sound.condition}"
            gain_db = 0.0
            for _ in range(3):  # the gate of BS.1770 is absolute, so a large gain changes what it lets through
                gain_db += target - _loudness(signal * 10 ** (gain_db / 20), item.sample_rate, where)
            level = signal * 10 ** (gain_db / 20)
            left = _loudness(level, item.sample_rate, where) - target
            if abs(left) > TOLERANCE_LU / 2:
                raise SignalError(f"{where}: its loudness stays {left:+.2f} LU away from {target:.1f} LUFS")
            sounds.append(replace(sound, samples=level.astype(np.float32)))
            gains_db.append(gain_db)
        matched.append(replace(item, sounds=tuple(sounds)))
        gains.append(tuple(gains_db))
    return Matched(tuple(matched), float(target), tuple(gains))


def _loudness(signal: np.ndarray, sample_rate: int, where: str) -> float:
    try:
        return float(measures.integrated_loudness(signal, sample_rate))
    except SignalError as error:
        raise SignalError(f"{where}: its loudness cannot be measured, so it cannot be compared ({error})") from error
