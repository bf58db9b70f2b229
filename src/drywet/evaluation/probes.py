"""Test signals through an Effect: aliasing, harmonics, intermodulation, and the faults that music hides.

No recording is needed. The figures belong to the effect, not to a clip.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from drywet import signals
from drywet.effect import Effect, render
from drywet.errors import SignalError
from drywet.measures import aliasing, artifacts, harmonics

PROBES = "probes.json"
FORMAT = 1

NOTES = tuple(range(60, 101))  # MIDI, middle C to E7
ALIASING_LEVELS_DBFS = (-6.0, -20.0)
HARMONIC_HZ = (82.41, 164.81, 329.63, 659.26, 1318.51)  # E2 to E6
HARMONIC_LEVELS_DBFS = (-40.0, -36.0, -30.0, -24.0, -18.0, -12.0, -6.0, 0.0)
PAIR_LEVELS_DBFS = (-30.0, -20.0, -10.0, -3.0)  # of the peak of the two tones together
TONE_S = 0.2  # analysed of each tone: bins 5 Hz apart
SETTLE_FIRST_S = 1.0  # let by before the first tone
# Before each that follows: it moves the offset a little, which coupling capacitors (0.1 s in the SD-1) take away. What they
# leave counts as aliasing: below -94 dB there.
SETTLE_S = 0.5
CHORD_HZ = (82.41, 123.47, 164.81)  # E5
BURST_S, TAIL_S = 0.5, 5.0
OVERLOAD_DB = 12.0
BOUND_DB = 6.0  # over what a linear device would make of the overload
DRIFT_HZ, DRIFT_DBFS, DRIFT_S = 220.0, -6.0, 4.0
DRIFT_SHARE = 0.01  # of the RMS: an offset that moves by more is a fault
STEP_S = 0.5

Report = Callable[[float], None]


def probe(
    effect: Effect, device: Effect | Mapping[str, Any] | None = None, report: Report = lambda share: None
) -> dict[str, Any]:
    """Send test signals through ``effect``, its knobs at their defaults, and measure what comes out.

    Everything is deterministic and JSON-able. Two minutes of sound are rendered, which take 2 s of one core for an LSTM of
    32 units.

    Parameters
    ----------
    effect : Effect
    device : Effect, or what this function said of it, optional
        What ``effect`` is a model of, its knobs at the same places. A virtual circuit takes about a minute at 8 times the
        sample rate.
    report : callable
        Told the share that is done, in [0, 1].

    Returns
    -------
    dict
        ``sample_rate``, ``controls``; ``aliasing`` (ASR as a ratio, by level and note), ``harmonics`` (dBFS, by frequency,
        level and order), ``intermodulation``, ``silence`` (at rest), ``after_burst``, ``drift``, ``overload``, ``steps``; each
        None where the response was not finite, or silent. ``faults`` says what is wrong, in words and with the second of
        the probe's signal. With a device, ``device`` holds the same of it and ``against_device`` the differences.
    """
    if device is None:
        return _probe_one(effect, report)
    if isinstance(device, Mapping):
        known, own = dict(device), _probe_one(effect, report)
    else:
        own = _probe_one(effect, lambda share: report(0.1 * share))
        known = _probe_one(device, lambda share: report(0.1 + 0.9 * share))
    if known.get("sample_rate") != own["sample_rate"]:
        raise SignalError(
            f"the device was probed at {known.get('sample_rate')} Hz, the model works at {own['sample_rate']} Hz; probe the "
            "device at the model's rate"
        )
    known = {key: value for key, value in known.items() if key not in ("device", "against_device")}
    return own | {"device": known, "against_device": _compare(own, known)}


def _probe_one(effect: Effect, report: Report) -> dict[str, Any]:
    result: dict[str, Any] = {
        "format": FORMAT,
        "sample_rate": effect.sample_rate,
        "controls": {name: float(value) for name, value in effect.controls.items()},
    }
    faults: list[dict[str, Any]] = []
    done = 0.0
    for name, function, share in _PARTS:
        try:
            result[name] = function(effect, faults)
        except SignalError as error:
            result[name] = None
            faults.append({"probe": name, "seconds": None, "text": str(error)})
        done += share
        report(min(done, 1.0))
    return result | {"faults": faults}


@dataclass(frozen=True)
class _Tone:
    """One stretch of a stream: the sum of sines at these frequencies and amplitudes."""

    frequencies_hz: tuple[float, ...]
    amplitudes: tuple[float, ...]


def _play(effect: Effect, tones: Sequence[_Tone], length: int) -> list[np.ndarray]:
    """``length`` settled samples of the response to each tone, which follow each other without a pause.

    Each tone goes on in phase where the one before ended, so that little has to settle. It goes on after its window for the
    effect's latency: with that taken out, the effect looks so far ahead, and would see the next tone.
    """
    rate = effect.sample_rate
    phases = np.zeros(max(len(tone.frequencies_hz) for tone in tones))
    stream, ends, count = [], [], 0
    for index, tone in enumerate(tones):
        n = np.arange(round((SETTLE_S if index else SETTLE_FIRST_S) * rate) + length + effect.latency)
        turns = 2 * np.pi * np.array(tone.frequencies_hz) / rate
        angles = phases[: len(turns), None] + turns[:, None] * n
        stream.append(np.array(tone.amplitudes) @ np.sin(angles))
        phases[: len(turns)] = (angles[:, -1] + turns) % (2 * np.pi)
        count += len(n)
        ends.append(count - effect.latency)
    response = _response(effect, np.concatenate(stream))
    return [response[end - length : end] for end in ends]


def _response(effect: Effect, dry: np.ndarray) -> np.ndarray:
    """Rendered, float64. SignalError with the second if it is not finite."""
    with np.errstate(all="ignore"):  # an effect that diverges overflows before it is found out
        response = render(effect, dry.astype(np.float32)).astype(np.float64)
    wrong = np.flatnonzero(~np.isfinite(response))
    if len(wrong):
        raise SignalError(f"the response is NaN or infinite from {wrong[0] / effect.sample_rate:.3f} s on")
    return response


def _aliasing(effect: Effect, faults: list) -> dict[str, Any]:
    sines = [aliasing.exact_sine(aliasing.midi_hz(note), effect.sample_rate, TONE_S) for note in NOTES]
    ratios = []
    for level in ALIASING_LEVELS_DBFS:
        tones = [_Tone((sine.frequency_hz,), (_amplitude(level),)) for sine in sines]
        windows = _play(effect, tones, sines[0].length)
        ratios.append([aliasing.aliasing_to_signal_ratio(w, s) for w, s in zip(windows, sines, strict=True)])
    return {
        "levels_dbfs": list(ALIASING_LEVELS_DBFS),
        "notes": list(NOTES),
        "frequency_hz": [sine.frequency_hz for sine in sines],
        "asr": ratios,
        "mean_db": [_ratio_db(float(np.mean(row))) for row in ratios],
        "worst_db": [_ratio_db(max(row)) for row in ratios],
        "worst_note": [NOTES[int(np.argmax(row))] for row in ratios],
    }


def _harmonics(effect: Effect, faults: list) -> dict[str, Any]:
    sines = [aliasing.exact_sine(frequency, effect.sample_rate, TONE_S) for frequency in HARMONIC_HZ]
    plan = [(sine, level) for sine in sines for level in HARMONIC_LEVELS_DBFS]
    windows = _play(effect, [_Tone((s.frequency_hz,), (_amplitude(level),)) for s, level in plan], sines[0].length)
    levels = [harmonics.harmonic_levels_db(w, sine) for w, (sine, _) in zip(windows, plan, strict=True)]
    table = np.array(levels).reshape(len(sines), len(HARMONIC_LEVELS_DBFS), -1)
    return {
        "frequency_hz": [sine.frequency_hz for sine in sines],
        "levels_dbfs": list(HARMONIC_LEVELS_DBFS),
        "level_db": _listed(table),
    }


def _intermodulation(effect: Effect, faults: list) -> list[dict[str, Any]]:
    result = []
    for pair in harmonics.TONE_PAIRS:
        if max(pair.first_hz, pair.second_hz) > 0.49 * effect.sample_rate:
            continue  # no such tones at this rate
        exact = harmonics.exact_pair(pair, effect.sample_rate, TONE_S)
        weights = np.array([pair.ratio, 1.0]) / (pair.ratio + 1)
        frequencies = (exact.first.frequency_hz, exact.second.frequency_hz)
        tones = [_Tone(frequencies, tuple(_amplitude(level) * weights)) for level in PAIR_LEVELS_DBFS]
        windows = _play(effect, tones, exact.first.length)
        result.append(
            {
                "name": pair.name,
                "frequency_hz": list(frequencies),
                "ratio": pair.ratio,
                "levels_dbfs": list(PAIR_LEVELS_DBFS),
                "products": [harmonics.product_name(product) for product in harmonics.PRODUCTS],
                "level_db": _listed(np.array([harmonics.product_levels_db(w, exact) for w in windows])),
            }
        )
    return result


def _silence(effect: Effect, faults: list) -> dict[str, Any]:
    rate = effect.sample_rate
    found = artifacts.silence(_response(effect, np.zeros(rate)), rate)
    if not found.is_quiet:
        faults.append(_fault("silence", found.loudest_s, f"silence comes out at {_what_sounds(found)}"))
    return asdict(found) | {"is_quiet": found.is_quiet}


def _after_burst(effect: Effect, faults: list) -> dict[str, Any]:
    rate = effect.sample_rate
    burst = _chord(BURST_S, rate)
    response = _response(effect, np.concatenate([burst, np.zeros(round(TAIL_S * rate))]))
    found = artifacts.silence(response[len(burst) :], rate, artifacts.SETTLE_S)
    if not found.is_quiet:
        text = f"{artifacts.SETTLE_S:g} s after a loud chord there is still {_what_sounds(found)}"
        faults.append(_fault("after_burst", BURST_S + found.loudest_s, text))
    return asdict(found) | {"is_quiet": found.is_quiet}


def _what_sounds(found: artifacts.Silence) -> str:
    if found.tone_hz is not None:
        kind = f"a tone of {found.tone_hz:.0f} Hz"
    elif 20 * math.log10(max(abs(found.offset), 1e-10)) > found.noise_dbfs:
        kind = f"an offset of {found.offset:.2g}"
    else:
        kind = "noise"
    return f"{kind}, peak {found.peak_dbfs:.0f} dBFS (below {artifacts.LIMIT_CYCLE_DBFS:.0f} is quiet)"


def _drift(effect: Effect, faults: list) -> dict[str, Any]:
    rate = effect.sample_rate
    tone = signals.sine(DRIFT_HZ, DRIFT_S, rate, amplitude=_amplitude(DRIFT_DBFS))
    settled = _response(effect, tone)[rate:]
    found = artifacts.dc_drift(settled, rate)
    rms = float(np.sqrt(np.mean(settled**2)))
    if found.span > DRIFT_SHARE * rms:
        text = f"under a steady tone the offset moves by {found.span:.2g} ({found.per_second:+.2g} a second)"
        faults.append(_fault("drift", 1 + found.seconds, text))
    return asdict(found)


def _overload(effect: Effect, faults: list) -> dict[str, Any]:
    rate = effect.sample_rate
    chord = _chord(1.0, rate)
    usual = _response(effect, chord)
    try:
        loud = _response(effect, _amplitude(OVERLOAD_DB) * chord)
    except SignalError as error:
        faults.append(_fault("overload", None, f"{OVERLOAD_DB:g} dB louder than full scale: {error}"))
        return {"finite": False, "bounded": False, "peak_dbfs": None, "growth_db": None}
    peak, usual_peak = float(np.abs(loud).max()), float(np.abs(usual).max())
    growth = 20 * math.log10(peak / usual_peak) if peak and usual_peak else 0.0
    bounded = growth <= OVERLOAD_DB + BOUND_DB
    if not bounded:
        at = float(np.argmax(np.abs(loud))) / rate
        text = f"{OVERLOAD_DB:g} dB more in gives {growth:.0f} dB more out"
        faults.append(_fault("overload", at, text))
    return {
        "finite": True,
        "bounded": bounded,
        "peak_dbfs": 20 * math.log10(peak) if peak else None,
        "growth_db": growth,
    }


def _steps(effect: Effect, faults: list) -> list[dict[str, Any]]:
    rate = effect.sample_rate
    length = round(STEP_S * rate)
    heights = (0.0, 1.0, 0.0, -1.0)
    response = _response(effect, np.repeat(heights, length))
    result = []
    for index in (1, 3):
        rest = float(response[index * length - length // 10 : index * length].mean())
        step = artifacts.step_response(response[index * length : (index + 1) * length], rate, rest)
        result.append({"height": heights[index]} | asdict(step))
    return result


_PARTS: tuple[tuple[str, Callable[[Effect, list], Any], float], ...] = (
    ("aliasing", _aliasing, 0.52),
    ("harmonics", _harmonics, 0.25),
    ("intermodulation", _intermodulation, 0.1),
    ("silence", _silence, 0.01),
    ("after_burst", _after_burst, 0.05),
    ("drift", _drift, 0.04),
    ("overload", _overload, 0.02),
    ("steps", _steps, 0.01),
)  # name, how, share of the sound


def _compare(own: Mapping[str, Any], device: Mapping[str, Any]) -> dict[str, Any]:
    """Model against device: what the model adds in aliasing, and how far the tables are apart; None where one is missing."""
    result: dict[str, Any] = dict.fromkeys(
        ("aliasing_excess", "aliasing_excess_db", "harmonic_error_db", "intermodulation_error_db", "overload_peak_db")
    )
    if own["aliasing"] and device["aliasing"]:
        excess = [
            [aliasing.excess_asr(one, other) for one, other in zip(*rows, strict=True)]
            for rows in zip(own["aliasing"]["asr"], device["aliasing"]["asr"], strict=True)
        ]
        result["aliasing_excess"] = excess
        result["aliasing_excess_db"] = [_ratio_db(float(np.mean(row))) for row in excess]
    if own["harmonics"] and device["harmonics"]:
        result["harmonic_error_db"] = _table_error([device["harmonics"]], [own["harmonics"]])
    if own["intermodulation"] and device["intermodulation"]:
        result["intermodulation_error_db"] = _table_error(device["intermodulation"], own["intermodulation"])
    peaks = [probes["overload"] and probes["overload"]["peak_dbfs"] for probes in (own, device)]
    if None not in peaks:
        result["overload_peak_db"] = peaks[0] - peaks[1]
    return result


def _table_error(device: Sequence[Mapping[str, Any]], own: Sequence[Mapping[str, Any]]) -> float | None:
    device_db, own_db = (
        np.concatenate([np.array(table["level_db"], np.float64).reshape(-1, _width(table)) for table in tables])
        for tables in (device, own)
    )
    try:
        return harmonics.harmonic_error_db(device_db, own_db)
    except SignalError:
        return None


def _width(table: Mapping[str, Any]) -> int:
    return np.array(table["level_db"], np.float64).shape[-1]


def _fault(name: str, seconds: float | None, text: str) -> dict[str, Any]:
    return {"probe": name, "seconds": seconds, "text": text}


def _chord(seconds: float, sample_rate: int) -> np.ndarray:
    """A power chord at full scale, (T,)."""
    chord = signals.multitone(CHORD_HZ, seconds, sample_rate)
    return chord / np.abs(chord).max()


def _amplitude(dbfs: float) -> float:
    return float(10 ** (dbfs / 20))


def _ratio_db(ratio: float) -> float:
    """10 log10, at least -140 dB, where float32 ends."""
    return 10 * math.log10(max(ratio, aliasing.FLOAT_NOISE))


def _listed(table: np.ndarray) -> list:
    """Nested lists, None for NaN."""
    return [_listed(row) if isinstance(row, np.ndarray) else None if math.isnan(row) else float(row) for row in table]
