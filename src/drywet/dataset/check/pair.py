"""The check of a pair: is it a recording of a pedal, is it intact, and how well can a model do on it at best?"""

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from drywet import measures
from drywet.audio import amplitude_to_db
from drywet.dataset.alignment import Alignment, Sliceable, measure_alignment
from drywet.dataset.check import files as opening
from drywet.dataset.check.excerpt import Excerpt, Timing, take_excerpt
from drywet.dataset.check.explained import ShortModel, fit_short_model
from drywet.dataset.check.faults import Fault, Faults, find_faults
from drywet.dataset.check.finding import MOST_PLACES, Finding, status_of, times, verdict_of
from drywet.dataset.check.latency import LatencyJump, LatencyTrack, find_latency_jumps, track_latency
from drywet.dataset.check.levels import Hum, Levels, measure_hum, measure_levels
from drywet.dataset.check.memory import LATE_S, Memory, measure_memory
from drywet.dataset.check.noise import NoiseLimit, noise_from_repeats, noise_in_silence
from drywet.dataset.check.repeats import compare_repeats
from drywet.errors import SignalError

SHORTEST_S = 3.0  # for what needs a model of the device
FEW_SAMPLES = 1.0  # of latency, that no model minds
UNRELATED_ESR = 0.8  # what a wrong take leaves unexplained at least; a fuzz: 0.12, a chorus: 0.5
SWAPPED_RATIO, SWAPPED_ESR = (
    2.0,
    0.015,
)  # overdrives the wrong way: 2.5 and more; reverb, echo the right way: 1.5 at most
SWAPPED_LEAD = 40  # taps, 3.6 ms
LOUD_DC = 0.001  # of full scale, -60 dBFS


@dataclass(frozen=True)
class Signal:
    """What was measured on one of the two signals; places are in its own time."""

    length: int
    levels: Levels
    faults: Faults
    hum: Hum | None


@dataclass(frozen=True)
class Check:
    """Everything :func:`check_pair` found. What could not be measured is None, and a finding says why."""

    sample_rate: int
    findings: tuple[Finding, ...]
    dry: Signal | None = None
    wet: Signal | None = None
    alignment: Alignment | None = None
    track: LatencyTrack | None = None
    memory: Memory | None = None
    noise: NoiseLimit | None = None
    linear_esr: float | None = None
    names: tuple[str, str] = ("dry", "wet")

    @property
    def status(self) -> Literal["good", "usable", "not usable"]:
        return status_of(self.findings)

    @property
    def verdict(self) -> str:
        """One line."""
        return verdict_of(self.findings)

    def as_json(self) -> dict[str, Any]:
        """All figures as a JSON value."""
        return {
            "verdict": self.verdict,
            "status": self.status,
            "dry": self.names[0],
            "wet": self.names[1],
            "sample_rate": self.sample_rate,
            "alignment": self.alignment.as_json() if self.alignment else None,
            "device": self.memory.kind if self.memory else None,
            "best_esr": self.noise.esr if self.noise else None,
            "best_esr_from": self.noise.source if self.noise else None,
            "linear_esr": self.linear_esr,
            "findings": [finding.as_json() for finding in self.findings],
        }


def check_files(
    dry: Path | str,
    wet: Path | str,
    *,
    dry_channel: int | None = None,
    wet_channel: int | None = None,
    report: Callable[[float], None] = lambda share: None,
) -> Check:
    """Check two sound files. Channels count from 0; a file of several needs one, unless all but one are silent or equal.

    Raises
    ------
    AudioFileError
        If a file is missing or cannot be read. What can be read is never refused: different rates, stereo and silence
        are findings.
    """
    names = (str(dry), str(wet))
    with opening.open_any(dry, dry_channel) as first, opening.open_any(wet, wet_channel) as second:
        fatal = opening.compare_formats(first, second)
        notes = [finding for opened in (first, second) for finding in opened.findings]
        if fatal:
            return Check(first.reader.sample_rate, (*fatal, *notes), names=names)
        return check_pair(
            first.reader, second.reader, first.reader.sample_rate, names=names, extra=tuple(notes), report=report
        )


