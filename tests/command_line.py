"""Runs ``drywet ...`` in this process: one of its own starts by importing torch, which takes seconds each time."""

import contextlib
import io
import sys
from dataclasses import dataclass

import pytest

from drywet import cli


@dataclass(frozen=True)
class Done:
    """What a command printed."""

    stdout: str
    stderr: str


def drywet(*arguments, cwd=".", status=0):
    """Run the command in the folder ``cwd``; it leaves with ``status``, and never with a traceback."""
    out, err = io.StringIO(), io.StringIO()
    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        patch.chdir(cwd)
        patch.setattr(sys, "argv", ["drywet", *map(str, arguments)])
        with pytest.raises(SystemExit) as leaving:
            cli.main()
    done = Done(out.getvalue(), err.getvalue())
    assert (leaving.value.code or 0) == status, done.stderr
    assert "Traceback" not in done.stderr
    return done
