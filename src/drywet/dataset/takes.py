"""One take of a capture: a quick look that decides whether it is good, and the note that says it is done."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from pydantic import Field

from drywet import audio
from drywet import controls as knobs
from drywet.dataset.alignment import TRUSTED, measure_alignment
from drywet.dataset.calibration import Calibration
from drywet.interfaces import FULL_SCALE, Take
from drywet.settings import Settings

SLIP = 8  # samples; the phase of a device moves less from one knob setting to the next, a lost block moves wet by more
QUIET_DBFS, SILENT_DBFS = -30.0, -70.0

LatencySource = Literal["dry return", "calibration", "measured"]


class TakeNote(Settings):
    """What is kept of a take that is done."""

    format: Literal[1] = 1
    id: str
    clip: str
    signal_sha256: str
    play_level_dbfs: float | None
    subtype: str
    controls: dict[str, knobs.Position]
    interface: str
    latency: int  # samples cut from the beginning of what was recorded
    latency_from: LatencySource
    behind: float | None  # samples by which wet then still trails dry; None where that could not be trusted
    polarity: int
    peak_dbfs: float
    tries: int = Field(ge=1)
    wet_sha256: str
    dry_sha256: str | None

    def describe(self, sample_rate: int) -> str:
        """For people, on one line."""
        parts = [
            f"peak {self.peak_dbfs:.1f} dBFS" + (" (low: turn the gain up)" if self.peak_dbfs < QUIET_DBFS else "")
        ]
        parts += [
            f"latency {self.latency} samples ({1000 * self.latency / sample_rate:.2f} ms, {self.latency_from}) cut"
        ]
        if self.behind is not None:
            parts += [f"wet then {abs(self.behind):.2f} samples {'late' if self.behind >= 0 else 'early'}"]
        if self.polarity < 0:
            parts += ["wet is inverted"]
        if self.tries > 1:
            parts += [f"good at take {self.tries}"]
        return ", ".join(parts)


@dataclass(frozen=True)
class Problem:
    """Why a take must be made again, and what a person has to do first ('' if nothing)."""

    reason: str
    remedy: str = ""


@dataclass(frozen=True)
class Verdict:
    """What a look at a take shows.

    Attributes
    ----------
    peak_dbfs : float
        Of wet.
    round_trip : float or None
        Samples by which the dry return, or without one wet, trails the signal that was sent.
    device_latency : float or None
        Samples by which wet trails the dry return.
    polarity : int
        Of wet, 1 or -1; 1 where it cannot be told.
    problems : tuple of Problem
    """

    peak_dbfs: float
    round_trip: float | None = None
    device_latency: float | None = None
    polarity: int = 1
    problems: tuple[Problem, ...] = ()


def judge(
    take: Take,
    sent: np.ndarray,
    sample_rate: int,
    calibration: Calibration | None = None,
    expected: float | None = None,
) -> Verdict:
    """A quick look at a take: lost blocks, clipping, silence, and when it arrived.

    Parameters
    ----------
    take : Take
        Wet, and a dry return if there are two channels.
    sent : float32 array, shape (T,)
        The signal that was played.
    calibration : Calibration, optional
        Of the loop; a round trip shorter than its is impossible.
    expected : float, optional
        The round trip of an earlier take on the same open interface; a different one means that blocks were lost.
    """
    wet = take.recorded[0]
    dry = take.recorded[1] if len(take.recorded) > 1 else None
    peak = audio.peak_dbfs(wet)
    problems = _lost_blocks(take) + _level("wet", wet, sample_rate)
    if dry is not None:
        problems += _level("the dry return", dry, sample_rate)
    if problems:
        return Verdict(peak, problems=tuple(problems))

    arrival = measure_alignment(sent, wet if dry is None else dry, sample_rate)
    if not arrival.trusted:
        certainty = f"(confidence {arrival.confidence:.2f}, {TRUSTED} is needed)"
        if dry is not None:
            unlike = f"the dry return does not resemble what was sent {certainty}"
            return Verdict(peak, problems=(Problem(unlike, "Check which cable goes into its channel"),))
        if calibration is None and expected is None:
            unknown = f"when wet arrives cannot be told from this take {certainty}"
            remedy = "Record a dry return (--dry-channel), or calibrate (--calibrate)"
            return Verdict(peak, problems=(Problem(unknown, remedy),))
        return Verdict(peak)
    found = f"sound came back after {arrival.latency:.1f} samples"
    if expected is not None and abs(arrival.latency - expected) > SLIP:
        other = (
            f"{found}, after {expected:.1f} in an earlier take: blocks were lost unnoticed, or the stream is another"
        )
        problems.append(Problem(other, "" if calibration is None else "If it stays so, calibrate again (--calibrate)"))
    if calibration is not None and arrival.latency < calibration.latency - SLIP:
        sooner = f"{found}, sooner than through the loop that was calibrated ({calibration.latency:.1f})"
        problems.append(Problem(sooner, "Calibrate again (--calibrate)"))
    if dry is None:
        return Verdict(peak, float(arrival.latency), None, arrival.polarity, tuple(problems))
    device = measure_alignment(dry, wet, sample_rate)
    if not device.trusted:
        return Verdict(peak, float(arrival.latency), problems=tuple(problems))
    return Verdict(peak, float(arrival.latency), float(device.latency), device.polarity, tuple(problems))


def _lost_blocks(take: Take) -> list[Problem]:
    if not take.xruns:
        return []
    count = len(take.xruns)
    return [Problem(f"{count} xrun{'s' * (count > 1)} (blocks lost or late), the first at {take.xruns[0]:.2f} s")]


def _level(name: str, row: np.ndarray, sample_rate: int) -> list[Problem]:
    at_top = np.abs(row) >= FULL_SCALE
    if at_top.any():
        reason = (
            f"{name} clips: {at_top.sum()} samples at full scale, the first at {np.argmax(at_top) / sample_rate:.2f} s"
        )
        return [Problem(reason, "Turn the input gain down; takes made with the old gain must then be made again")]
    peak = audio.peak_dbfs(row)
    if peak < SILENT_DBFS:
        reason = f"{name} is silent (peak {peak:.0f} dBFS)"
        return [Problem(reason, "Check cables and channels, and whether the device is on")]
    return []
