"""Simulated listeners of known ears: what was planted is found, as often as claimed, and nothing else."""

import numpy as np
import pytest
from scipy import stats

from drywet.listening import Listener, Trial, compare_measures, rate_conditions, tell_apart
from drywet.listening.design import Key, SoundKey
from drywet.listening.discrimination import d_prime, share_interval, trials_needed
from drywet.listening.ratings import listeners_needed, mean_interval, median_interval

LEVELS = {"reference": "reference", "good": "model", "fair": "model", "bad": "model"}


def listener(name, counts):
    """ABX trials: right answers and trials of one model."""
    correct, trials = counts
    return Listener(name, told=tuple(Trial("riff", "model", i < correct) for i in range(trials)))


def abx_by_ear(sensitivity, n_listeners, n_trials, rng):
    """Each sound is a place on one axis of hearing, with unit noise; X is taken for the one that it is closer to."""
    shape = n_listeners, n_trials
    a, b = rng.normal(sensitivity, 1, shape), rng.normal(0, 1, shape)
    x_is_a = rng.random(shape) < 0.5
    x = rng.normal(np.where(x_is_a, sensitivity, 0), 1)
    correct = ((np.abs(x - a) < np.abs(x - b)) == x_is_a).sum(axis=1)
    return [listener(str(i), (int(count), n_trials)) for i, count in enumerate(correct)]


@pytest.mark.parametrize("sensitivity", [0.7, 1.5, 3.0])
def test_a_planted_sensitivity_is_recovered(sensitivity):
    (heard,) = tell_apart(abx_by_ear(sensitivity, 40, 200, np.random.default_rng(1)), ["model"])
    assert heard.d_prime == pytest.approx(sensitivity, abs=0.15)
    low, high = heard.d_prime_interval
    assert low < sensitivity < high
    assert heard.is_heard


def test_intervals_of_sensitivity_cover_it():
    rng = np.random.default_rng(2)
    covered = 0
    for _ in range(100):
        (heard,) = tell_apart(abx_by_ear(1.5, 10, 16, rng), ["model"])
        low, high = heard.d_prime_interval
        covered += low <= 1.5 <= high
    assert covered >= 91  # binomial: at 95 %, fewer have a probability of 3 %


def test_sixteen_trials_twelve_right_have_the_textbook_p_value():
    """Sum of binomial coefficients: (1820 + 560 + 120 + 16 + 1) / 65536."""
    (heard,) = tell_apart([listener("Ann", (12, 16))], ["model"])
    assert heard.p == pytest.approx(2517 / 65536)


def test_p_values_are_adjusted_for_the_number_of_models():
    told = tuple(Trial("riff", name, i < 12) for name in "abc" for i in range(16))
    for heard in tell_apart([Listener("Ann", told=told)], ["a", "b", "c"]):
        assert heard.p_holm == pytest.approx(3 * 2517 / 65536)


def test_a_failed_test_is_no_proof_that_nothing_is_heard():
    (heard,) = tell_apart([listener("Ann", (8, 16))], ["model"])
    assert not heard.is_heard
    assert not heard.is_not_distinguishable


def test_guessing_throughout_shows_equivalence_with_enough_trials():
    """By the definition of the exact bound: half right of 400 has an upper bound of 54 %."""
    (heard,) = tell_apart([listener("Ann", (200, 400))], ["model"])
    assert heard.upper_bound == pytest.approx(stats.beta.ppf(0.95, 201, 200))
    assert heard.is_not_distinguishable
    assert heard.d_prime == 0


def test_equivalence_is_claimed_with_the_promised_power():
    counts = np.random.default_rng(3).binomial(trials_needed(), 0.5, 400)
    claims = [share_interval(np.array([c]), np.array([trials_needed()]), 0.9)[1] < 0.6 for c in counts]
    assert np.mean(claims) == pytest.approx(0.8, abs=0.07)


@pytest.mark.parametrize("spread", [0.0, 0.15], ids=["equal ears", "unequal ears"])
def test_equivalence_keeps_its_level(spread):
    """At the margin itself, 60 % right on average, "not distinguishable" may be claimed in 5 % of tests."""
    rng = np.random.default_rng(4)
    claims = 0
    for _ in range(600):
        ears = np.clip(0.6 + spread * rng.uniform(-1, 1, 12) * np.sqrt(3), 0, 1)
        claims += share_interval(rng.binomial(24, ears), np.full(12, 24), 0.9)[1] < 0.6
    assert claims <= 0.06 * 600 + 4  # what 600 simulations may add by chance, at 95 %


