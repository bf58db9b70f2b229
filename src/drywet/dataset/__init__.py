"""Recordings with their manifest, and the ways to cut them for training: windows, streams, splits."""

from drywet.dataset.manifest import Chain, Dataset, Manifest, Recording, write_manifest
from drywet.dataset.pair import Pair, load_pair
from drywet.dataset.published import import_published
from drywet.dataset.segments import JoinedKnobs, Streams
from drywet.dataset.splits import TimeSplit, split_by_time, split_windows_at_random
from drywet.dataset.windows import targets, windows

__all__ = [
    "Chain",
    "Dataset",
    "JoinedKnobs",
    "Manifest",
    "Pair",
    "Recording",
    "Streams",
    "TimeSplit",
    "import_published",
    "load_pair",
    "split_by_time",
    "split_windows_at_random",
    "targets",
    "windows",
    "write_manifest",
]
