"""webMUSHRA's files: what it wrote is read, what it reads is written, and nothing hostile gets through either way."""

import csv

import numpy as np
import pytest
from simulated_listeners import abx_answers, mushra_answers, save

from drywet import audio
from drywet.errors import AudioFileError, RunError, SettingsError, SignalError
from drywet.listening import read_answers, webmushra, webmushra_results

yaml = pytest.importorskip("yaml")
RATE = 16_000

# In the form of webMUSHRA's configs/default.yaml.
CONFIG = """
testname: Pedals &amp; <b>amps</b>
testId: pedals
bufferSize: 2048
stopOnErrors: true
showButtonPreviousPage: true
remoteService: service/write.php
pages:
    - type: generic
      id: welcome
      name: Welcome
      content: hello
    -
        - random
        - type: mushra
          id: trial1
          name: Riff <script>alert(1)</script>one
          content: ""
          reference: configs/resources/ref.wav
          createAnchor35: true
          createAnchor70: false
          stimuli:
              C1: configs/resources/c1.wav
              C2: configs/resources/c2.wav
        - type: paired_comparison
          id: pair1
          name: Pair
          reference: configs/resources/ref.wav
          stimuli:
              C1: configs/resources/c1.wav
    - type: likert_single_stimulus
      id: l1
      name: Likert
    - type: finish
      name: Thank you
      content: bye
"""


@pytest.fixture
def root(tmp_path):
    rng = np.random.default_rng(1)
    for name in ("ref", "c1", "c2"):
        audio.write(tmp_path / f"configs/resources/{name}.wav", 0.1 * rng.standard_normal(RATE), RATE)
    audio.write(tmp_path / "configs/resources/short.wav", np.ones(100), RATE)
    (tmp_path / "configs/test.yaml").write_text(CONFIG)
    return tmp_path


def test_a_configuration_becomes_items_and_what_is_left_out_is_told(root):
    title, material = webmushra.read_config(root / "configs/test.yaml", "mushra")
    assert title == "Pedals & amps"
    (item,) = material.items
    assert [sound.condition for sound in item.sounds] == ["reference", "C1", "C2", "low-pass 3.5 kHz"]
    np.testing.assert_array_equal(item.sounds[1].samples, audio.read(root / "configs/resources/c1.wav")[0])
    assert "<" not in item.name
    assert [note.split("'")[1] for note in material.notes] == ["Pair", "Likert"]


def test_paired_comparisons_become_an_abx_test(root):
    _, material = webmushra.read_config(root / "configs/test.yaml", "abx")
    assert [[sound.condition for sound in item.sounds] for item in material.items] == [["reference", "C1"]]


@pytest.mark.parametrize(
    ("before", "after", "error", "message"),
    [
        ("configs/resources/c1.wav", "../../etc/passwd", SettingsError, "outside"),
        ("configs/resources/c1.wav", "/etc/passwd", SettingsError, "outside"),
        ("configs/resources/c1.wav", "configs/resources/missing.wav", AudioFileError, "missing.wav"),
        ("configs/resources/c1.wav", "configs/resources/short.wav", AudioFileError, "100 samples"),
        ("type: mushra", "type: volume", SettingsError, "no page of type"),
        ("type: mushra", "type: !!python/object/apply:os.system [id]", SettingsError, "not readable as YAML"),
        ("stimuli:", "stimulus:", SettingsError, "no stimuli"),
        ("testname:", "- testname:", SettingsError, "not readable as YAML"),
    ],
    ids=[
        "climbs out",
        "absolute",
        "missing",
        "other length",
        "no such page",
        "python object",
        "no stimuli",
        "no table",
    ],
)
def test_a_configuration_that_cannot_be_used_is_refused_with_the_reason(root, before, after, error, message):
    (root / "configs/test.yaml").write_text(CONFIG.replace(before, after))
    with pytest.raises(error, match=message):
        webmushra.read_config(root / "configs/test.yaml", "mushra")


