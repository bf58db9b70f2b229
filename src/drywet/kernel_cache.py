"""numba's cache of compiled functions, made to follow every file that a function is built from."""

import re
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

_ROOT = Path(__file__).parents[1]
_IMPORT = re.compile(r"^from (drywet\.(?:circuits|engine\.kernels|live)\.\w+) import", re.MULTILINE)


def follow(cache: Any, function: Callable[..., Any]) -> None:
    """Have ``cache``, that of ``function``, forget what was compiled from other versions of its files.

    By itself numba looks at the file of the function alone, and would go on with an older state of what that file imports.
    """
    with suppress(AttributeError):  # a numba that keeps it elsewhere: the cache is then as careless as it is by itself
        cache._cache_file._source_stamp = tuple(
            (file.name, file.stat().st_mtime_ns, file.stat().st_size) for file in _sources(function)
        )


def holds(function: Callable[..., Any]) -> bool:
    """Whether ``function`` seems to have been compiled since its files were changed: nothing is to be said before."""
    from numba.core.caching import FunctionCache  # numba is there by now; before, importing it would take its time

    stem, newest = _file(function).stem, max(file.stat().st_mtime for file in _sources(function))
    found = Path(FunctionCache(function).cache_path).glob(f"{stem}.{function.__name__}-*.nbi")
    return any(file.stat().st_mtime >= newest for file in found)


def _file(function: Callable[..., Any]) -> Path:
    return Path(function.__code__.co_filename)


def _sources(function: Callable[..., Any]) -> list[Path]:
    """The function's file, and those of kernels that it imports, directly or not."""
    found, left = set(), [_file(function)]
    while left:
        file = left.pop()
        if file not in found:
            found.add(file)
            names = _IMPORT.findall(file.read_text(encoding="utf-8"))
            left += [_ROOT.joinpath(*name.split(".")).with_suffix(".py") for name in names]
    return sorted(found)
