"""A listening test as data: what the page shows, and the key that says what each sound is.

The page knows sounds by identities that mean nothing. The key lies outside the page's folder.
"""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints, ValidationError

from drywet import files
from drywet.errors import RunError, SettingsError
from drywet.listening.anchors import ANCHORS, REFERENCE
from drywet.listening.items import MODEL, Item
from drywet.settings import Settings, fingerprint

FORMAT = 1
KEY = "key.json"
MAX_SIGNALS = 12  # on one screen (ITU-R BS.1534-3)
ABX_TRIALS = 16  # per model; 12 correct of 16 have p = 0.038
MAX_TRIALS = 200

Kind = Literal["abx", "mushra"]
# Patterns, because identities become names of files; a key may come from a stranger too.
Identity = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{12}$")]
TestIdentity = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{16}$")]


class SoundKey(Settings):
    """What one sound is: the excerpt and version behind its identity, and what was done to it."""

    item: Identity
    condition: str
    role: str
    gain_db: float = 0.0
    measures: dict[str, float | None] = {}

    @property
    def is_model(self) -> bool:
        return self.role == MODEL


class Key(Settings):
    """What the experimenter knows and listeners do not; ``key.json``.

    ``items`` maps identities of items to their names, ``sounds`` identities of sounds to what they are. The open
    reference of each item is ``references[item]``; in a MUSHRA test a second copy of it hides among the sounds.
    """

    format: Literal[1] = 1
    test: TestIdentity
    kind: Kind
    title: str
    sample_rate: int
    loudness_lufs: float
    items: dict[Identity, str]
    references: dict[Identity, Identity]
    sounds: dict[Identity, SoundKey]
    trials: int = Field(0, ge=0, le=MAX_TRIALS)

    def sounds_of(self, item: str) -> dict[str, SoundKey]:
        """The sounds that are judged in one item: all but its open reference."""
        return {
            identity: sound
            for identity, sound in self.sounds.items()
            if sound.item == item and identity != self.references[item]
        }

    def abx_trials(self) -> list[str]:
        """The sound that stands against its reference in each trial: each model ``trials`` times, spread over the items."""
        chosen = []
        for place, model in enumerate(self.models):
            own = [name for name, sound in self.sounds.items() if sound.is_model and sound.condition == model]
            chosen += [own[(number + place) % len(own)] for number in range(self.trials)]
        return chosen

    @property
    def models(self) -> list[str]:
        """Names of the models under test."""
        return list(dict.fromkeys(sound.condition for sound in self.sounds.values() if sound.is_model))

    @property
    def conditions(self) -> dict[str, str]:
        """Everything that is judged, by name, with its role."""
        return {sound.condition: sound.role for item in self.items for sound in self.sounds_of(item).values()}


@dataclass(frozen=True)
class Design:
    """A test ready to be written: the key, and the samples of every sound by identity."""

    key: Key
    samples: Mapping[str, Any]

    def public(self) -> dict[str, Any]:
        """All that the page is told. Sounds stand in the order of their identities, which says nothing."""
        key = self.key
        items = []
        for item, name in key.items.items():
            judged = sorted(key.sounds_of(item))
            entry: dict[str, Any] = {"id": item, "name": name, "reference": key.references[item]}
            if key.kind == "mushra":
                entry["sounds"] = judged
            else:
                # Pairs to tell apart, and for practice those that anyone can, where there are anchors.
                models = [sound for sound in judged if key.sounds[sound].is_model]
                entry["sounds"] = models
                entry["practice"] = [sound for sound in judged if sound not in models] or models
            items.append(entry)
        # In the order of identities, which says nothing; the page shuffles them.
        trials: list[dict[str, str]] = [{"item": item} for item in sorted(key.items)]
        if key.kind == "abx":
            trials = [{"item": key.sounds[sound].item, "sound": sound} for sound in sorted(key.abx_trials())]
        return {
            "format": FORMAT, "test": key.test, "kind": key.kind, "title": key.title, "sampleRate": key.sample_rate,
            "items": items, "trials": trials,
        }  # fmt: skip