def check_pair(
    dry: Sliceable,
    wet: Sliceable,
    sample_rate: int,
    *,
    names: tuple[str, str] = ("dry", "wet"),
    extra: tuple[Finding, ...] = (),
    report: Callable[[float], None] = lambda share: None,
) -> Check:
    """Check a pair of signals of any length, as arrays or open files; nothing is changed.

    Memory is that of 40 s of sound. ``names`` are what advice calls the files, ``extra`` findings come first, and
    ``report(share)`` is told how much is done, in [0, 1].
    """
    for name, signal in zip(names, (dry, wet), strict=True):
        if len(signal) == 0:
            raise SignalError(f"{name}: holds no samples")
    signals = []
    for number, signal in enumerate((dry, wet)):
        signals.append(_measure(signal, sample_rate))
        report(0.3 * (number + 1))
    one, two = signals
    findings = [*extra, *_lengths(one, two, sample_rate, names)]
    silent = [role for role, signal in (("dry", one), ("wet", two)) if signal.levels.silent]
    if silent:
        findings += [_silence(role, signal) for role, signal in (("dry", one), ("wet", two)) if signal.levels.silent]
        return Check(sample_rate, tuple(findings), one, two, names=names)
    shortest = min(one.length, two.length) / sample_rate
    if shortest < SHORTEST_S:
        findings.append(
            Finding(
                "length",
                "fatal",
                f"{shortest:.2f} s of sound are too few to align and learn from; at least {SHORTEST_S:g} s are needed",
                {"seconds_s": shortest},
                advice="record more: two minutes or longer give a good model",
            )
        )
        return Check(sample_rate, tuple(findings), one, two, names=names)
    return _check_together(dry, wet, one, two, sample_rate, names, findings, report)


def _measure(signal: Sliceable, sample_rate: int) -> Signal:
    levels = measure_levels(signal, sample_rate)
    return Signal(len(signal), levels, find_faults(signal, sample_rate), measure_hum(signal, sample_rate, levels))


def _check_together(
    dry: Sliceable,
    wet: Sliceable,
    one: Signal,
    two: Signal,
    sample_rate: int,
    names: tuple[str, str],
    findings: list[Finding],
    report: Callable[[float], None],
) -> Check:
    alignment = measure_alignment(dry, wet, sample_rate)
    report(0.7)
    drift = alignment.drift_ppm * 1e-6
    track = track_latency(dry, wet, sample_rate, alignment.latency, drift)
    jumps = find_latency_jumps(track, sample_rate)
    timing, part = _steady_part(alignment, track, jumps, len(dry), sample_rate)
    report(0.8)
    excerpt = take_excerpt(dry, wet, sample_rate, timing, part)
    model, memory, linear_esr, swapped_esr = _models(excerpt, sample_rate)
    report(0.9)
    related = model is not None and (alignment.trusted or model.esr < UNRELATED_ESR)
    noise = None
    if related:
        repeats = compare_repeats(dry, wet, sample_rate, timing.latency, timing.drift)
        noise = noise_from_repeats(repeats, two.levels.power)
        noise = noise or noise_in_silence(wet, sample_rate, one.levels, two.levels.power, timing)
    findings += _pairing(alignment, model, swapped_esr, names)
    if related:
        findings += _alignment(alignment, jumps, two.faults, len(dry), sample_rate, names)
        findings += _device(memory, model)
    for role, signal in (("dry", one), ("wet", two)):
        findings += _levels(role, signal, sample_rate)
    findings += _faults(one, two, timing, sample_rate)
    if related:
        findings += _scores(noise, linear_esr)
    report(1.0)
    return Check(sample_rate, tuple(findings), one, two, alignment, track, memory, noise, linear_esr, names)


