"""The two ways to train: windows as published, and streams with carried state.

A recipe says what one update sees, what its loss is, and how the validation audio is scored; the loop in ``loop.py``
does the rest and is the same for both.
"""

from collections.abc import Sequence
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from drywet import controls as knobs
from drywet import measures
from drywet.dataset import JoinedKnobs, Pair, Streams, split_windows_at_random, targets, windows
from drywet.errors import SettingsError, SignalError
from drywet.models import Model, State
from drywet.models.window_lstm import WindowLSTM
from drywet.training.data import TrainingData, joined
from drywet.training.losses import Loss
from drywet.training.settings import Budget, RunSettings, StatefulRecipe, WindowRecipe

# Share of the budget in which the learning rate rises. One-cycle: L. Smith, N. Topin, "Super-convergence", 2019.
RISE = {"cosine": 0.03, "one-cycle": 0.3}
VALIDATIONS_OF_A_TIMED_BUDGET = 20  # of the window recipe, which otherwise validates once an epoch


class Recipe(Protocol):
    """What the loop needs to know."""

    updates_per_epoch: int
    budget: Budget
    validation_interval: float  # share of the budget between validations
    validation_samples: int  # predicted in one validation
    patience: int | None  # validations without improvement before stopping
    rolls_back: bool  # whether a collapse is undone, or only recorded
    gradient_clip: float | None
    averaging: float  # share of the budget that the averaged weights look back
    polish: float  # share of the budget that L-BFGS gets at the end
    adam_epsilon: float
    weight_decay: float

    def prepare(self, model: Model) -> None:
        """Set what a fresh model takes from the audio; SignalError where the audio is too short for the model."""

    def learning_rate(self, progress: float) -> float:
        """At ``progress`` in [0, 1] through the budget."""

    def begin_epoch(self, model: Model, epoch: int) -> State:
        """The state that the epoch's first update starts from."""

    def loss(self, model: Model, number: int, state: State) -> tuple[Tensor, Tensor, Tensor, State]:
        """Loss of update ``number`` of the epoch, the wet and predicted samples behind it, and the next state."""

    def validate(self, model: Model) -> dict[str, float]:
        """``esr``, ``mse`` and ``mae`` of the validation audio."""


