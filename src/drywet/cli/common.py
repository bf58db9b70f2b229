"""What several commands share: options, parsing of ``--set``, printing, and Ctrl-C."""

import json
import os
import shutil
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from drywet.errors import SettingsError
from drywet.text import printable


class _Plain(Console):
    """A console on which no text can do more than be read, whoever wrote it."""

    def print(self, *objects: Any, **options: Any) -> None:
        super().print(*(printable(each, "\n\t") if isinstance(each, str) else each for each in objects), **options)


# Into a file or a pipe, tables keep the width they need.
stdout = _Plain(soft_wrap=True, highlight=False, markup=False, width=None if sys.stdout.isatty() else 200)
stderr = _Plain(stderr=True, soft_wrap=True, highlight=False, markup=False)


def program() -> str:
    """How this very drywet is called from a shell: by name, or with its path where the name is not found."""
    return "drywet" if shutil.which("drywet") else os.path.relpath(Path(sys.executable).parent / "drywet")


def print_json(value: Any) -> None:
    """``value`` as JSON on stdout; what would act on a terminal is escaped as JSON does it."""
    unicode = (sys.stdout.encoding or "utf-8").lower().startswith("utf")
    text = json.dumps(value, indent=2, ensure_ascii=not unicode, allow_nan=False)
    if printable(text, "\n") != text:
        text = "".join(sign if printable(sign, "\n") == sign else json.dumps(sign)[1:-1] for sign in text)
    sys.stdout.write(text + "\n")


def print_table(rows: list[dict[str, Any]], title: str | None = None) -> None:
    """Rows with equal keys as a table on stdout."""
    table = Table(title=title and printable(title), title_justify="left")
    for name in rows[0] if rows else []:
        numeric = isinstance(rows[0][name], (int, float))
        table.add_column(printable(name.replace("_", " ")), justify="right" if numeric else "left")
    for row in rows:
        table.add_row(*(format_value(value) for value in row.values()))
    stdout.print(table)


def format_value(value: Any) -> str:
    """A cell: floats with four significant digits, nothing for None."""
    if value is None:
        return ""
    return f"{value:.4g}" if isinstance(value, float) else printable(str(value))


def percent(ratio: float) -> str:
    """A ratio as percent with three significant digits: 0.00224 is ``0.224 %``."""
    return f"{100 * ratio:#.3g} %"


def duration(seconds: float) -> str:
    """``95`` s is ``1 min 35 s``, ``40000`` s is ``11 h 7 min``."""
    seconds = round(seconds)
    if seconds < 60:
        return f"{seconds} s"
    if seconds < 3600:
        return f"{seconds // 60} min {seconds % 60} s"
    return f"{seconds // 3600} h {seconds % 3600 // 60} min"


def parse_settings(assignments: list[str] | None) -> dict[str, Any]:
    """``["training.seed=3"]`` as ``{"training.seed": 3}``; values are read as JSON where they are JSON, else as text."""
    settings = {}
    for assignment in assignments or []:
        name, equals, text = assignment.partition("=")
        if not equals or not name:
            raise SettingsError(f"--set {assignment}: write it as name=value, for example training.learning_rate=0.005")
        try:
            settings[name.strip()] = json.loads(text)
        except ValueError:
            settings[name.strip()] = text
    return settings


def parse_knobs(assignments: list[str] | None, option: str = "--knob") -> dict[str, str]:
    """``["drive=3:00"]`` as ``{"drive": "3:00"}``."""
    knobs = {}
    for assignment in assignments or []:
        name, equals, position = assignment.partition("=")
        if not equals or not name:
            raise SettingsError(
                f"{option} {assignment}: write it as name=position, for example drive=3:00 or drive=0.8"
            )
        knobs[name.strip()] = position.strip()
    return knobs


def parse_channel(text: str) -> int | str:
    """A channel's number where it is one, else the name of a port."""
    text = text.strip()
    return int(text) if text.isdecimal() else text


def choice(given: str, known: Sequence[str], option: str) -> Any:
    """``given`` if it is one of ``known``, else a SettingsError that names the option."""
    if given not in known:
        raise SettingsError(f"{option} {given}: is one of {', '.join(known)}")
    return given


@contextmanager
def stop_on_interrupt() -> Iterator[Callable[[], bool]]:
    """Inside, the first Ctrl-C only asks to stop (the yielded function turns True), so that work ends tidily.

    The second one interrupts at once.
    """
    asked = False

    def ask(signum, frame):
        nonlocal asked
        if asked:
            raise KeyboardInterrupt
        asked = True
        stderr.print("stopping after this update; press Ctrl-C again to stop at once")

    before = signal.signal(signal.SIGINT, ask)
    try:
        yield lambda: asked
    finally:
        signal.signal(signal.SIGINT, before)


def refuse_same_file(source: Path, target: Path) -> None:
    """SettingsError when a command would write over what it reads."""
    if target.exists() and source.exists() and target.samefile(source):
        raise SettingsError(f"{target}: is the file that is read; choose another name for the result")


def refuse_existing(target: Path, force: bool) -> None:
    """SettingsError when a command would write over a file of the user's, unless told to."""
    if target.is_dir():
        raise SettingsError(f"{target}: is a folder; name the file, for example {target / 'out.wav'}")
    if target.exists() and not force:
        raise SettingsError(f"{target}: exists; add --force to write over it")


def report_clipping(path: Path, clipped: int) -> None:
    """Tell about samples that did not fit into full scale."""
    if clipped:
        stderr.print(f"{path}: {clipped} samples were louder than full scale and are clipped; lower the level")
