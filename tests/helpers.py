"""What tests need from the machine they run on."""

import ctypes.util
import os
import shutil

import pytest


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
