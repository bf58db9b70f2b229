import numpy as np
import pytest
from helpers import Recorded

from drywet import audio, files
from drywet.dataset import Chain, Dataset, Manifest, Pair, Recording, write_manifest
from drywet.errors import SignalError
from drywet.evaluation import Clip, clip_of_files, evaluate, score
from drywet.evaluation import test_clips as clips_for_test
from drywet.evaluation.evaluate import safe_name

RATE = 44_100


@pytest.fixture
def clip(pair, tmp_path):
    return Clip("chords", pair, tmp_path / "dry.wav", tmp_path / "wet.wav")


def test_a_planted_error_gives_the_numbers_of_algebra(clip):
    row, predicted = score(Recorded(0.9 * clip.pair.wet), clip)
    assert row["esr"] == pytest.approx(0.01, rel=1e-5)
    assert (row["lag"], row["esr_best_lag"]) == (0, pytest.approx(0.01, rel=1e-5))
    assert row["mse"] == pytest.approx(0.01 * np.mean(clip.pair.wet.astype(np.float64) ** 2), rel=1e-5)
    assert row["mae"] == pytest.approx(0.1 * np.mean(np.abs(clip.pair.wet)), rel=1e-4)
    assert 0 < row["esr_linear"] < 1
    assert len(predicted) == len(clip.pair)


def test_a_late_model_is_told_from_a_wrong_one(clip):
    wet = clip.pair.wet
    row, _ = score(Recorded(np.concatenate([np.zeros(3, np.float32), wet[:-3]])), clip)
    assert row["lag"] == 3
    assert row["esr_best_lag"] < 1e-6 < row["esr"]


def test_the_published_comparison_expects_the_sample_before(clip):
    wet = clip.pair.wet
    early = np.concatenate([wet[1:], wet[:1]])
    row, _ = score(Recorded(early), clip)
    assert row["esr_published_compatible"] == pytest.approx(0.0, abs=1e-9)
    assert row["esr"] > 1e-4


def test_only_the_part_counts_but_the_effect_hears_the_whole_file(pair, tmp_path):
    predicted = pair.wet.copy()
    predicted[:50_000] = 0.0
    clip = Clip("late", pair, tmp_path / "d.wav", tmp_path / "w.wav", start=50_000, stop=len(pair))
    row, part = score(Recorded(predicted), clip)
    assert row["esr"] == 0.0
    assert len(part) == len(pair) - 50_000


def test_rows_and_sounds_are_saved_where_the_rows_say(recording_files, tmp_path, pair):
    folder = tmp_path / "run"
    rows = evaluate(Recorded(0.5 * pair.wet), [clip_of_files(*recording_files)], folder)
    assert files.read_json_lines(folder / "evaluation.jsonl") == rows
    predicted, rate = audio.read(folder / rows[0]["predicted"])
    np.testing.assert_allclose(predicted, 0.5 * pair.wet, atol=1e-6)
    assert rate == RATE
    assert (folder / rows[0]["wet"]).resolve() == recording_files[1]


def test_test_clips_come_from_the_dataset_with_their_knobs(small_dataset):
    clips = clips_for_test(small_dataset, {"drive": "9:00"})
    assert [(clip.name, clip.controls) for clip in clips] == [
        ("chords", {"drive": "9:00"}),
        ("lead", {"drive": "9:00"}),
    ]


class Gain:
    """Dry times drive; has no tone."""

    sample_rate, latency = RATE, 0

    def __init__(self):
        self.controls = {"drive": 0.5}

    def reset(self):
        pass

    def process(self, dry, controls):
        return dry * np.float32(controls["drive"])


