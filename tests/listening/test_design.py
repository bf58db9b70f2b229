"""What the page is told, and what only the key says."""

import base64
import re
from collections import Counter

import numpy as np
import pytest

from drywet import audio, files, listening
from drywet.errors import RunError, SettingsError, StorageError
from drywet.listening.page import read_sound


@pytest.mark.parametrize("kind", ["mushra", "abx"])
def test_no_file_of_the_page_says_what_a_sound_is(make_test, kind):
    folder = make_test(kind)
    key = listening.read_key(folder)
    telling = [*key.conditions, "low-pass", "gain_db", "esr"]
    for path in (folder / "page").rglob("*"):
        if path.suffix == ".html" or path.parent.name == "audio":
            text = re.sub(r'"[A-Za-z0-9+/=]{1000,}"', "", path.read_text())
            assert not [word for word in telling if word in text and word != "reference"], path.name
        assert path.name not in key.conditions
    assert not (folder / "page" / "key.json").exists()


def test_the_hidden_reference_sounds_like_the_open_one_under_another_name(make_test, mushra_key):
    folder = make_test("mushra")
    for item, reference in mushra_key.references.items():
        hidden = [name for name, sound in mushra_key.sounds_of(item).items() if sound.role == "reference"]
        assert len(hidden) == 1
        assert hidden[0] != reference
        np.testing.assert_array_equal(read_sound(folder, hidden[0])[0], read_sound(folder, reference)[0])


def test_sounds_arrive_in_24_bits(make_test, abx_key, matched, tmp_path):
    """Decoded here by soundfile from the script that carries it."""
    reference = abx_key.references[next(iter(abx_key.items))]
    script = (make_test("abx") / "page" / "audio" / f"{reference}.js").read_text()
    (tmp_path / "sound.flac").write_bytes(base64.b64decode(re.search(r', "(.*)"', script)[1]))
    samples, rate = audio.read(tmp_path / "sound.flac")
    assert rate == 16_000
    np.testing.assert_allclose(samples, matched.items[0].sounds[0].samples, atol=2.0**-23)


def test_each_model_gets_its_trials_spread_over_the_excerpts(abx_key):
    trials = Counter((abx_key.sounds[sound].condition, abx_key.sounds[sound].item) for sound in abx_key.abx_trials())
    assert set(trials.values()) == {2}  # 4 trials over 2 excerpts
    assert len(trials) == 3 * 2


def test_the_same_seed_gives_the_same_identities_and_no_seed_others(matched, abx_key):
    def design(seed):
        return listening.design_test(
            matched.items, "abx", title="<b>Close?</b>", loudness_lufs=matched.loudness_lufs,
            gains_db=matched.gains_db, trials=4, seed=seed,
        ).key  # fmt: skip

    assert design(7) == abx_key
    assert not set(design(None).sounds) & set(abx_key.sounds)


def test_a_test_is_never_written_over(make_test, matched):
    folder = make_test("abx")
    design = listening.design_test(
        matched.items, "abx", title="again", loudness_lufs=matched.loudness_lufs, gains_db=matched.gains_db
    )
    with pytest.raises(StorageError, match="not empty"):
        listening.write_test(design, folder)


def test_a_model_that_calls_itself_reference_is_refused(matched):
    item = matched.items[0]
    model = listening.Sound("reference", "model", item.sounds[0].samples)
    poser = listening.Item("riff", item.sample_rate, (item.sounds[0], model))
    with pytest.raises(SettingsError, match="rename"):
        listening.design_test([poser], "abx", title="", loudness_lufs=-23.0, gains_db=[[0.0, 0.0]])


@pytest.mark.parametrize("damage", ["", "[]", '{"format": 1}', '{"format": 2}'])
def test_a_damaged_key_is_refused_with_its_name(tmp_path, damage):
    (tmp_path / "key.json").write_text(damage)
    with pytest.raises(RunError, match=r"key\.json"):
        listening.read_key(tmp_path)


def test_a_dozen_signals_are_the_most_on_one_screen(matched):
    item = matched.items[0]
    models = tuple(listening.Sound(f"model {i}", "model", item.sounds[0].samples) for i in range(12))
    crowd = listening.Item("riff", item.sample_rate, (item.sounds[0], *models))
    with pytest.raises(SettingsError, match="13 signals"):
        listening.design_test([crowd], "mushra", title="", loudness_lufs=-23.0, gains_db=[[0.0] * 13])


@pytest.mark.parametrize("fault", ["hidden reference", "another item's reference", "no models", "a billion trials"])
def test_a_key_that_cannot_belong_to_a_test_is_refused(make_test, tmp_path, fault):
    key = files.read_json(make_test("mushra") / "key.json")
    first, second = key["references"]
    if fault == "hidden reference":
        hidden = next(
            name
            for name, sound in key["sounds"].items()
            if sound["role"] == "reference" and name not in key["references"].values()
        )
        del key["sounds"][hidden]
    elif fault == "another item's reference":
        key["references"][first] = key["references"][second]
    elif fault == "no models":
        key["sounds"] = {name: sound for name, sound in key["sounds"].items() if sound["role"] != "model"}
    else:
        key["trials"] = 10**9
    files.write_json(tmp_path / "key.json", key)
    with pytest.raises(RunError, match="damaged"):
        listening.read_key(tmp_path)


def test_without_anchors_the_practice_round_is_made_of_models(matched):
    item = matched.items[0]
    bare = listening.Item(item.name, item.sample_rate, item.sounds[:2])
    design = listening.design_test([bare], "abx", title="", loudness_lufs=-23.0, gains_db=[[0.0, 0.0]])
    (shown,) = design.public()["items"]
    assert [design.key.sounds[sound].role for sound in shown["practice"]] == ["model"]


@pytest.mark.parametrize("name", ["../../../escape", "0123456789ab/..", "0123456789AB", ""])
def test_a_key_whose_names_could_be_paths_is_refused(make_test, tmp_path, name):
    key = files.read_json(make_test("abx") / "key.json")
    identity = next(iter(key["sounds"]))
    key["sounds"][name] = key["sounds"].pop(identity)
    files.write_json(tmp_path / "key.json", key)
    with pytest.raises(RunError, match="damaged"):
        listening.read_key(tmp_path)
