"""Figures of an analysis show what was found, whatever the names, on a desk and on a phone."""

import xml.etree.ElementTree as ET
from dataclasses import replace

import pytest
from made_study import GAIN, RATE, UNITS, luck, seeds, study

from drywet.analysis import analyze
from drywet.report.effects import draw_effects, effect_figures
from drywet.report.style import drawing, save_figure


@pytest.fixture(scope="module")
def seeded():
    draw = luck(0.5, 1)
    hostile = replace(UNITS, name="<script>alert(1)</script>", levels=("$x^2$", "../../etc"))
    effect = {"0.01": 0.0, "0.0001": 3.0}
    results = study((GAIN, hostile, RATE, seeds(3)), lambda levels: -20 + effect[levels["learning_rate"]] + draw())
    return analyze(results, permutations=99, draws=200)


@pytest.mark.parametrize("narrow", [False, True])
def test_every_figure_is_drawn_with_hostile_names_inert(seeded, tmp_path, narrow):
    figures = effect_figures(seeded)
    assert [figure.name for figure in figures] == ["effects", "interactions", "residuals", "cost", "ranks"]
    with drawing():
        for figure in figures:
            path = save_figure(figure.draw(seeded, narrow=narrow), tmp_path / f"{figure.name}.svg")
            assert not [e for e in ET.parse(path).iter() if e.tag.endswith("script")]  # noqa: S314, our own file


def test_an_interval_is_drawn_where_the_analysis_says_it_is(seeded):
    found = next(c for c in seeded.comparisons if c.factor == "learning_rate")
    with drawing():
        (axes,) = draw_effects(seeded).axes
    drawn = [tuple(line.get_xdata()) for line in axes.lines]
    assert found.interval_db in drawn
    assert found.bootstrap_db in drawn


def test_one_seed_has_no_residuals_and_no_ranks():
    analysis = analyze(study((UNITS, RATE), lambda levels: -20.0))
    assert [figure.name for figure in effect_figures(analysis)] == ["effects", "interactions", "cost"]
