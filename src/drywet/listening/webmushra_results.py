"""webMUSHRA's results, read and written: its ``mushra.csv`` and ``paired_comparison.csv``."""

import csv
import io
import math
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from drywet.errors import RunError
from drywet.files import write_text
from drywet.listening.anchors import REFERENCE
from drywet.listening.answers import Answered, Listener, Trial, printable
from drywet.listening.design import Key, Kind
from drywet.listening.webmushra import PAGE_TYPES, stimuli, trial_ids

_COLUMNS: dict[Kind, tuple[str, ...]] = {
    "mushra": ("rating_stimulus", "rating_score", "rating_time", "rating_comment"),
    "abx": ("choice_reference", "choice_non_reference", "choice_answer", "choice_time", "choice_comment"),
}
MAX_RESULTS_BYTES = 20_000_000
MAX_NAME = 80  # characters, as of drywet's own page
_SAID = {"correct": True, "incorrect": False}


class _Answer(NamedTuple):
    item: str
    condition: str
    said: str
    seconds: float | None


def write_results(path: Path | str, key: Key, answered: Answered) -> None:
    """Answers as webMUSHRA's results: the columns of its ``mushra.csv`` or ``paired_comparison.csv``."""
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(["session_test_id", "listener", "trial_id", *_COLUMNS[key.kind]])
    trial_of = {key.items[item]: trial for item, trial in trial_ids(key).items()}
    stimulus = stimuli(key)
    for listener in answered.listeners:
        who = [key.test, _no_formula(listener.name)]
        for item, ratings in listener.ratings.items():
            time = _milliseconds(listener.seconds.get(item))
            for condition, score in ratings.items():
                table.writerow([*who, trial_of[item], stimulus[condition], f"{score:g}", time, ""])
        for number, trial in enumerate(listener.told, start=1):
            said = "correct" if trial.is_correct else "incorrect"
            place = f"{trial_of[trial.item]}-{number}", REFERENCE, stimulus[trial.model]
            table.writerow([*who, *place, said, _milliseconds(trial.seconds), ""])
    write_text(path, text.getvalue())


def read_results(path: Path | str, key: Key) -> Answered:
    """Answers from a ``mushra.csv`` or ``paired_comparison.csv`` that webMUSHRA wrote for an exported test.

    A listener is a set of rows with the same questionnaire answers (all columns but the ones that webMUSHRA fills itself);
    when such a set answers the same question again, another listener begins. Undecided answers, incomplete listeners and
    rows of other tests are listed, not used.

    Raises
    ------
    RunError
        If the file cannot be read or has other columns.
    """
    path = Path(path)
    rows = _read_rows(path)
    columns = ("rating_stimulus", "rating_score") if key.kind == "mushra" else ("choice_non_reference", "choice_answer")
    if not rows or any(name not in rows[0] for name in ("session_test_id", "trial_id", *columns)):
        raise RunError(f"{path}: has not the columns of a {PAGE_TYPES[key.kind]}.csv of webMUSHRA")
    known_columns = {"session_test_id", "trial_id", *_COLUMNS[key.kind]}
    items = {trial: key.items[item] for item, trial in trial_ids(key).items()}
    judged = key.conditions if key.kind == "mushra" else key.models
    conditions = {stimulus: condition for condition, stimulus in stimuli(key).items() if condition in judged}
    sittings: dict[tuple[str, ...], list[dict[str, _Answer]]] = {}
    strays = []
    for number, row in enumerate(rows, start=1):
        trial, stimulus, said = (str(row[name]) for name in ("trial_id", *columns))
        item = items.get(trial) or next((name for known, name in items.items() if trial.startswith(f"{known}-")), None)
        if row["session_test_id"] != key.test or item is None or stimulus not in conditions:
            strays.append(number)
            continue
        person = tuple(str(value) for name, value in row.items() if name not in known_columns)
        question = f"{trial} {stimulus}"
        own = sittings.setdefault(person, [{}])
        if question in own[-1]:
            own.append({})
        seconds = _seconds(row.get("rating_time") or row.get("choice_time"))
        own[-1][question] = _Answer(item, conditions[stimulus], said, seconds)
    unused = []
    if strays:
        which = ", ".join(map(str, strays[:5])) + ", …" * (len(strays) > 5)
        unused.append(f"{path.name}: {len(strays)} of {len(rows)} rows belong to no trial of this test ({which})")
    listeners = []
    for person, own in sittings.items():
        name = printable(" ".join(person))[:MAX_NAME] or "unnamed"
        for answers in own:
            try:
                listeners.append(_listener(name, list(answers.values()), key))
            except RunError as error:
                unused.append(f"{path.name}: {name}: {error}")
            undecided = sum(answer.said not in _SAID for answer in answers.values()) if key.kind == "abx" else 0
            if undecided:
                unused.append(f"{path.name}: {name}: {undecided} undecided answers")
    return Answered.of(listeners, unused)


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
