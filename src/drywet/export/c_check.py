"""Compiles a C header's own test, where there is a compiler, and asks it for the difference."""

import shutil
import subprocess
import tempfile
from pathlib import Path

from drywet.errors import ExportError

COMPILERS = ("cc", "gcc", "clang")
SECONDS = 120


def run(header: bytes) -> float | None:
    """Largest difference between the compiled code and the test vector in ``header``; None without a compiler.

    Raises
    ------
    ExportError
        If it does not compile or its program fails, which is a fault of drywet.
    """
    compiler = next((found for name in COMPILERS if (found := shutil.which(name))), None)
    if compiler is None:
        return None
    with tempfile.TemporaryDirectory() as folder:
        source, program = Path(folder) / "model.h", Path(folder) / "test"
        source.write_bytes(header)
        command = [compiler, "-std=c99", "-O1", "-x", "c", "-DDRYWET_SELF_TEST", str(source), "-o", str(program), "-lm"]
        try:
            built = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS)
            if built.returncode:
                raise ExportError(
                    f"the C code does not compile: {built.stderr[:500]}. Please report this with the model"
                )
            ran = subprocess.run([str(program)], capture_output=True, text=True, timeout=SECONDS)
            return float(ran.stdout)
        except (subprocess.TimeoutExpired, ValueError, OSError) as error:
            raise ExportError(f"the C code's test cannot be run ({error})") from error
