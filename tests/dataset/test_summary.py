"""Lengths, levels, sums and the card of a dataset."""

import pytest

from drywet import audio, files, signals
from drywet.dataset import Chain, Manifest, Recording, summary, write_manifest
from drywet.errors import DatasetError

RATE = 44_100


@pytest.fixture(scope="module")
def riffs():
    return signals.test_riffs(RATE, 4.0)


def recording(folder, role, clip, **more):
    values = {"id": f"{clip}-{role}", "clip": clip, "role": role, "dry": f"{clip}.wav", "wet": f"{clip}-wet.wav"} | more
    return Recording(
        dry_sha256=files.sha256(folder / values["dry"]), wet_sha256=files.sha256(folder / values["wet"]), **values
    )


@pytest.fixture
def dataset(tmp_path, riffs):
    """A sine for training in two parts with a knob, riffs for validation and test."""
    audio.write(tmp_path / "tone.wav", signals.sine(441, 4.0, RATE, amplitude=0.5), RATE)
    audio.write(tmp_path / "tone-wet.wav", signals.sine(441, 4.0, RATE, amplitude=0.05), RATE)
    for name in ("lead", "drop"):
        audio.write(tmp_path / f"{name}.wav", riffs[name], RATE)
        audio.write(tmp_path / f"{name}-wet.wav", -riffs[name], RATE)
    knob = {"controls": {"drive": "3:00"}}
    recordings = [
        recording(tmp_path, "train", "tone", stop=RATE, **knob),
        recording(tmp_path, "train", "tone", id="second", start=2 * RATE, **knob),
        recording(tmp_path, "validation", "lead", **knob),
        recording(tmp_path, "test", "drop", **knob),
    ]
    manifest = Manifest(
        name="one|two", device="<script>", licence="CC0", chain=Chain(sample_rate=RATE), recording=recordings
    )
    return write_manifest(tmp_path, manifest)


def test_lengths_and_levels_are_those_of_the_parts(dataset):
    rows = summary.summarise(dataset)
    assert [row.seconds for row in rows] == [1.0, 2.0, 4.0, 4.0]
    assert rows[0].dry_peak_dbfs == pytest.approx(-6.02, abs=0.01)
    assert rows[0].dry_rms_dbfs == pytest.approx(-9.03, abs=0.01)  # a sine stands 3.01 dB below its peak
    assert rows[1].wet_peak_dbfs == pytest.approx(-26.02, abs=0.01)


def test_levels_do_not_depend_on_the_size_of_the_blocks(dataset, monkeypatch):
    rows = summary.summarise(dataset)
    monkeypatch.setattr(summary, "BLOCK", 999)
    assert summary.summarise(dataset) == rows


def test_totals_are_sums_per_role_and_knobs_in_the_order_of_the_roles(dataset):
    totals = [(t.role, t.controls, t.recordings, t.seconds) for t in summary.totals(summary.summarise(dataset))]
    assert totals == [
        ("train", "drive 3:00", 2, 3.0), ("validation", "drive 3:00", 1, 4.0), ("test", "drive 3:00", 1, 4.0),
    ]  # fmt: skip


def test_latency_shortens_recordings_and_moves_their_levels(dataset, tmp_path, riffs):
    late = write_manifest(
        tmp_path, dataset.manifest.model_copy(update={"chain": Chain(sample_rate=RATE, latency=RATE // 2)})
    )
    assert [row.seconds for row in summary.summarise(late)] == [1.0, 1.5, 3.5, 3.5]
    expected = audio.rms_dbfs(riffs["lead"][RATE // 2 :])
    assert summary.summarise(late)[2].wet_rms_dbfs == pytest.approx(expected, abs=0.01)


def test_the_card_names_licence_device_chain_and_every_recording_as_plain_text(dataset):
    card = summary.card(dataset)
    assert "# one\\|two" in card
    assert "| device | &lt;script> |" in card
    assert "| licence | CC0 |" in card
    assert "| train | drive 3:00 | 2 | 3.0 s |" in card
    assert "| second | train | tone | drive 3:00 | 2.00 s | -6.0 / -9.0 | -26.0 / -29.0 |" in card
    assert dataset.sha256 in card
    for row in card.splitlines():
        if row.startswith("| ") and "second" in row:
            assert row.count("|") == 8


def test_the_card_is_renewed_and_what_people_wrote_around_it_stays(dataset):
    path = summary.write_card(dataset)
    first = path.read_text()
    assert summary.write_card(dataset).read_text() == first
    path.write_text(f"# My words\n\n{first}\nThanks.\n")
    other = dataset.manifest.model_copy(update={"licence": "CC-BY-4.0"})
    summary.write_card(write_manifest(dataset.folder, other))
    text = path.read_text()
    assert text.startswith("# My words\n\n<!--")
    assert text.endswith("\nThanks.\n")
    assert ("CC-BY-4.0" in text, "| licence | CC0 |" in text) == (True, False)


def test_a_readme_of_somebody_else_is_kept(dataset):
    (dataset.folder / "README.md").write_text("Mine.\n")
    assert summary.write_card(dataset).read_text().startswith("Mine.\n\n<!--")


def test_a_card_that_lost_a_mark_is_not_guessed_at(dataset):
    path = summary.write_card(dataset)
    path.write_text(path.read_text().replace(summary.CARD_END, ""))
    with pytest.raises(DatasetError, match="one of the two lines that mark the card is missing"):
        summary.write_card(dataset)
