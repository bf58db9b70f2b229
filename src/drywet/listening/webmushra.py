"""webMUSHRA's configuration, read and written (M. Schoeffler et al., J. Open Research Software 6, 2018).

webMUSHRA puts names and texts into its pages as HTML. What is exported is escaped; what is imported is read as text.
"""

import html
import re
from collections.abc import Iterator, Mapping
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np

from drywet import audio
from drywet.errors import AudioFileError, MissingDependencyError, SettingsError, SignalError
from drywet.files import write_text
from drywet.listening.anchors import LOW, MID, REFERENCE, make_anchor
from drywet.listening.answers import printable
from drywet.listening.design import Key, Kind
from drywet.listening.items import MODEL, Item, Material, Sound, distinct, measure_sound
from drywet.listening.page import read_sound

PAGE_TYPES: dict[Kind, str] = {"mushra": "mushra", "abx": "paired_comparison"}
MAX_CONFIG_BYTES, MAX_PAGES = 1_000_000, 500


def read_config(path: Path | str, kind: Kind) -> tuple[str, Material]:
    """Title and items of a webMUSHRA configuration: its ``mushra`` pages, or its ``paired_comparison`` pages for ABX.

    Paths in it count from webMUSHRA's root, which is the folder above ``configs``, or the file's own folder where it does
    not lie in one. Stimuli are taken for models; ``createAnchor35`` and ``createAnchor70`` make anchors. Pages of other
    kinds are listed in the notes.

    Raises
    ------
    SettingsError
        If the file is no configuration, names a file outside the root, or has no page of that kind.
    AudioFileError, SignalError
        If a sound is missing, silent, not mono, or of another length or sample rate than its reference.
    """
    path = Path(path)
    config = _load_yaml(path)
    root = (path.parent.parent if path.parent.name == "configs" else path.parent).resolve()
    wanted = PAGE_TYPES[kind]
    items, notes = [], []
    for page in _pages(config.get("pages"), path):
        name = _text(page.get("name") or page.get("id") or wanted, path)
        kind_of_page = _text(page.get("type", ""), path)
        if kind_of_page == wanted:
            try:
                items.append(_item(name, page, root, path))
            except SignalError as error:
                raise type(error)(f"{path}: page {name!r}: {error}") from error
        elif kind_of_page not in ("finish", "generic", "volume"):
            notes.append(f"page {name!r} is of type {kind_of_page!r}, which is left out")
    if not items:
        raise SettingsError(f"{path}: has no page of type {wanted!r}")
    names = distinct(item.name for item in items)
    items = [Item(name, item.sample_rate, item.sounds) for name, item in zip(names, items, strict=True)]
    return _text(config.get("testname") or path.stem, path), Material(tuple(items), tuple(notes))


def write_config(folder: Path | str, key: Key, out: Path | str) -> Path:
    """Write the test in ``folder`` for webMUSHRA, and return the configuration, ``out/configs/<test>.yaml``.

    Copy ``out/configs`` over that of a webMUSHRA installation. An ABX test becomes forced paired comparisons, in which one
    of A and B is the reference: the same question, asked once per trial.
    """
    yaml = _yaml()
    out = Path(out)
    addresses = {}
    for identity in key.sounds:
        samples, rate = read_sound(folder, identity)
        addresses[identity] = f"configs/resources/{key.test}/{identity}.wav"
        audio.write(out / addresses[identity], samples, rate)
    names = stimuli(key)
    pages: list[Any] = ["random"]
    for item, trial_id in trial_ids(key).items():
        judged = key.sounds_of(item)
        page = {
            "type": PAGE_TYPES[key.kind], "id": trial_id, "name": html.escape(key.items[item]), "content": "",
            "showWaveform": False, "enableLooping": True, "reference": addresses[key.references[item]],
        }  # fmt: skip
        if key.kind == "mushra":
            # webMUSHRA hides the reference among the stimuli by itself.
            others = {
                names[sound.condition]: addresses[identity]
                for identity, sound in judged.items()
                if sound.role != REFERENCE
            }
            pages.append({**page, "createAnchor35": False, "createAnchor70": False, "stimuli": others})
            continue
        for number, identity in enumerate(key.abx_trials(), start=1):
            if identity in judged:
                other = {names[judged[identity].condition]: addresses[identity]}
                pages.append({**page, "id": f"{trial_id}-{number}", "stimuli": other})
    finish = {
        "type": "finish", "name": "Thank you", "content": "Thank you for listening!", "showResults": False,
        "writeResults": True, "questionnaire": [{"type": "text", "label": "Name or nickname", "name": "listener"}],
    }  # fmt: skip
    config = {
        "testname": html.escape(key.title), "testId": key.test, "bufferSize": 2048, "stopOnErrors": True,
        "showButtonPreviousPage": False, "remoteService": "service/write.php", "pages": [pages, finish],
    }  # fmt: skip
    path = out / "configs" / f"{key.test}.yaml"
    write_text(path, yaml.safe_dump(config, sort_keys=False, allow_unicode=True, width=10_000))
    return path


