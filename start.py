#!/usr/bin/env python3
"""Start drywet on a fresh machine, with nothing but Python 3.11.

    python3 start.py demo     repeat the Boss SD-1 study on the virtual SD-1 and write its report
    python3 start.py test     run the whole test suite
    python3 start.py ...      any other drywet command, e.g. `python3 start.py doctor`

The first start makes .venv beside this file and installs the CPU build of torch, then drywet; later starts are instant.
"""

import hashlib
import os
import platform
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
STAMP = VENV / "drywet-installed"
BIN = VENV / ("Scripts" if os.name == "nt" else "bin")
PYTHON = BIN / ("python.exe" if os.name == "nt" else "python")

# The same torch everywhere, so that numbers can be compared. PyPI's build for Linux carries gigabytes of CUDA; the CPU
# build has a version of its own ("+cpu") and PyTorch keeps an index for it.
TORCH = "2.13.0"
TORCH_CPU_INDEX = "https://download.pytorch.org/whl/cpu"


def main(arguments):
    if sys.version_info < (3, 11):
        sys.exit(
            f"error: drywet needs Python 3.11 or newer, this is {platform.python_version()}. Try python3.11 start.py"
        )
    if not arguments or arguments[0] in ("-h", "--help"):
        print(__doc__)
        return 0
    install(extra="test" if arguments[0] == "test" else "")
    if arguments[0] == "test":
        command = [PYTHON, "-m", "pytest", "-n", "2", "--dist", "worksteal", *arguments[1:]]
    else:
        command = [PYTHON, "-m", "drywet", *arguments]
    # Ctrl-C reaches drywet, which ends tidily; this process only waits for it.
    signal.signal(signal.SIGINT, lambda number, frame: None)
    child = subprocess.Popen([str(part) for part in command], cwd=ROOT if arguments[0] == "test" else None)
    return child.wait()


def install(extra):
    """Make .venv and install into it what is not there yet; instant when nothing has changed."""
    wanted = hashlib.sha256(
        (ROOT / "pyproject.toml").read_bytes() + sys.version.encode() + str(ROOT).encode()
    ).hexdigest()
    installed = STAMP.read_text().split() if STAMP.is_file() else []
    if installed[:1] == [wanted] and (not extra or extra in installed):
        return
    if shutil.disk_usage(ROOT).free < 3e9:
        print(f"warning: {shutil.disk_usage(ROOT).free / 1e9:.1f} GB free here; about 3 GB are needed", file=sys.stderr)
    started = time.monotonic()
    if not PYTHON.exists() or subprocess.call([str(PYTHON), "-m", "pip", "--version"], stdout=subprocess.DEVNULL) != 0:
        say("making .venv")
        make_venv()
    if not has_torch():
        install_torch()
    say("installing drywet")
    pip("install", "--editable", f"{ROOT}[{extra}]" if extra else str(ROOT))
    before = installed[1:] if installed[:1] == [wanted] else []
    temporary = STAMP.with_suffix(".tmp")
    temporary.write_text(" ".join([wanted, *before, extra]))
    temporary.replace(STAMP)
    say(f"installed in {time.monotonic() - started:.0f} s")


def has_torch():
    found = subprocess.run(
        [str(PYTHON), "-c", "import importlib.metadata as m; print(m.version('torch'))"], capture_output=True, text=True
    )
    return found.returncode == 0 and found.stdout.startswith(TORCH)


def install_torch():
    """The CPU build: from where pip already looks, else from PyTorch's index, else whatever PyPI has."""
    say(f"installing torch {TORCH}, CPU build (about 200 MB)")
    on_linux = platform.system() == "Linux"
    if not on_linux:  # PyPI's builds for Windows and macOS are CPU builds
        pip("install", f"torch=={TORCH}")
        return
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    if try_pip("install", "--retries", "1", f"torch=={TORCH}+cpu", **quiet):
        return
    if try_pip("install", "--retries", "1", "--index-url", TORCH_CPU_INDEX, f"torch=={TORCH}"):
        return
    say("the CPU build could not be had; installing the standard build, several GB")
    pip("install", f"torch=={TORCH}")


def pip(*arguments):
    if not try_pip(*arguments):
        sys.exit(
            "error: the installation failed; pip says why above. Check the network connection and the free space, then run "
            "the same command again: it goes on where it stopped"
        )


def try_pip(*arguments, **streams):
    streams.setdefault("stdout", sys.stderr)
    command = [str(PYTHON), "-m", "pip", "--disable-pip-version-check", "--quiet", *arguments]
    return subprocess.call(command, **streams) == 0


def make_venv():
    if subprocess.call([sys.executable, "-m", "venv", "--clear", str(VENV)]) != 0:
        shutil.rmtree(VENV, ignore_errors=True)
        sys.exit(
            "error: .venv could not be made. On Debian and Ubuntu the venv module is a package: apt install python3-venv"
        )


def say(text):
    print(f"start.py: {text}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
