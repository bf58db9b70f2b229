"""The figures of one clip."""

from dataclasses import dataclass

from drywet.analysis import ClipScore
from drywet.report.harmonics import Note, draw_harmonics, steadiest_note
from drywet.report.page import Page, Picture
from drywet.report.spectra import draw_spectra, draw_spectrograms
from drywet.report.transfer import draw_transfer
from drywet.report.waveforms import Waveforms, draw_waveforms


@dataclass(frozen=True)
class ClipPictures:
    """What is drawn of a clip; all but the waveforms only where it is shown in full, overtones if it holds a steady note."""

    clip: ClipScore
    waveforms: Picture
    spectrograms: Picture | None = None
    transfer: Picture | None = None
    spectra: Picture | None = None
    harmonics: Picture | None = None
    note: Note | None = None


def picture_clip(page: Page, suffix: str, clip: ClipScore, waves: Waveforms, *, in_full: bool) -> ClipPictures:
    """Draw the waveforms; in full also spectrograms, and what happens to level, to the spectrum and to a steady note."""
    signals = f"of dry, wet, predicted and difference on {clip.clip}."
    waveforms = page.picture(f"waveforms-{suffix}", f"Waveforms {signals}", draw_waveforms, waves)
    if not in_full:
        return ClipPictures(clip, waveforms)
    spectrograms = page.picture(f"spectrograms-{suffix}", f"Spectrograms {signals}", draw_spectrograms, waves)
    transfer = page.picture(
        f"transfer-{suffix}", f"Wet and predicted over dry on {clip.clip}: by sample, within a note, by level.",
        draw_transfer, waves,
    )  # fmt: skip
    spectra = page.picture(
        f"spectra-{suffix}", f"Average spectra {signals} Below, the error by third octave.", draw_spectra, waves
    )
    note, harmonics = steadiest_note(waves), None
    if note:
        alt = f"Levels of the partials of a note of {note.frequency_hz:.0f} Hz on {clip.clip}."
        harmonics = page.picture(f"harmonics-{suffix}", alt, draw_harmonics, note)
    return ClipPictures(clip, waveforms, spectrograms, transfer, spectra, harmonics, note)