def _steady_part(
    alignment: Alignment, track: LatencyTrack, jumps: list[LatencyJump], length: int, sample_rate: int
) -> tuple[Timing, slice]:
    """The longest part of dry without a jump of latency, and the timing that holds in it."""
    if not jumps:
        return Timing(alignment.latency, alignment.drift_ppm * 1e-6), slice(0, length)
    edges = [0.0, *((jump.start_s + jump.stop_s) / 2 for jump in jumps), length / sample_rate]
    spans = list(itertools.pairwise(edges))
    start, stop = max(spans, key=lambda span: span[1] - span[0])
    inside = (track.times_s > start + track.hop_s) & (track.times_s < stop - track.hop_s)
    latency = float(np.median(track.latencies[inside])) if inside.any() else alignment.latency
    margin = track.hop_s if stop - start > 4 * track.hop_s else 0.0
    return Timing(latency), slice(round((start + margin) * sample_rate), round((stop - margin) * sample_rate))


def _models(excerpt: Excerpt, sample_rate: int) -> tuple[ShortModel | None, Memory | None, float | None, float | None]:
    """The short model, what it leaves, the best linear model's ESR, and the ESR of the short model the wrong way round."""
    if len(excerpt.dry) < 2 * sample_rate or not excerpt.dry.any() or not excerpt.wet.any():
        return None, None, None, None
    model = fit_short_model(excerpt.dry, excerpt.wet, sample_rate)
    memory = measure_memory(excerpt.dry, model)
    linear_esr = measures.best_linear_esr(excerpt.dry, excerpt.wet)
    # The latency of a swapped pair may be a millisecond off, for the undone filters of a device are not minimum phase.
    swapped_esr = None
    if model.esr > SWAPPED_ESR:
        swapped_esr = fit_short_model(excerpt.wet, excerpt.dry, sample_rate, lead=SWAPPED_LEAD).esr
    return model, memory, linear_esr, swapped_esr


def _lengths(one: Signal, two: Signal, sample_rate: int, names: tuple[str, str]) -> list[Finding]:
    seconds = (one.length / sample_rate, two.length / sample_rate)
    numbers = {"dry_samples": one.length, "wet_samples": two.length, "sample_rate_hz": sample_rate}
    if one.length == two.length:
        text = f"dry and wet have {one.length} samples ({seconds[0]:.2f} s) at {sample_rate} Hz"
        return [Finding("length", "ok", text, numbers)]
    longer = "wet" if two.length > one.length else "dry"
    text = (
        f"{longer} is longer by {abs(one.length - two.length)} samples ({abs(seconds[0] - seconds[1]):.3f} s): "
        f"dry {seconds[0]:.2f} s, wet {seconds[1]:.2f} s at {sample_rate} Hz"
    )
    return [Finding("length", "repair", text, numbers, advice=f"cut both to what they share: {_align_command(names)}")]


def _align_command(names: tuple[str, str]) -> str:
    return f"`drywet align {names[0]} {names[1]} --out aligned`"


def _silence(role: str, signal: Signal) -> Finding:
    peak = signal.levels.peak_dbfs
    text = f"{role} is silent: its peak is {_dbfs(peak)}"
    why = "the return of the device" if role == "wet" else "the signal that goes to the device"
    return Finding(f"{role} silence", "fatal", text, {"peak_dbfs": peak}, advice=f"look whether {why} was armed")


def _pairing(
    alignment: Alignment, model: ShortModel | None, swapped_esr: float | None, names: tuple[str, str]
) -> list[Finding]:
    """Wrong take, or dry and wet swapped."""
    if model is None:
        return [Finding("pairing", "fatal", "dry and wet do not overlap in time", advice="export both from one start")]
    numbers = {"explained_esr": model.esr, "confidence": alignment.confidence}
    if swapped_esr is not None:
        numbers["swapped_esr"] = swapped_esr
    if not alignment.trusted and model.esr > UNRELATED_ESR:
        text = (
            f"wet does not come from this dry: {len(alignment.windows)} of {alignment.asked} windows agree on a latency "
            f"(confidence {alignment.confidence:.2f}), and a filter with a curve explains {100 * (1 - model.esr):.0f} % "
            "of wet"
        )
        return [Finding("wrong take", "fatal", text, numbers, advice="look for the take that belongs to this dry file")]
    if swapped_esr is not None and model.esr > SWAPPED_RATIO * swapped_esr:
        text = (
            f"dry and wet seem to be swapped: wet explains dry to {_percent(swapped_esr)} of error, dry explains wet only "
            f"to {_percent(model.esr)}"
        )
        if alignment.latency < -FEW_SAMPLES:
            text += f", and wet leads by {-alignment.latency:.2f} samples"
        return [Finding("swapped", "fatal", text, numbers, advice=f"run `drywet check {names[1]} {names[0]}`")]
    text = f"wet comes from dry: a short filter with a curve explains {_percent(1 - model.esr)} of it"
    return [Finding("pairing", "ok", text, numbers)]


