"""What can be read by everybody: contrast of the pages; what can be printed: fonts in the figures."""

import re
from importlib.resources import files

import numpy as np
import pytest

from drywet.report.style import drawing, new_figure, save_figure

CSS = (files("drywet.report") / "static" / "report.css").read_text()


def variables(block):
    return dict(re.findall(r"--([\w-]+):\s*(#[0-9a-f]{3,6})\b", block))


LIGHT = variables(re.search(r":root \{(.*?)\}", CSS, re.S)[1])
DARK = LIGHT | variables(re.search(r"prefers-color-scheme: dark\) \{\s*:root \{(.*?)\}", CSS, re.S)[1])
PRINT = LIGHT | variables(CSS[CSS.index("@media print") :])
TEXT = [
    *((ink, paper) for ink in ("ink", "muted", "accent", "alarm", "dry", "predicted") for paper in ("paper", "card")),
    *((ink, "accent-soft") for ink in ("ink", "alarm", "accent")),
    *((ink, "hero") for ink in ("hero-ink", "hero-muted", "hero-accent")),
]


def luminance(colour):
    """Relative luminance of WCAG 2.2."""
    digits = colour[1:] if len(colour) == 7 else "".join(2 * digit for digit in colour[1:])
    channels = np.array([int(digits[i : i + 2], 16) / 255 for i in (0, 2, 4)])
    linear = np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])


def contrast(first, second):
    low, high = sorted([luminance(first), luminance(second)])
    return (high + 0.05) / (low + 0.05)


def test_contrast_is_that_of_the_standard():
    assert contrast("#000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#fff") == pytest.approx(4.48, abs=0.01)  # the well-known grey that just fails


@pytest.mark.parametrize("scheme", [LIGHT, DARK, PRINT], ids=["light", "dark", "print"])
def test_text_stands_out_from_its_ground(scheme):
    faint = {(ink, paper): contrast(scheme[ink], scheme[paper]) for ink, paper in TEXT}
    assert {pair: ratio for pair, ratio in faint.items() if ratio < 4.5} == {}


def test_figures_in_the_tables_stand_out_from_the_colour_of_their_cell():
    cells = re.findall(r"\.heat-\d \{ background: (#\w+); color: (#\w+); \}", CSS)
    assert len(cells) == 8
    assert min(contrast(ground, ink) for ground, ink in cells) >= 4.5


@pytest.fixture
def figure():
    with drawing():
        figure = new_figure(3, 2)
        figure.subplots().set_title("dry – wet")
        yield figure


def test_a_printed_figure_carries_its_fonts(figure, tmp_path):
    content = save_figure(figure, tmp_path / "figure.pdf").read_bytes()
    assert b"/FontFile2" in content
    assert b"/Type3" not in content


@pytest.mark.parametrize("ending", ["svg", "pdf"])
def test_the_same_figure_gives_the_same_bytes(figure, tmp_path, ending):
    first, second = (save_figure(figure, tmp_path / f"{name}.{ending}").read_bytes() for name in "ab")
    assert first == second
