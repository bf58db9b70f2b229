"""The audio one run trains on."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from drywet import controls as knobs
from drywet.dataset import Dataset, Pair, Recording
from drywet.errors import DatasetError, SettingsError


@dataclass(frozen=True)
class TrainingData:
    """Training and validation recordings at one sample rate, with their knobs; ``sha256`` says which they are.

    The first ``run_up`` samples of each validation recording are heard, to fill the state, and not scored.
    """

    train: Sequence[Pair]
    validation: Sequence[Pair]
    sha256: str
    run_up: int = 0

    @property
    def sample_rate(self) -> int:
        return self.train[0].sample_rate


def load_training_data(
    dataset: Dataset, controls: Mapping[str, str | float], follows: Sequence[str] = ()
) -> TrainingData:
    """The training and validation recordings of ``dataset`` with these knob positions.

    ``follows`` are the knobs of the model: they may stand elsewhere in each recording, or move. All others stand still
    and are alike in all recordings, since the model cannot know of them.

    Raises
    ------
    DatasetError
        If there are no such recordings, or knobs that the model does not follow differ.
    SettingsError
        If the recordings do not say where a knob of the model stood, or it stood at one place in all of them.
    """
    chosen = {role: dataset.recordings(role, controls) for role in ("train", "validation")}
    _check_knobs(dataset, chosen["train"], chosen["validation"], follows)
    return TrainingData(
        train=[dataset.load(recording) for recording in chosen["train"]],
        validation=[dataset.load(recording) for recording in chosen["validation"]],
        sha256=dataset.sha256,
    )


def _check_knobs(
    dataset: Dataset, train: Sequence[Recording], validation: Sequence[Recording], follows: Sequence[str]
) -> None:
    for recording in (*train, *validation):
        missing = [name for name in follows if name not in recording.controls]
        if missing:
            raise SettingsError(
                f"{dataset.folder}: model.controls names the knob {missing[0]!r}, but the recording {recording.id} does "
                f"not say where it stood; its knobs are: {', '.join(recording.controls) or 'none'}"
            )
    for name in follows:
        places = {recording.movements()[name] for recording in train}
        if len(places) == 1 and next(iter(places)).is_still:
            raise SettingsError(
                f"{dataset.folder}: {name} stands at {knobs.describe(train[0].controls[name])} in every training recording, "
                "so a model cannot learn what it does; take it out of model.controls, or add recordings at other positions"
            )
    others: dict[tuple[tuple[str, float], ...], None] = {}
    for recording in (*train, *validation):
        rotations = recording.rotations()
        moving = sorted(set(recording.controls) - set(rotations) - set(follows))
        if moving:
            raise DatasetError(
                f"{dataset.folder}: {moving[0]} moves in the recording {recording.id}, which a model without that knob cannot "
                f"follow. Set model.controls = ['{moving[0]}'], or choose recordings, for example with "
                f"controls.{moving[0]} = '12:00'"
            )
        others[tuple(sorted((name, rotations[name]) for name in rotations if name not in follows))] = None
    if len(others) > 1:
        first, second = (dict(left) for left in list(others)[:2])
        differing = sorted(name for name in first | second if first.get(name) != second.get(name))[0]
        raise DatasetError(
            f"{dataset.folder}: the recordings to train on have {len(others)} different knob positions, which one model "
            f"without knobs cannot follow: {'; '.join(knobs.describe_all(dict(left)) for left in list(others)[:4])}. Choose "
            f"one, for example with controls.{differing} = '12:00', or let the model follow: model.controls = "
            f"['{differing}']"
        )


def joined(pairs: Sequence[Pair]) -> Pair:
    """The recordings one after another; where the knobs stood in each, JoinedKnobs knows."""
    if len(pairs) == 1:
        return pairs[0]
    return Pair(
        np.concatenate([pair.dry for pair in pairs]), np.concatenate([pair.wet for pair in pairs]), pairs[0].sample_rate
    )
