"""Training, validation and test parts that never share audio."""

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from drywet import audio, signals
from drywet.dataset import leakage
from drywet.dataset.manifest import MANIFEST, Chain, Dataset, Recording, write_manifest
from drywet.errors import DatasetError, SettingsError, SignalError

GAP_SECONDS = 0.5  # longer than the memory of any model family here


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


def split_dataset(
    folder: Path | str,
    ids: Collection[str] = (),
    *,
    gap_seconds: float = GAP_SECONDS,
    validation_share: float = 4 / 37,
    test_share: float = 8 / 37,
) -> Dataset:
    """Cut training recordings in time, so that the dataset has validation and test recordings too.

    In the manifest each becomes three recordings, parts (``start``, ``stop``) of the same files; the files stay as they
    are, and so do their checksums. A recording of drywet's capture signal is cut where the signal says, any other as
    :func:`split_by_time` does, the same in all recordings of one dry file.

    Parameters
    ----------
    ids : collection of str
        Which recordings; without it all whole recordings for training, if the dataset has nothing else.

    Raises
    ------
    DatasetError
        If there is nothing to cut, an id is unknown, or the parts would share audio, as music made of loops does. The
        manifest is then as it was.
    SettingsError
        If the gap or a share is impossible.
    SignalError
        If a recording is too short.
    """
    if not (gap_seconds >= 0 and 0 < validation_share < 1 and 0 < test_share < 1 - validation_share):
        raise SettingsError(
            f"a gap is 0 s or more and the shares lie between 0 and 1 with room left for training; given are a gap of "
            f"{gap_seconds:g} s, {validation_share:g} for validation and {test_share:g} for test"
        )
    dataset = Dataset(folder)
    manifest, path = dataset.manifest, dataset.folder / MANIFEST
    unknown = sorted(set(ids) - {recording.id for recording in manifest.recording})
    if unknown:
        raise DatasetError(f"{path}: has no recording {unknown[0]!r}; `drywet dataset show {folder}` lists them")
    if not ids and any(recording.role != "train" for recording in manifest.recording):
        raise DatasetError(f"{path}: has recordings for validation or test already; say with --id which ones to cut")
    chosen = [r for r in manifest.recording if r.id in ids or (not ids and r.part == slice(None))]
    if not chosen:
        raise DatasetError(f"{path}: has no whole recording for training that could be cut")
    parts: dict[str, TimeSplit] = {}
    listed: list[Recording] = []
    for recording in manifest.recording:
        if recording not in chosen:
            listed.append(recording)
            continue
        if recording.part != slice(None):
            raise DatasetError(f"{path}: {recording.id} is a part of a file already; join the parts by hand first")
        if recording.dry_sha256 not in parts:
            dataset.check_files(recording)
            parts[recording.dry_sha256] = _split_of_file(
                dataset.folder / recording.dry, manifest.chain, gap_seconds, validation_share, test_share
            )
        for role, part in vars(parts[recording.dry_sha256]).items():
            changes = {"id": f"{recording.id}-{role}", "clip": f"{recording.clip}-{role}", "role": role}
            listed.append(recording.model_copy(update={**changes, "start": part.start, "stop": part.stop}))
    manifest = manifest.model_copy(update={"recording": listed})
    leakage.refuse_leaks(leakage.listen_to(dataset.folder, manifest), str(path))
    return write_manifest(dataset.folder, manifest)


def _split_of_file(
    dry: Path, chain: Chain, gap_seconds: float, validation_share: float, test_share: float
) -> TimeSplit:
    """Where to cut the pair of a dry file, in samples after the chain's latency was taken out."""
    samples, rate = audio.read(dry, sample_rate=chain.sample_rate)
    ahead, length = max(-chain.latency, 0), len(samples) - abs(chain.latency)
    known = signals.explain(samples, rate)
    roles = signals.capture_roles(known.sections) if known else {}
    if not roles:
        return split_by_time(length, rate, round(gap_seconds * rate), validation_share, test_share)
    ends = {
        role: slice(max(round(start * rate) - ahead, 0), min(round(stop * rate) - ahead, length))
        for role, (start, stop) in roles.items()
    }
    return TimeSplit(**ends)


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
