"""The training loop: one model, one recipe, one run folder. Any interruption resumes to the same bits.

(With a budget in seconds the schedule follows the clock, so two such runs differ; with epochs or updates they do not.)
"""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from drywet import files
from drywet.errors import RunError, SettingsError, TrainingError
from drywet.models import Model, State, build, load_effect, model_bytes, parallel
from drywet.training import provenance
from drywet.training.adam import Adam
from drywet.training.checkpoint import Progress, load_checkpoint, save_checkpoint
from drywet.training.data import TrainingData
from drywet.training.polish import polish
from drywet.training.recipes import Recipe, build_recipe
from drywet.training.run import RunConfig, open_run
from drywet.training.weights import Weights

MAX_ROLL_BACKS = 8
COLLAPSE_RATIO, COLLAPSE_STEP = 4.0, 0.2  # a validation ESR this much above the best, both ways, is a collapse
REPORT_SECONDS = 0.5
SHARE_OF_VALIDATION = 0.1  # of the time between two validations, with a budget in seconds
CHECKPOINT_SECONDS = 15.0  # between validations that are further apart


@dataclass(frozen=True)
class TrainingStatus:
    """What is told while training runs, and at its end."""

    share: float  # of the budget, in [0, 1]
    epoch: float
    update: int
    seconds: float
    validation_esr: float | None
    best_esr: float | None
    state: str  # running, finished, interrupted, diverged

    @property
    def seconds_left(self) -> float | None:
        return self.seconds * (1 - self.share) / self.share if self.share > 0 else None


def train(
    config: RunConfig,
    data: TrainingData,
    folder: Path | str,
    report: Callable[[TrainingStatus], None] = lambda status: None,
    should_stop: Callable[[], bool] = lambda: False,
    threads: int = 1,
    device: str = "cpu",
) -> TrainingStatus:
    """Train what ``config`` says in ``folder``, going on from where an earlier call stopped.

    ``best.safetensors`` holds the best model so far at any time after the first validation, or when training was stopped
    before that, the model as it was then.

    Parameters
    ----------
    report : callable
        Told about every validation, and about twice a second in between.
    should_stop : callable
        Asked before every update; True ends training as interrupted, ready to be resumed.
    threads : int
        Cores to use for this one model. In a study there is one process per core instead, which wastes less.
    device : str
        ``"cpu"`` or ``"cuda"``. On a GPU torch's own operations are used instead of the compiled loops.

    Raises
    ------
    RunError
        If the folder belongs to another run or its checkpoint is damaged.
    SettingsError
        If there is no such device, or the recipe cannot train the model.
    TrainingError
        If no finite loss was seen, or training collapsed again after every roll-back.
    """
    torch.set_num_threads(1)  # see parallel.threads
    torch.manual_seed(config.settings.seed)
    check_device(device)
    model = build(config.settings.model)
    recipe = build_recipe(config.settings, data)  # before anything is made: it refuses settings that do not fit
    recipe.prepare(model)
    model.to(device)
    folder = open_run(folder, config, data.sha256)
    ended = provenance.read(folder)
    if ended.get("status") == "finished":
        return _finished_status(ended)
    if ended.get("status") == "diverged":
        raise _diverged(folder, ended["updates"])
    session = _Session(folder, config, model, recipe, data.sample_rate, report)
    started = provenance.start(folder, config.settings, model, threads, device)
    with parallel.threads(threads):
        status = session.run(should_stop)
    provenance.finish(folder, started, status, session.progress, recipe.updates_per_epoch)
    if status == "diverged":
        raise _diverged(folder, session.progress.update)
    return session.status(status)


def check_device(device: str) -> None:
    """SettingsError unless models can be trained on ``device``."""
    if device != "cpu" and not (device == "cuda" and torch.cuda.is_available()):
        raise SettingsError(f"device {device!r}: this torch finds no such device here; use cpu")


