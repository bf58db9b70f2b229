"""The report of one run: how close the copy is, what it sounds like, and how the numbers were made."""

from pathlib import Path

from drywet.analysis import read_run
from drywet.errors import AudioFileError
from drywet.report.clip import ClipPictures, picture_clip
from drywet.report.figures import draw_loss_curves
from drywet.report.listeners import read_listening_tests
from drywet.report.listening import Audio, Choice, build_desk
from drywet.report.page import Page, Picture, flatten
from drywet.report.panel import disagreement, measures_of, panel_lines
from drywet.report.probes import picture_probes, read_probes
from drywet.report.waveforms import load_clip

_MAX_CLIPS = 6


def build_run_report(run_folder: Path | str, out: Path | str | None = None, audio: Audio = "all") -> Path:
    """Write the report of one run as one static folder, and return its ``index.html``.

    Parameters
    ----------
    run_folder : path
    out : path, optional
        Where the report goes; ``run_folder/report`` unless given.
    audio : "all", "best", "none" or int
        ``"none"`` and 0 leave the sounds out; there is one model to hear, so all else means the same.

    Raises
    ------
    RunError
        If the folder holds no run, or a file in it is damaged. A run without scores is reported as far as it went.
    """
    run = read_run(run_folder)
    probes = read_probes(run.folder)
    page = Page(out if out is not None else Path(run_folder) / "report")
    notes: list[str] = []
    if probes and probes.is_outdated:
        notes.append(
            "Test signals: they went through an earlier model of this run. `drywet evaluate RUN --full` sends them again."
        )
        probes = None
    loss: Picture | None = None
    if run.log:
        loss = page.picture(
            "loss-curves", "Training and validation error-to-signal ratio over the epochs.", draw_loss_curves, [run]
        )
    heard: list[ClipPictures] = []
    for index, clip in enumerate(sorted(run.clips, key=lambda clip: -clip.esr)[:_MAX_CLIPS]):
        try:
            waves = load_clip(clip)
        except AudioFileError as error:
            notes.append(str(error))
            continue
        heard.append(picture_clip(page, f"{index:02d}", clip, waves, in_full=not heard))
    clip_names = list(dict.fromkeys(clip.clip for clip in run.clips))
    choices = [Choice("", "this model", run)] if run.clips and audio not in ("none", 0) else []
    desk = build_desk(choices, clip_names, page, lambda run: "")
    tests, unread = read_listening_tests(run.folder)
    return page.finish(
        "run.html",
        run=run,
        listening_tests=tests,
        desk=desk,
        loss=loss,
        heard=heard,
        panel=panel_lines(run.clips),
        disagreement=disagreement(run.clips),
        measures=measures_of([run]),
        probes=probes and picture_probes(page, probes),
        settings=flatten(run.settings),
        controls=flatten(run.controls),
        notes=list(dict.fromkeys([*desk.notes, *notes, *unread])),
    )
