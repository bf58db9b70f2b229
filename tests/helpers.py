"""What tests need from the machine they run on."""

import os
import shutil

import pytest


def require_program(name):
    """Path of an external program. Where it is missing the test is skipped with a reason.

    On a machine that promises the program (``DRYWET_REQUIRE="ngspice chromium"``, as in CI) its absence is a failure.
    """
    path = shutil.which(name)
    if path:
        return path
    message = f"{name} is not installed"
    if name in os.environ.get("DRYWET_REQUIRE", "").split():
        pytest.fail(message)
    pytest.skip(message)