def test_the_knobs_stand_and_move_as_they_did_in_the_recording(pair, tmp_path):
    middles = (np.arange(len(pair)) // 64 * 64 + 32) / RATE
    drive = {"fixed": 0.2, "moving": np.interp(middles, [1.0, 3.0], [0.2, 0.8]), "unnamed": 0.5}
    controls = {
        "fixed": {"drive": "9:00", "tone": 0.1},
        "moving": {"drive": [[1.0, "9:00"], [3.0, 0.8]]},
        "unnamed": {},
    }
    clips = [
        Clip(
            name, Pair(pair.dry, (drive[name] * pair.dry).astype(np.float32), RATE), tmp_path, tmp_path, controls[name]
        )
        for name in drive
    ]
    rows = evaluate(Gain(), clips)
    assert [row["esr"] for row in rows] == pytest.approx([0, 0, 0], abs=1e-12)
    assert [row["controls"] for row in rows] == [
        {"drive": 0.2, "tone": 0.1},
        {"drive": [[1.0, 0.2], [3.0, 0.8]]},
        {},
    ]


def test_the_same_music_at_several_positions_has_several_names(small_dataset):
    assert [clip.name for clip in clips_for_test(small_dataset, {})] == [
        "chords at drive 9:00",
        "chords at drive 3:00",
        "lead at drive 9:00",
        "lead at drive 3:00",
    ]


def test_two_takes_at_one_position_keep_their_own_rows(small_dataset):
    dataset = Dataset(small_dataset.folder)
    takes = [dataset.manifest.recording[0].model_copy(update={"id": f"take {i}", "role": "test"}) for i in (1, 2)]
    dataset.manifest = dataset.manifest.model_copy(update={"recording": takes})
    assert [clip.name for clip in clips_for_test(dataset, {})] == ["track, take 1", "track, take 2"]


def test_what_cannot_be_scored_is_refused(clip, pair):
    with pytest.raises(SignalError, match="44100 Hz, but the model was made for 48000 Hz"):
        effect = Recorded(pair.wet)
        effect.sample_rate = 48_000
        score(effect, clip)
    with pytest.raises(SignalError, match="diverged"):
        score(Recorded(np.full(len(pair), np.nan, np.float32)), clip)
    silent = Clip("rest", Pair(pair.dry, 0 * pair.wet, RATE), clip.dry_path, clip.wet_path)
    with pytest.raises(SignalError, match="silent"):
        score(Recorded(pair.wet), silent)
    short = Clip("a click", pair[RATE : RATE + 300], clip.dry_path, clip.wet_path)
    with pytest.raises(SignalError, match="clip 'a click': a clip of 300 samples is too short"):
        score(Recorded(pair.wet), short)


def test_clips_whose_names_are_alike_do_not_overwrite_each_other(pair, tmp_path):
    part = pair[:2000]
    clips = [Clip(name, part, tmp_path / "d.wav", tmp_path / "w.wav") for name in ("a-2", "a", "A", "a", "a?", "a_")]
    rows = evaluate(Recorded(part.wet), clips, tmp_path / "run")
    assert len({row["predicted"].casefold() for row in rows}) == 6
    assert len(list((tmp_path / "run" / "renders").iterdir())) == 6


@pytest.mark.parametrize(
    "name", ["../../etc/passwd", "a/b", "..", "", "c:\\x", "<script>", 200 * "\N{GUITAR}", 200 * "é"]
)
def test_hostile_clip_names_stay_in_the_folder(name, tmp_path):
    path = (tmp_path / f"{safe_name(name)}.wav").resolve()
    assert path.parent == tmp_path
    path.write_bytes(b"")  # and can be written


def test_a_part_of_a_late_recording_is_scored_in_its_place(pair, tmp_path):
    """Wet trails by 50 samples in the file, and the test part is its second half: a perfect model has no error there."""
    late = np.concatenate([np.zeros(50, np.float32), pair.wet[:-50]])
    half = len(pair) // 2
    audio.write(tmp_path / "dry.wav", pair.dry, RATE)
    audio.write(tmp_path / "wet.wav", late, RATE, subtype="FLOAT")
    recording = Recording(
        id="r", clip="c", role="test", dry="dry.wav", wet="wet.wav", start=half,
        dry_sha256=files.sha256(tmp_path / "dry.wav"), wet_sha256=files.sha256(tmp_path / "wet.wav"),
    )  # fmt: skip
    chain = Chain(sample_rate=RATE, latency=50)
    dataset = write_manifest(tmp_path, Manifest(name="x", device="y", chain=chain, recording=[recording]))
    (clip,) = clips_for_test(dataset, {})
    row, predicted = score(Recorded(pair.wet), clip)
    assert row["esr"] == 0
    np.testing.assert_array_equal(predicted, pair.wet[half:-50])
    assert (row["start"], row["latency"]) == (half, 50)
