import math

import pytest

from drywet.analysis import describe_esr
from drywet.analysis.describe import decibels, percent


@pytest.mark.parametrize(
    ("esr", "words"),
    [
        (0.0005, "tends to be inaudible"),  # -33 dB, methods: below about -30 dB
        (0.008, "very close"),
        (0.05, "can be either"),  # -13 dB, methods: between -10 and -20 dB
        (0.2, "audibly different"),  # the published preamp models at 15 to 30 %
        (1.0, "no better than silence"),
        (0.0, "the recording itself"),
        (math.nan, "no score"),
        (math.inf, "infinite"),
    ],
)
def test_an_esr_is_said_in_words(esr, words):
    assert words in describe_esr(esr)


def test_one_percent_is_minus_20_db():
    assert decibels(0.01) == pytest.approx(-20)
    assert describe_esr(0.01).startswith("1.00 % (−20 dB)")


@pytest.mark.parametrize(("ratio", "text"), [(0.5, "50.0 %"), (0.031, "3.10 %"), (0.0004, "0.040 %"), (12.0, "1200 %")])
def test_percent_keeps_the_digits_that_matter(ratio, text):
    assert percent(ratio) == text
