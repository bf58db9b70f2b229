"""Opening what people have: mono files, stereo files of which one channel counts, files that do not fit together."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from drywet import audio
from drywet.audio import amplitude_to_db
from drywet.dataset.check.blocks import BLOCK
from drywet.dataset.check.finding import Finding


@dataclass(frozen=True)
class Opened:
    """A file's channel, and what there is to say about how it was chosen."""

    reader: audio.Reader
    findings: tuple[Finding, ...]


@contextmanager
def open_any(path: Path | str, channel: int | None) -> Iterator[Opened]:
    """Open a channel; where none is asked for, the only one that sounds, or the first if all are equal.

    A fatal finding says when nobody can know which one is meant.
    """
    with ExitStack() as stack:
        reader = stack.enter_context(audio.open_reader(path, channel=channel or 0))
        if channel is not None or reader.channels == 1:
            yield Opened(reader, ())
            return
        readers = [stack.enter_context(audio.open_reader(path, channel=n)) for n in range(reader.channels)]
        yield _choose(Path(path).name, readers)


def _choose(name: str, readers: list[audio.Reader]) -> Opened:
    peaks, difference = np.zeros(len(readers)), 0.0
    for start in range(0, len(readers[0]), BLOCK):
        parts = [reader[start : start + BLOCK] for reader in readers]
        peaks = np.maximum(peaks, [float(np.max(np.abs(part))) for part in parts])
        difference = max(difference, *(float(np.max(np.abs(part - parts[0]))) for part in parts[1:]))
    numbers = {"channels": float(len(readers)), "difference_dbfs": amplitude_to_db(difference)}
    sounding = np.flatnonzero(peaks > 1e-4 * peaks.max()) if peaks.any() else np.array([0])
    if difference == 0 or len(sounding) == 1:
        chosen = int(sounding[0])
        why = "all are equal" if difference == 0 else "the others are silent"
        text = f"{name} has {len(readers)} channels; channel {chosen + 1} is used, {why}"
        return Opened(readers[chosen], (Finding("channels", "note", text, numbers),))
    text = (
        f"{name} has {len(readers)} channels that differ by up to {amplitude_to_db(difference):.1f} dBFS, and a device here "
        "is mono"
    )
    advice = "say which one: --dry-channel 1 or --wet-channel 2; a file with dry and wet in it is given twice"
    return Opened(readers[0], (Finding("channels", "fatal", text, numbers, advice=advice),))


def compare_formats(dry: Opened, wet: Opened) -> list[Finding]:
    """Fatal findings that make it pointless to go on."""
    rates = (dry.reader.sample_rate, wet.reader.sample_rate)
    if rates[0] != rates[1]:
        text = f"dry is at {rates[0]} Hz, wet at {rates[1]} Hz"
        advice = (
            f"record both at one rate, or convert one: `drywet align` does not; sox and every DAW do ({rates[0]} Hz)"
        )
        numbers = {"dry_hz": float(rates[0]), "wet_hz": float(rates[1])}
        return [Finding("sample rate", "fatal", text, numbers, advice=advice)]
    if any(finding.severity == "fatal" for opened in (dry, wet) for finding in opened.findings):
        seconds = (len(dry.reader) / rates[0], len(wet.reader) / rates[0])
        text = f"dry {seconds[0]:.2f} s, wet {seconds[1]:.2f} s at {rates[0]} Hz"
        return [Finding("length", "ok", text, {"dry_samples": len(dry.reader), "wet_samples": len(wet.reader)})]
    return []
