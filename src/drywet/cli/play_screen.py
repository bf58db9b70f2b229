"""What ``drywet play`` shows while it plays: the screen of a terminal, and the line where there is none."""

import math
from collections.abc import Iterator

from rich.console import Group
from rich.text import Text

from drywet import controls
from drywet.live.meters import Meter
from drywet.live.panel import KEYS
from drywet.live.session import Knob, Summary, View
from drywet.text import one_line

METER_DB = 60.0  # from the left end of a meter to full scale
METER_WIDTH, KNOB_WIDTH = 40, 21
NAME_WIDTH, KNOB_NAME_WIDTH = 40, 17
HOT_DBFS, NEARLY_DBFS = -3.0, -12.0  # from where a meter is red, yellow
HIGH_LOAD = 0.8  # from where it is red: the rest is for the system
KEY_LINE = "space bypass  tab model  ↑↓ knob  ←→ turn  +- level  [] input  h help  q end"


def screen(view: View, about: str, measured_ms: float | None = None) -> Group:
    """The whole screen, 79 columns wide: ``about`` is the stream in words, ``measured_ms`` the round trip if known."""
    lines = [
        Text(f" {about}", style="dim"),
        Text(),
        _meter("in", view.input, view.input_db),
        _meter("out", view.output, view.output_db),
        _load(view),
        Text(f" {latency(view.driver_ms, view.model_ms, measured_ms)}", style="dim"),
        Text(),
    ]
    models = _models(view)
    lines += _help() if view.helping else [models, Text(), *_knobs(view)]
    lines.append(Text(f" {view.news}", style="bold yellow") if view.news else _states(view))
    lines += [] if view.helping else [Text(f" {KEY_LINE}", style="dim")]
    for each in lines:
        each.no_wrap, each.overflow = each is not models, "ellipsis"  # many models go on in the next line
    return Group(*lines)


def line(view: View) -> str:
    """The same for a log, shorter."""
    states = ", ".join(word for word, on in _words(view) if on)
    levels = f"in {_dbfs(view.input.held_dbfs)}, out {_dbfs(view.output.held_dbfs)} dBFS"
    clipped = view.input.clipped + view.output.clipped
    return (
        f"{view.seconds:.0f} s: {view.models[view.chosen]}{' (' + states + ')' if states else ''}, {levels}, "
        f"{f'{clipped} samples clipped, ' if clipped else ''}load {_percent(view.load)} (worst "
        f"{_percent(view.worst_load)}), xruns {view.xruns}"
    )


def last_line(summary: Summary) -> str:
    """A session in one line."""
    clipped = summary.input_clipped + summary.output_clipped
    peaks = [-math.inf if peak is None else peak for peak in (summary.input_peak_dbfs, summary.output_peak_dbfs)]
    return (
        f"played {summary.seconds:.1f} s: xruns {summary.xruns}, load {_percent(summary.load)} (worst "
        f"{_percent(summary.worst_load)}), highest peaks in {_dbfs(peaks[0])}, out {_dbfs(peaks[1])} dBFS, "
        f"{clipped or 'no'} samples clipped"
    )


def latency(driver_ms: float, model_ms: float, measured_ms: float | None = None) -> str:
    """``latency 6.7 ms: in and out 5.3 (as the driver says), model 1.4``."""
    if measured_ms is None:
        interface_ms, how = driver_ms, "as the driver says"
    else:
        interface_ms, how = measured_ms, f"measured; the driver says {driver_ms:.1f}"
    return f"latency {interface_ms + model_ms:.1f} ms: in and out {interface_ms:.1f} ({how}), model {model_ms:.1f}"


def _meter(name: str, meter: Meter, gain_db: float) -> Text:
    filled, held = _cells(meter.peak_dbfs), _cells(meter.held_dbfs) - 1
    text = Text(f" {name:<5}")
    start = 0
    for end, colour in ((_cells(NEARLY_DBFS), "green"), (_cells(HOT_DBFS), "yellow"), (METER_WIDTH, "red")):
        for cell in range(start, end):
            on = cell < filled or cell == held
            text.append("━" if on else "─", colour if on else "bright_black")
        start = end
    text.append(f" {_dbfs(meter.held_dbfs):>6} dBFS ")
    text.append(f"CLIP {min(meter.clipped, 99_999):<5}" if meter.clipped else " " * 10, "bold red")
    text.append(f"{gain_db:+7.1f} dB", "" if gain_db else "dim")
    return text


def _load(view: View) -> Text:
    text = Text(" load ")
    filled = round(METER_WIDTH * min(view.load, 1.0))
    text.append("━" * filled, "red" if view.load > HIGH_LOAD else "green")
    text.append("─" * (METER_WIDTH - filled), "bright_black")
    text.append(f" {_percent(view.load):>6} ")
    text.append(f"worst {_percent(view.worst_load):<6}", "red" if view.worst_load > 1 else "")
    text.append(f" xruns {view.xruns}", "bold red" if view.xruns else "")
    return text


def _models(view: View) -> Text:
    text = Text(" ")
    for index, name in enumerate(view.models):
        text.append(f" {index + 1} {one_line(name, NAME_WIDTH)} ", "bold reverse" if index == view.chosen else "")
        text.append(" ")
    return text


def _states(view: View) -> Text:
    text = Text(" ")
    for word, on in _words(view):
        if on:
            text.append(f" {word.upper()} ", "bold black on yellow")
            text.append(" ")
    return text


def _words(view: View) -> list[tuple[str, bool]]:
    return [("bypass", view.bypassed), ("mute", view.muted), ("loop", view.looping)]


def _knobs(view: View) -> Iterator[Text]:
    widest = max((len(knob.name) for knob in view.knobs), default=0)
    for knob in view.knobs:
        yield _knob(knob, min(widest, KNOB_NAME_WIDTH), knob.name == view.selected)
    if view.knobs:
        yield Text()


def _knob(knob: Knob, width: int, selected: bool) -> Text:
    place = round(knob.position * (KNOB_WIDTH - 1))
    way = "━" * place + "●" + "─" * (KNOB_WIDTH - 1 - place)
    text = Text(
        f" {'▸' if selected else ' '} {one_line(knob.name, width):<{width}}  {way}  {controls.clock(knob.position):>5}"
    )
    if knob.controller is not None:
        text.append(f"   CC {knob.controller}", "dim")
    text.stylize("bold" if selected else "")
    if not knob.here:
        text.append("   not on this model")
        text.stylize("dim")
    return text


def _help() -> Iterator[Text]:
    for key, meaning in KEYS:
        yield Text.assemble((f" {key:<13}", "bold"), (meaning, ""))


def _cells(level_dbfs: float) -> int:
    return round(METER_WIDTH * min(max(1 + level_dbfs / METER_DB, 0.0), 1.0)) if math.isfinite(level_dbfs) else 0


def _dbfs(level_dbfs: float) -> str:
    return f"{level_dbfs:.1f}"  # -inf, which every encoding of a pipe can write


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %" if share >= 0.1 else f"{100 * share:.1f} %"
