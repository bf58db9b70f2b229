"""Training, validation and test parts that never share audio."""

from dataclasses import dataclass

import numpy as np

from drywet.errors import SignalError


@dataclass(frozen=True)
class TimeSplit:
    """Three contiguous parts of one recording, as slices in samples."""

    train: slice
    validation: slice
    test: slice


def split_by_time(
    length: int, sample_rate: int, gap: int, validation_share: float = 4 / 37, test_share: float = 8 / 37
) -> TimeSplit:
    """Cut one recording into training, validation and test, in this order.

    ``gap`` samples (at least a receptive field) are left out between the parts, so that no sample a model sees while
    it predicts one part belongs to another. The shares are of the whole length; by default those of a 37 s recording
    with 25 s, 4 s and 8 s.

    Raises
    ------
    SignalError
        If a part would be shorter than a tenth of a second, or training shorter than a second.
    """
    validation, test = round(length * validation_share), round(length * test_share)
    train = length - validation - test - 2 * gap
    if train < sample_rate or min(validation, test) < sample_rate / 10:
        raise SignalError(
            f"{length} samples ({length / sample_rate:.2f} s) are too few: after gaps of {gap} samples, "
            f"{max(train, 0) / sample_rate:.2f} s would remain for training, {validation / sample_rate:.2f} s for "
            f"validation and {test / sample_rate:.2f} s for test. Record at least 10 s; a minute or more is good"
        )
    return TimeSplit(
        train=slice(0, train),
        validation=slice(train + gap, train + gap + validation),
        test=slice(length - test, length),
    )


def split_windows_at_random(count: int, train_rows: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Row numbers of training and validation windows, drawn at random as the published study did.

    Windows that do not overlap share no sample, yet neighbours in time fall on both sides, so the validation error is
    nearer to the training error than on other music. All rows that are not for training are for validation. Both stay in
    drawn order, so that a batch of them is a sample of the whole recording.

    Raises
    ------
    SignalError
        If there are not more than ``train_rows`` windows.
    """
    if not 0 < train_rows < count:
        raise SignalError(
            f"{train_rows} training windows are wanted, but the recording holds {count} and some must be left for "
            "validation. Use more audio, or set training.train_rows"
        )
    order = np.random.default_rng(seed).permutation(count)
    return order[:train_rows], order[train_rows:]
