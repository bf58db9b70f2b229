import hashlib
import json

import numpy as np
import pytest
from fake_study import PROBES, write_json, write_json_lines, write_study

from drywet import audio
from drywet.dataset.pair import loudest
from drywet.errors import RunError
from drywet.report import build_run_report
from drywet.report.page import format_code


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


def test_a_run_without_scores_is_reported_as_far_as_it_went(run, undrawn):
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


def test_test_signals_show_their_faults_with_the_second(run_report):
    text = run_report.read_text()
    assert "after burst" in text
    assert "1.500 s" in text
    assert "<script>window" not in text
    for name in ("probe-aliasing", "probe-harmonics", "transfer-00", "spectrograms-00", "spectra-00"):
        assert (run_report.parent / f"figures/{name}.pdf").is_file()


def test_damaged_probes_are_refused_by_name(run):
    for damage in ([1], PROBES | {"faults": None}, PROBES | {"aliasing": PROBES["aliasing"] | {"asr": [[0.1]]}}):
        write_json(run / "probes.json", damage)
        with pytest.raises(RunError, match=r"probes\.json"):
            build_run_report(run)


def test_units_keep_their_capitals_at_the_head_of_a_sentence(run, undrawn):
    rows = [{"update": i, "epoch": i, "validation_esr": esr} for i, esr in enumerate((0.01, 0.5), 1)]
    write_json_lines(run / "log.jsonl", rows)
    assert "<p>Validation ESR rose 17 dB above its best by update 2. The" in build_run_report(run).read_text()


def test_a_run_from_before_there_was_a_panel_is_reported_without_it(run, undrawn):
    assert 'id="panel"' not in build_run_report(run).read_text()


def test_test_signals_of_an_earlier_model_are_not_shown(run, undrawn):
    (run / "best.safetensors").write_bytes(b"the model of today")
    for sha256, shown in (("e1" * 32, False), (hashlib.sha256(b"the model of today").hexdigest(), True)):
        write_json(run / "probes.json", PROBES | {"model_sha256": sha256})
        text = build_run_report(run).read_text()
        assert ('id="probes"' in text, "an earlier model of this run" in text) == (shown, not shown)


def test_a_page_that_may_be_sent_to_anybody_names_no_folder_of_this_machine(run, undrawn):
    """One sound is damaged, one has another rate, one trails by more than there is: each is named by its file alone."""
    (row,) = (json.loads(line) for line in (run / "evaluation.jsonl").read_text().splitlines())
    (run.parent / "damaged.wav").write_bytes(b"RIFF")
    audio.write(run.parent / "fast.wav", np.ones(1000, np.float32) / 2, 16_000)
    changes = {"no sound": {"wet": "../none.wav"}, "damaged": {"dry": str(run.parent / "damaged.wav")},
               "fast": {"dry": "../fast.wav"}, "late": {"latency": 10**6}}  # fmt: skip
    write_json_lines(run / "evaluation.jsonl", [row | {"clip": name} | change for name, change in changes.items()])
    page = build_run_report(run)
    text = page.read_text()
    for name in changes:
        assert f"clip &#39;{name}&#39;: " in text
    assert "none.wav: no such file" in text
    for path in page.parent.iterdir():
        assert path.is_dir() or str(run.parent).encode() not in path.read_bytes()


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