def _alignment(
    alignment: Alignment,
    jumps: list[LatencyJump],
    faults: Faults,
    length: int,
    sample_rate: int,
    names: tuple[str, str],
) -> list[Finding]:
    findings = []
    for jump in jumps:
        verb = "lost" if jump.samples < 0 else "repeated or inserted"
        near = [
            fault.start / sample_rate
            for fault in (*faults.jumps, *faults.clicks, *faults.dropouts)
            if jump.start_s - 1 < (fault.start - alignment.latency) / sample_rate < jump.stop_s + 1
        ]
        place = (near[0], near[0]) if len(near) == 1 else (jump.start_s, jump.stop_s)
        exact = f"at {place[0]:.3f} s of wet" if len(near) == 1 else f"between {place[0]:.2f} and {place[1]:.2f} s"
        findings.append(
            Finding(
                "lost samples",
                "repair",
                f"latency jumps by {jump.samples:+d} samples {exact}: a buffer was {verb}",
                {"jump_samples": jump.samples},
                (place,),
                "record again with larger buffers, or cut the recording there and align both parts by themselves",
            )
        )
    latency, uncertainty = alignment.latency, alignment.uncertainty
    numbers = alignment_numbers(alignment)
    late = f"wet {'trails' if latency >= 0 else 'leads'} dry by {abs(latency):.2f} samples"
    late += f" ({1000 * abs(latency) / sample_rate:.3f} ms), +-{uncertainty:.2f}"
    agreement = f"{len(alignment.windows)} of {alignment.asked} windows agree within {alignment.spread:.2f} samples"
    far = abs(latency) > FEW_SAMPLES + 3 * uncertainty
    severity: Any = "repair" if far and alignment.trusted else "note" if not alignment.trusted else "ok"
    advice = f"take it out: {_align_command(names)}" if severity == "repair" else ""
    if not alignment.trusted:
        advice = "trust it only if you know better; a recording with more treble or clearer attacks tells more"
    findings.append(Finding("latency", severity, f"{late}; {agreement}", numbers, advice=advice))
    inverted = alignment.polarity < 0
    findings.append(
        Finding(
            "polarity",
            "note" if inverted else "ok",
            "wet is inverted against dry" if inverted else "wet has the polarity of dry",
            {"polarity": alignment.polarity},
            advice=f"a model learns it as it is; to turn it: {_align_command(names)}" if inverted else "",
        )
    )
    if not jumps:
        moved = alignment.drift_ppm * 1e-6 * length
        drifts = abs(moved) > FEW_SAMPLES + 3 * uncertainty and abs(alignment.drift_ppm) > 0.5
        text = f"clocks differ by {alignment.drift_ppm:+.2f} ppm: {moved:+.2f} samples from start to end"
        findings.append(
            Finding(
                "clock drift",
                "repair" if drifts else "ok",
                text,
                {"drift_ppm": alignment.drift_ppm, "drift_samples": moved},
                advice=f"take it out: {_align_command(names)}" if drifts else "",
            )
        )
    return findings


def alignment_numbers(alignment: Alignment) -> dict[str, float]:
    """What a finding says of an alignment."""
    return {
        "latency_samples": alignment.latency,
        "uncertainty_samples": alignment.uncertainty,
        "confidence": alignment.confidence,
        "windows_agreeing": len(alignment.windows),
        "windows_asked": alignment.asked,
        "spread_samples": alignment.spread,
    }


