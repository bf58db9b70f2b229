"""``drywet play``: guitar in, wet out, live."""

import signal
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from drywet.cli import common

if TYPE_CHECKING:
    import numpy as np

    from drywet.live.desk import Desk
    from drywet.live.session import Summary, View

LINE_SECONDS = 5.0  # between lines where stderr is no terminal
USUAL_BLOCK, USUAL_RATE = 128, 48_000  # of an interface that is not asked
LOOP_SECONDS = 8.0  # of a built-in riff


def play(
    models: list[str] = typer.Argument(
        None,
        metavar="MODEL...",
        help="Run folders, model files of any format, or circuits (sd1, or a netlist); several are switched by keys.",
    ),
    knob: list[str] = typer.Option(None, help="Where a knob stands at first: --knob drive=3:00. Repeatable."),
    loop: str = typer.Option(
        None,
        help="Play this mono file round and round as input, or a built-in riff: gallop, arpeggio, lead, chords, ...",
    ),
    backend: str = typer.Option(None, help="portaudio or jack. Default: jack where its server runs, else portaudio."),
    interface: str = typer.Option(
        "",
        help="Audio interface: a name, part of one, or a number from `drywet devices`. With jack: the server's name.",
    ),
    output_interface: str = typer.Option("", help="Another one to play to, with portaudio; the two then drift apart."),
    input_channel: str = typer.Option(
        None, help="Input with the guitar; 1 when left out, none with --loop. With jack also a port's name."
    ),
    play_channel: str = typer.Option("1,2", help="Outputs, with commas. With jack also ports' names."),
    block: int = typer.Option(
        None, min=1, max=8192, help="Samples at once: fewer are quicker. With jack the server's."
    ),
    sample_rate: int = typer.Option(None, min=1, help="Hz. Default: the model's; nothing is resampled."),
    oversampling: int = typer.Option(None, min=1, help="Of circuits: less aliasing, more load."),
    input_db: float = typer.Option(0.0, help="Gain before the model, in dB."),
    output_db: float = typer.Option(0.0, help="Gain after the model, in dB."),
    midi: str = typer.Option(None, help="MIDI input: a name or part of one; `--midi list` lists them."),
    cc: list[str] = typer.Option(None, help="MIDI controller of a knob: --cc drive=20. Repeatable."),
    seconds: float = typer.Option(None, min=0.1, help="End by itself after this time."),
    measure_latency: bool = typer.Option(
        False, "--measure-latency", help="First measure in and out with a cable from output to input."
    ),
    json_: bool = typer.Option(False, "--json", help="Print the summary as JSON."),
) -> None:
    """Play live: guitar in, wet out. Keys and MIDI turn knobs and switch models; h shows the keys, q ends.

    Example: `drywet play sd1 --loop chords --knob drive=2:00`
    """
    from drywet.errors import SettingsError
    from drywet.interfaces import BACKENDS
    from drywet.interfaces.jack_server import rate_and_block
    from drywet.live.desk import Desk
    from drywet.live.keys import open_keyboard
    from drywet.live.midi import MidiInput, midi_inputs
    from drywet.live.models import load_models, slow_models
    from drywet.live.panel import INPUT_DB, OUTPUT_DB, assign
    from drywet.live.session import Session
    from drywet.live.stream import open_stream

    if midi == "list":
        # Without a server, JACK's MIDI would complain on stderr.
        common.stdout.print("\n".join(midi_inputs(jack=rate_and_block() is not None)) or "no MIDI input")
        return
    if not models:
        raise SettingsError("play what? Name a run folder, a model file or a circuit: drywet play sd1 --loop chords")
    for option, level, (lowest, highest) in (
        ("--input-db", input_db, INPUT_DB),
        ("--output-db", output_db, OUTPUT_DB),
    ):
        if not lowest <= level <= highest:
            raise SettingsError(f"{option} {level:g}: is from {lowest:g} to {highest:g} dB")
    knobs, wanted = common.parse_knobs(knob), _controllers(cc)
    if backend is not None:
        common.choice(backend, BACKENDS, "--backend")
    if wanted and not midi:
        raise SettingsError("--cc: no MIDI input is named; --midi NAME names one, and --midi list lists them")
    if backend == "jack":
        server: tuple[int, int] | None = _asked_server(interface)
    else:
        server = None if backend or interface or output_interface else rate_and_block()
    backend = backend or ("jack" if server else "portaudio")
    rate, block_size = server or (USUAL_RATE, block or USUAL_BLOCK)
    playables = load_models(models, sample_rate, rate, oversampling, common.stderr.print)
    rate = next(iter(playables.values())).sample_rate
    dry = _loop(loop, rate)
    for remark in slow_models(playables, block_size):  # before the desk, for it leaves their knobs at the defaults
        common.stderr.print(f"warning: {remark}")
    desk = Desk(playables, rate, loop=dry, report=common.stderr.print)
    _set_up(desk, knobs, input_db, output_db, loops=loop is not None)
    controllers = assign(list(desk.knobs), wanted) if midi else None
    record = [common.parse_channel(input_channel or "1")] if input_channel or measure_latency or not loop else []
    channels = [common.parse_channel(name) for name in play_channel.split(",")]

    def start(desk: Desk) -> Any:
        return open_stream(desk, backend, interface, channels, record, block, output_interface)

    with ExitStack() as stack:
        measured_ms = _measure(start, rate) if measure_latency else None
        stopped = stack.enter_context(_ended_by_signals())
        heard = MidiInput(midi, jack=backend == "jack") if midi else None
        if heard:
            stack.callback(heard.close)
        stream = start(desk)
        stack.callback(stream.close)
        keyboard = stack.enter_context(open_keyboard())
        messages = heard.messages if heard else lambda: ()
        session = Session(desk, stream, playables, keyboard, messages, controllers, live_input=bool(record))
        before = session.settings()
        show = stack.enter_context(_shown(stream.description, measured_ms))
        summary = session.run(seconds, show, stopped)
    _report(summary, {"measured_ms": measured_ms, "stream": stream.description, "sample_rate": rate}, json_)
    if session.settings() != before:
        common.stderr.print(f"as you left it: {session.settings()}")


