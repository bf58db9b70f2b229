"""numba's cache of compiled functions, made to follow every file that a function is built from."""

import re
import threading
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

_ROOT = Path(__file__).parents[1]
_PREPARING = threading.Lock()
_IMPORT = re.compile(r"^from (drywet\.(?:vectors|(?:circuits|engine\.kernels|live|models)\.\w+)) import", re.MULTILINE)


@cache
def possible() -> bool:
    """Whether numba finds a folder for its cache that it may write to: beside the code, or in the user's own."""
    from numba.core.caching import FunctionCache

    try:
        FunctionCache(possible.__wrapped__)
    except RuntimeError:
        return False
    return True


def kernel(**options: Any) -> Callable[[Callable[..., Any]], Any]:
    """A decorator: compiled by numba when it is first called, and cached. Kernels need no interpreter and raise nothing."""
    from numba import njit

    def make(function: Callable[..., Any]) -> Any:
        dispatcher: Any = njit(cache=possible(), nogil=True, error_model="numpy", **options)(function)
        follow(dispatcher._cache, function)
        return dispatcher

    return make


def prepare(dispatcher: Any, signature: str, name: str, report: Callable[[str], None]) -> None:
    """Bring a compiled function from the cache of an earlier process; compile it where there is none, and say so before."""
    with _PREPARING:  # another thread may be at it
        if dispatcher.signatures:
            return
        if not possible():
            report(
                f"compiling the {name}; set NUMBA_CACHE_DIR to a folder that may be written to, and it is kept there"
            )
        elif not holds(dispatcher.py_func):
            report(f"compiling the {name}, once on this machine; some seconds")
        follow(dispatcher._cache, dispatcher.py_func)
        dispatcher.compile(signature)
        dispatcher.disable_compile()


def follow(cache: Any, function: Callable[..., Any]) -> None:
    """Have ``cache``, that of ``function``, forget what was compiled from other versions of its files.

    By itself numba looks at the file of the function alone, and would go on with an older state of what that file imports.
    """
    # A numba that keeps it elsewhere, or a package whose sources cannot be read: the cache is as careless as it is by itself.
    with suppress(AttributeError, OSError):
        cache._cache_file._source_stamp = tuple(
            (file.name, file.stat().st_mtime_ns, file.stat().st_size) for file in _sources_of(_file(function))
        )


def holds(function: Callable[..., Any]) -> bool:
    """Whether ``function`` seems to have been compiled since its files were changed: nothing is to be said before."""
    from numba.core.caching import FunctionCache  # numba is there by now; before, importing it would take its time

    if not possible():
        return False
    stem, newest = _file(function).stem, max(file.stat().st_mtime for file in _sources_of(_file(function)))
    found = Path(FunctionCache(function).cache_path).glob(f"{stem}.{function.__name__}-*.nbi")
    return any(file.stat().st_mtime >= newest for file in found)


def _file(function: Callable[..., Any]) -> Path:
    return Path(function.__code__.co_filename)


def _sources_of(file: Path) -> list[Path]:
    """A function's file, those of kernels that it imports, directly or not, and this one, for its options."""
    found, left = {Path(__file__)}, [file]
    while left:
        file = left.pop()
        if file not in found:
            found.add(file)
            names = _IMPORT.findall(file.read_text(encoding="utf-8"))
            left += [_ROOT.joinpath(*name.split(".")).with_suffix(".py") for name in names]
    return sorted(found)
