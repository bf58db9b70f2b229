import pytest

from drywet.dataset import find_pairs
from drywet.errors import DatasetError


def make(folder, *names):
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")


def found(folder):
    return [
        (p.name, p.dry.relative_to(folder).as_posix(), p.wet.relative_to(folder).as_posix()) for p in find_pairs(folder)
    ]


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["dry/b.flac", "wet/b.wav", "dry/a.wav", "wet/a.wav"],
         [("a", "dry/a.wav", "wet/a.wav"), ("b", "dry/b.flac", "wet/b.wav")]),
        (["Dry/d_a.wav", "Wet/w_a.wav"], [("a", "Dry/d_a.wav", "Wet/w_a.wav")]),
        (["dry/d_minor.wav", "wet/d_minor.wav"], [("d_minor", "dry/d_minor.wav", "wet/d_minor.wav")]),
        (["dry/a-dry.wav", "wet/a-wet.wav"], [("a", "dry/a-dry.wav", "wet/a-wet.wav")]),
        (["d_a.wav", "w_a.wav", "notes.txt", "mix.wav"], [("a", "d_a.wav", "w_a.wav")]),
        (["low gain dry.WAV", "low gain wet.WAV"], [("low gain", "low gain dry.WAV", "low gain wet.WAV")]),
        (["takes/dry.wav", "takes/wet.flac"], [("takes", "takes/dry.wav", "takes/wet.flac")]),
        (["dry/a.wav", "wet/a.wav", "dry/._a.wav", "dry/.DS_Store"], [("a", "dry/a.wav", "wet/a.wav")]),
    ],
)  # fmt: skip
def test_pairs_are_found_by_their_names(tmp_path, names, expected):
    make(tmp_path, *names)
    folder = tmp_path / "takes" if names[0].startswith("takes") else tmp_path
    got = [(name, *((f"takes/{p}" if folder != tmp_path else p) for p in paths)) for name, *paths in found(folder)]
    assert got == expected


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["dry/a.wav", "wet/b.wav"], r"a\.wav: has no wet partner of the same name \(2 of 2"),
        (["d_a.wav", "w_a.wav", "w_b.wav"], r"w_b\.wav: has no dry partner"),
        (["dry/a.wav", "dry/a.flac", "wet/a.wav"], "has the same name as"),
        (["a.wav", "b.wav"], "no pairs found. Expected folders dry/ and wet/"),
        (["dry/a.txt", "wet/a.txt"], "no pairs found"),
    ],
)
def test_what_has_no_partner_is_named(tmp_path, names, message):
    make(tmp_path, *names)
    with pytest.raises(DatasetError, match=message):
        find_pairs(tmp_path)


def test_a_file_or_nothing_is_no_folder_of_pairs(tmp_path):
    make(tmp_path, "a.wav")
    with pytest.raises(DatasetError, match="is a file, not a folder"):
        find_pairs(tmp_path / "a.wav")
    with pytest.raises(DatasetError, match="no such folder"):
        find_pairs(tmp_path / "none")
