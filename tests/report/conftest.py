import json
import re
import shutil

import pytest
import report_figures
from fake_study import FACTORS, PROBES, write_json, write_json_lines, write_own_run, write_study
from report_figures import drawn

from drywet.report import build_run_report, build_study_report

KNOB = [{"name": "gain", "setting": "controls.drive", "levels": ["Low", "Mid"]}]


@pytest.fixture(scope="session")
def study(tmp_path_factory):
    """A corner of the published grid: two gains, two contexts, one width, two learning rates; two clips."""
    levels = {"gain": ["Low", "Mid"], "context": ["44", "88"], "units": ["64"]}
    factors = [dict(factor, levels=levels.get(factor["name"], factor["levels"])) for factor in FACTORS]
    folder = tmp_path_factory.mktemp("report") / "study"
    return write_study(folder, factors=factors, clips=["chug", "lead"], seconds=2.0)


@pytest.fixture(scope="session")
def report(study):
    """Of the figures of clips only those of the first one are drawn; the others would show nothing new."""
    with drawn(lambda name: not re.search("-0[1-9]$", name)):
        return build_study_report(study)


@pytest.fixture
def undrawn():
    """Pages without figures, for tests of everything else."""
    with report_figures.undrawn():
        yield


HOSTILE = [
    "<script>window.pwned=1</script>",
    "../../../../escaped",
    '"><img src=x onerror=window.pwned=1>',
    "$\\frac{1}$" * 30,
]


def hostile_study(folder):
    study = write_study(folder / "study", factors=KNOB, clips=HOSTILE, seconds=0.1, sample_rate=8000, title=HOSTILE[0])
    description = json.loads((study / "study.json").read_text())
    description["description"] = "</script>" + HOSTILE[2]
    description["factors"] = [
        {"name": HOSTILE[2], "setting": "controls.drive", "levels": HOSTILE[:2]},
        {"name": "x\n$y$", "setting": "learning_rate", "levels": ["0.01", HOSTILE[3]]},
    ]
    for row in description["runs"]:
        row["factors"] = {HOSTILE[2]: HOSTILE[row["number"]], "x\n$y$": HOSTILE[3]}
        row["id"] = HOSTILE[1]
    write_json(study / "study.json", description)
    run, other = sorted((study / "runs").iterdir())
    shutil.rmtree(other / "renders")  # its sounds would be drawn too, and show nothing new
    config = json.loads((run / "config.json").read_text()) | {"name": HOSTILE[0], "settings": {HOSTILE[0]: HOSTILE[2]}}
    write_json(run / "config.json", config)
    write_json(run / "provenance.json", {"machine": HOSTILE[2], "status": HOSTILE[0], "epochs": "many"})
    write_json_lines(run / "log.jsonl", [{"update": 1, "epoch": 1.0, "validation_esr": 0.1, "event": HOSTILE[0]}])
    rows = [json.loads(line) for line in (run / "evaluation.jsonl").read_text().splitlines()]
    write_json_lines(run / "evaluation.jsonl", [row | {"panel": {HOSTILE[0]: 1.0, HOSTILE[1]: 2.0}} for row in rows])
    return study


@pytest.fixture(scope="session")
def hostile_report(tmp_path_factory):
    """Figures of clips are not drawn: no name is in them."""
    folder = tmp_path_factory.mktemp("hostile")
    with drawn(lambda name: not re.search("-[0-9]+$", name)):
        return build_study_report(hostile_study(folder), folder / "out")


@pytest.fixture
def run(tmp_path):
    return write_own_run(tmp_path)


@pytest.fixture(scope="session")
def run_report(tmp_path_factory):
    """Of a run with test signals. Figures of clips are those of a study, and not drawn."""
    run = write_own_run(tmp_path_factory.mktemp("run"))
    write_json(run / "probes.json", PROBES)
    with drawn(lambda name: not re.search("-[0-9]+$", name)):
        return build_run_report(run)
