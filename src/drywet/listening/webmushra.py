"""Import and export of webMUSHRA's configuration and results (M. Schoeffler et al., J. Open Research Software 6, 2018).

webMUSHRA puts names and texts into its pages as HTML. What is exported is escaped; what is imported is read as text.
"""

import csv
import html
import io
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from drywet import audio
from drywet.errors import AudioFileError, MissingDependencyError, RunError, SettingsError
from drywet.files import write_text
from drywet.listening.anchors import LOW, MID, REFERENCE, make_anchor
from drywet.listening.answers import Answered, Listener, Trial, printable
from drywet.listening.design import Key, Kind
from drywet.listening.items import MODEL, Item, Material, Sound, distinct, measure_sound
from drywet.listening.page import read_sound

PAGE_TYPES: dict[Kind, str] = {"mushra": "mushra", "abx": "paired_comparison"}
_COLUMNS: dict[Kind, tuple[str, ...]] = {
    "mushra": ("rating_stimulus", "rating_score", "rating_time", "rating_comment"),
    "abx": ("choice_reference", "choice_non_reference", "choice_answer", "choice_time", "choice_comment"),
}
MAX_CONFIG_BYTES, MAX_PAGES = 1_000_000, 500
MAX_RESULTS_BYTES = 20_000_000


def read_config(path: Path | str, kind: Kind) -> tuple[str, Material]:
    """Title and items of a webMUSHRA configuration: its ``mushra`` pages, or its ``paired_comparison`` pages for ABX.

    Paths in it count from webMUSHRA's root, which is the folder above ``configs``, or the file's own folder where it does
    not lie in one. Stimuli are taken for models; ``createAnchor35`` and ``createAnchor70`` make anchors. Pages of other
    kinds are listed in the notes.

    Raises
    ------
    SettingsError
        If the file is no configuration, names a file outside the root, or has no page of that kind.
    AudioFileError
        If a sound is missing, not mono, or of another length or sample rate than its reference.
    """
    path = Path(path)
    config = _load_yaml(path)
    root = (path.parent.parent if path.parent.name == "configs" else path.parent).resolve()
    wanted = PAGE_TYPES[kind]
    items, notes = [], []
    for page in _pages(config.get("pages"), path):
        name = _text(page.get("name") or page.get("id") or wanted)
        if page.get("type") == wanted:
            items.append(_item(name, page, root, path))
        elif page.get("type") not in ("finish", "generic", "volume"):
            notes.append(f"page {name!r} is of type {page.get('type')!r}, which is left out")
    if not items:
        raise SettingsError(f"{path}: has no page of type {wanted!r}")
    names = distinct(item.name for item in items)
    items = [Item(name, item.sample_rate, item.sounds) for name, item in zip(names, items, strict=True)]
    return _text(config.get("testname") or path.stem), Material(tuple(items), tuple(notes))


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
    stimulus = _stimuli(key)
    pages: list[Any] = ["random"]
    for item, trial_id in _trial_ids(key).items():
        judged = key.sounds_of(item)
        page = {
            "type": PAGE_TYPES[key.kind], "id": trial_id, "name": html.escape(key.items[item]), "content": "",
            "showWaveform": False, "enableLooping": True, "reference": addresses[key.references[item]],
        }  # fmt: skip
        if key.kind == "mushra":
            # webMUSHRA hides the reference among the stimuli by itself.
            stimuli = {
                stimulus[sound.condition]: addresses[identity]
                for identity, sound in judged.items()
                if sound.role != REFERENCE
            }
            pages.append({**page, "createAnchor35": False, "createAnchor70": False, "stimuli": stimuli})
            continue
        for number, identity in enumerate(key.abx_trials(), start=1):
            if identity in judged:
                stimuli = {stimulus[judged[identity].condition]: addresses[identity]}
                pages.append({**page, "id": f"{trial_id}-{number}", "stimuli": stimuli})
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


def write_results(path: Path | str, key: Key, answered: Answered) -> None:
    """Answers as webMUSHRA's results: the columns of its ``mushra.csv`` or ``paired_comparison.csv``."""
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(["session_test_id", "listener", "trial_id", *_COLUMNS[key.kind]])
    trial_ids = {key.items[item]: trial for item, trial in _trial_ids(key).items()}
    stimulus = _stimuli(key)
    for listener in answered.listeners:
        who = [key.test, _no_formula(listener.name)]
        for item, ratings in listener.ratings.items():
            time = _milliseconds(listener.seconds.get(item))
            for condition, score in ratings.items():
                table.writerow([*who, trial_ids[item], stimulus[condition], f"{score:g}", time, ""])
        for trial in listener.told:
            said = "correct" if trial.is_correct else "incorrect"
            time = _milliseconds(trial.seconds)
            table.writerow([*who, trial_ids[trial.item], REFERENCE, stimulus[trial.model], said, time, ""])
    write_text(path, text.getvalue())


