import json

import numpy as np
import pytest
from fake_study import distort, log_rows, plucked_riff, predict, write_json, write_json_lines, write_study

from drywet import audio
from drywet.errors import RunError
from drywet.report import build_run_report
from drywet.report.page import format_code
from drywet.report.waveforms import loudest


@pytest.fixture
def run(tmp_path):
    """What ``drywet train dry.wav wet.wav`` leaves: the clip is the last part of one long file, named absolutely."""
    rng, rate = np.random.default_rng(1), 8000
    dry = plucked_riff(3.0, rate, rng)
    wet = distort(dry, 8.0)
    start, stop = 2 * rate, 3 * rate
    folder = tmp_path / "run"
    audio.write(tmp_path / "dry.wav", dry, rate)
    audio.write(tmp_path / "wet.wav", wet, rate)
    audio.write(folder / "renders/held-out.wav", predict(wet[start:stop], 0.01, rng), rate)
    write_json(folder / "config.json", {"format": 1, "id": "ab", "name": "dry to wet", "settings": {"seed": 3}})
    write_json(folder / "provenance.json", {"status": "finished", "train_seconds": 61.0, "parameters": 1234})
    write_json_lines(folder / "log.jsonl", log_rows(0.01, 0.005, rng))
    write_json_lines(
        folder / "evaluation.jsonl",
        [
            {
                "clip": "held-out", "esr": 0.01, "esr_linear": 0.1, "seconds": 1.0, "sample_rate": rate,
                "dry": str(tmp_path / "dry.wav"), "wet": "../wet.wav", "predicted": "renders/held-out.wav",
                "start": start, "stop": stop,
            }
        ],
    )  # fmt: skip
    return folder


def test_the_headline_says_the_esr_in_words(run, undrawn):
    page = build_run_report(run)
    assert page == run / "report/index.html"
    text = page.read_text()
    assert "1.00 % (−20 dB)" in text
    assert "1\u202f234" in text
    assert "one training run with one seed" in text


def test_a_clip_that_is_a_part_of_a_longer_file_is_cut_out_of_it(run, tmp_path, undrawn):
    page = build_run_report(run)
    wet, rate = audio.read(next((page.parent / "audio").glob("wet-*.flac")))
    whole, _ = audio.read(tmp_path / "wet.wav")
    np.testing.assert_allclose(wet, whole[2 * rate : 3 * rate], atol=2**-15)


def test_wet_that_trails_in_its_file_is_heard_where_it_was_scored(run, tmp_path, undrawn):
    (row,) = (json.loads(line) for line in (run / "evaluation.jsonl").read_text().splitlines())
    write_json_lines(run / "evaluation.jsonl", [row | {"latency": 40, "stop": row["stop"] - 40}])
    predicted, rate = audio.read(run / "renders/held-out.wav")
    audio.write(run / "renders/held-out.wav", predicted[:-40], rate)
    page = build_run_report(run)
    for name, late in (("wet", 40), ("dry", 0)):
        heard, rate = audio.read(next((page.parent / "audio").glob(f"{name}-*.flac")))
        whole, _ = audio.read(tmp_path / f"{name}.wav")
        np.testing.assert_allclose(heard, whole[2 * rate + late :][: rate - 40], atol=2**-15)


def test_a_run_without_scores_is_reported_as_far_as_it_went(run):
    (run / "evaluation.jsonl").unlink()
    (run / "provenance.json").unlink()
    text = build_run_report(run).read_text()
    assert "This run has no scores yet" in text
    assert "figures/loss-curves.svg" in text


def test_a_run_of_a_study_can_be_reported_alone(tmp_path, undrawn):
    factors = [{"name": "gain", "setting": "controls.drive", "levels": ["Low"]}]
    study = write_study(tmp_path, factors=factors, clips=["chug", "lead"], seconds=0.1, sample_rate=8000)
    run = next((study / "runs").iterdir())
    text = build_run_report(run, tmp_path / "out").read_text()
    assert "chug" in text
    assert "controls.drive" in text
    assert len(json.loads((run / "config.json").read_text())["settings"]) == 3


def test_code_in_a_message_is_set_as_code_and_nothing_else_is_markup():
    assert format_code("run `drywet <b>` & see") == "run <code>drywet &lt;b&gt;</code> &amp; see"


def test_no_run_no_report(tmp_path):
    with pytest.raises(RunError, match="no run folder"):
        build_run_report(tmp_path)


def test_the_loudest_stretch_is_found_where_it_was_planted():
    signal = np.zeros(1000)
    signal[600:650] = 1.0
    assert loudest(signal, 50) == 600
    assert loudest(signal, 2000) == 0


PROBES = {
    "aliasing": {"levels_dbfs": [-6.0], "frequency_hz": [261.6, 523.3], "asr": [[1e-9, 1e-6]]},
    "harmonics": {
        "frequency_hz": [82.4], "levels_dbfs": [-20.0, 0.0], "level_db": [[[-20.0, -60.0, None], [0.0, -20.0, None]]]
    },
    "faults": [{"probe": "after_burst", "seconds": 1.5, "text": "<script>window.pwned=1</script> still sounds"}],
}  # fmt: skip


def test_test_signals_show_their_faults_with_the_second(run):
    write_json(run / "probes.json", PROBES)
    page = build_run_report(run)
    text = page.read_text()
    assert "after burst" in text
    assert "1.500 s" in text
    assert "<script>window" not in text
    for name in ("probe-aliasing", "probe-harmonics", "transfer-00", "spectrograms-00", "spectra-00"):
        assert (page.parent / f"figures/{name}.pdf").is_file()


def test_damaged_probes_are_refused_by_name(run):
    for damage in ([1], PROBES | {"faults": None}, PROBES | {"aliasing": PROBES["aliasing"] | {"asr": [[0.1]]}}):
        write_json(run / "probes.json", damage)
        with pytest.raises(RunError, match=r"probes\.json"):
            build_run_report(run)


def test_a_run_from_before_there_was_a_panel_is_reported_without_it(run, undrawn):
    assert 'id="panel"' not in build_run_report(run).read_text()


def test_the_panel_says_what_is_worth_hearing(run, undrawn):
    (row,) = (json.loads(line) for line in (run / "evaluation.jsonl").read_text().splitlines())
    write_json_lines(
        run / "evaluation.jsonl",
        [row | {"panel": {"loudness_difference_lu": -1.7, "log_mel": None}, "clicks_s": [0.25]}],
    )
    text = build_run_report(run).read_text()
    assert "−1.70\u00a0LU" in text
    assert "Likely to be heard (rule of thumb)" in text
    assert "Log-mel" not in text
    assert "1 click on “held-out”" in text
    assert "0.250 s" in text
