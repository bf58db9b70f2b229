"""Keys as terminals send them (xterm's control sequences, ECMA-48), and the terminal afterwards."""

import os
import pty
import sys
import termios
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drywet.live import keys
from drywet.live.keys import decode, open_keyboard


@pytest.mark.parametrize(
    ("sent", "meant"),
    [
        ("q", ["q"]),
        (" 2\t", [" ", "2", keys.TAB]),
        ("\x1b[A\x1b[B\x1b[C\x1b[D", [keys.UP, keys.DOWN, keys.RIGHT, keys.LEFT]),
        ("\x1bOA\x1bOB\x1bOC\x1bOD", [keys.UP, keys.DOWN, keys.RIGHT, keys.LEFT]),  # application mode
        ("\x1b[1;2C\x1b[1;2D", [keys.FINE_RIGHT, keys.FINE_LEFT]),
        ("\x1b[3~x", ["x"]),  # Delete means nothing
        ("\x1b\x1b[A", [keys.ESCAPE, keys.UP]),
    ],
)
def test_what_a_terminal_sends_has_its_name(sent, meant):
    assert decode(sent) == (meant, "")


@settings(max_examples=30)
@given(st.text(alphabet="q \t\x1b[O12;ABCD~", max_size=12), st.integers(0, 12))
def test_where_a_message_is_cut_does_not_matter(sent, place):
    first, rest = decode(sent[:place])
    second, left = decode(rest + sent[place:])
    assert (first + second, left) == decode(sent)


@pytest.fixture
def terminal():
    """Both ends: what a person types into, and the file that a program reads."""
    person, program = pty.openpty()
    with os.fdopen(program, "r") as file:
        yield person, file
    os.close(person)


def modes(file):
    return termios.tcgetattr(file.fileno())


def test_keys_come_without_enter_and_are_not_echoed(terminal):
    person, file = terminal
    with open_keyboard(file) as keyboard:
        os.write(person, b" \x1b[C")
        assert keyboard.pressed(5) == [" ", keys.RIGHT]
        assert not modes(file)[3] & (termios.ECHO | termios.ICANON)
        assert modes(file)[3] & termios.ISIG  # Ctrl-C still interrupts


def test_escape_alone_is_a_key_once_nothing_follows_it(terminal):
    person, file = terminal
    with open_keyboard(file) as keyboard:
        os.write(person, b"\x1b")
        assert keyboard.pressed(5) == []
        assert keyboard.pressed(0.01) == [keys.ESCAPE]


@pytest.mark.parametrize("error", [None, RuntimeError, KeyboardInterrupt])
def test_the_terminal_is_left_as_it_was_whatever_happens(terminal, error):
    _, file = terminal
    before = modes(file)
    try:
        with open_keyboard(file):
            assert modes(file) != before
            if error:
                raise error
    except (RuntimeError, KeyboardInterrupt):
        pass
    assert modes(file) == before


def test_a_terminal_that_is_closed_ends_the_input(terminal):
    person, file = terminal
    with open_keyboard(file) as keyboard:
        os.dup2(os.open(os.devnull, os.O_RDWR), person)  # the person's end is gone
        assert keyboard.pressed(5) == [keys.END]


def test_in_the_background_and_without_a_terminal_no_key_comes_and_nothing_is_changed(terminal, tmp_path, monkeypatch):
    person, file = terminal
    monkeypatch.setattr(os, "tcgetpgrp", lambda descriptor: os.getpgrp() + 1)
    before = modes(file)
    os.write(person, b"q\n")
    with open_keyboard(file) as keyboard:
        assert keyboard.pressed(0.01) == []
        assert modes(file) == before
    (tmp_path / "keys").write_text("q\n")
    with (tmp_path / "keys").open() as piped, open_keyboard(piped) as keyboard:
        assert keyboard.pressed(0.01) == []


def test_windows_sends_arrows_as_two_codes(monkeypatch):
    """Microsoft's documentation of _getwch: a function or arrow key gives 0 or 0xE0, then its code."""
    sent = list(" \xe0H\xe0K\0Mq\t\x1b\xe0?")
    fake = SimpleNamespace(kbhit=lambda: bool(sent), getwch=lambda: sent.pop(0))
    monkeypatch.setitem(sys.modules, "msvcrt", fake)
    keyboard = keys._WindowsKeyboard()
    assert keyboard.pressed(1) == [" ", keys.UP, keys.LEFT, keys.RIGHT, "q", keys.TAB, keys.ESCAPE]
    assert keyboard.pressed(0.01) == []
