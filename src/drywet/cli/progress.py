"""Progress on stderr: what is done, the best so far, the time left."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.progress import BarColumn, Progress, ProgressColumn, TextColumn

from drywet.cli.common import duration, percent, stderr

LINE_SECONDS = 15.0  # between lines where stderr is no terminal


class Stage:
    """One bar: tasks done, time left, and a note. Without a terminal it prints a line now and then."""

    def __init__(self, name: str, total: int, bar: Progress | None):
        self.name, self.total, self.bar = name, total, bar
        self.task = bar.add_task(name, total=total, note="", left="") if bar else None
        self.started = self.printed = time.perf_counter()
        self.said_done = False

    def update(self, done: int, share: float, note: str = "") -> None:
        """``done`` of the total tasks, ``share`` of all the work, in [0, 1]."""
        elapsed = time.perf_counter() - self.started
        left = f"{duration(elapsed * (1 - share) / share)} left" if 0 < share < 1 else duration(elapsed)
        if self.bar is not None and self.task is not None:
            self.bar.update(self.task, completed=share * self.total, note=note, left=f"{done}/{self.total}  {left}")
        elif time.perf_counter() - self.printed > LINE_SECONDS or (share >= 1 and not self.said_done):
            stderr.print(f"{self.name}: {done}/{self.total} ({100 * share:.0f} %), {left}{'  ' + note if note else ''}")
            self.printed = time.perf_counter()
            self.said_done = share >= 1


@contextmanager
def stage(name: str, total: int) -> Iterator[Stage]:
    """Show a :class:`Stage` while the block runs."""
    if not stderr.is_terminal:
        yield Stage(name, total, None)
        return
    columns: list[ProgressColumn] = [TextColumn("{task.description}", markup=False), BarColumn(bar_width=30)]
    columns += [TextColumn("{task.fields[left]}", markup=False), TextColumn("{task.fields[note]}", markup=False)]
    with Progress(*columns, console=stderr) as bar:
        yield Stage(name, total, bar)


def best_note(best_esr: float | None) -> str:
    """``best validation ESR 0.224 %``, or nothing yet."""
    return f"best validation ESR {percent(best_esr)}" if best_esr is not None else ""
