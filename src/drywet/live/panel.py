"""The front panel: what keys and MIDI messages turn while sound runs."""

import functools
import math
import time
from collections.abc import Callable, Mapping, Sequence

from drywet.errors import SettingsError
from drywet.live import keys, midi
from drywet.live.desk import Desk

INPUT_DB, OUTPUT_DB = (-40.0, 40.0), (-60.0, 12.0)  # how far the levels go
LEVEL_STEP_DB = 1.0
TURN, FINE_TURN = 0.05, 0.01  # of a knob's way: half an hour of the clock face, and six minutes
NEWS_SECONDS = 4.0  # that a message stands

# What MIDI controllers do unless told otherwise. In MIDI 1.0, 20 to 31 are undefined, 7 is the channel's volume, 64 the
# sustain pedal, 80 the first general purpose button.
FIRST_KNOB, LAST_KNOB = 20, 31
LEVEL, PEDAL, BUTTON = 7, 64, 80
PRESSED = 64  # values of a switch from here on mean "on"

KEYS = (
    ("space", "bypass: the dry signal"),
    ("1-9, tab", "the model with that number, the next model"),
    ("up, down", "choose a knob"),
    ("left, right", "turn it by half an hour of the clock face"),
    (", .", "turn it by six minutes (or shift and left, right)"),
    ("+ -", "output level, 1 dB"),
    ("[ ]", "input level, 1 dB"),
    ("l", "the loop or the live input"),
    ("m", "mute"),
    ("c", "clear clip marks, xruns and the worst load"),
    ("L", "the next MIDI controller that moves turns the chosen knob"),
    ("h", "this help"),
    ("q, Ctrl-C", "end"),
)


