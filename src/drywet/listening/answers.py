"""What listeners handed in: files from strangers, checked against the key before anything is computed from them."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, ValidationError

from drywet.errors import RunError
from drywet.listening.design import Identity, Key, Kind
from drywet.listening.items import distinct
from drywet.listening.page import ANSWERS
from drywet.settings import Settings

MAX_BYTES = 1_000_000  # a dozen signals on a hundred screens need a tenth of that

Seconds = Annotated[float, Field(ge=0)]
Score = Annotated[float, Field(ge=0, le=100)]


class Rated(Settings):
    """A MUSHRA screen: the rating of every sound of an item, in the order they stood in."""

    item: Identity
    order: list[Identity] = Field(max_length=100)
    ratings: dict[Identity, Score] = Field(max_length=100)
    seconds: Seconds
    switches: int = Field(ge=0)


class Told(Settings):
    """An ABX trial: which sounds were A, B and X, and which of the two the listener took X for."""

    item: Identity
    a: Identity
    b: Identity
    x: Identity
    answer: Identity
    seconds: Seconds
    switches: int = Field(ge=0)

    @property
    def is_correct(self) -> bool:
        return self.answer == self.x


class Answers(Settings):
    """One listener's file. ``seed`` repeats the order that was drawn; ``listener`` and ``comment`` are anybody's text."""

    format: Literal[1]
    test: str = Field(max_length=64)
    kind: Kind
    listener: str = Field(max_length=80)
    seed: int = Field(ge=0, lt=2**32)
    started: str = Field(max_length=40)
    finished: str | None = Field(max_length=40)
    volume_db: float = 0.0
    practice: list[Rated | Told] = Field(max_length=100)
    trials: list[Rated | Told] = Field(max_length=10_000)
    comment: str = Field(max_length=2000)


@dataclass(frozen=True)
class Trial:
    """One ABX trial: the excerpt, the model that stood against the reference, and whether X was recognised."""

    item: str
    model: str
    is_correct: bool
    seconds: float | None = None


@dataclass(frozen=True)
class Listener:
    """One person's answers: ``ratings[item][condition]`` of a MUSHRA test, or the trials of an ABX test.

    ``seconds[item]`` is the time that a MUSHRA screen took, where it is known.
    """

    name: str
    ratings: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    told: tuple[Trial, ...] = ()
    seconds: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Answered:
    """Listeners in the order of their files, and every file that was not used, with the reason."""

    listeners: tuple[Listener, ...]
    unused: tuple[str, ...]

    @classmethod
    def of(cls, listeners: Sequence[Listener], unused: Sequence[str]) -> "Answered":
        """With a number behind each name that an earlier listener has."""
        names = distinct(listener.name for listener in listeners)
        named = [replace(listener, name=name) for listener, name in zip(listeners, names, strict=True)]
        return cls(tuple(named), tuple(unused))


def parse_answers(content: bytes, key: Key) -> Answers:
    """Answers to the test of ``key``.

    Raises
    ------
    RunError
        If they are too large, no JSON, not of drywet's form, or belong to another test. The message names no file.
    """
    if len(content) > MAX_BYTES:
        raise RunError(f"{len(content)} bytes are no answers of a listener, at most {MAX_BYTES} are read")
    try:
        answers = Answers.model_validate(json.loads(content))
    except ValidationError as error:
        first = error.errors()[0]
        place = printable(".".join(map(str, first["loc"])))[:80]
        raise RunError(f"no answers of this form: {place}: {first['msg']}") from None
    except (ValueError, RecursionError) as error:
        raise RunError(f"not readable as JSON ({error})") from None
    if answers.test != key.test or answers.kind != key.kind:
        raise RunError(
            f"answers to test {printable(answers.test)!r} ({answers.kind}), this one is {key.test!r} ({key.kind})"
        )
    for trial in answers.trials:
        _check_trial(trial, key)
    # Each pair of sounds as often as the page asks; a file with more of them would outweigh other listeners.
    told = Counter(_compared(trial, key) for trial in answers.trials if isinstance(trial, Told))
    if told - Counter(key.abx_trials()):
        raise RunError(f"{len(answers.trials)} trials, with more of some pair of sounds than this test asks for")
    return answers


def printable(text: str) -> str:
    """``text`` on one line without control characters, so that no name can act on a terminal or turn a line around."""
    return "".join(character for character in " ".join(text.split()) if character.isprintable())


def _check_trial(trial: Rated | Told, key: Key) -> None:
    if isinstance(trial, Rated) != (key.kind == "mushra"):
        raise RunError(f"a trial is not of the kind {key.kind}")
    if trial.item not in key.items:
        raise RunError(f"item {trial.item!r} is not in this test")
    judged = key.sounds_of(trial.item)
    if isinstance(trial, Rated):
        if set(trial.ratings) != set(judged):
            raise RunError(f"item {trial.item!r}: {len(trial.ratings)} sounds are rated, it has {len(judged)} others")
        return
    model = _compared(trial, key)
    if {trial.a, trial.b} != {key.references[trial.item], model} or model not in judged or not judged[model].is_model:
        raise RunError(f"item {trial.item!r}: A and B are not its reference and one of its models")
    if trial.x not in (trial.a, trial.b) or trial.answer not in (trial.a, trial.b):
        raise RunError(f"item {trial.item!r}: X or the answer is neither A nor B")


def _compared(trial: Told, key: Key) -> str:
    """The sound that stood against the reference."""
    return trial.b if trial.a == key.references[trial.item] else trial.a


def read_answers(folder: Path | str, key: Key, paths: Sequence[Path | str] = ()) -> Answered:
    """The answers in ``paths``, or in ``folder/answers`` unless any are given.

    A listener's file is used once, however often it was handed in, and only when it is complete where completeness
    matters: a mean over different items is a different mean. What is not used is listed with its reason.

    Raises
    ------
    RunError
        If there are no answers at all.
    """
    files = [Path(path) for path in paths] or sorted((Path(folder) / ANSWERS).glob("*.json"))
    if not files:
        raise RunError(f"{folder}: no answers yet. Put the files that listeners send into {Path(folder) / ANSWERS}")
    listeners: list[Listener] = []
    unused: list[str] = []
    sittings: dict[tuple[int, str], Path] = {}
    for path in files:
        try:
            if path.stat().st_size > MAX_BYTES:
                raise RunError(f"{path.stat().st_size} bytes, at most {MAX_BYTES} are read")
            answers = parse_answers(path.read_bytes(), key)
            listener = _listener(answers, key)
            # A page may hand in and save; the comment and the time of the end may then differ.
            first = sittings.setdefault((answers.seed, answers.started), path)
            if first != path:
                raise RunError(f"the same sitting as {printable(first.name)}, counted once")
            listeners.append(listener)
        except OSError as error:
            unused.append(f"{printable(path.name)}: cannot be read ({error.strerror})")
        except RunError as error:
            unused.append(f"{printable(path.name)}: {error}")
    return Answered.of(listeners, unused)


def _listener(answers: Answers, key: Key) -> Listener:
    name = printable(answers.listener) or "unnamed"
    if key.kind == "abx":
        told = []
        for trial in answers.trials:
            assert isinstance(trial, Told)
            model = key.sounds[_compared(trial, key)].condition
            told.append(Trial(key.items[trial.item], model, trial.is_correct, trial.seconds))
        if not told:
            raise RunError("no trial was answered")
        return Listener(name, told=tuple(told))
    ratings: dict[str, dict[str, float]] = {}
    seconds = {}
    for trial in answers.trials:
        assert isinstance(trial, Rated)
        item = key.items[trial.item]
        if item in ratings:
            raise RunError(f"item {item!r} was rated twice")
        ratings[item] = {key.sounds[sound].condition: score for sound, score in trial.ratings.items()}
        seconds[item] = trial.seconds
    if len(ratings) < len(key.items):
        raise RunError(f"{len(ratings)} of {len(key.items)} items were rated; a mean over fewer is another mean")
    return Listener(name, ratings, seconds=seconds)
