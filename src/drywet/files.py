"""Files that are either whole or absent: atomic writes, checksums, JSON and TOML with clear errors.

Every file drywet makes goes through :func:`atomic_path`: written under a temporary name in the same folder, flushed to
the disk, then renamed. A crash or a full disk leaves the old file, or none, never half of one.
"""

import hashlib
import itertools
import json
import os
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from drywet.errors import RunError, SettingsError, StorageError

_written = itertools.count()


@contextmanager
def atomic_path(path: Path | str) -> Iterator[Path]:
    """Yield a temporary path beside ``path``; when the block ends well, flush it to disk and rename it to ``path``.

    Raises
    ------
    StorageError
        If the disk is full, the folder cannot be written, or ``path`` is a pipe, a device or a folder. ``path`` is then
        what it was before.
    """
    path = Path(path)
    # The suffix stays last, because soundfile chooses the format by it. A name may have 255 bytes, and 4 a letter.
    temporary = path.with_name(f".{path.stem[:40]}.{os.getpid()}-{next(_written)}.tmp{path.suffix}")
    try:
        if path.exists() and not path.is_file():  # a rename would put a file in the place of a device
            raise StorageError(f"{path}: is a pipe, a device or a folder; name a file")
        path.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        with open(temporary, "rb") as file:
            os.fsync(file.fileno())
        os.replace(temporary, path)
        folder = os.open(path.parent, os.O_RDONLY) if os.name == "posix" else None
        if folder is not None:
            os.fsync(folder)
            os.close(folder)
    except OSError as error:
        raise StorageError(
            f"{path}: cannot be written ({error.strerror or error}). Nothing was changed; free some space or choose "
            "another folder, then run the same command again"
        ) from error
    finally:
        with suppress(OSError):
            temporary.unlink()


def write_bytes(path: Path | str, content: bytes) -> None:
    """Write ``content`` to ``path``, whole or not at all."""
    with atomic_path(path) as temporary:
        temporary.write_bytes(content)


def write_text(path: Path | str, text: str) -> None:
    """Write ``text`` as UTF-8 to ``path``, whole or not at all."""
    write_bytes(path, text.encode())


def write_json(path: Path | str, value: Any) -> None:
    """Write ``value`` as indented JSON to ``path``. NaN and infinity are refused: JSON has no word for them."""
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def write_json_lines(path: Path | str, rows: list[dict]) -> None:
    """Write one JSON object per line."""
    write_text(path, "".join(json.dumps(row, ensure_ascii=False, allow_nan=False) + "\n" for row in rows))


def read_json(path: Path | str) -> Any:
    """The JSON value in ``path``; RunError says where it is damaged."""
    try:
        return json.loads(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise RunError(f"{path}: not found") from None
    except (OSError, ValueError, RecursionError) as error:
        raise RunError(f"{path}: not readable as JSON ({error})") from error


def read_json_object(path: Path | str) -> dict[str, Any]:
    """The JSON object in ``path``; RunError where there is something else."""
    value = read_json(path)
    if not isinstance(value, dict):
        raise RunError(f"{path}: holds a {type(value).__name__}, a JSON object is needed; the file is damaged")
    return value


def read_json_lines(path: Path | str) -> list[dict]:
    """The JSON objects in ``path``, one per line; an unfinished last line (a crash while appending) is left out."""
    path = Path(path)
    try:
        lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    except FileNotFoundError:
        raise RunError(f"{path}: not found") from None
    except (OSError, ValueError) as error:
        raise RunError(f"{path}: not readable ({error})") from error
    rows = []
    for number, line in enumerate(lines, start=1):
        try:
            rows.append(json.loads(line))
        except (ValueError, RecursionError) as error:
            if number == len(lines) and not line.endswith("\n"):
                break
            raise RunError(f"{path}, line {number}: not readable as JSON ({error})") from error
        if not isinstance(rows[-1], dict):
            raise RunError(f"{path}, line {number}: holds a {type(rows[-1]).__name__}, a JSON object is needed")
    return rows


def read_toml(path: Path | str) -> dict[str, Any]:
    """The table in the TOML file ``path``; SettingsError says what is wrong and where."""
    try:
        return tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise SettingsError(f"{path}: not found") from None
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SettingsError(f"{path}: not readable as TOML ({error})") from error


def in_use(folder: Path | str) -> bool:
    """Whether a folder holds anything but the temporary file of a write that was killed."""
    folder = Path(folder)
    return folder.is_dir() and any(not path.name.startswith(".") for path in folder.iterdir())


def sha256(path: Path | str) -> str:
    """SHA-256 of the file's bytes, in hexadecimal."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
