"""Recordings with their manifest, and the ways to cut them for training: windows, streams, splits."""

from drywet.dataset.collect import NewPair, add_pairs, create_dataset
from drywet.dataset.imports import import_pairs, import_stereo
from drywet.dataset.manifest import Chain, Dataset, Manifest, Recording, write_manifest
from drywet.dataset.pair import Pair, load_pair
from drywet.dataset.pairs import FoundPair, find_pairs
from drywet.dataset.published import import_published
from drywet.dataset.segments import JoinedKnobs, Streams
from drywet.dataset.splits import TimeSplit, split_by_time, split_dataset, split_windows_at_random
from drywet.dataset.windows import targets, windows

__all__ = [
    "Chain",
    "Dataset",
    "FoundPair",
    "JoinedKnobs",
    "Manifest",
    "NewPair",
    "Pair",
    "Recording",
    "Streams",
    "TimeSplit",
    "add_pairs",
    "create_dataset",
    "find_pairs",
    "import_pairs",
    "import_published",
    "import_stereo",
    "load_pair",
    "split_by_time",
    "split_dataset",
    "split_windows_at_random",
    "targets",
    "windows",
    "write_manifest",
]