def stimulus_name(condition: str) -> str:
    """A condition as a name that webMUSHRA can put into an HTML attribute: word characters, dots and dashes."""
    return re.sub(r"[^\w.-]+", "_", condition, flags=re.ASCII).strip("_") or "stimulus"


def stimuli(key: Key) -> dict[str, str]:
    """Every condition and its name in webMUSHRA, each of its own."""
    names = {REFERENCE: REFERENCE}
    for condition in key.conditions:
        if condition not in names:
            name = stimulus_name(condition)
            while name in names.values():
                name += "_"
            names[condition] = name
    return names


def trial_ids(key: Key) -> dict[str, str]:
    """Identity of each item to its name in webMUSHRA, which says which item it is to those who read the table."""
    return {item: f"{number:02d}_{stimulus_name(name)}" for number, (item, name) in enumerate(key.items.items(), 1)}


def _yaml() -> Any:
    try:
        import yaml
    except ModuleNotFoundError:
        raise MissingDependencyError(
            "webMUSHRA's configuration is YAML, and PyYAML is not installed: pip install 'drywet[webmushra]'"
        ) from None
    return yaml


def _load_yaml(path: Path) -> dict[str, Any]:
    yaml = _yaml()
    try:
        if path.stat().st_size > MAX_CONFIG_BYTES:
            raise SettingsError(f"{path}: {path.stat().st_size} bytes, at most {MAX_CONFIG_BYTES} are read")
        config = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError, yaml.YAMLError) as error:
        raise SettingsError(f"{path}: not readable as YAML ({' '.join(str(error).split())})") from error
    if not isinstance(config, dict):
        raise SettingsError(f"{path}: holds no settings of webMUSHRA")
    return config


def _pages(pages: Any, path: Path) -> Iterator[dict[str, Any]]:
    """Every page, whatever groups it stands in, in the order of the file."""
    waiting, count = [pages], 0
    while waiting:
        page = waiting.pop()
        count += 1
        if count > 2 * MAX_PAGES:  # aliases of YAML can stand for any number
            raise SettingsError(f"{path}: has more than {MAX_PAGES} pages")
        if isinstance(page, list):
            waiting += [each for each in reversed(page[: 2 * MAX_PAGES + 1]) if each != "random"]
        elif isinstance(page, dict):
            yield page
        else:
            raise SettingsError(
                f"{path}: 'pages' holds {_text(page, path)[:40]!r}, where a page or a list of pages is needed"
            )


def _item(name: str, page: Mapping[str, Any], root: Path, path: Path) -> Item:
    stimuli = page.get("stimuli")
    if not isinstance(stimuli, dict) or not stimuli:
        raise SettingsError(f"{path}: page {name!r} has no stimuli")
    wet, rate = audio.read(_inside(root, page.get("reference"), path))
    sounds = [Sound(REFERENCE, REFERENCE, wet)]
    for condition, address in stimuli.items():
        samples, _ = audio.read(_inside(root, address, path), sample_rate=rate)
        if len(samples) != len(wet):
            raise AudioFileError(f"{address}: has {len(samples)} samples, its reference has {len(wet)}")
        name = printable(_plain(condition, path))
        sounds.append(Sound(name, MODEL, samples, measure_sound(None, wet, samples, rate)))
    for wanted, role in (("createAnchor35", LOW), ("createAnchor70", MID)):
        if page.get(wanted) is True:
            samples = np.asarray(make_anchor(role, None, wet, rate), np.float32)
            sounds.append(Sound(role, role, samples, measure_sound(None, wet, samples, rate)))
    return Item(name, rate, tuple(sounds))


def _inside(root: Path, address: Any, path: Path) -> Path:
    name = _plain(address, path)
    target = (root / name).resolve()
    if not target.is_relative_to(root):
        raise SettingsError(f"{path}: names {name[:80]!r}, which lies outside {root}")
    return target


def _plain(value: Any, path: Path) -> str:
    """Text, or a number as text. A list could stand for billions of words, because YAML has aliases."""
    if isinstance(value, str):
        return value
    if isinstance(value, int | float) and abs(value) < 1e18:
        return str(value)
    raise SettingsError(f"{path}: has {type(value).__name__} where text is needed; put text into quotes")


def _text(value: Any, path: Path) -> str:
    """Text without its markup."""

    class Words(HTMLParser):
        def __init__(self) -> None:
            super().__init__()
            self.words: list[str] = []

        def handle_data(self, data: str) -> None:
            self.words.append(data)

    words = Words()
    words.feed(_plain(value, path)[:2000])
    words.close()
    return printable(" ".join(words.words)) or "untitled"
