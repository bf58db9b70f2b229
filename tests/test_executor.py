import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from drywet.errors import RunError, SignalError
from drywet.executor import Inline, Local, by_name
from drywet.files import atomic_path


def square(task, tell):
    tell(f"squaring {task}")
    if task == 3:
        raise SignalError("3 is silent")
    return task**2


def own_threads(task, tell):
    import torch

    return os.getpid(), torch.get_num_threads()


def die(task, tell):
    os._exit(1)


def write_slowly(path, tell):
    with atomic_path(path) as temporary:
        temporary.write_text("half")
        tell("begun")
        time.sleep(60)


@pytest.mark.parametrize("workers", [Inline(), Local(2)], ids=["inline", "local"])
def test_outcomes_are_in_order_and_an_error_ends_only_its_task(workers):
    news = []
    outcomes = workers.map(square, [1, 2, 3, 4], lambda index, what: news.append((index, what)))
    assert [outcome.result for outcome in outcomes] == [1, 4, None, 16]
    assert str(outcomes[2].error) == "3 is silent"
    assert sorted(news) == [(i, f"squaring {i + 1}") for i in range(4)]


def test_local_workers_are_other_processes_with_one_thread():
    results = [outcome.result for outcome in Local(2).map(own_threads, range(2))]
    assert all(pid != os.getpid() and threads == 1 for pid, threads in results)


def test_a_killed_worker_is_explained():
    with pytest.raises(RunError, match="worker process was killed.*run the same command again"):
        Local(1).map(die, [1])


def test_an_interrupt_ends_the_workers_and_leaves_no_half_written_file(tmp_path):
    def interrupt(index, news):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Local(1).map(write_slowly, [tmp_path / "a", tmp_path / "b", tmp_path / "c"], interrupt)
    assert list(tmp_path.iterdir()) == []


MOTHER = """
import os, sys, time
from drywet.executor import Local

def work(task, tell):
    tell(os.getpid())
    time.sleep(60)

if __name__ == "__main__":
    Local(1).map(work, [0], lambda index, pid: print(pid, flush=True))
"""


@pytest.mark.skipif(not os.path.exists("/proc"), reason="asks /proc which processes there are")
def test_workers_leave_when_their_parent_was_killed(tmp_path):
    (tmp_path / "mother.py").write_text(MOTHER)
    with subprocess.Popen([sys.executable, tmp_path / "mother.py"], stdout=subprocess.PIPE, text=True) as mother:
        worker = Path("/proc", mother.stdout.readline().strip())
        assert worker.is_dir()
        mother.kill()
    for _ in range(1000):  # 10 s at the most; the task would take a minute
        if not worker.is_dir():
            return
        time.sleep(0.01)
    raise AssertionError("the worker is still there")


def test_unknown_executors_are_named():
    with pytest.raises(RunError, match="no executor named 'slrum'; there are: inline, local"):
        by_name("slrum")