def test_aliases_that_stand_for_billions_of_pages_are_refused_at_once(root):
    lines = ["a0: &a0 [{type: generic}, {type: generic}]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, 12)]
    (root / "configs/test.yaml").write_text("\n".join(lines) + "\npages: *a11\n")
    with pytest.raises(SettingsError, match="more than 500 pages"):
        webmushra.read_config(root / "configs/test.yaml", "mushra")


@pytest.mark.parametrize("field", ["name", "type", "reference"])
def test_no_text_may_stand_for_billions_of_words(root, field):
    lines = ["a0: &a0 [word, word]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, 12)]
    page = {"name": "Riff", "type": "mushra", "reference": "ref.wav", "stimuli": "{C1: c1.wav}", field: "*a11"}
    text = "\n".join([*lines, "pages:", "  - " + "\n    ".join(f"{key}: {value}" for key, value in page.items())])
    (root / "configs/test.yaml").write_text(text)
    with pytest.raises(SettingsError, match="has list where text is needed"):
        webmushra.read_config(root / "configs/test.yaml", "mushra")


def test_a_silent_reference_is_refused_with_its_page(root):
    audio.write(root / "configs/resources/ref.wav", np.zeros(RATE), RATE)
    with pytest.raises(SignalError, match=r"page 'Riff .*silent"):
        webmushra.read_config(root / "configs/test.yaml", "mushra")


@pytest.mark.parametrize("kind", ["mushra", "abx"])
def test_an_exported_test_is_read_back_as_the_same_sounds(make_test, mushra_key, abx_key, tmp_path, kind):
    key = {"mushra": mushra_key, "abx": abx_key}[kind]
    path = webmushra.write_config(make_test(kind), key, tmp_path)
    text = path.read_text()
    assert "<script>" not in text
    pages = yaml.safe_load(text)["pages"]
    assert [page["type"] for page in (pages[0][1], pages[-1])] == [webmushra.PAGE_TYPES[kind], "finish"]
    assert len(pages[0]) - 1 == (2 if kind == "mushra" else 3 * 4)
    _, material = webmushra.read_config(path, kind)
    first = material.items[0]
    assert {sound.role for sound in first.sounds} == {"reference", "model"}
    assert len(first.sounds) == (1 + 3 + 2 if kind == "mushra" else 2)


def test_ratings_survive_the_way_through_a_table(tmp_path, mushra_key):
    rng = np.random.default_rng(2)
    for seed, name in enumerate(["Ann", "=HYPERLINK(1)", "Ann"]):
        answers = mushra_answers(mushra_key, lambda item, condition: int(rng.integers(100)), name, seed)
        save(tmp_path / f"answers/{seed}.json", answers)
    answered = read_answers(tmp_path, mushra_key)
    webmushra_results.write_results(tmp_path / "mushra.csv", mushra_key, answered)
    back = webmushra_results.read_results(tmp_path / "mushra.csv", mushra_key)
    assert back.unused == ()
    assert [listener.ratings for listener in back.listeners] == [listener.ratings for listener in answered.listeners]
    assert [listener.seconds for listener in back.listeners] == [listener.seconds for listener in answered.listeners]
    rows = list(csv.reader((tmp_path / "mushra.csv").open()))
    assert rows[0][:4] == ["session_test_id", "listener", "trial_id", "rating_stimulus"]
    assert not [cell for row in rows for cell in row if cell.startswith("=")]


def test_models_whose_names_differ_in_punctuation_alone_stay_apart(tmp_path, abx_key):
    first, second, third = abx_key.models
    renamed = {first: "64 0.01", second: "64_0.01", third: "reference!"}
    sounds = {
        name: sound.model_copy(update={"condition": renamed.get(sound.condition, sound.condition)})
        for name, sound in abx_key.sounds.items()
    }
    key = abx_key.model_copy(update={"sounds": sounds})
    save(tmp_path / "answers/1.json", abx_answers(key, lambda model: model == "64_0.01"))
    answered = read_answers(tmp_path, key)
    webmushra_results.write_results(tmp_path / "paired.csv", key, answered)
    (listener,) = webmushra_results.read_results(tmp_path / "paired.csv", key).listeners
    assert {trial.model for trial in listener.told} == set(renamed.values())
    assert {trial.model for trial in listener.told if trial.is_correct} == {"64_0.01"}


def test_right_and_wrong_survive_the_way_through_a_table(tmp_path, abx_key):
    hears = iter([True, False, False] * 8)
    save(tmp_path / "answers/1.json", abx_answers(abx_key, lambda model: next(hears)))
    answered = read_answers(tmp_path, abx_key)
    webmushra_results.write_results(tmp_path / "paired.csv", abx_key, answered)
    assert webmushra_results.read_results(tmp_path / "paired.csv", abx_key) == answered


def test_listeners_without_a_name_are_told_apart_by_their_repeats(tmp_path, mushra_key):
    """Two sittings of a test without a questionnaire: the rows of webMUSHRA run on."""
    trials = webmushra.trial_ids(mushra_key)
    lines = ["session_test_id,trial_id,rating_stimulus,rating_score,rating_time,rating_comment"]
    for points in (30, 70):
        for item, trial in trials.items():
            for sound in mushra_key.sounds_of(item).values():
                stimulus = webmushra.stimulus_name(sound.condition)
                lines.append(f"{mushra_key.test},{trial},{stimulus},{points},1000,")
    (tmp_path / "mushra.csv").write_text("\n".join(lines))
    first, second = webmushra_results.read_results(tmp_path / "mushra.csv", mushra_key).listeners
    assert {score for ratings in first.ratings.values() for score in ratings.values()} == {30}
    assert {score for ratings in second.ratings.values() for score in ratings.values()} == {70}
    assert (first.name, second.name) == ("unnamed", "unnamed (2)")


def test_two_nameless_listeners_of_an_abx_test_are_two_listeners(tmp_path, abx_key):
    """One that counted for two would make the interval too short."""
    trial = next(iter(webmushra.trial_ids(abx_key).values()))
    model = webmushra.stimulus_name(abx_key.models[0])
    rows = [f"{abx_key.test},{trial}-{number},reference,{model},correct,900" for number in (1, 2)]
    columns = "session_test_id,trial_id,choice_reference,choice_non_reference,choice_answer,choice_time"
    (tmp_path / "paired.csv").write_text("\n".join([columns, *rows, *rows]))
    listeners = webmushra_results.read_results(tmp_path / "paired.csv", abx_key).listeners
    assert [(listener.name, len(listener.told)) for listener in listeners] == [("unnamed", 2), ("unnamed (2)", 2)]


def test_rows_that_cannot_be_used_are_listed(tmp_path, abx_key):
    trial = next(iter(webmushra.trial_ids(abx_key).values()))
    model = webmushra.stimulus_name(abx_key.models[0])
    columns = "session_test_id,listener,trial_id,choice_reference,choice_non_reference,choice_answer,choice_time,x"
    rows = [
        f"{abx_key.test},Ann,{trial}-1,reference,{model},correct,900,",
        f"{abx_key.test},Ann,{trial}-2,reference,{model},undecided,900,",
        f"another,Ann,{trial}-1,reference,{model},correct,900,",
        f"{abx_key.test},Ann,../../x,reference,{model},correct,900,",
        f"{abx_key.test},Ann,{trial}-3,reference,reference,correct,900,",
        f"{abx_key.test},Ann,{trial}-4,reference,low-pass_3.5_kHz,correct,900,",
    ]
    (tmp_path / "paired.csv").write_text("\n".join([columns, *rows]))
    answered = webmushra_results.read_results(tmp_path / "paired.csv", abx_key)
    assert [len(listener.told) for listener in answered.listeners] == [1]
    assert answered.unused == (
        "paired.csv: 4 of 6 rows belong to no trial of this test (3, 4, 5, 6)",
        "paired.csv: Ann: 1 undecided answers",
    )


@pytest.mark.parametrize("content", ["", "a,b\n1,2\n", "\x00", "\udcff"])
def test_a_table_that_webmushra_did_not_write_is_refused(tmp_path, mushra_key, content):
    (tmp_path / "mushra.csv").write_bytes(content.encode(errors="surrogateescape"))
    with pytest.raises(RunError, match=r"mushra\.csv"):
        webmushra_results.read_results(tmp_path / "mushra.csv", mushra_key)
