"""Someone plays: the control thread beside the audio thread, from the first block to an orderly end."""

import dataclasses
import math
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from shlex import quote

from drywet import controls
from drywet.errors import CircuitError, LiveError
from drywet.live.desk import Desk, Playable
from drywet.live.keys import Keyboard
from drywet.live.meters import LOOK_SECONDS, Meter, MeterBridge
from drywet.live.panel import Panel, assign
from drywet.live.stream import Stream

TICK_SECONDS = 0.01  # between two looks at keys and MIDI; knobs glide in these steps
FADE_SECONDS = 0.02  # from muting to the end; and two blocks, which are on their way


@dataclass(frozen=True)
class Knob:
    """A knob: where it stands, whether the model that sounds has it, and the MIDI controller that turns it."""

    name: str
    position: float
    here: bool
    controller: int | None


@dataclass(frozen=True)
class View:
    """Everything that a screen shows. Latencies are in milliseconds, loads are shares of a block's time."""

    seconds: float
    input: Meter
    output: Meter
    load: float
    worst_load: float
    xruns: int
    driver_ms: float
    model_ms: float
    models: tuple[str, ...]
    chosen: int
    bypassed: bool
    muted: bool
    looping: bool
    input_db: float
    output_db: float
    knobs: tuple[Knob, ...]
    selected: str
    helping: bool
    news: str


@dataclass(frozen=True)
class Summary:
    """A session as a whole; a peak is None where only silence came. ``unwell`` counts blocks that were not finite."""

    seconds: float
    xruns: int
    load: float
    worst_load: float
    input_peak_dbfs: float | None
    output_peak_dbfs: float | None
    input_clipped: int
    output_clipped: int
    unwell: int
    driver_ms: float
    model_ms: float
    model: str
    input_db: float
    output_db: float
    knobs: dict[str, float]
    controllers: dict[str, int]

    def as_json(self) -> dict:
        """For ``--json``."""
        return dataclasses.asdict(self)


