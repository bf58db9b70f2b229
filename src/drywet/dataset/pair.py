"""A dry signal and the simultaneous wet signal."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from drywet import audio
from drywet.controls import Movement
from drywet.errors import SignalError


@dataclass(frozen=True)
class Pair:
    """Simultaneous dry and wet signals, float32 of shape (T,), their sample rate in Hz, and where the knobs stood."""

    dry: np.ndarray
    wet: np.ndarray
    sample_rate: int
    controls: Mapping[str, Movement] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.dry)

    def __getitem__(self, part: slice) -> "Pair":
        begin = part.indices(len(self))[0] / self.sample_rate
        controls = {name: move.from_then_on(begin) for name, move in self.controls.items()}
        return Pair(self.dry[part], self.wet[part], self.sample_rate, controls)


def load_pair(dry_path: Path | str, wet_path: Path | str, sample_rate: int | None = None) -> Pair:
    """Read a recording and refuse what cannot be a pair.

    Raises
    ------
    AudioFileError
        If a file is missing, unreadable, not mono, or not at ``sample_rate``; see :func:`drywet.audio.read`.
    SignalError
        If rates or lengths differ, or a signal is silent.
    """
    dry, dry_rate = audio.read(dry_path, sample_rate=sample_rate)
    wet, wet_rate = audio.read(wet_path, sample_rate=sample_rate)
    if dry_rate != wet_rate:
        raise SignalError(
            f"{wet_path}: sample rate is {wet_rate} Hz, but {dry_path} has {dry_rate} Hz. Record both at one rate, or "
            "convert one of them"
        )
    if len(dry) != len(wet):
        longer = wet_path if len(wet) > len(dry) else dry_path
        difference = abs(len(dry) - len(wet))
        raise SignalError(
            f"{wet_path}: has {len(wet)} samples, but {dry_path} has {len(dry)}; a pair is simultaneous and equally "
            f"long. {longer} is longer by {difference} samples ({difference / dry_rate:.3f} s). `drywet align {dry_path} "
            f"{wet_path} --out aligned` finds where they lie and writes a copy that fits"
        )
    for path, signal in ((dry_path, dry), (wet_path, wet)):
        if not signal.any():
            raise SignalError(f"{path}: is silent from start to end. Check the cable, the channel and the input gain")
    return Pair(dry, wet, dry_rate)


def take_out_latency(pair: Pair, latency: int, where: str = "wet") -> Pair:
    """The pair with wet moved earlier by ``latency`` whole samples (later when negative), cut to what both hold.

    Raises
    ------
    SignalError
        If nothing is left; ``where`` names the recording.
    """
    if abs(latency) >= len(pair):
        raise SignalError(f"{where}: the latency of {latency} samples leaves nothing of a recording of {len(pair)}")
    dry = pair.dry[max(-latency, 0) : len(pair) - max(latency, 0)]
    wet = pair.wet[max(latency, 0) : len(pair) + min(latency, 0)]
    return Pair(dry, wet, pair.sample_rate, pair.controls)


def loudest(signal: np.ndarray, length: int) -> int:
    """Where the ``length`` samples with the most energy begin; 0 where there are no more than that."""
    energy = np.concatenate([[0.0], np.cumsum(np.square(signal, dtype=np.float64))])
    return int(np.argmax(energy[length:] - energy[:-length])) if 0 < length < len(signal) else 0
