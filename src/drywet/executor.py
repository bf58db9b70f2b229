"""Where many independent tasks run: one after another here, or side by side in processes.

One port, so that more of them (a cluster, say) can be added without touching what is run. A small recurrent network
uses one core best, so each process computes with one thread.
"""

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from typing import Any, Protocol

from drywet.errors import DrywetError, RunError

Task = Any
Report = Callable[[int, Any], None]  # index of the task, what it tells


@dataclass(frozen=True)
class Outcome:
    """What became of a task: its result, or the error that ended it."""

    result: Any = None
    error: DrywetError | None = None


class Executor(Protocol):
    """Runs ``function(task, tell)`` for every task."""

    def map(
        self, function: Callable[[Task, Callable[[Any], None]], Any], tasks: Sequence[Task], report: Report
    ) -> list[Outcome]:
        """One outcome per task, in order. ``report(index, news)`` is called, here, with whatever a task tells.

        A :class:`DrywetError` ends its task only; the others go on.
        """


class Inline:
    """One task after another in this process."""

    def map(self, function, tasks, report=lambda index, news: None):
        outcomes = []
        for index, task in enumerate(tasks):

            def tell(news, index=index):
                report(index, news)

            outcomes.append(_outcome_of(function, task, tell))
        return outcomes


class Local:
    """``jobs`` processes on this machine, one thread each."""

    def __init__(self, jobs: int | None = None):
        self.jobs = jobs or available_cores()

    def map(self, function, tasks, report=lambda index, news: None):
        context = multiprocessing.get_context("spawn")
        news_queue = context.SimpleQueue()  # a put is in the pipe when it returns, so no news come after the result
        pool = ProcessPoolExecutor(
            min(self.jobs, max(len(tasks), 1)), context, initializer=_begin_worker, initargs=(news_queue,)
        )
        futures = {pool.submit(_run_in_worker, function, task, index): index for index, task in enumerate(tasks)}
        try:
            pending: set[Future] = set(futures)
            while pending:
                _, pending = wait(pending, timeout=0.2, return_when=FIRST_COMPLETED)
                _pass_on(news_queue, report)
            outcomes = {index: future.result() for future, index in futures.items()}
            _pass_on(news_queue, report)
        except BrokenProcessPool as error:
            raise RunError(
                "a worker process was killed, most likely because memory ran out. Everything finished is kept: run the "
                "same command again to go on, with fewer --jobs"
            ) from error
        finally:
            # After Ctrl-C or an error the workers must not train on: what they did is in their checkpoints.
            for process in list((pool._processes or {}).values()) if any(not f.done() for f in futures) else []:
                process.terminate()
            pool.shutdown(wait=True, cancel_futures=True)
        return [outcomes[index] for index in range(len(tasks))]


def by_name(name: str, jobs: int | None = None) -> Executor:
    """``"inline"`` or ``"local"``."""
    if name == "inline":
        return Inline()
    if name == "local":
        return Local(jobs)
    raise RunError(f"no executor named {name!r}; there are: inline, local")


def available_cores() -> int:
    """Cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _outcome_of(function, task, tell) -> Outcome:
    try:
        return Outcome(result=function(task, tell))
    except DrywetError as error:
        return Outcome(error=error)


_news: Any = None  # this worker's queue to the parent


def _begin_worker(news_queue) -> None:
    global _news
    _news = news_queue
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides what Ctrl-C means
    signal.signal(signal.SIGTERM, _unwind)
    os.environ["OMP_NUM_THREADS"] = "1"  # read by torch when a task imports it
    threading.Thread(target=_leave_with_parent, daemon=True).start()


def _leave_with_parent() -> None:
    """A parent that was killed cannot end its workers, and they would wait for tasks for ever."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os.kill(os.getpid(), signal.SIGTERM)


def _unwind(signum, frame) -> None:
    """The parent ends this worker: first the task takes its half-written file away."""
    raise SystemExit


def _run_in_worker(function, task, index) -> Outcome:
    try:
        return _outcome_of(function, task, lambda news: _news.put((index, news)))
    except SystemExit:
        os._exit(1)  # the pool would take this for a result, and hand out the next task


def _pass_on(news_queue, report: Report) -> None:
    while not news_queue.empty():
        report(*news_queue.get())