class Stateful:
    """TBPTT on parallel streams."""

    patience: int | None = None
    rolls_back = True
    adam_epsilon = 1e-8

    def __init__(self, settings: RunSettings, data: TrainingData):
        recipe = settings.training
        assert isinstance(recipe, StatefulRecipe)
        self.recipe, self.seed = recipe, settings.seed
        self.budget = Budget.from_text(recipe.budget)
        self.validation_interval = 1 / recipe.validations
        self.gradient_clip: float | None = recipe.gradient_clip
        self.averaging, self.polish, self.weight_decay = recipe.averaging, recipe.polish, recipe.weight_decay
        track = joined(data.train)
        self.track = track
        self.streams = Streams(track.dry, track.wet, recipe.batch_size, recipe.tbptt_length, recipe.warm_up)
        self.updates_per_epoch = self.streams.chunks_per_epoch
        self.names = settings.model.controls
        _check_positions_known(data, self.names)
        _check_not_silent(data)
        self.knobs = JoinedKnobs(data.train, self.names)
        self.gain = _equal_power(data.train, measures.power(track.wet)) if self.names else None
        heard = track.wet if self.gain is None else track.wet * self.gain
        self.objective = Loss(recipe.loss, heard, track.sample_rate, recipe.tbptt_length)
        self.validation, self.run_up = _by_position(data.validation, self.names), data.run_up
        self.validation_samples = sum(len(pair) for pair in data.validation)

    def prepare(self, model: Model) -> None:
        needed = max(self.recipe.warm_up, model.receptive_field or 0)
        if needed > len(self.track):
            what = (
                "training.warm_up" if needed == self.recipe.warm_up else f"the memory of this {model.settings.family}"
            )
            raise SignalError(
                f"the training audio has {len(self.track)} samples, but {what} is {needed}; use more audio, or less of that"
            )
        model.start_from(self.track.dry, self.track.wet)

    def learning_rate(self, progress: float) -> float:
        rise, peak = RISE[self.recipe.schedule], self.recipe.learning_rate
        if progress < rise:
            return peak * (0.1 + 0.9 * progress / rise)
        return peak * (0.01 + 0.99 * 0.5 * (1 + np.cos(np.pi * (progress - rise) / (1 - rise))))

    def begin_epoch(self, model: Model, epoch: int) -> State:
        self.offsets = self.streams.offsets(np.random.default_rng([self.seed, epoch]))
        state = model.initial_state(self.recipe.batch_size)
        if self.recipe.warm_up:
            with torch.no_grad():
                dry = _beside(model, self.streams.warm_up_chunk(self.offsets))
                controls = _beside(model, self.knobs.at(self.streams.warm_up_middles(self.offsets)))
                _, state = model(dry, controls, state)
        return *state, self.objective.initial_past(self.recipe.batch_size).to(model.dry_scale.device)

    def loss(self, model: Model, number: int, state: State) -> tuple[Tensor, Tensor, Tensor, State]:
        dry, wet = (_beside(model, signal) for signal in self.streams.chunk(self.offsets, number))
        controls = _beside(model, self.knobs.at(self.streams.middles(self.offsets, number)))  # (B, C)
        *state_of_model, past = (tensor.detach() for tensor in state)
        predicted, following = model(dry, controls, tuple(state_of_model))  # (B, T)
        if self.gain is not None:
            gain = _beside(model, self.gain[self.streams.samples(self.offsets, number)])
            wet, predicted = gain * wet, gain * predicted
        loss, past = self.objective(wet, predicted, past)
        return loss, wet, predicted, (*following, past)

    def validate(self, model: Model) -> dict[str, float]:
        """``esr`` is the mean over knob positions of the ESR of all audio at that position, so that each counts the same.

        ``mse`` and ``mae`` are those of all samples together.
        """
        ratios, wet, predicted = [], [], []
        with torch.no_grad():
            for pairs in self.validation:
                wet_here = torch.cat([torch.from_numpy(pair.wet)[self.run_up :] for pair in pairs])
                predicted_here = torch.cat([self._predict(model, pair)[self.run_up :] for pair in pairs])
                ratios.append(float(measures.esr(wet_here, predicted_here)))
                wet.append(wet_here)
                predicted.append(predicted_here)
        wet_all, predicted_all = torch.cat(wet), torch.cat(predicted)
        return {
            "esr": float(np.mean(ratios)),
            "mse": float(measures.mse(wet_all, predicted_all)),
            "mae": float(measures.mae(wet_all, predicted_all)),
        }

    def _predict(self, model: Model, pair: Pair) -> Tensor:
        """The whole recording from rest, (T,); knobs that move do so in the steps of rendering."""
        dry, state, predicted = _beside(model, pair.dry).unsqueeze(0), model.initial_state(1), []
        movements = {name: pair.controls[name] for name in self.names}
        for part, positions in knobs.still_parts(movements, 0, len(pair), pair.sample_rate):
            controls = _beside(model, np.array([list(positions.values())], np.float32))  # (1, C)
            signal, state = model(dry[:, part], controls, state)
            predicted.append(signal[0])
        return torch.cat(predicted).cpu()


def _beside(model: Model, array: np.ndarray) -> Tensor:
    """An array as a tensor where the model is: on the CPU without a copy."""
    return torch.from_numpy(array).to(model.dry_scale.device)


def _equal_power(pairs: Sequence[Pair], target: float) -> np.ndarray:
    """Gain for each sample of the joined recordings, float32, that gives every recording's wet the power ``target``.

    A high drive is also loud. Without this a model with knobs would learn the loud positions and neglect the others.
    """
    powers = np.array([measures.power(pair.wet) for pair in pairs])
    return np.repeat(np.sqrt(target / powers).astype(np.float32), [len(pair) for pair in pairs])