class _Session:
    """The loop and what it carries from update to update."""

    def __init__(
        self,
        folder: Path,
        config: RunConfig,
        model: Model,
        recipe: Recipe,
        sample_rate: int,
        report: Callable[[TrainingStatus], None],
    ):
        self.folder, self.model, self.recipe, self.report = folder, model, recipe, report
        self.settings = config.settings
        self.sample_rate = sample_rate
        self.progress = Progress()
        self.state: State = ()
        self.log: list[dict] = []
        self.validation_esr: float | None = None
        self._validated, self._validation_seconds = (
            0.0,
            0.0,
        )  # when the last validation ended; how long the shortest took
        self.weights = Weights(model)
        self.optimizer = Adam(self.weights.vector, recipe.adam_epsilon, recipe.weight_decay)
        self.learning_rate = recipe.learning_rate(0.0)
        self.resumed = (folder / "last.safetensors").is_file()
        if self.resumed:
            self.progress, self.state = load_checkpoint(
                folder / "last.safetensors", model, self.weights.average, self.optimizer
            )
            self.state = tuple(tensor.to(model.dry_scale.device) for tensor in self.state)
            # Rows after the checkpoint will be written again, with the same numbers.
            rows = files.read_json_lines(folder / "log.jsonl") if (folder / "log.jsonl").is_file() else []
            try:
                self.log = [row for row in rows if row["update"] <= self.progress.update]
            except (KeyError, TypeError) as error:
                raise RunError(
                    f"{folder / 'log.jsonl'}: a row has no usable 'update' ({error!r}); delete the file to go on without it"
                ) from None

    def run(self, should_stop: Callable[[], bool]) -> str:
        """Train until the budget is spent or patience ends; the returned word goes into the provenance."""
        progress, recipe = self.progress, self.recipe
        self._clock = time.perf_counter() - progress.seconds
        reported = saved = time.perf_counter()
        fresh_epoch = not self.resumed
        end = 1 - recipe.polish
        while self._share() < end and not self._patience_ended():
            state = recipe.begin_epoch(self.model, progress.epoch)
            if fresh_epoch:
                self.state = state
            fresh_epoch = True
            while progress.batch < recipe.updates_per_epoch and self._share() < end:
                if should_stop():
                    self._checkpoint()
                    if progress.update and progress.best_esr is None:
                        self._keep()  # better than nothing; the first validation will write over it
                    return "interrupted"
                if not self._update() and not self._roll_back("loss not finite"):
                    return "diverged"
                now = time.perf_counter()
                if self._validation_is_due() or self._share() >= end:
                    if not self._validate():
                        return "diverged"
                    reported = saved = time.perf_counter()
                    if self._patience_ended():
                        break
                elif now - saved > CHECKPOINT_SECONDS:
                    self._checkpoint()
                    saved = now
                if now - reported > REPORT_SECONDS:
                    self.report(self.status("running"))
                    reported = now
            if progress.batch >= recipe.updates_per_epoch:
                progress.epoch, progress.batch = progress.epoch + 1, 0
        self._checkpoint()
        return self._polish(should_stop) if recipe.polish and self._share() < 1 else "finished"

    def _polish(self, should_stop: Callable[[], bool]) -> str:
        """Spend the rest of the budget on L-BFGS; how training ended.

        There is no checkpoint inside: when it is stopped, Adam's best model stays, and the next call polishes from the start.
        """
        progress = self.progress
        stopped, reported = False, time.perf_counter()

        def go_on() -> bool:
            nonlocal stopped, reported
            progress.update += 1
            progress.seconds = time.perf_counter() - self._clock
            if time.perf_counter() - reported > REPORT_SECONDS:
                self.report(self.status("running"))
                reported = time.perf_counter()
            stopped = should_stop()
            return not stopped and self._share() < 1

        polish(self.recipe, self.model, self.weights, go_on)
        if stopped:
            return "interrupted"
        return "finished" if self._validate() else "diverged"

    def status(self, state: str) -> TrainingStatus:
        progress = self.progress
        return TrainingStatus(
            share=min(self._share(), 1.0),
            epoch=progress.update / self.recipe.updates_per_epoch,
            update=progress.update,
            seconds=progress.seconds,
            validation_esr=self.validation_esr,
            best_esr=progress.best_esr,
            state=state,
        )

    def _update(self) -> bool:
        """One step of Adam; False when loss or gradient is not finite, and then nothing was changed."""
        progress, recipe, weights = self.progress, self.recipe, self.weights
        before = self._share()
        self.learning_rate = recipe.learning_rate(before / (1 - recipe.polish)) * progress.learning_rate_scale
        weights.forget_gradient()
        loss, wet, predicted, state = recipe.loss(self.model, progress.batch, self.state)
        if not math.isfinite(loss.item()):
            return False
        loss.backward()
        if not weights.clip_gradient(recipe.gradient_clip):
            return False
        self.optimizer.step(weights.gradient, self.learning_rate)
        self.state = tuple(tensor.detach() for tensor in state)
        progress.batch += 1
        progress.update += 1
        progress.seconds = time.perf_counter() - self._clock
        spent = self._share() - before
        weights.follow(spent / recipe.averaging if recipe.averaging > spent else 1.0)
        self._count(wet, predicted.detach())
        return True

    def _count(self, wet: Tensor, predicted: Tensor) -> None:
        progress, error = self.progress, wet - predicted
        progress.error_energy += float((error**2).sum())
        progress.wet_energy += float((wet**2).sum())
        progress.absolute_error += float(error.abs().sum())
        progress.samples += wet.numel()

    def _validate(self) -> bool:
        """Score the validation audio, keep the best model, log; False when training cannot go on."""
        progress, started = self.progress, time.perf_counter()
        self.weights.swap()  # it is the average that is judged and kept
        scores = self.recipe.validate(self.model)
        self.validation_esr = scores["esr"] if math.isfinite(scores["esr"]) else None
        progress.validations = self._validations_by_now()
        progress.seconds = time.perf_counter() - self._clock
        event = None
        if self._collapsed(scores["esr"]):
            event = "collapse"
        improved = self.validation_esr is not None and (
            progress.best_esr is None or self.validation_esr < progress.best_esr
        )
        self.weights.swap()
        if improved:
            progress.best_esr, progress.best_update, progress.since_best = self.validation_esr, progress.update, 0
            self._keep()
        else:
            progress.since_best += 1
        self._append_log(scores, event)
        going_on = True
        if event and self.recipe.rolls_back:
            going_on = self._roll_back(event)
        self._checkpoint()
        self._validated = time.perf_counter()
        took = self._validated - started
        self._validation_seconds = min(
            took, self._validation_seconds or took
        )  # the first may have to compile something
        self.report(self.status("running"))
        return going_on

    def _keep(self) -> None:
        """Write the averaged weights as the run's model."""
        self.weights.swap()
        files.write_bytes(self.folder / "best.safetensors", model_bytes(self.model, self.sample_rate))
        self.weights.swap()

    def _collapsed(self, esr: float) -> bool:
        best = self.progress.best_esr
        return not math.isfinite(esr) or (best is not None and esr > max(COLLAPSE_RATIO * best, best + COLLAPSE_STEP))

    def _roll_back(self, reason: str) -> bool:
        """Back to the best weights, or the first ones, with half the learning rate; False after too many times.

        A new epoch begins, because a settled state belongs to a place in the audio.
        """
        progress = self.progress
        self._append_event(f"rolled back: {reason}")
        progress.roll_backs += 1
        if not self.recipe.rolls_back or progress.roll_backs > MAX_ROLL_BACKS:
            return False
        if progress.best_esr is not None:
            good = load_effect(self.folder / "best.safetensors").model
        else:
            torch.manual_seed(self.settings.seed)
            good = build(self.settings.model)
            self.recipe.prepare(good)
        self.model.load_state_dict(good.state_dict())
        self.weights.follow(1.0)
        self.optimizer = Adam(self.weights.vector, self.recipe.adam_epsilon, self.recipe.weight_decay)
        progress.epoch, progress.batch = progress.epoch + 1, 0
        self.state = self.recipe.begin_epoch(self.model, progress.epoch)
        progress.learning_rate_scale /= 2
        return True

    def _append_log(self, scores: dict[str, float], event: str | None) -> None:
        progress = self.progress
        samples = max(progress.samples, 1)
        row = {
            "update": progress.update,
            "epoch": round(progress.update / self.recipe.updates_per_epoch, 4),
            "seconds": round(progress.seconds, 3),
            "learning_rate": self.learning_rate,
            "train_esr": progress.error_energy / progress.wet_energy if progress.wet_energy > 0 else None,
            "train_mse": progress.error_energy / samples,
            "train_mae": progress.absolute_error / samples,
        }
        row |= {f"validation_{name}": value if math.isfinite(value) else None for name, value in scores.items()}
        self.log.append(row | {"event": event})
        progress.error_energy = progress.wet_energy = progress.absolute_error = 0.0
        progress.samples = 0
        files.write_json_lines(self.folder / "log.jsonl", self.log)

    def _append_event(self, event: str) -> None:
        if self.log and self.log[-1]["update"] == self.progress.update:
            self.log[-1]["event"] = event
        else:
            self._append_log({"esr": math.nan, "mse": math.nan, "mae": math.nan}, event)
        files.write_json_lines(self.folder / "log.jsonl", self.log)

    def _checkpoint(self) -> None:
        save_checkpoint(
            self.folder / "last.safetensors",
            self.progress,
            self.model,
            self.weights.average,
            self.optimizer,
            self.state,
        )

    def _share(self) -> float:
        """How much of the budget is spent."""
        budget, progress = self.recipe.budget, self.progress
        updates = budget.in_updates(self.recipe.updates_per_epoch)
        if updates is not None:
            return progress.update / updates
        assert budget.seconds is not None
        return progress.seconds / budget.seconds

    def _validation_is_due(self) -> bool:
        """After every so much of the budget; with a budget in seconds not before they are a tenth of the time since the last.

        A budget that counts repeats to the bit, so it looks at no clock.
        """
        if self._validations_by_now() <= self.progress.validations:
            return False
        since = time.perf_counter() - self._validated
        return self.recipe.budget.seconds is None or self._validation_seconds <= SHARE_OF_VALIDATION * since

    def _validations_by_now(self) -> int:
        return int(self._share() / self.recipe.validation_interval + 1e-9)

    def _patience_ended(self) -> bool:
        return self.recipe.patience is not None and self.progress.since_best >= self.recipe.patience


def _diverged(folder: Path, update: int) -> TrainingError:
    kept = (
        "the best model before that is kept" if (folder / "best.safetensors").is_file() else "there was no model before"
    )
    return TrainingError(
        f"{folder}: training broke down for good at update {update} (log.jsonl says how), {kept}. Try a smaller "
        "training.learning_rate"
    )


def _finished_status(values: dict) -> TrainingStatus:
    return TrainingStatus(
        share=1.0,
        epoch=values["epochs"],
        update=values["updates"],
        seconds=values["train_seconds"],
        validation_esr=None,
        best_esr=values["best_validation_esr"],
        state="finished",
    )
