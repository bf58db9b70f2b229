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
        count = f"{done}/{self.total}"
        if self.bar is not None and self.task is not None:
            shown = f"{count}  {left}" if self.total > 1 else left
            self.bar.update(self.task, completed=share * self.total, note=note, left=shown)
        elif time.perf_counter() - self.printed > LINE_SECONDS or (done >= self.total and not self.said_done):
            # 100 % is said once, when the last task is done: the end of a budget is not yet the end of the work.
            percents = f"{100 if done >= self.total else min(99, int(100 * share))} %"
            shown = f"{count} ({percents})" if self.total > 1 else percents
            stderr.print(f"{self.name}: {shown}, {left}{'  ' + note if note else ''}")
            self.printed = time.perf_counter()
            self.said_done = done >= self.total


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
