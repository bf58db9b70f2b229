"""What a dataset holds: length and levels of every recording, sums per role and knobs, and the card that tells it to others."""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from drywet import audio, files
from drywet.controls import describe_all
from drywet.dataset.manifest import Dataset
from drywet.errors import DatasetError

BLOCK = 2**20  # samples read at a time
CARD = "README.md"
CARD_BEGIN = "<!-- drywet dataset card: written by `drywet dataset card`, do not edit between these lines -->"
CARD_END = "<!-- end of the drywet dataset card -->"


@dataclass(frozen=True)
class Summary:
    """One recording; levels in dBFS, None for exact silence."""

    id: str
    role: str
    clip: str
    controls: str
    seconds: float
    dry_peak_dbfs: float | None
    dry_rms_dbfs: float | None
    wet_peak_dbfs: float | None
    wet_rms_dbfs: float | None


@dataclass(frozen=True)
class Total:
    """All recordings of one role at one position of the knobs."""

    role: str
    controls: str
    recordings: int
    seconds: float


def summarise(dataset: Dataset) -> list[Summary]:
    """Every recording with its length and levels, in the manifest's order; the files are read in blocks."""
    ahead = dataset.manifest.chain.latency
    known: dict[tuple[str, int, int | None], tuple[int, float | None, float | None]] = {}

    def levels(name: str, start: int, stop: int | None) -> tuple[int, float | None, float | None]:
        key = (name, start, stop)
        if key not in known:
            known[key] = signal_levels(dataset.folder / name, start, stop)
        return known[key]

    rows = []
    for r in dataset.manifest.recording:
        first, last = r.start or 0, r.stop
        dry_ahead, wet_ahead = max(-ahead, 0), max(ahead, 0)
        dry = levels(r.dry, first + dry_ahead, None if last is None else last + dry_ahead)
        wet = levels(r.wet, first + wet_ahead, None if last is None else last + wet_ahead)
        seconds = min(dry[0], wet[0]) / dataset.sample_rate
        rows.append(Summary(r.id, r.role, r.clip, describe_all(r.controls), round(seconds, 3), *dry[1:], *wet[1:]))
    return rows


def totals(rows: Sequence[Summary]) -> list[Total]:
    """Number and length of the recordings of each role at each position of the knobs."""
    groups: dict[tuple[str, str], list[float]] = {}
    order = {"train": 0, "validation": 1, "test": 2}
    for row in sorted(rows, key=lambda row: order[row.role]):
        groups.setdefault((row.role, row.controls), []).append(row.seconds)
    return [Total(role, knobs, len(s), round(math.fsum(s), 3)) for (role, knobs), s in groups.items()]


def as_json(dataset: Dataset) -> dict[str, Any]:
    """The whole summary as a JSON value."""
    manifest, rows = dataset.manifest, summarise(dataset)
    return {
        "name": manifest.name,
        "device": manifest.device,
        "licence": manifest.licence,
        "chain": manifest.chain.model_dump(mode="json"),
        "sha256": dataset.sha256,
        "recordings": [asdict(row) for row in rows],
        "totals": [asdict(total) for total in totals(rows)],
    }


def card(dataset: Dataset) -> str:
    """The dataset in Markdown: licence, device, chain, lengths, levels, splits, knobs."""
    manifest, rows = dataset.manifest, summarise(dataset)
    chain = manifest.chain
    facts = {
        "device": manifest.device,
        "licence": manifest.licence or "not stated: ask before you pass it on",
        "sample rate": f"{chain.sample_rate} Hz",
        "interface": chain.interface,
        "input gain": "" if chain.input_gain_db is None else f"{chain.input_gain_db:g} dB",
        "latency": f"{chain.latency} samples in the files; drywet takes it out" if chain.latency else "",
        "chain": chain.description,
        "content": f"SHA-256 {dataset.sha256}",
    }
    lines = [f"# {_cell(manifest.name)}", "", "| | |", "|---|---|"]
    lines += [f"| {name} | {_cell(value)} |" for name, value in facts.items() if value]
    lines += ["", "## Splits", "", "| role | knobs | recordings | length |", "|---|---|---:|---:|"]
    lines += [f"| {t.role} | {_cell(t.controls)} | {t.recordings} | {t.seconds:.1f} s |" for t in totals(rows)]
    lines += ["", "## Recordings", "", "Levels in dBFS, peak / RMS.", ""]
    lines += ["| id | role | clip | knobs | length | dry | wet |", "|---|---|---|---|---:|---:|---:|"]
    lines += [
        f"| {_cell(row.id)} | {row.role} | {_cell(row.clip)} | {_cell(row.controls)} | {row.seconds:.2f} s | "
        f"{_pair(row.dry_peak_dbfs, row.dry_rms_dbfs)} | {_pair(row.wet_peak_dbfs, row.wet_rms_dbfs)} |"
        for row in rows
    ]
    return "\n".join(lines) + "\n"


def write_card(dataset: Dataset) -> Path:
    """Write the card into the dataset's README.md; what stands outside the card there is kept.

    Raises
    ------
    DatasetError
        If the README.md there cannot be read, or has lost one of the two lines that mark the card.
    """
    path = dataset.folder / CARD
    text = f"{CARD_BEGIN}\n\n{card(dataset)}\n{CARD_END}\n"
    try:
        old = path.read_text(encoding="utf-8") if path.exists() else ""
    except (OSError, UnicodeDecodeError) as error:
        raise DatasetError(f"{path}: not readable as text ({error}); move it away") from error
    before, begin, rest = old.partition(CARD_BEGIN)
    _, end, after = rest.partition(CARD_END)
    if bool(begin) != bool(end):
        raise DatasetError(f"{path}: one of the two lines that mark the card is missing; remove the other one too")
    if not begin and old:
        text = "\n" + text
    files.write_text(path, before + text + after.removeprefix("\n"))
    return path


def signal_levels(path: Path, start: int, stop: int | None) -> tuple[int, float | None, float | None]:
    """Length in samples, peak and RMS in dBFS (None for exact silence) of a part of a file, which is read in blocks."""
    peak, energy, count = 0.0, 0.0, 0
    with audio.open_reader(path) as reader:
        stop = len(reader) if stop is None else min(stop, len(reader))
        for first in range(start, stop, BLOCK):
            block = reader[first : min(first + BLOCK, stop)].astype("float64")
            peak, energy, count = max(peak, float(abs(block).max())), energy + float(block @ block), count + len(block)
    if not peak:
        return count, None, None
    return count, round(audio.amplitude_to_db(peak), 2), round(audio.amplitude_to_db(math.sqrt(energy / count)), 2)


def _pair(peak: float | None, rms: float | None) -> str:
    return "silent" if peak is None or rms is None else f"{peak:.1f} / {rms:.1f}"


def _cell(text: str) -> str:
    """Text that is only text, in a cell of a Markdown table."""
    printable = "".join(c if c.isprintable() else " " for c in text)
    escaped = printable.replace("&", "&amp;").replace("<", "&lt;").replace("\\", "\\\\")
    return " ".join("".join(f"\\{c}" if c in "|*_`[]#!" else c for c in escaped).split())