def design_test(
    items: Sequence[Item],
    kind: Kind,
    *,
    title: str,
    loudness_lufs: float,
    gains_db: Sequence[Sequence[float]],
    trials: int = ABX_TRIALS,
    seed: int | None = None,
) -> Design:
    """Give every sound a meaningless identity, and lay down what is compared with what.

    Parameters
    ----------
    items : sequence of Item
        Their sounds at equal loudness, see :func:`drywet.listening.levels.match_loudness`.
    kind : str
        ``"mushra"``: all versions of an item on one screen, rated from 0 to 100 against the reference, which also hides
        among them (ITU-R BS.1534-3). ``"abx"``: is X the device or the model?
    trials : int
        ABX trials per model and listener.
    seed : int, optional
        Makes the same identities again; a secret number unless given.

    Raises
    ------
    SettingsError
        If there is nothing to compare, more than a dozen signals would stand on one screen, sample rates differ, or two
        conditions have one name.
    """
    _check(items, kind, trials)
    seed = secrets.randbits(64) if seed is None else seed

    def identity(*parts: object) -> str:
        return fingerprint([seed, *map(str, parts)])[:12]

    keyed: dict[str, SoundKey] = {}
    samples: dict[str, Any] = {}
    references: dict[str, str] = {}
    names: dict[str, str] = {}
    for number, (item, gains) in enumerate(zip(items, gains_db, strict=True)):
        own = identity("item", number)
        names[own] = item.name
        for place, (sound, gain_db) in enumerate(zip(item.sounds, gains, strict=True)):
            entry = SoundKey(
                item=own, condition=sound.condition, role=sound.role, gain_db=gain_db, measures=dict(sound.measures)
            )
            name = identity("sound", number, place)
            keyed[name], samples[name] = entry, sound.samples
            if sound.role == REFERENCE:
                references[own] = name
                if kind == "mushra":
                    hidden = identity("hidden", number)
                    keyed[hidden], samples[hidden] = entry, sound.samples
    key = Key(
        test="0" * 16,
        kind=kind,
        title=title,
        sample_rate=items[0].sample_rate,
        loudness_lufs=loudness_lufs,
        items=names,
        references=references,
        sounds=keyed,
        trials=trials if kind == "abx" else 0,
    )
    return Design(key.model_copy(update={"test": fingerprint(key.model_dump())[:16]}), samples)


def _check(items: Sequence[Item], kind: str, trials: int) -> None:
    if not items:
        raise SettingsError("there are no items to listen to")
    rates = {item.sample_rate for item in items}
    if len(rates) > 1:
        raise SettingsError(f"the items have sample rates of {sorted(rates)} Hz; a test is played at one. Use --clips")
    if not 1 <= trials <= MAX_TRIALS:
        raise SettingsError(f"{trials} trials per model: choose 1 to {MAX_TRIALS}; {ABX_TRIALS} is usual")
    roles: dict[str, str] = {}
    for item in items:
        for sound in item.sounds:
            if sound.role == MODEL and sound.condition in {REFERENCE, *ANCHORS.values()}:
                raise SettingsError(f"a model is named {sound.condition!r}, which means something else here; rename it")
            roles[sound.condition] = sound.role
        if kind == "mushra" and len(item.sounds) > MAX_SIGNALS:
            raise SettingsError(
                f"{item.name}: {len(item.sounds)} signals are compared, at most {MAX_SIGNALS} can be on one screen (ITU-R "
                "BS.1534-3). Choose fewer with --models"
            )
        if len({sound.condition for sound in item.sounds}) < len(item.sounds):
            raise SettingsError(f"{item.name}: two sounds have the same name")
    if MODEL not in roles.values():
        raise SettingsError("there is no model to listen to, only the reference and anchors")
    if kind == "mushra" and len(roles) < 3:
        raise SettingsError("a rating needs a model and an anchor beside the reference; add an anchor or another model")


def read_key(folder: Path | str) -> Key:
    """The key of a listening test.

    Raises
    ------
    RunError
        If the folder holds no test, or its key is damaged.
    """
    path = Path(folder) / KEY
    if not path.is_file():
        raise RunError(
            f"{folder}: no {KEY}, so this is no listening test. Make one with `drywet listen RUN --out FOLDER`"
        )
    try:
        key = Key.model_validate(files.read_json(path))
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise RunError(f"{path}: damaged: {place}: {first['msg']}") from None
    if not _is_whole(key):
        raise RunError(f"{path}: damaged: its sounds and items do not belong together")
    return key


def _is_whole(key: Key) -> bool:
    """Whether every item has its reference, hidden once more where ratings are asked for, and there is a model."""
    references = {item: key.sounds.get(name) for item, name in key.references.items()}
    return (
        set(references) == set(key.items) >= {sound.item for sound in key.sounds.values()}
        and all(each and (each.item, each.condition) == (item, REFERENCE) for item, each in references.items())
        and (key.kind == "abx" or all(_hides_reference(key, item) for item in key.items))
        and bool(key.models)
    )


def _hides_reference(key: Key, item: str) -> bool:
    return any(sound.condition == REFERENCE for sound in key.sounds_of(item).values())


def write_key(folder: Path | str, key: Key) -> None:
    """Write ``key.json`` into the folder of the test."""
    files.write_json(Path(folder) / KEY, key.model_dump())