def _by_position(pairs: Sequence[Pair], names: Sequence[str]) -> list[list[Pair]]:
    """The recordings grouped by where these knobs stand or go."""
    groups: dict[str, list[Pair]] = {}
    for pair in pairs:
        groups.setdefault(str([pair.controls[name].as_json() for name in names]), []).append(pair)
    return list(groups.values())


def _check_positions_known(data: TrainingData, names: Sequence[str]) -> None:
    for role, pairs in (("training", data.train), ("validation", data.validation)):
        for number, pair in enumerate(pairs):
            missing = [name for name in names if name not in pair.controls]
            if missing:
                raise SettingsError(
                    f"model.controls names the knob {missing[0]!r}, but {role} recording {number} does not say where it "
                    f"stood; its knobs are: {', '.join(pair.controls) or 'none'}"
                )


def _check_not_silent(data: TrainingData) -> None:
    """A level knob at 0 makes such recordings, and relative to silence no error has a size."""
    for role, pairs, start in (("training", data.train, 0), ("validation", data.validation, data.run_up)):
        for number, pair in enumerate(pairs):
            if not pair.wet[start:].any():
                at = ", ".join(
                    f"{name} {knobs.clock(move.rotations[0]) if move.is_still else 'moving'}"
                    for name, move in pair.controls.items()
                )
                raise SignalError(
                    f"{role} recording {number} ({at or 'no knobs named'}): its wet signal is silent, so no error can be "
                    "measured against it; leave it out of the dataset"
                )