class Session:
    """Keys and MIDI in, views out, while the stream of ``desk`` runs.

    Parameters
    ----------
    desk, stream
    models : mapping of name to Playable
        Those of the desk, in its order.
    keyboard : Keyboard
    messages : callable
        Gives the MIDI messages that came since it was last called.
    controllers : mapping of knob to MIDI controller, optional
        Without it there is no MIDI.
    live_input : bool
        Whether an input is open.
    """

    def __init__(
        self,
        desk: Desk,
        stream: Stream,
        models: Mapping[str, Playable],
        keyboard: Keyboard,
        messages: Callable[[], Iterable[Sequence[int]]] = lambda: (),
        controllers: Mapping[str, int] | None = None,
        live_input: bool = True,
    ):
        self.panel = Panel(desk, controllers, live_input, clear=self._clear)
        self._desk, self._stream, self._models = desk, stream, list(models.values())
        self._keyboard, self._messages = keyboard, messages
        self._meters = MeterBridge()
        self._cleared_xruns = 0
        self._started = time.monotonic()

    def run(
        self,
        seconds: float | None = None,
        show: Callable[[View], None] = lambda view: None,
        stopped: Callable[[], bool] = lambda: False,
    ) -> Summary:
        """Play until a key, ``stopped()`` or ``seconds`` end it, then fade out. ``show`` is given ten views a second.

        Raises
        ------
        LiveError
            If the device vanishes or stops; where the knobs stood is said.
        """
        self._started = next_look = before = time.monotonic()
        while not (self.panel.ended or stopped()):
            now = time.monotonic()
            if seconds is not None and now - self._started >= seconds:
                break
            if now >= next_look:
                self._complain()
                show(self.look())
                next_look = now + LOOK_SECONDS
            for message in self._messages():
                self.panel.hear(message)
            self._glide(now - before)
            before = now
            for key in self._keyboard.pressed(max(0.0, now + TICK_SECONDS - time.monotonic())):
                self.panel.press(key)
        return self._end()

    def look(self) -> View:
        """How everything stands now."""
        self._read_meters()
        desk, meters = self._desk, self._meters
        here = self._models[desk.chosen].controls
        return View(
            seconds=time.monotonic() - self._started,
            input=meters.input,
            output=meters.output,
            load=meters.recent_load,
            worst_load=meters.worst_load,
            xruns=self._stream.xruns - self._cleared_xruns,
            driver_ms=1000 * self._stream.latency_seconds,
            model_ms=self._model_ms(),
            models=tuple(desk.names),
            chosen=desk.chosen,
            bypassed=desk.bypassed,
            muted=desk.muted,
            looping=desk.looping,
            input_db=_tidy(desk.input_db),
            output_db=_tidy(desk.output_db),
            knobs=tuple(
                Knob(name, position, name in here, self.panel.controllers.get(name))
                for name, position in desk.knobs.items()
            ),
            selected=self.panel.selected,
            helping=self.panel.helping,
            news=self.panel.news,
        )

    def settings(self) -> str:
        """The options with which another session begins where this one stands."""
        desk, usual = self._desk, assign(list(self._desk.knobs), {})
        places = [f"--knob {quote(f'{name}={controls.clock(place)}')}" for name, place in desk.knobs.items()]
        levels = [
            f"{option} {_tidy(level_db):g}"
            for option, level_db in (("--input-db", desk.input_db), ("--output-db", desk.output_db))
            if _tidy(level_db)
        ]
        learned = [
            f"--cc {quote(f'{name}={number}')}"
            for name, number in self.panel.controllers.items()
            if usual.get(name) != number
        ]
        return " ".join([*places, *levels, *learned])

    def _end(self) -> Summary:
        self._desk.muted = True
        time.sleep(FADE_SECONDS + 2 * self._stream.block_size / self._desk.sample_rate)
        self._read_meters()
        desk, whole = self._desk, self._meters
        return Summary(
            seconds=round(time.monotonic() - self._started, 2),
            xruns=self._stream.xruns,
            load=round(whole.load, 5),
            worst_load=round(whole.highest_load, 5),
            input_peak_dbfs=_finite(whole.highest_dbfs[0]),
            output_peak_dbfs=_finite(whole.highest_dbfs[1]),
            input_clipped=whole.all_clipped[0],
            output_clipped=whole.all_clipped[1],
            unwell=whole.unwell,
            driver_ms=round(1000 * self._stream.latency_seconds, 3),
            model_ms=round(self._model_ms(), 3),
            model=desk.names[desk.chosen],
            input_db=_tidy(desk.input_db),
            output_db=_tidy(desk.output_db),
            knobs=dict(desk.knobs),
            controllers=self.panel.controllers,
        )

    def _glide(self, seconds: float) -> None:
        try:
            self._desk.glide(seconds)
        except CircuitError as error:
            # A knob has come to where the circuit is another one. The sound goes on as it was.
            self.panel.tell(str(error))

    def _read_meters(self) -> None:
        now = time.monotonic()
        reading = self._desk.meters()
        self._meters.add(reading, now)
        if reading.unwell:
            culprits = " and ".join(reading.unwell_models) or "the input"
            self.panel.tell(f"{culprits} gave no numbers: silence for a moment")

    def _model_ms(self) -> float:
        return 1000 * self._models[self._desk.chosen].latency / self._desk.sample_rate

    def _clear(self) -> None:
        self._meters.clear()
        self._cleared_xruns = self._stream.xruns

    def _complain(self) -> None:
        """LiveError where playing cannot go on."""
        if reason := self._stream.trouble():
            seconds, settings = time.monotonic() - self._started, self.settings()
            where = f". To go on where you were: {settings}" if settings else ""
            raise LiveError(f"{reason.rstrip('?')}, {seconds:.1f} s into playing{where}")


def _tidy(level_db: float) -> float:
    """To a hundredth, as the desk's gains come back as factors."""
    return round(level_db, 2) + 0.0  # no -0.0


def _finite(level_dbfs: float) -> float | None:
    return _tidy(level_dbfs) if math.isfinite(level_dbfs) else None