def _device(memory: Memory | None, model: ShortModel | None) -> list[Finding]:
    if memory is None or model is None:
        return []
    numbers = {
        "memory_s": memory.memory_s,
        "late_share": memory.late_share,
        "steadiness": memory.steadiness,
        "slow_gain_db": memory.slow_gain_db,
    }
    if memory.kind == "pedal":
        length = f"{1000 * memory.memory_s:.0f} ms" if memory.memory_s else "30 ms"
        text = f"a pedal or amplifier: 99.9 % of wet depends on the last {length} of dry"
        return [Finding("device", "ok", text, numbers)]
    if memory.kind == "reverb or delay":
        text = (
            f"a reverb or delay: {_percent(memory.late_share)} of the power of wet depends on dry more than "
            f"{1000 * LATE_S:.0f} ms ago, some of it {1000 * memory.memory_s:.0f} ms ago"
        )
        advice = "switch reverb and delay off and add them after the model; what comes late is what a model will miss"
    elif memory.kind == "compressor":
        text = (
            f"a compressor, limiter or gate: {memory.slow_gain_db:.2f} dB of its gain follow the level of the last second, "
            "not the level now"
        )
        advice = "switch it off, or expect a model to follow its gain only as far as its memory reaches"
    else:
        text = (
            f"a chorus, vibrato, phaser or tape: the phase of wet against dry does not stay (steadiness "
            f"{memory.steadiness:.2f}; pedals 0.86 to 1), and {_percent(model.esr)} of wet are unexplained"
        )
        advice = "switch modulation off; a model cannot know where its oscillator stands"
    return [Finding("device", "repair", text, numbers, advice=advice)]


def _levels(role: str, signal: Signal, sample_rate: int) -> list[Finding]:
    levels, hum = signal.levels, signal.hum
    numbers = {
        "peak_dbfs": levels.peak_dbfs,
        "rms_dbfs": levels.rms_dbfs,
        "noise_floor_dbfs": levels.noise_floor_dbfs,
        "dc": levels.dc,
    }
    text = (
        f"peak {_dbfs(levels.peak_dbfs)}, RMS {_dbfs(levels.rms_dbfs)}, quietest parts {_dbfs(levels.noise_floor_dbfs)}"
    )
    quiet = levels.peak_dbfs < -40
    findings = [
        Finding(
            f"{role} level",
            "note" if quiet else "ok",
            text,
            numbers,
            ((levels.peak_s, levels.peak_s),),
            "record louder: peaks of -12 to -3 dBFS lift the music out of the noise" if quiet else "",
        )
    ]
    if abs(levels.dc) > LOUD_DC:
        text = f"{levels.dc:+.4f} of full scale ({_dbfs(amplitude_to_db(abs(levels.dc)))})"
        advice = "of the converter: high-pass the file; of an asymmetric clipper without output capacitor: keep it"
        findings.append(Finding(f"{role} DC", "note", text, {"dc": levels.dc}, advice=advice))
    if hum is not None:
        below = hum.level_dbfs - levels.rms_dbfs
        findings.append(
            Finding(
                f"{role} hum",
                "note",
                f"{hum.mains_hz} Hz and harmonics, {_dbfs(hum.level_dbfs)} ({below:+.0f} dB against the music)",
                {"mains_hz": hum.mains_hz, "hum_dbfs": hum.level_dbfs},
                ((hum.start_s, hum.stop_s),),
                "turn away from transformers and screens, or use another outlet; a model cannot learn hum",
            )
        )
    return findings


