"""What several test modules use: an effect, waiting for a page, and what the machine has to offer."""

import ctypes.util
import os
import shutil
import time

import pytest


class Recorded:
    """Plays a given wet signal back, whatever comes in: an Effect with a known error."""

    sample_rate, latency, controls = 44_100, 0, {}

    def __init__(self, wet):
        self.wet = wet

    def reset(self):
        self.position = 0

    def process(self, dry, controls):
        self.position += len(dry)
        return self.wet[self.position - len(dry) : self.position]


def wait_until(page, condition, seconds=60):
    """Poll a page of the ``browser``, because our pages' policy forbids what playwright's own waiting does."""
    deadline = time.monotonic() + seconds
    while not page.evaluate(condition):
        assert time.monotonic() < deadline, f"never became true: {condition}"
        page.wait_for_timeout(50)


def require_program(name):
    """Path of an external program. Where it is missing the test is skipped with a reason.

    On a machine that promises the program (``DRYWET_REQUIRE="ngspice chromium"``, as in CI) its absence is a failure.
    """
    return _required(name, shutil.which(name))


def require_library(name):
    """File name of a shared library of the system; its absence is treated like that of a program."""
    return _required(name, ctypes.util.find_library(name))


def _required(name, found):
    if found:
        return found
    message = f"{name} is not installed"
    if name in os.environ.get("DRYWET_REQUIRE", "").split():
        pytest.fail(message)
    return pytest.skip(message)
