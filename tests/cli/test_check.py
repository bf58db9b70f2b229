"""``drywet check`` as a user meets it."""

import json

import numpy as np
import pytest
from command_line import drywet

from drywet import audio, signals
from drywet.files import sha256

RATE = 44_100


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A pair of 6 s in dry/ and wet/, wet 40 samples late, and a silent wet file."""
    folder = tmp_path_factory.mktemp("check")
    dry = signals.test_riffs(RATE, 6.0)["chords"]
    wet = np.concatenate([np.zeros(40, np.float32), 0.5 * np.tanh(5 * dry)])[: len(dry)]
    audio.write(folder / "pairs" / "dry" / "riff.wav", dry, RATE)
    audio.write(folder / "pairs" / "wet" / "riff.wav", wet, RATE)
    audio.write(folder / "silent.wav", 0 * dry, RATE)
    return folder


def test_a_page_and_a_picture_and_the_files_stay_as_they_were(folder):
    pair = [folder / "pairs" / role / "riff.wav" for role in ("dry", "wet")]
    before = [sha256(path) for path in pair]
    page = drywet("check", *pair, cwd=folder).stdout
    assert "verdict: usable, better with 1 repair: latency" in page
    assert "drywet align" in page
    assert (folder / "riff-check.png").read_bytes().startswith(b"\x89PNG")
    assert [sha256(path) for path in pair] == before


def test_a_folder_gives_a_list_and_json_the_planted_latency(folder):
    (result,) = json.loads(drywet("check", "pairs", "--json", "--no-picture", cwd=folder).stdout)
    assert result["status"] == "usable"
    assert result["alignment"]["latency_samples"] == pytest.approx(40, abs=1)
    (latency,) = [finding for finding in result["findings"] if finding["name"] == "latency"]
    assert latency["severity"] == "repair"


def test_what_is_not_usable_leaves_with_3_and_says_why(folder):
    done = drywet("check", "pairs/dry/riff.wav", "silent.wav", "--picture", "p.png", cwd=folder, status=3)
    assert "verdict: not usable: wet is silent" in done.stdout
    assert (folder / "p.png").is_file()


def test_a_picture_of_the_user_is_not_written_over(folder, tmp_path):
    (tmp_path / "pedal.png").write_bytes(b"a photograph")
    pair = [folder / "pairs" / role / "riff.wav" for role in ("dry", "wet")]
    assert "exists; add --force" in drywet("check", *pair, "--picture", "pedal.png", cwd=tmp_path, status=4).stderr
    assert (tmp_path / "pedal.png").read_bytes() == b"a photograph"


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (["pairs/dry/riff.wav"], 4, "give the wet file too"),
        (["absent.wav", "silent.wav"], 3, "no such file"),
        (["pairs/dry/riff.wav", "silent.wav", "--picture", "p.nonsense"], 7, "end in .png"),
    ],
)
def test_mistakes_are_one_clear_line(folder, arguments, status, message):
    assert message in drywet("check", *arguments, cwd=folder, status=status).stderr
