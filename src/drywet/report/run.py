"""The report of one run: how close the copy is, what it sounds like, and how the numbers were made."""

from pathlib import Path
from typing import Any

from drywet.analysis import read_run
from drywet.errors import AudioFileError
from drywet.report.figures import draw_loss_curves, draw_spectra, draw_waveforms
from drywet.report.listening import Choice, build_desk, load_clip
from drywet.report.page import Page, Picture, flatten

_MAX_WAVEFORMS = 6


def build_run_report(run_folder: Path | str, out: Path | str | None = None) -> Path:
    """Write the report of one run as one static folder, and return its ``index.html``.

    Parameters
    ----------
    run_folder : path
    out : path, optional
        Where the report goes; ``run_folder/report`` unless given.

    Raises
    ------
    RunError
        If the folder holds no run, or a file in it is damaged. A run without scores is reported as far as it went.
    """
    run = read_run(run_folder)
    page = Page(out if out is not None else Path(run_folder) / "report")
    clip_names = list(dict.fromkeys(clip.clip for clip in run.clips))
    desk = build_desk([Choice("", "this model", run)] if run.clips else [], clip_names, page.out, lambda run: run.name)
    page.written |= {page.out / address for address in desk.peaks}
    notes = list(desk.notes)
    loss: Picture | None = None
    if run.log:
        loss = page.picture(
            "loss-curves", "Training and validation error-to-signal ratio over the epochs.", draw_loss_curves, [run]
        )
    waveforms: list[dict[str, Any]] = []
    spectra: Picture | None = None
    for index, clip in enumerate(sorted(run.clips, key=lambda clip: -clip.esr)[:_MAX_WAVEFORMS]):
        try:
            waves = load_clip(clip)
        except AudioFileError as error:
            notes.append(str(error))
            continue
        alt = f"Dry, wet, predicted and difference waveforms on {clip.clip}."
        waveforms.append({"picture": page.picture(f"waveforms-{index:02d}", alt, draw_waveforms, waves), "clip": clip})
        if spectra is None:
            alt = f"Average spectra of dry, wet, predicted and difference on {clip.clip}."
            spectra = page.picture("spectra", alt, draw_spectra, waves)
    return page.finish(
        "run.html",
        run=run,
        desk=desk,
        loss=loss,
        waveforms=waveforms,
        spectra=spectra,
        settings=flatten(run.settings),
        controls=flatten(run.controls),
        notes=list(dict.fromkeys(notes)),
    )
