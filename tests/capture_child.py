"""Kills a capture session at every rename in turn, lets it go on, and checks what is left; run as a program.

    capture_child.py SIGNAL FOLDER

Each session runs in a forked process, which reports acknowledged takes through a pipe.
"""

import os
import shutil
import signal
import sys
from pathlib import Path

from fake_interface import FakeInterface, Person, clipper

from drywet import files
from drywet.dataset import Dataset, capture
from drywet.dataset.capture import Plan, Session
from drywet.dataset.takes import Verdict

SETTINGS = [{"drive": "9:00"}, {"drive": "3:00"}]


def session(plan, kill_at, acknowledged):
    """Record what is missing; the process dies at the ``kill_at``-th moment, of which each rename has two."""
    rename, moment = os.replace, 0

    def count():
        nonlocal moment
        if moment == kill_at:
            os.kill(os.getpid(), signal.SIGKILL)
        moment += 1

    def replace(source, target):
        count()
        rename(source, target)
        count()

    os.replace = replace
    person = Person()
    person.tell = lambda news: os.write(acknowledged, (news.split()[0] + "\n").encode())
    Session(plan).run(FakeInterface(clipper, 44_100), person)


def main():
    capture.judge = lambda *take: Verdict(-6.0, round_trip=1000.0)  # files are what matters here, and time
    plan = Plan(signal=Path(sys.argv[1]), folder=Path(sys.argv[2]), settings=SETTINGS)
    for kill_at in range(1000):
        shutil.rmtree(plan.folder, ignore_errors=True)
        reader, writer = os.pipe()
        child = os.fork()
        if child == 0:
            session(plan, kill_at, writer)
            os._exit(0)
        os.close(writer)
        status = os.waitpid(child, 0)[1]
        acknowledged = os.fdopen(reader).read().split()
        kept = {name: files.sha256(plan.folder / "takes" / f"{name}-wet.wav") for name in acknowledged}
        again, person = Session(plan), Person()
        assert len(again.missing) <= len(SETTINGS) - len(acknowledged)
        dataset = again.run(FakeInterface(clipper, 44_100), person)
        assert [r.controls for r in dataset.manifest.recording] == SETTINGS
        for recording in Dataset(plan.folder).manifest.recording:
            dataset.load(recording)
        for name, sha256 in kept.items():
            assert files.sha256(plan.folder / "takes" / f"{name}-wet.wav") == sha256
        if not os.WIFSIGNALED(status):
            assert status == 0
            assert len(acknowledged) == len(SETTINGS)
            print(f"not killed after {kill_at}")
            return
        print(f"killed at {kill_at}, {len(acknowledged)} acknowledged")


if __name__ == "__main__":
    main()
