"""Progress on stderr: what is done, the best so far, the time left."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from drywet.cli.common import duration, percent, stderr

LINE_SECONDS = 15.0  # between lines where stderr is no terminal


class Stage:
    """One bar: ``advance`` by tasks done, with a note. Without a terminal it prints a line now and then."""

    def __init__(self, name: str, total: int):
        self.name, self.total = name, total
        self.started = self.printed = time.perf_counter()

    def update(self, done: int, share: float, note: str = "") -> None:
        """``done`` of the total tasks, ``share`` of all the work, in [0, 1]."""
        elapsed = time.perf_counter() - self.started
        left = f"{duration(elapsed * (1 - share) / share)} left" if 0 < share < 1 else duration(elapsed)
        if self.bar is not None:
            self.bar.update(self.task, completed=done, share=share, note=note, left=left)
        elif time.perf_counter() - self.printed > LINE_SECONDS or share >= 1:
            stderr.print(f"{self.name}: {done}/{self.total} ({100 * share:.0f} %), {left}{'  ' + note if note else ''}")
            self.printed = time.perf_counter()


@contextmanager
def stage(name: str, total: int) -> Iterator[Stage]:
    """Show a :class:`Stage` while the block runs."""
    shown = Stage(name, total)
    if not stderr.is_terminal:
        shown.bar = None
        yield shown
        return
    columns = [
        TextColumn("{task.description}"),
        BarColumn(bar_width=30),
        MofNCompleteColumn(),
        TextColumn("{task.fields[left]}"),
        TextColumn("{task.fields[note]}"),
    ]
    with Progress(*columns, console=stderr) as bar:
        shown.bar = bar
        shown.task = bar.add_task(name, total=total, share=0.0, note="", left="")
        yield shown


def best_note(best_esr: float | None) -> str:
    """``best ESR 0.224 %``, or nothing yet."""
    return f"best validation ESR {percent(best_esr)}" if best_esr is not None else ""