def _asked_server(name: str) -> tuple[int, int]:
    """Rate and block of a JACK server; LiveError where it does not answer, before models are loaded."""
    from drywet.errors import CaptureError, LiveError
    from drywet.interfaces.jack_server import asked_rate_and_block

    try:
        return asked_rate_and_block(name)
    except CaptureError as error:
        raise LiveError(str(error)) from error


def _controllers(assignments: list[str] | None) -> dict[str, int]:
    """``["drive=20"]`` as ``{"drive": 20}``."""
    from drywet.errors import SettingsError

    found = {}
    for assignment in assignments or []:
        name, _, number = assignment.partition("=")
        if not number.strip().isdecimal():
            raise SettingsError(f"--cc {assignment}: write it as knob=controller, for example drive=20")
        found[name.strip()] = int(number)
    return found


def _loop(name: str | None, rate: int) -> "np.ndarray | None":
    """The samples of a file or of a built-in riff."""
    from drywet import audio
    from drywet.signals.riffs import TEST_RIFFS

    if name is None:
        return None
    if name in TEST_RIFFS and not Path(name).exists():
        return TEST_RIFFS[name].signal(LOOP_SECONDS, rate)
    return audio.read(name, sample_rate=rate)[0]


def _set_up(desk: "Desk", knobs: Mapping[str, str], input_db: float, output_db: float, loops: bool) -> None:
    """Everything where the options want it, before there is sound."""
    from drywet import controls

    positions = controls.resolve(knobs, desk.knobs)
    for name in knobs:
        desk.turn(name, positions[name])
    desk.glide(seconds=1.0)  # all the way
    desk.input_db, desk.output_db, desk.looping = input_db, output_db, loops


def _measure(start: "Callable[[Desk], Any]", rate: int) -> float:
    """Milliseconds from output to input through a cable."""
    from drywet.cli.capture import Terminal
    from drywet.dataset.calibration import calibrate
    from drywet.live.loopback import Loopback

    operator = Terminal(waits=sys.stdin.isatty())
    operator.ask("Turn your speakers down. A cable from the first output to the input")
    found = calibrate(Loopback(start, rate), operator.watch)
    measured_ms = 1000 * found.latency / rate
    operator.ask(f"Round trip {found.latency:.1f} samples ({measured_ms:.2f} ms). Connect guitar and speakers again")
    return measured_ms


@contextmanager
def _ended_by_signals() -> Iterator[Callable[[], bool]]:
    """Inside, Ctrl-C and the system's other wishes to end make the yielded function True; a second Ctrl-C interrupts."""
    asked = False

    def ask(signum: int, frame: Any) -> None:
        nonlocal asked
        if asked and signum == signal.SIGINT:
            raise KeyboardInterrupt
        asked = True

    wishes = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]
    before = {wish: signal.signal(wish, ask) for wish in wishes}
    try:
        yield lambda: asked
    finally:
        for wish, handler in before.items():
            signal.signal(wish, handler)


@contextmanager
def _shown(about: str, measured_ms: float | None) -> "Iterator[Callable[[View], None]]":
    """What takes views: a screen, or a line now and then."""
    from drywet.cli import play_screen

    if common.stderr.is_terminal and not common.stderr.is_dumb_terminal:
        from rich.console import Console
        from rich.live import Live

        with Live(console=Console(stderr=True, highlight=False), auto_refresh=False, transient=True) as live:
            yield lambda view: live.update(play_screen.screen(view, about, measured_ms), refresh=True)
        return
    said: float | None = None

    def show(view: "View") -> None:
        nonlocal said
        if said is None:
            common.stderr.print(f"{about}\n{play_screen.latency(view.driver_ms, view.model_ms, measured_ms)}")
            said = view.seconds
        elif view.seconds - said >= LINE_SECONDS:
            common.stderr.print(play_screen.line(view))
            said = view.seconds

    yield show


def _report(summary: "Summary", about: dict[str, Any], as_json: bool) -> None:
    from drywet.cli.play_screen import last_line

    if summary.unwell:
        common.stderr.print(
            f"{summary.unwell} blocks of a model were no finite numbers: silence was played in their place, and the model "
            "put to rest"
        )
    if as_json:
        common.print_json(summary.as_json() | about)
    else:
        common.stdout.print(last_line(summary))