def _faults(one: Signal, two: Signal, timing: Timing, sample_rate: int) -> list[Finding]:
    findings = []
    for role, signal in (("dry", one), ("wet", two)):
        findings += _clipping(role, signal, sample_rate)
        dropouts = signal.faults.dropouts
        if dropouts:
            longest = max(fault.length for fault in dropouts)
            findings.append(
                _fault_finding(
                    f"{role} dropouts",
                    "repair",
                    f"{len(dropouts)} amid the music, the longest {longest} samples ({1000 * longest / sample_rate:.2f} ms)",
                    dropouts,
                    sample_rate,
                    "record again with larger buffers, or cut these passages out of both files",
                )
            )
    # What dry holds is what was played, and its trace in wet is no fault of wet.
    played = np.array([timing.place(fault.start) for fault in (*one.faults.clicks, *one.faults.jumps)])
    for kind, names in (("clicks", "single samples"), ("jumps", "places where the signal goes on at another value")):
        for role, signal in (("dry", one), ("wet", two)):
            faults: tuple[Fault, ...] = getattr(signal.faults, kind)
            if role == "wet" and len(played):
                faults = tuple(f for f in faults if np.abs(played - f.start).min() > 0.005 * sample_rate)
            if faults:
                severity: Any = "repair" if role == "wet" else "note"
                advice = (
                    "an interface glitch: record again, or cut these passages out of both files"
                    if role == "wet"
                    else "an edit or a glitch; harmless if the device was played exactly this"
                )
                text = f"{len(faults)} {names}, up to {max(abs(fault.value) for fault in faults):.3f} of full scale"
                findings.append(_fault_finding(f"{role} {kind}", severity, text, faults, sample_rate, advice))
    return findings


def _clipping(role: str, signal: Signal, sample_rate: int) -> list[Finding]:
    tops = signal.faults.flat_tops
    if not tops:
        return []
    samples = sum(top.length for top in tops)
    level = max(abs(top.value) for top in tops)
    text = (
        f"{len(tops)} flat tops ({samples} samples, {_percent(samples / signal.length)} of all) at {level:.4f} of full "
        f"scale ({_dbfs(amplitude_to_db(level))})"
    )
    if level < 0.99:
        text += ": a stage before the file's last gain ran out of numbers"
    few = samples / signal.length < 1e-4
    advice = "turn the interface's input gain down until peaks stay below -3 dBFS, and record again"
    if few:
        advice = f"so few do little harm; next time: {advice}"
    finding = _fault_finding(f"{role} clipping", "note" if few else "repair", text, tops, sample_rate, advice)
    return [finding]


def _fault_finding(
    name: str, severity: Any, text: str, faults: tuple[Fault, ...], sample_rate: int, advice: str
) -> Finding:
    places = tuple(
        (fault.start / sample_rate, (fault.start + fault.length) / sample_rate) for fault in faults[:MOST_PLACES]
    )
    numbers = {"count": float(len(faults)), "samples": float(sum(fault.length for fault in faults))}
    return Finding(name, severity, f"{text}, {times(places, len(faults))}", numbers, places, advice)


def _scores(noise: NoiseLimit | None, linear_esr: float | None) -> list[Finding]:
    findings = []
    if noise is None:
        findings.append(
            Finding(
                "best score",
                "ok",
                "unknown: no passage of dry occurs twice, and it never falls silent",
                advice="let the dry file repeat a passage exactly, and hold a second of silence",
            )
        )
    else:
        how = "dry repeats" if noise.source == "repeats" else "dry is silent"
        bound = "" if noise.exact else "at most "
        text = (
            f"noise limits the ESR to {bound}{_percent(noise.esr)} ({_db(noise.esr)}), from {noise.seconds:.1f} s in which "
            f"{how}; noise in wet {_dbfs(amplitude_to_db(noise.noise_power**0.5))}"
        )
        numbers = {"best_esr": noise.esr, "noise_dbfs": amplitude_to_db(noise.noise_power**0.5)}
        loud = noise.esr > 0.01 and noise.exact
        advice = "record with less noise: a model cannot get below this" if loud else ""
        findings.append(Finding("best score", "note" if loud else "ok", text, numbers, advice=advice))
    if linear_esr is not None:
        text = (
            f"the best linear filter has an ESR of {_percent(linear_esr)} ({_db(linear_esr)}); a model has to beat it"
        )
        findings.append(Finding("linear score", "ok", text, {"linear_esr": linear_esr}))
    return findings


def _dbfs(db: float) -> str:
    return f"{db:.1f} dBFS" if np.isfinite(db) else "digital silence"


def _db(ratio: float) -> str:
    return f"{10 * np.log10(ratio):.1f} dB" if ratio > 0 else "-inf dB"


def _percent(ratio: float) -> str:
    return f"{100 * ratio:.3g} %"
