import pytest
from fake_study import FACTORS, write_study

from drywet import listening
from drywet.listening.anchors import LINEAR, LOW

RATE = 16_000
CLIPS = ["chug", "<script>window.pwned=1</script>"]


@pytest.fixture(scope="session")
def study(tmp_path_factory):
    """Three models at one gain, scored on two clips of 2 s, one of them with a hostile name."""
    levels = {"gain": ["Mid"], "units": ["64"], "learning_rate": ["0.01"]}
    factors = [dict(factor, levels=levels.get(factor["name"], factor["levels"])) for factor in FACTORS]
    folder = tmp_path_factory.mktemp("listening") / "study"
    return write_study(folder, factors=factors, clips=CLIPS, seconds=2.0, sample_rate=RATE)


@pytest.fixture(scope="session")
def material(study):
    return listening.collect_items([study], anchors=[LOW, LINEAR])


@pytest.fixture(scope="session")
def matched(material):
    return listening.match_loudness(material.items)


@pytest.fixture(scope="session")
def make_test(matched, tmp_path_factory):
    """Write a test of a kind, once, and return its folder. Nothing may write into it."""
    made = {}

    def make(kind):
        if kind not in made:
            design = listening.design_test(
                matched.items, kind, title="<b>Close?</b>", loudness_lufs=matched.loudness_lufs,
                gains_db=matched.gains_db, trials=4, seed=7,
            )  # fmt: skip
            made[kind] = tmp_path_factory.mktemp(kind) / "test"
            listening.write_test(design, made[kind])
        return made[kind]

    return make


@pytest.fixture(scope="session")
def mushra_key(make_test):
    return listening.read_key(make_test("mushra"))


@pytest.fixture(scope="session")
def abx_key(make_test):
    return listening.read_key(make_test("abx"))
