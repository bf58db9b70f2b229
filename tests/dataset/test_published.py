import numpy as np
import pytest

from drywet import audio
from drywet.dataset import import_published
from drywet.errors import DatasetError

RATE = 44_100


def make_tree(root, naming=(("Dry", "d_"), ("Wet", "w_")), levels=("Low", "High"), rate=RATE):
    """A tree as the study keeps it, under Data/SD-1/DS340; every file has its own audio."""
    tree = root / "Data" / "SD-1" / "DS340"
    seed = 0
    for role in ("Train", "Val", "Test"):
        for level in levels:
            for song in ("battery", "ohwell"):
                for folder, prefix in naming:
                    seed += 1
                    noise = 0.1 * np.random.default_rng(seed).standard_normal(200).astype(np.float32)
                    audio.write(tree / role / level / folder / f"{prefix}{song}.wav", noise, rate)
    return tree


def test_the_tree_becomes_a_dataset_where_it_stands(tmp_path):
    dataset = import_published(make_tree(tmp_path))
    assert len(dataset.manifest.recording) == 12
    assert dataset.manifest.device == "SD-1"
    found = dataset.recordings("test", {"drive": "3:00"})
    assert (found[0].clip, found[0].dry, found[0].wet) == (
        "battery",
        "Test/High/Dry/d_battery.wav",
        "Test/High/Wet/w_battery.wav",
    )
    assert len(dataset.load(found[0])) == 200


def test_in_older_trees_d_means_distorted(tmp_path):
    dataset = import_published(make_tree(tmp_path, naming=(("Clean", "c_"), ("Distorted", "d_"))))
    recording = dataset.recordings("train", {"drive": "9:00"})[0]
    assert (recording.dry, recording.wet) == ("Train/Low/Clean/c_battery.wav", "Train/Low/Distorted/d_battery.wav")


def test_a_level_of_unknown_drive_is_asked_for(tmp_path):
    tree = make_tree(tmp_path, levels=("Low", "Max"))
    with pytest.raises(DatasetError, match="at which drive was 'Max' recorded"):
        import_published(tree)
    assert len(import_published(tree, {"Low": "9:00", "Max": "5:00"}).recordings("train", {"drive": 1.0})) == 2


def test_a_song_without_partner_is_named(tmp_path):
    tree = make_tree(tmp_path)
    (tree / "Val" / "Low" / "Wet" / "w_ohwell.wav").unlink()
    with pytest.raises(DatasetError, match="'ohwell' is in Dry but not in Wet"):
        import_published(tree)


def test_one_rate_for_all(tmp_path):
    make_tree(tmp_path, levels=("Low",))
    tree = make_tree(tmp_path, levels=("High",), rate=48_000)
    with pytest.raises(DatasetError, match="48000 Hz"):
        import_published(tree)


def test_an_empty_tree_says_what_was_expected(tmp_path):
    with pytest.raises(DatasetError, match="Train/<level>/Dry/d_<song>.wav"):
        import_published(tmp_path)
