"""Keys of a terminal, one by one, without Enter and without being echoed."""

import os
import re
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Protocol, TextIO

# Names of the keys that are no character; a character is named by itself.
UP, DOWN, LEFT, RIGHT, FINE_LEFT, FINE_RIGHT = "up", "down", "left", "right", "shift+left", "shift+right"
TAB, ESCAPE, END = "tab", "escape", "end of input"

_ARROWS = {"A": UP, "B": DOWN, "C": RIGHT, "D": LEFT}
_SHIFTED = {"C": FINE_RIGHT, "D": FINE_LEFT}
# ECMA-48: CSI, parameters, intermediates, final byte; SS3 and one letter is how some terminals send arrows.
_SEQUENCE = re.compile(r"\x1b\[([0-?]*)[ -/]*([@-~])|\x1bO(.)")
_UNFINISHED = re.compile(r"\x1b(\[[0-?]*[ -/]*|O)?\Z")


class Keyboard(Protocol):
    """Where keys come from."""

    def pressed(self, seconds: float) -> list[str]:
        """Names of the keys pressed since the last call; waits for the first one ``seconds`` at most."""


class NoKeyboard:
    """In place of keys, where there is no terminal."""

    def pressed(self, seconds: float) -> list[str]:
        time.sleep(seconds)
        return []


def decode(text: str) -> tuple[list[str], str]:
    """Names of the keys in what a terminal sent, and the beginning of a sequence that is not complete.

    >>> decode("q\\x1b[A\\x1b[1;2D\\x1b[")
    (['q', 'up', 'shift+left'], '\\x1b[')
    """
    keys: list[str] = []
    while text and not _UNFINISHED.match(text):
        if sequence := _SEQUENCE.match(text):
            parameters, final, letter = sequence.groups()
            shifted = (parameters or "").endswith(";2") and final in _SHIFTED
            key = _SHIFTED[final] if shifted else _ARROWS.get(final or letter, "")
            keys += [key] if key else []
            text = text[sequence.end() :]
            continue
        keys.append({"\t": TAB, "\x1b": ESCAPE}.get(text[0], text[0]))
        text = text[1:]
    return keys, text


@contextmanager
def open_keyboard(terminal: TextIO = sys.stdin) -> Iterator[Keyboard]:
    """The keys of ``terminal`` while the ``with`` block runs; afterwards the terminal is as it was, whatever happened.

    Where it is no terminal, or this program runs in its background, no key ever comes.
    """
    if sys.platform == "win32":
        yield _WindowsKeyboard() if terminal.isatty() else NoKeyboard()
        return
    import termios
    import tty

    if not terminal.isatty() or _in_background(terminal.fileno()):
        yield NoKeyboard()
        return
    descriptor = terminal.fileno()
    before = termios.tcgetattr(descriptor)
    try:
        tty.setcbreak(descriptor)  # Ctrl-C stays what it is
        now = termios.tcgetattr(descriptor)
        never = bytes([os.fpathconf(descriptor, "PC_VDISABLE")])
        now[6][termios.VSUSP] = never  # Ctrl-Z would stop the audio thread too, and whoever waits for it
        termios.tcsetattr(descriptor, termios.TCSANOW, now)
        yield _PosixKeyboard(descriptor)
    finally:
        with suppress(termios.error):  # it was closed
            termios.tcsetattr(descriptor, termios.TCSAFLUSH, before)  # what was typed and not read is no shell command


def _in_background(descriptor: int) -> bool:
    """Whether the system would stop this process for touching the terminal."""
    try:
        return os.tcgetpgrp(descriptor) != os.getpgrp()
    except OSError:  # it is not the terminal that this process was started from
        return False


class _PosixKeyboard:
    def __init__(self, descriptor: int):
        self._descriptor = descriptor
        self._rest = ""

    def pressed(self, seconds: float) -> list[str]:
        import select

        ready, _, _ = select.select([self._descriptor], [], [], seconds)
        if not ready:
            # Nothing follows, so that was the Escape key, or a sequence cut short that is no key.
            rest, self._rest = self._rest, ""
            return [ESCAPE] if rest == "\x1b" else []
        try:
            sent = os.read(self._descriptor, 1024)
        except OSError:  # the terminal was closed
            sent = b""
        if not sent:
            return [END]
        keys, self._rest = decode(self._rest + sent.decode(errors="ignore"))
        return keys


class _WindowsKeyboard:
    _SECOND = {"H": UP, "P": DOWN, "K": LEFT, "M": RIGHT}  # after NUL or 0xE0

    def pressed(self, seconds: float) -> list[str]:
        import msvcrt

        keys: list[str] = []
        end = time.monotonic() + seconds
        while not keys and time.monotonic() < end:
            while msvcrt.kbhit():  # type: ignore[attr-defined]
                key = msvcrt.getwch()  # type: ignore[attr-defined]
                if key in ("\0", "\xe0"):
                    key = self._SECOND.get(msvcrt.getwch(), "")  # type: ignore[attr-defined]
                keys += [{"\t": TAB, "\x1b": ESCAPE}.get(key, key)] if key else []
            if not keys:
                time.sleep(0.005)
        return keys
