"""The folder of a listening test: a page that opens without a server, the key apart from it, room for answers."""

import base64
import re
import tempfile
from collections.abc import Callable
from importlib.resources import files as package_files
from pathlib import Path

import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined

from drywet import audio
from drywet.errors import AudioFileError, StorageError
from drywet.files import in_use, write_bytes, write_text
from drywet.listening.design import Design, write_key

PAGE = "page"  # what listeners get
ANSWERS = "answers"
STATIC = ("listening.css", "player.js", "listening.js")


def write_test(design: Design, out: Path | str, report: Callable[[int, int], None] = lambda done, total: None) -> Path:
    """Write the test and return its page, ``out/page/index.html``.

    Listeners need ``out/page`` alone: all sounds are in it, as 24-bit FLAC inside scripts, because a page opened as a file
    may not read other files. ``out/key.json`` stays with the experimenter. ``report(done, total)`` counts sounds.

    Raises
    ------
    StorageError
        If ``out`` already holds something: answers to one test must not meet the key of another.
    """
    out = Path(out)
    if in_use(out):
        raise StorageError(f"{out}: is not empty. A test is written once; choose another folder")
    page = out / PAGE
    for number, (identity, samples) in enumerate(design.samples.items(), start=1):
        sound = base64.b64encode(_flac(samples, design.key.sample_rate)).decode()
        write_text(page / "audio" / f"{identity}.js", f'drywet.receive("{identity}", "{sound}");\n')
        report(number, len(design.samples))
    for name in STATIC:
        write_bytes(page / name, (package_files("drywet.listening") / "static" / name).read_bytes())
    environment = Environment(loader=PackageLoader("drywet.listening"), autoescape=True, undefined=StrictUndefined)
    html = environment.get_template("listening.html").render(title=design.key.title, data=design.public())
    write_text(page / "index.html", html)
    write_key(out, design.key)  # last, so that a test that has a key is whole
    (out / ANSWERS).mkdir(exist_ok=True)
    return page / "index.html"


def _flac(samples: np.ndarray, sample_rate: int) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "sound.flac"
        audio.write(path, samples, sample_rate, subtype="PCM_24")
        return path.read_bytes()


def read_sound(folder: Path | str, identity: str) -> tuple[np.ndarray, int]:
    """Samples (T,) and sample rate of one sound of a written test.

    Raises
    ------
    AudioFileError
        If it is missing or damaged.
    """
    path = Path(folder) / PAGE / "audio" / f"{identity}.js"
    try:
        found = re.fullmatch(r'drywet\.receive\("\w+", "([A-Za-z0-9+/=]*)"\);\n', path.read_text(encoding="ascii"))
        if found is None:
            raise ValueError("not written by drywet")
        content = base64.b64decode(found[1], validate=True)
    except (OSError, ValueError) as error:
        raise AudioFileError(f"{path}: not readable as a sound of this test ({error})") from error
    with tempfile.TemporaryDirectory() as temporary:
        flac = Path(temporary) / "sound.flac"
        flac.write_bytes(content)
        return audio.read(flac)
