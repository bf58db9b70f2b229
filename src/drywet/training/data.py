"""The audio one run trains on."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from drywet.dataset import Dataset, Pair
from drywet.errors import DatasetError


@dataclass(frozen=True)
class TrainingData:
    """Training and validation recordings at one sample rate; ``sha256`` says which they are."""

    train: Sequence[Pair]
    validation: Sequence[Pair]
    sha256: str

    @property
    def sample_rate(self) -> int:
        return self.train[0].sample_rate


def load_training_data(dataset: Dataset, controls: dict[str, str | float]) -> TrainingData:
    """The training and validation recordings of ``dataset`` with these knob positions."""
    chosen = {role: dataset.recordings(role, controls) for role in ("train", "validation")}
    positions = {str(recording.rotations()) for recordings in chosen.values() for recording in recordings}
    if len(positions) > 1:
        raise DatasetError(
            f"{dataset.folder}: the recordings to train on have {len(positions)} different knob positions, which one model "
            f"without knobs cannot follow: {'; '.join(sorted(positions)[:4])}. Choose one with controls, for example "
            "controls.drive = '12:00'"
        )
    return TrainingData(
        train=[dataset.load(recording) for recording in chosen["train"]],
        validation=[dataset.load(recording) for recording in chosen["validation"]],
        sha256=dataset.sha256,
    )


def joined(pairs: Sequence[Pair]) -> Pair:
    """The recordings one after another."""
    if len(pairs) == 1:
        return pairs[0]
    return Pair(
        np.concatenate([pair.dry for pair in pairs]), np.concatenate([pair.wet for pair in pairs]), pairs[0].sample_rate
    )