class Panel:
    """Turns a desk.

    Parameters
    ----------
    desk : Desk
    controllers : mapping of knob to MIDI controller, optional
        See :func:`assign`. Without it there is no MIDI.
    live_input : bool
        Whether an input is open that the loop can give way to.
    clear : callable
        Takes the marks of the meters away.

    Attributes
    ----------
    selected : str
        The knob that the arrow keys turn; empty where there is none.
    learning : bool
        Whether the next MIDI controller that moves becomes that of the selected knob.
    helping, ended : bool
        Whether help is shown, and whether the player wants to end.
    """

    def __init__(
        self,
        desk: Desk,
        controllers: Mapping[str, int] | None = None,
        live_input: bool = True,
        clear: Callable[[], None] = lambda: None,
    ):
        self.desk = desk
        self.controllers = dict(controllers or {})
        self._has_midi = controllers is not None
        self.selected = next(iter(desk.knobs), "")
        self.learning = self.helping = self.ended = False
        self._has_loop, self._has_input = desk.looping, live_input
        self._pedal_is_down = False
        self._news, self._news_end = "", 0.0
        self._keys: dict[str, Callable[[], None]] = {
            " ": self._bypass,
            keys.TAB: lambda: self._choose((desk.chosen + 1) % len(desk.names)),
            keys.UP: lambda: self._select(-1),
            keys.DOWN: lambda: self._select(1),
            keys.LEFT: lambda: self._turn(-TURN),
            keys.RIGHT: lambda: self._turn(TURN),
            keys.FINE_LEFT: lambda: self._turn(-FINE_TURN),
            keys.FINE_RIGHT: lambda: self._turn(FINE_TURN),
            ",": lambda: self._turn(-FINE_TURN),
            ".": lambda: self._turn(FINE_TURN),
            "+": lambda: self._set_output(desk.output_db + LEVEL_STEP_DB),
            "=": lambda: self._set_output(desk.output_db + LEVEL_STEP_DB),  # + without shift
            "-": lambda: self._set_output(desk.output_db - LEVEL_STEP_DB),
            "]": lambda: self._set_input(desk.input_db + LEVEL_STEP_DB),
            "[": lambda: self._set_input(desk.input_db - LEVEL_STEP_DB),
            "l": self._loop,
            "m": self._mute,
            "c": clear,
            "L": self._learn,
            "h": self._help,
            "?": self._help,
            keys.ESCAPE: self._leave,
            "q": self._end,
            keys.END: self._end,
        }
        self._keys |= {str(number): functools.partial(self._choose, number - 1) for number in range(1, 10)}

    def press(self, key: str) -> None:
        """Do what a key asks for; one that means nothing does nothing."""
        self._keys.get(key, lambda: None)()

    def hear(self, message: Sequence[int]) -> None:
        """Do what a MIDI message asks for."""
        heard = midi.parse(message)
        if isinstance(heard, midi.ProgramChange):
            self._choose(heard.program)
        elif isinstance(heard, midi.ControlChange):
            self._control(heard.controller, heard.value)

    def tell(self, news: str) -> None:
        """Show it for some seconds."""
        self._news, self._news_end = news, time.monotonic() + NEWS_SECONDS

    @property
    def news(self) -> str:
        """What the player should know just now, or ''."""
        if self.learning:
            return f"move the MIDI controller that shall turn {self.selected} (Esc leaves it as it is)"
        return self._news if time.monotonic() < self._news_end else ""

    def _control(self, controller: int, value: int) -> None:
        if self.learning:
            others = {knob: number for knob, number in self.controllers.items() if number != controller}
            self.controllers = {**others, self.selected: controller}
            self.learning = False
            self.tell(f"MIDI controller {controller} turns {self.selected}")
        turned = [knob for knob, number in self.controllers.items() if number == controller]
        if turned:
            self.desk.turn(turned[0], value / midi.LARGEST)
        elif controller == LEVEL:  # General MIDI level 2: 40 log10(value / 127) dB
            self._set_output(40 * math.log10(value / midi.LARGEST) if value else OUTPUT_DB[0])
        elif controller == PEDAL:  # springs back, so it acts when it goes down
            if value >= PRESSED and not self._pedal_is_down:
                self._bypass()
            self._pedal_is_down = value >= PRESSED
        elif controller == BUTTON:  # stays as it is
            self.desk.bypassed = value >= PRESSED

    def _choose(self, index: int) -> None:
        if index < len(self.desk.names):
            self.desk.chosen = index
        else:
            self.tell(f"there is no model {index + 1}")

    def _bypass(self) -> None:
        self.desk.bypassed = not self.desk.bypassed

    def _mute(self) -> None:
        self.desk.muted = not self.desk.muted

    def _loop(self) -> None:
        if not self._has_loop:
            self.tell("there is no loop; begin with --loop dry.wav")
        elif not self._has_input:
            self.tell("no input is open; begin with --input-channel 1")
        else:
            self.desk.looping = not self.desk.looping

    def _select(self, step: int) -> None:
        if names := list(self.desk.knobs):
            self.selected = names[(names.index(self.selected) + step) % len(names)]

    def _turn(self, amount: float) -> None:
        if self.selected:
            place = round(self.desk.knobs[self.selected] + amount, 6)
            self.desk.turn(self.selected, _within(place, (0.0, 1.0)))
        else:
            self.tell("there is no knob to turn")

    def _set_output(self, level_db: float) -> None:
        self.desk.output_db = _within(level_db, OUTPUT_DB)

    def _set_input(self, level_db: float) -> None:
        self.desk.input_db = _within(level_db, INPUT_DB)

    def _learn(self) -> None:
        if not self._has_midi:
            self.tell("no MIDI input is open; begin with --midi NAME")
        elif self.selected:
            self.learning = not self.learning
        else:
            self.tell("there is no knob to turn")

    def _help(self) -> None:
        self.helping = not self.helping

    def _leave(self) -> None:
        self.learning = self.helping = False

    def _end(self) -> None:
        self.ended = True


def assign(knobs: Sequence[str], wanted: Mapping[str, int]) -> dict[str, int]:
    """Knob to MIDI controller: what is ``wanted``, and for the others 20 to 31 in order, without those that are taken.

    >>> assign(["drive", "tone"], {"drive": 1})
    {'drive': 1, 'tone': 21}

    Raises
    ------
    SettingsError
        If ``wanted`` names an unknown knob, or an impossible or a repeated controller.
    """
    for name, controller in wanted.items():
        if name not in knobs:
            raise SettingsError(f"--cc: no knob named {name!r}; there are: {', '.join(knobs) or 'none'}")
        if not 0 <= controller <= midi.LARGEST:
            raise SettingsError(f"--cc {name}={controller}: MIDI controllers are 0 to {midi.LARGEST}")
        same = [other for other in wanted if wanted[other] == controller]
        if len(same) > 1:
            raise SettingsError(f"--cc: controller {controller} cannot turn {' and '.join(same)}; give each its own")
    usual = dict(zip(knobs, range(FIRST_KNOB, LAST_KNOB + 1), strict=False))
    free = {name: controller for name, controller in usual.items() if controller not in wanted.values()}
    return {name: number for name in knobs if (number := {**free, **wanted}.get(name)) is not None}


def _within(value: float, limits: tuple[float, float]) -> float:
    return min(max(value, limits[0]), limits[1])