def read_results(path: Path | str, key: Key) -> Answered:
    """Answers from a ``mushra.csv`` or ``paired_comparison.csv`` that webMUSHRA wrote for an exported test.

    A listener is a set of rows with the same questionnaire answers (all columns before ``trial_id``); when such a set rates
    a stimulus again, another listener begins. Undecided answers and incomplete listeners are listed, not used.

    Raises
    ------
    RunError
        If the file cannot be read, has other columns, or belongs to another test.
    """
    path = Path(path)
    rows = _read_rows(path)
    columns = ("rating_stimulus", "rating_score") if key.kind == "mushra" else ("choice_non_reference", "choice_answer")
    if not rows or any(name not in rows[0] for name in ("session_test_id", "trial_id", *columns)):
        raise RunError(f"{path}: has not the columns of a {PAGE_TYPES[key.kind]}.csv of webMUSHRA")
    known_columns = {"session_test_id", "trial_id", *_COLUMNS[key.kind]}
    items = {trial: key.items[item] for item, trial in _trial_ids(key).items()}
    conditions = {stimulus: condition for condition, stimulus in _stimuli(key).items()}
    sittings: dict[tuple[str, ...], list[list[_Answer]]] = {}
    unused: list[str] = []
    for number, row in enumerate(rows, start=2):
        trial, stimulus, said = (str(row[name]) for name in ("trial_id", *columns))
        item = items.get(trial) or next((name for known, name in items.items() if trial.startswith(f"{known}-")), None)
        if row["session_test_id"] != key.test or item is None or stimulus not in conditions:
            unused.append(f"{path.name}, line {number}: belongs to no trial of this test")
            continue
        answer = _Answer(item, conditions[stimulus], said, _seconds(row.get("rating_time") or row.get("choice_time")))
        person = tuple(str(value) for name, value in row.items() if name not in known_columns)
        own = sittings.setdefault(person, [[]])
        if key.kind == "mushra" and any(answer[:2] == before[:2] for before in own[-1]):
            own.append([])
        own[-1].append(answer)
    listeners = []
    for person, own in sittings.items():
        name = printable(" ".join(person)) or "unnamed"
        for answers in own:
            try:
                listeners.append(_listener(name, answers, key))
            except RunError as error:
                unused.append(f"{path.name}: {name}: {error}")
            undecided = sum(answer.said not in _SAID for answer in answers) if key.kind == "abx" else 0
            if undecided:
                unused.append(f"{path.name}: {name}: {undecided} undecided answers")
    names = distinct(listener.name for listener in listeners)
    named = [replace(listener, name=name) for listener, name in zip(listeners, names, strict=True)]
    return Answered(tuple(named), tuple(unused))


class _Answer(NamedTuple):
    item: str
    condition: str
    said: str
    seconds: float | None


_SAID = {"correct": True, "incorrect": False}


def _listener(name: str, answers: Sequence[_Answer], key: Key) -> Listener:
    if key.kind == "abx":
        told = [
            Trial(each.item, each.condition, _SAID[each.said], each.seconds) for each in answers if each.said in _SAID
        ]
        if not told:
            raise RunError("no trial was answered")
        return Listener(name, told=tuple(told))
    ratings: dict[str, dict[str, float]] = {}
    for each in answers:
        score = _number(each.said)
        if score is None or not 0 <= score <= 100:
            raise RunError(f"{each.item}: {each.condition} has the rating {each.said[:20]!r}, not 0 to 100")
        ratings.setdefault(each.item, {})[each.condition] = score
    for identity, item in key.items.items():
        judged = {sound.condition for sound in key.sounds_of(identity).values()}
        if set(ratings.get(item, {})) != judged:
            raise RunError(f"{len(ratings.get(item, {}))} of {len(judged)} versions of {item!r} were rated")
    return Listener(name, ratings, seconds={each.item: each.seconds for each in answers if each.seconds is not None})


def _stimuli(key: Key) -> dict[str, str]:
    """Every condition and its name in webMUSHRA, each of its own."""
    names = {REFERENCE: REFERENCE}
    for condition in key.conditions:
        if condition not in names:
            name = stimulus_name(condition)
            while name in names.values():
                name += "_"
            names[condition] = name
    return names


def _trial_ids(key: Key) -> dict[str, str]:
    """Identity of each item to its name in webMUSHRA, which says which item it is to those who read the table."""
    return {item: f"{number:02d}_{stimulus_name(name)}" for number, (item, name) in enumerate(key.items.items(), 1)}


def _read_rows(path: Path) -> list[dict[str, str]]:
    try:
        if path.stat().st_size > MAX_RESULTS_BYTES:
            raise RunError(f"{path}: {path.stat().st_size} bytes, at most {MAX_RESULTS_BYTES} are read")
        with open(path, encoding="utf-8-sig", newline="") as file:
            return list(csv.DictReader(file, restval="", restkey="more"))
    except (OSError, ValueError, csv.Error) as error:
        raise RunError(f"{path}: not readable as a table of results ({error})") from error


def _milliseconds(seconds: float | None) -> str:
    return "" if seconds is None else str(round(1000 * seconds))


def _seconds(milliseconds: str | None) -> float | None:
    value = _number(milliseconds or "")
    return None if value is None else value / 1000


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def _no_formula(text: str) -> str:
    """A cell that a spreadsheet takes for text, whatever a listener wrote."""
    return f"'{text}" if text[:1] in ("=", "+", "-", "@") else text


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
            raise SettingsError(f"{path}: 'pages' holds {str(page)[:40]!r}, where a page or a list of pages is needed")


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
        sounds.append(Sound(printable(str(condition)), MODEL, samples, measure_sound(None, wet, samples, rate)))
    for wanted, role in (("createAnchor35", LOW), ("createAnchor70", MID)):
        if page.get(wanted) is True:
            samples = np.asarray(make_anchor(role, None, wet, rate), np.float32)
            sounds.append(Sound(role, role, samples, measure_sound(None, wet, samples, rate)))
    return Item(name, rate, tuple(sounds))


def _inside(root: Path, address: Any, path: Path) -> Path:
    target = (root / str(address)).resolve()
    if not target.is_relative_to(root):
        raise SettingsError(f"{path}: names {str(address)[:80]!r}, which lies outside {root}")
    return target


def _text(value: Any) -> str:
    """Text without its markup."""

    class Words(HTMLParser):
        def __init__(self) -> None:
            super().__init__()
            self.words: list[str] = []

        def handle_data(self, data: str) -> None:
            self.words.append(data)

    words = Words()
    words.feed(str(value)[:2000])
    words.close()
    return printable(" ".join(words.words)) or "untitled"
