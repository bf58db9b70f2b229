"""Compiled functions are kept between processes, and forgotten when a file that they are built from has changed."""

import ast
import importlib.util
import os
import re
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from numba import njit, types

import drywet
from drywet import kernel_cache
from drywet.engine.kernels.native import c_function


def load(file, name):
    spec = importlib.util.spec_from_file_location(name, file)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def build(tmp_path, monkeypatch):
    """Writes a factor into a file, and compiles a function of another file that imports it."""
    folder = tmp_path / "drywet" / "live"
    folder.mkdir(parents=True)
    monkeypatch.setattr(kernel_cache, "_ROOT", tmp_path)
    outer = folder / "outer.py"
    outer.write_text("from drywet.live.inner import FACTOR\n\n\ndef scaled(x):\n    return FACTOR * x\n")

    def compiled(factor, seconds):
        inner = folder / "inner.py"
        inner.write_text(f"FACTOR = {factor:.1f}\n")
        os.utime(inner, (seconds, seconds))
        monkeypatch.setitem(sys.modules, "drywet.live.inner", load(inner, "inner"))
        return c_function(load(outer, "outer").scaled, types.float64(types.float64))

    return compiled


def test_a_function_is_compiled_again_when_a_file_that_it_imports_has_changed(build):
    first, second = build(2.0, 1000), build(2.0, 1000)
    assert (first.cache_hits, first.ctypes(1.5)) == (0, 3.0)
    assert (second.cache_hits, second.ctypes(1.5)) == (1, 3.0)
    changed = build(4.0, 2000)
    assert (changed.cache_hits, changed.ctypes(1.5)) == (0, 6.0)  # numba by itself would give 3.0 from its cache


def test_numba_alone_would_go_on_with_the_old_one(build, monkeypatch):
    monkeypatch.setattr("drywet.engine.kernels.native.follow", lambda cache, function: None)
    assert build(2.0, 1000).ctypes(1.5) == 3.0
    assert build(4.0, 2000).ctypes(1.5) == 3.0


def test_threads_that_want_the_same_function_at_once_all_get_it_and_one_is_told():
    function, said, found = njit(lambda x: x + 1.0), [], []
    start = threading.Barrier(4)

    def call():
        start.wait()
        kernel_cache.prepare(function, "float64(float64)", "sum", said.append)
        found.append(function(1.0))

    threads = [threading.Thread(target=call) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (found, len(said)) == ([2.0] * 4, 1)


WITHOUT_A_FOLDER = """
import numba.core.caching as caching
def refuse(self): raise PermissionError("read-only")
caching._CacheLocator.ensure_cache_path = refuse
import numpy as np
from drywet.circuits.oversampling import Oversampler
from drywet.engine.effect import EngineEffect
from drywet.engine.formats import ModelFile
from drywet.engine.kernels import compiled as compiled_network
from drywet.engine.typical import TYPICAL
from drywet.kernel_cache import holds
import drywet.live.callback, drywet.live.loopback, drywet.models, drywet.signals
assert not holds(compiled_network)
print(Oversampler(1).up(np.full(1, 3.0))[0])
effect = EngineEffect(ModelFile("drywet", "", "", TYPICAL["grey box"](), 48_000, 0, 0),
                      network=compiled_network(TYPICAL["grey box"](), print))
effect.native()
print(np.isfinite(effect.process(np.ones(64, np.float32), effect.controls)).all())
"""


def test_where_no_folder_can_be_written_to_functions_are_compiled_anew_and_it_is_said():
    done = subprocess.run([sys.executable, "-c", WITHOUT_A_FOLDER], check=True, capture_output=True, text=True)
    same, said, finite = done.stdout.splitlines()
    assert (same, finite) == ("3.0", "True")
    assert "set NUMBA_CACHE_DIR" in said


def test_a_kernel_is_compiled_again_too(build, tmp_path):
    """By the decorator, which training and circuits use."""
    build(2.0, 1000)
    outer = tmp_path / "drywet" / "live" / "outer.py"

    def scale():
        function = kernel_cache.kernel()(load(outer, "outer").scaled)
        return function(1.5), sum(function.stats.cache_hits.values())

    assert scale() == (3.0, 0)
    assert scale() == (3.0, 1)
    build(4.0, 2000)
    assert scale() == (6.0, 0)


def test_kernels_follow_what_they_are_built_from():
    """Every import of a file that has to do with numba is found, however it is written."""
    source, wrong = Path(drywet.__file__).parent, []
    for path in source.rglob("*.py"):
        text = path.read_text()
        if not re.search(r"^@kernel\(|\*\*COMPILED|c_function\(", text, re.MULTILINE):
            continue
        for node in ast.parse(text).body:  # what is imported inside a function is no part of a kernel
            modules = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            modules += [f"{node.module}.{alias.name}" for alias in node.names] if modules else []
            for module in modules:
                file = source.joinpath(*module.split(".")[1:]).with_suffix(".py")
                builds = file.is_file() and re.search(r"@(n?jit|intrinsic|kernel)\b", file.read_text())
                if module.startswith("drywet.") and builds and file not in kernel_cache._sources_of(path):
                    wrong.append(f"{path.relative_to(source)}: {module}")
    assert wrong == []