def test_intervals_of_the_share_cover_the_mean_of_unequal_listeners():
    rng = np.random.default_rng(5)
    covered = 0
    for _ in range(400):
        low, high = share_interval(rng.binomial(16, rng.beta(6, 3, 10)), np.full(10, 16))
        covered += low <= 6 / 9 <= high
    assert covered >= 0.93 * 400


def test_differencing_is_inverted():
    rng = np.random.default_rng(6)
    (trials,) = abx_by_ear(2.0, 1, 60_000, rng)
    assert d_prime(sum(trial.is_correct for trial in trials.told) / 60_000) == pytest.approx(2.0, abs=0.05)
    assert d_prime(0.4) == 0
    assert d_prime(1.0) is None


def skewed_ratings(rng, n_listeners, n_items=4):
    """Points near the top of the scale, as good models get: 100 less an exponential, listeners differing."""
    return 100 - rng.exponential(8, (n_listeners, 1)) - rng.exponential(4, (n_listeners, n_items))


def test_intervals_of_means_cover():
    rng = np.random.default_rng(7)
    covered = 0
    for _ in range(400):
        low, high = mean_interval(skewed_ratings(rng, 15).mean(axis=1), rng)
        covered += low <= 88 <= high
    assert 0.92 * 400 <= covered <= 0.985 * 400


def test_intervals_of_medians_cover():
    rng = np.random.default_rng(8)
    true = np.median(skewed_ratings(rng, 400_000))
    covered = 0
    for _ in range(150):
        low, high = median_interval(skewed_ratings(rng, 20), rng)
        covered += low <= true <= high
    assert covered >= 0.91 * 150


def mushra_listeners(n, level, rng, items=("a", "b")):
    """Ratings with a listener's own use of the scale, and ``level[condition]`` points on average."""
    listeners = []
    for number in range(n):
        own = rng.normal(0, 8)
        ratings = {
            item: {name: float(np.clip(points + own + rng.normal(0, 6), 0, 100)) for name, points in level.items()}
            for item in items
        }
        listeners.append(Listener(f"listener {number}", ratings))
    return listeners


def test_a_planted_order_is_found_with_its_size():
    planted = {"reference": 90, "good": 70, "fair": 55, "bad": 40}
    ratings = rate_conditions(mushra_listeners(20, planted, np.random.default_rng(9)), LEVELS, "reference")
    assert [each.condition for each in ratings.conditions] == ["reference", "good", "fair", "bad"]
    for contrast in ratings.contrasts:
        difference = planted[contrast.first] - planted[contrast.second]
        low, high = contrast.interval
        assert low - 1 < difference < high + 1
        assert contrast.p_holm < 0.05
    assert ratings.friedman_p < 0.001


def test_equal_models_are_told_apart_no_more_often_than_promised():
    """All contrasts of a test together, Holm-adjusted: a false alarm in 5 % of tests."""
    rng = np.random.default_rng(10)
    equal = dict.fromkeys(LEVELS, 60)
    alarms = 0
    for _ in range(40):
        ratings = rate_conditions(mushra_listeners(10, equal, rng), LEVELS, "reference")
        alarms += any(contrast.p_holm < 0.05 for contrast in ratings.contrasts)
    assert alarms <= 5  # binomial: at 5 %, more than 5 of 40 have a probability of 1 %


def test_six_listeners_who_all_prefer_one_have_the_exact_p_value():
    """Of the 64 signs that six differences can have, the two where all agree are as extreme."""
    listeners = [Listener(str(i), {"riff": {"reference": 100.0, "model": 80.0 - i}}) for i in range(6)]
    (contrast,) = rate_conditions(listeners, {"reference": "reference", "model": "model"}, "reference").contrasts
    assert contrast.p == pytest.approx(2 / 64)
    assert contrast.difference == pytest.approx(-22.5)


def test_fewer_listeners_than_needed_cannot_show_a_difference_and_enough_can():
    """All prefer the first of two models and the reference to both: three contrasts, p = 2 / 2^n each."""
    roles = {"reference": "reference", "a": "model", "b": "model"}
    assert listeners_needed(3) == 7
    for count, shown in ((6, False), (7, True)):
        listeners = [
            Listener(str(i), {"riff": {"reference": 100.0, "a": 80.0 - i, "b": 60.0 - 3 * i}}) for i in range(count)
        ]
        contrasts = rate_conditions(listeners, roles, "reference").contrasts
        assert [contrast.p_holm < 0.05 for contrast in contrasts] == [shown] * 3