class Windows:
    """The published recipe: windows from a random split of the training recording, mean of batch ESRs as the loss."""

    rolls_back = False
    gradient_clip: float | None = None
    averaging = 0.0
    polish = 0.0
    weight_decay = 0.0
    adam_epsilon = 1e-7  # the Keras default, which the study used

    def __init__(self, settings: RunSettings, data: TrainingData):
        recipe = settings.training
        assert isinstance(recipe, WindowRecipe)
        if settings.model.family != "window-lstm":
            raise SettingsError(
                f"training.recipe 'windows' trains the window-lstm family, not {settings.model.family!r}; set "
                "training.recipe = 'stateful' or model.family = 'window-lstm'"
            )
        self.recipe, self.seed = recipe, settings.seed
        self.budget = Budget.from_text(recipe.budget)
        self.patience: int | None = recipe.patience
        context = settings.model.context
        if recipe.validate_on == "validation recordings":
            self.rows = _Rows(data.train, context, recipe.hop)
            self.train = np.random.default_rng(settings.seed).permutation(len(self.rows))[: recipe.train_rows]
            self.held_out_rows = _Rows(data.validation, context, None if recipe.validation_rows is None else 1)
            self.held_out = np.arange(len(self.held_out_rows))
            if recipe.validation_rows is not None:
                self.held_out = _spread(len(self.held_out_rows), recipe.validation_rows)
        else:
            if recipe.hop is not None and recipe.hop < context:
                raise SettingsError(
                    f"training.hop is {recipe.hop} and model.context {context}: windows overlap, so windows drawn at random "
                    "share audio with those that validate. Set training.validate_on = 'validation recordings'"
                )
            self.rows = self.held_out_rows = _Rows(data.train, context, recipe.hop)
            train_rows = recipe.train_rows or len(self.rows) * 4 // 5
            self.train, self.held_out = split_windows_at_random(len(self.rows), train_rows, settings.seed)
        self.validation_samples = len(self.held_out)
        self.updates_per_epoch = -(-len(self.train) // recipe.batch_size)
        updates = self.budget.in_updates(self.updates_per_epoch)
        self.validation_interval = self.updates_per_epoch / updates if updates else 1 / VALIDATIONS_OF_A_TIMED_BUDGET

    def prepare(self, model: Model) -> None:
        """Nothing: the study did not scale its signals."""

    def learning_rate(self, progress: float) -> float:
        return self.recipe.learning_rate

    def begin_epoch(self, model: Model, epoch: int) -> State:
        self.order = np.random.default_rng([self.seed, epoch]).permutation(self.train)
        return ()

    def loss(self, model: Model, number: int, state: State) -> tuple[Tensor, Tensor, Tensor, State]:
        rows = self.order[number * self.recipe.batch_size : (number + 1) * self.recipe.batch_size]
        wet, predicted = self._predict(model, self.rows, rows)
        return _batch_esr(wet, predicted), wet, predicted, state

    def validate(self, model: Model) -> dict[str, float]:
        losses, squared, absolute = [], 0.0, 0.0
        with torch.no_grad():
            for start in range(0, len(self.held_out), 4 * self.recipe.batch_size):
                numbers = self.held_out[start : start + 4 * self.recipe.batch_size]
                wet, predicted = self._predict(model, self.held_out_rows, numbers)
                batches = zip(wet.split(self.recipe.batch_size), predicted.split(self.recipe.batch_size), strict=True)
                losses += [float(_batch_esr(*batch)) for batch in batches]
                squared += float(((wet - predicted) ** 2).sum())
                absolute += float((wet - predicted).abs().sum())
        # As published: the mean of batch ESRs, not the ESR of the whole.
        return {
            "esr": float(np.mean(losses)),
            "mse": squared / len(self.held_out),
            "mae": absolute / len(self.held_out),
        }

    def _predict(self, model: Model, rows: "_Rows", numbers: np.ndarray) -> tuple[Tensor, Tensor]:
        assert isinstance(model, WindowLSTM)
        windows_of_dry, wet = (_beside(model, part) for part in rows.gather(numbers))
        return wet, model.predict(windows_of_dry, wet.new_zeros(len(numbers), 0))


class _Rows:
    """The windows of several recordings as one numbered list. They are views; only a batch is ever copied."""

    def __init__(self, pairs: Sequence[Pair], context: int, hop: int | None):
        self.windows = [windows(pair.dry, context, hop) for pair in pairs]
        self.targets = [targets(pair.wet, context, hop) for pair in pairs]
        self.first = np.cumsum([0] + [len(part) for part in self.windows])

    def __len__(self) -> int:
        return int(self.first[-1])

    def gather(self, numbers: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Windows (N, context) and their targets (N,)."""
        dry = np.empty((len(numbers), self.windows[0].shape[1]), np.float32)
        wet = np.empty(len(numbers), np.float32)
        recording = np.searchsorted(self.first, numbers, side="right") - 1
        for number in np.unique(recording):
            here = recording == number
            local = numbers[here] - self.first[number]
            dry[here], wet[here] = self.windows[number][local], self.targets[number][local]
        return dry, wet


def _spread(count: int, wanted: int) -> np.ndarray:
    """``wanted`` of ``count`` rows, evenly spaced, shuffled so that no batch is all rest; the same for every run."""
    if wanted > count:
        raise SignalError(
            f"training.validation_rows is {wanted}, but the validation recordings hold only {count} windows; lower it, or "
            "use longer recordings"
        )
    return np.random.default_rng(0).permutation(np.linspace(0, count - 1, wanted).round().astype(int))


def _batch_esr(wet: Tensor, predicted: Tensor) -> Tensor:
    # 64 windows from rests have no energy; the study divided by zero there. -100 dB of full scale is the floor here.
    return ((wet - predicted) ** 2).sum() / (wet**2).sum().clamp(min=1e-10 * len(wet))


def build_recipe(settings: RunSettings, data: TrainingData) -> Recipe:
    """The recipe that ``settings.training`` names; SettingsError if it cannot train the model."""
    if settings.model.controls and settings.training.recipe == "windows":
        raise SettingsError(
            f"model.controls = {list(settings.model.controls)}: the published recipe 'windows' knows no knobs; leave it empty "
            "and train one model per knob position, or set training.recipe = 'stateful' and another model.family"
        )
    return Stateful(settings, data) if settings.training.recipe == "stateful" else Windows(settings, data)
