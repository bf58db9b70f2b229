"""Run and study folders as plain values: what training and evaluation wrote, checked and frozen."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from drywet.errors import RunError
from drywet.files import read_json_lines, read_json_object, read_toml

# A run whose ESR climbs this far above the best it had reached has collapsed: the published study's model 22 went
# from 0.012 to 0.31 (14 dB), its model 34 from 0.013 to above 0.31 (14 dB); noise between validations stays below 3 dB.
UNSTABLE_RISE = 10.0
NAN = math.nan


@dataclass(frozen=True)
class ClipScore:
    """Scores of one model on one clip; energies as ratios, 0.01 is 1 %. NaN stands for what was not measured."""

    clip: str
    esr: float  # exactly aligned
    esr_best_lag: float = NAN
    lag: int = 0  # samples, where esr_best_lag was found
    esr_published_compatible: float = NAN  # one sample late, as the published study compared
    esr_linear: float = NAN  # of the best linear model: the floor to beat
    esr_noise_limit: float = (
        NAN  # what the noise in wet alone makes; NaN where it is not known, or the device simulated
    )
    mse: float = NAN
    mae: float = NAN
    seconds: float = NAN
    sample_rate: int = 44_100
    dry: Path | None = None
    wet: Path | None = None
    predicted: Path | None = None
    start: int | None = None  # the clip is dry[start:stop] when it is a part of a longer file
    stop: int | None = None
    latency: int = 0  # samples by which wet trails dry in their files
    panel: Mapping[str, float] = field(default_factory=dict)  # further measures, see evaluation.panel; NaN: undefined
    clicks_s: tuple[float, ...] = ()  # when the prediction clicks where the device does not


@dataclass(frozen=True)
class Validation:
    """One row of the training log."""

    update: int
    epoch: float
    seconds: float
    learning_rate: float
    train_esr: float
    validation_esr: float
    event: str | None = None


@dataclass(frozen=True)
class Factor:
    """What a study varies: its name, the setting behind it, its levels in grid order."""

    name: str
    setting: str
    levels: tuple[str, ...]

    @property
    def is_seed(self) -> bool:
        """Whether the levels are replicates of one configuration rather than configurations."""
        return self.name == "seed" or self.setting.split(".")[-1] == "seed"

    @property
    def is_control(self) -> bool:
        """Whether the levels are knob positions, so that each has its own wet recordings."""
        return self.setting.startswith("controls.")

    @property
    def is_numeric(self) -> bool:
        """Whether every level is a number, so that levels have an order and distances."""
        return all(_is_number(level) for level in self.levels)


@dataclass(frozen=True)
class RunResult:
    """One training run and its scores. ``missing`` says what is not there yet, None for a complete run."""

    number: int
    id: str
    name: str
    folder: Path
    factors: Mapping[str, str] = field(default_factory=dict)
    controls: Mapping[str, Any] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)
    provenance: Mapping[str, Any] = field(default_factory=dict)
    dataset_sha256: str = ""
    log: tuple[Validation, ...] = ()
    clips: tuple[ClipScore, ...] = ()
    missing: str | None = None

    @property
    def status(self) -> str:
        """finished, interrupted, running, diverged or not started."""
        return str(self.provenance.get("status", "not started"))

    @property
    def epochs(self) -> float:
        """Passes over the training data; NaN when unknown."""
        return _number(self.provenance.get("epochs"))

    @property
    def seconds(self) -> float:
        """Seconds of training; NaN when unknown."""
        return _number(self.provenance.get("train_seconds"))

    @property
    def updates(self) -> float:
        """Updates of the weights; NaN when unknown."""
        return _number(self.provenance.get("updates"))

    @property
    def parameters(self) -> int | None:
        """Number of trained parameters."""
        value = _number(self.provenance.get("parameters"))
        return None if math.isnan(value) else int(value)

    def mean(self, score: str = "esr") -> float:
        """Arithmetic mean of a score over the clips, as the published study averages; NaN without clips."""
        values = [getattr(clip, score) for clip in self.clips]
        return sum(values) / len(values) if values else NAN

    @cached_property
    def mean_esr(self) -> float:
        """Arithmetic mean of the aligned ESR over the clips."""
        return self.mean("esr")

    @cached_property
    def geometric_mean_esr(self) -> float:
        """Geometric mean of the aligned ESR over the clips: the mean in dB, not ruled by the worst clip."""
        values = [clip.esr for clip in self.clips]
        if not values:
            return NAN
        return math.exp(sum(map(math.log, values)) / len(values)) if min(values) > 0 else 0.0

    @cached_property
    def instability(self) -> str | None:
        """Why the run counts as unstable, None for a stable one: an event in its log, or a collapse of the ESR."""
        if self.status == "diverged":
            return "diverged"
        for row in self.log:
            if row.event:
                return f"{row.event} at update {row.update}"
        best = math.inf
        for row in self.log:
            if math.isnan(row.validation_esr):
                return f"validation ESR not finite at update {row.update}"
            if row.validation_esr > UNSTABLE_RISE * best:
                rise = 10 * math.log10(row.validation_esr / best)
                return f"validation ESR rose {rise:.0f} dB above its best by update {row.update}"
            best = min(best, row.validation_esr) if row.validation_esr > 0 else best
        return None

    def clip(self, name: str) -> ClipScore | None:
        """The score on the clip of that name."""
        return next((clip for clip in self.clips if clip.clip == name), None)


@dataclass(frozen=True)
class StudyResults:
    """A study: its factors and every run of its grid, finished or not."""

    folder: Path
    name: str
    title: str
    description: str
    factors: tuple[Factor, ...]
    runs: tuple[RunResult, ...]
    dataset: Mapping[str, Any] = field(default_factory=dict)
    dataset_sha256: str = ""
    settings: Mapping[str, Any] = field(default_factory=dict)  # the whole study file
    dataset_folder: Path | None = None

    @cached_property
    def scored(self) -> tuple[RunResult, ...]:
        """The runs that have been evaluated on at least one clip."""
        return tuple(run for run in self.runs if run.clips)

    @cached_property
    def clips(self) -> tuple[str, ...]:
        """Names of all clips, in the order they were first scored."""
        return tuple(dict.fromkeys(clip.clip for run in self.runs for clip in run.clips))

    def factor(self, name: str) -> Factor | None:
        """The factor of that name."""
        return next((factor for factor in self.factors if factor.name == name), None)


def read_run(folder: Path | str) -> RunResult:
    """What a run folder says. A run without scores is returned with ``missing`` set.

    Raises
    ------
    RunError
        If the folder holds no run, or one of its files is damaged.
    """
    folder = Path(folder)
    path = folder / "config.json"
    if not path.is_file():
        raise RunError(f"{folder}: no config.json, so this is no run folder. Train one with `drywet train`")
    config = read_json_object(path)
    return _read_run(folder, config, config)


def read_study(folder: Path | str) -> StudyResults:
    """What a study folder says, runs in grid order. A run that is not there yet is listed with ``missing`` set.

    Raises
    ------
    RunError
        If the folder holds no study, or one of its files is damaged or points outside the folder.
    """
    folder = Path(folder)
    path = folder / "study.json"
    if not path.is_file():
        raise RunError(f"{folder}: no study.json, so this is no study folder. Start one with `drywet study run`")
    study = read_json_object(path)
    factors = tuple(
        Factor(str(row["name"]), str(row.get("setting", row["name"])), tuple(map(str, row["levels"])))
        for row in _rows(study, "factors", {"name": str, "levels": list}, path)
    )
    runs: list[RunResult] = []
    for row in _rows(study, "runs", {"folder": str, "factors": dict}, path):
        run_folder = folder / row["folder"]
        if not run_folder.resolve().is_relative_to(folder.resolve()):
            raise RunError(f"{path}: run folder {str(row['folder'])!r} lies outside the study folder")
        unknown = [factor.name for factor in factors if factor.name not in row["factors"]]
        if unknown:
            raise RunError(f"{path}: run {row.get('number', row['folder'])} has no level for factor {unknown[0]!r}")
        strange = [factor for factor in factors if str(row["factors"][factor.name]) not in factor.levels]
        if strange:
            level = str(row["factors"][strange[0].name])
            raise RunError(
                f"{path}: {level!r} is no level of factor {strange[0].name!r}: {', '.join(strange[0].levels)}"
            )
        config_path = run_folder / "config.json"
        config = read_json_object(config_path) if config_path.is_file() else {}
        runs.append(_read_run(run_folder, {"number": len(runs), **row}, config))
    dataset_folder = folder / str(study.get("dataset", "dataset"))
    manifest = dataset_folder / "dataset.toml"
    return StudyResults(
        folder=folder,
        name=str(study.get("name", folder.name)),
        title=str(study.get("title") or study.get("name") or folder.name),
        description=str(study.get("description") or ""),
        factors=factors,
        runs=tuple(runs),
        dataset=read_toml(manifest) if manifest.is_file() else {},
        dataset_sha256=str(study.get("dataset_sha256", "")),
        settings=_table(study.get("settings") or {}, path),
        dataset_folder=dataset_folder,
    )


def _read_run(folder: Path, entry: Mapping[str, Any], config: Mapping[str, Any]) -> RunResult:
    """``entry`` says which run it should be (study.json's row, or the config itself), ``config`` what it was."""
    config_path = folder / "config.json"
    factors = {str(name): str(level) for name, level in _table(entry.get("factors") or {}, config_path).items()}
    provenance_path, log_path, evaluation_path = (
        folder / name for name in ("provenance.json", "log.jsonl", "evaluation.jsonl")
    )
    provenance = read_json_object(provenance_path) if provenance_path.is_file() else {}
    log = tuple(_validation(row, log_path) for row in (read_json_lines(log_path) if log_path.is_file() else ()))
    clips = tuple(
        _clip_score(row, folder, evaluation_path)
        for row in (read_json_lines(evaluation_path) if evaluation_path.is_file() else ())
    )
    missing = None
    if not config:
        missing = "not started"
    elif not clips:
        missing = f"{provenance.get('status', 'not trained')}, not evaluated"
    number = entry.get("number") or 0
    return RunResult(
        number=number if isinstance(number, int) else 0,
        id=str(entry.get("id", "")),
        name=str(config.get("name") or " ".join(factors.values()) or folder.name),
        folder=folder,
        factors=factors,
        controls=_table(config.get("controls") or {}, config_path),
        settings=_table(config.get("settings") or {}, config_path),
        provenance=provenance,
        dataset_sha256=str(config.get("dataset_sha256", "")),
        log=log,
        clips=clips,
        missing=missing,
    )


def _validation(row: Any, path: Path) -> Validation:
    row = _table(row, path)
    return Validation(
        update=int(_required(row, "update", path)),
        epoch=_number(row.get("epoch")),
        seconds=_number(row.get("seconds")),
        learning_rate=_number(row.get("learning_rate")),
        train_esr=_number(row.get("train_esr")),
        validation_esr=_number(row.get("validation_esr")),
        event=str(row["event"]) if row.get("event") else None,
    )


def _clip_score(row: Any, folder: Path, path: Path) -> ClipScore:
    row = _table(row, path)
    return ClipScore(
        clip=str(row.get("clip", "")),
        esr=_required(row, "esr", path),
        esr_best_lag=_number(row.get("esr_best_lag")),
        lag=int(_number(row.get("lag"), 0)),
        esr_published_compatible=_number(row.get("esr_published_compatible")),
        esr_linear=_number(row.get("esr_linear")),
        esr_noise_limit=_number(row.get("esr_noise_limit")),
        mse=_number(row.get("mse")),
        mae=_number(row.get("mae")),
        seconds=_number(row.get("seconds")),
        sample_rate=int(_number(row.get("sample_rate"), 44_100)),
        dry=_beside(folder, row.get("dry")),
        wet=_beside(folder, row.get("wet")),
        predicted=_beside(folder, row.get("predicted")),
        start=_sample_index(row.get("start"), path),
        stop=_sample_index(row.get("stop"), path),
        latency=int(_number(row.get("latency"), 0)),
        panel={str(name): _number(value) for name, value in _table(row.get("panel") or {}, path).items()},
        clicks_s=tuple(map(_number, clicks)) if isinstance(clicks := row.get("clicks_s"), list) else (),
    )


def _beside(folder: Path, name: Any) -> Path | None:
    return folder / str(name) if name else None


def _table(value: Any, path: Path) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise RunError(f"{path}: holds a {type(value).__name__} where a JSON object is needed; the file is damaged")
    return value


def _rows(study: Mapping[str, Any], key: str, needed: Mapping[str, type], path: Path) -> list[Mapping[str, Any]]:
    rows = study.get(key)
    if not isinstance(rows, list):
        raise RunError(f"{path}: {key!r} is missing or no list")
    for row in rows:
        absent = [name for name in needed if not isinstance(row, dict) or not isinstance(row.get(name), needed[name])]
        if absent:
            raise RunError(f"{path}: an entry of {key!r} has no usable {absent[0]!r}")
    return rows


def _required(row: Mapping[str, Any], name: str, path: Path) -> float:
    value = _number(row.get(name))
    if math.isnan(value):
        raise RunError(f"{path}: {name!r} is {row.get(name)!r}, a finite number is needed")
    return value


def _sample_index(value: Any, path: Path) -> int | None:
    if value is None:
        return None
    if not isinstance(value, int) or value < 0:
        raise RunError(f"{path}: start and stop count samples from 0, not {value!r}")
    return value


def _number(value: Any, default: float = NAN) -> float:
    usable = isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e300
    return float(value) if usable else default


def _is_number(text: str) -> bool:
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False