def test_no_interval_leaves_what_the_scale_allows():
    """One of five hears a difference of 90 points: the bootstrap-t interval by itself would reach beyond 100."""
    points = (10.0, 99.0, 99.5, 100.0, 100.0)
    listeners = [Listener(str(i), {"riff": {"reference": 100.0, "model": point}}) for i, point in enumerate(points)]
    ratings = rate_conditions(listeners, {"reference": "reference", "model": "model"}, "reference")
    (contrast,) = ratings.contrasts
    assert -100 <= contrast.interval[0] < contrast.interval[1] <= 100
    assert mean_interval(np.array(points) - 100, np.random.default_rng(1))[0] < -100


def test_models_are_compared_on_the_items_that_both_played():
    """The second item is rated lower throughout, and only one model plays it."""
    ratings = {"easy": {"reference": 100.0, "a": 80.0, "b": 70.0}, "hard": {"reference": 100.0, "b": 10.0}}
    listeners = [Listener(str(i), ratings) for i in range(6)]
    roles = {"reference": "reference", "a": "model", "b": "model"}
    contrasts = rate_conditions(listeners, roles, "reference").contrasts
    assert {(each.first, each.second): each.difference for each in contrasts} == {
        ("a", "b"): 10, ("a", "reference"): -20, ("b", "reference"): -60
    }  # fmt: skip


def test_few_listeners_get_no_interval():
    listeners = mushra_listeners(4, dict.fromkeys(LEVELS, 50), np.random.default_rng(11))
    ratings = rate_conditions(listeners, LEVELS, "reference")
    assert {each.mean_interval for each in ratings.conditions} == {None}
    assert ratings.friedman_p is None


def key_with_measures(rng, items=5, models=4):
    """A test whose ESR is known for each model and item, with a measure that means nothing."""
    sounds, references = {}, {}
    for item in range(items):
        references[f"{item:012x}"] = f"{100 + item:012x}"
        sounds[f"{100 + item:012x}"] = SoundKey(item=f"{item:012x}", condition="reference", role="reference")
        for model in range(models):
            measures = {"esr": float(rng.uniform(0.001, 0.1)), "loudness_difference_lu": float(rng.normal())}
            sounds[f"{200 + 10 * item + model:012x}"] = SoundKey(
                item=f"{item:012x}", condition=f"model {model}", role="model", measures=measures
            )
    return Key(
        test="0" * 16, kind="mushra", title="", sample_rate=44_100, loudness_lufs=-23, references=references, sounds=sounds,
        items={f"{item:012x}": f"item {item}" for item in range(items)},
    )  # fmt: skip


def test_the_measure_that_the_ratings_were_made_from_agrees_and_a_random_one_does_not():
    rng = np.random.default_rng(12)
    key = key_with_measures(rng)
    listeners = []
    for number in range(8):
        ratings = {}
        for item, name in key.items.items():
            ratings[name] = {
                sound.condition: 60 - 20 * np.log10(sound.measures["esr"] / 0.01) + rng.normal(0, 3)
                for sound in key.sounds_of(item).values()
            }
        listeners.append(Listener(str(number), ratings))
    esr, other = compare_measures(listeners, key)
    assert (esr.measure, esr.cells) == ("esr", 20)
    assert esr.spearman > 0.95
    assert esr.kendall > 0.85
    assert esr.spearman_interval[0] > 0.8
    assert other.spearman_interval[0] < 0 < other.spearman_interval[1]


@pytest.mark.parametrize(("n_listeners", "n_items"), [(4, 5), (5, 4)])
def test_few_listeners_or_excerpts_give_an_agreement_without_interval(n_listeners, n_items):
    rng = np.random.default_rng(14)
    key = key_with_measures(rng, items=n_items)
    listeners = [
        Listener(
            str(i), {name: {f"model {m}": float(rng.integers(100)) for m in range(4)} for name in key.items.values()}
        )
        for i in range(n_listeners)
    ]
    assert {each.spearman_interval for each in compare_measures(listeners, key)} == {None}


def test_rank_correlations_are_those_of_scipy():
    rng = np.random.default_rng(13)
    key = key_with_measures(rng)
    scores = {name: float(rng.integers(0, 5)) for name in key.sounds}  # with ties
    ratings = {
        name: {sound.condition: scores[identity] for identity, sound in key.sounds_of(item).items()}
        for item, name in key.items.items()
    }
    esr = next(each for each in compare_measures([Listener("Ann", ratings)], key) if each.measure == "esr")
    models = [(identity, sound) for identity, sound in key.sounds.items() if sound.is_model]
    points, values = zip(*((scores[identity], -sound.measures["esr"]) for identity, sound in models), strict=True)
    assert esr.spearman == pytest.approx(stats.spearmanr(points, values).statistic)
    assert esr.kendall == pytest.approx(stats.kendalltau(points, values).statistic)
    assert esr.spearman_interval is None
