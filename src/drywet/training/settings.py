"""Everything that decides what a training run becomes. A run stores what it resolved; presets list what differs."""

import re
from collections.abc import Callable, Mapping
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, model_serializer, model_validator

from drywet.models import FAMILIES, AnyModelSettings
from drywet.settings import Settings
from drywet.training.losses import LossText

_BUDGET = re.compile(r"(\d+(?:\.\d+)?)\s*(s|min|h|epochs?|updates?)")
_SECONDS = {"s": 1, "min": 60, "h": 3600}


class Budget(Settings):
    """How long to train: exactly one of seconds of training time, epochs, updates. The last two can repeat to the bit."""

    seconds: float | None = None
    epochs: float | None = None
    updates: int | None = None

    @classmethod
    def from_text(cls, text: str) -> "Budget":
        """``"120s"``, ``"2min"``, ``"1h"``, ``"20epochs"`` or ``"5000updates"``; ValueError otherwise."""
        match = _BUDGET.fullmatch(text.strip())
        if not match or float(match[1]) <= 0:
            raise ValueError("a budget is written 120s, 2min, 1h, 20epochs or 5000updates")
        amount, unit = float(match[1]), match[2]
        if unit.startswith("update"):
            if amount != int(amount):
                raise ValueError("updates are counted in whole numbers")
            return cls(updates=int(amount))
        return cls(epochs=amount) if unit.startswith("epoch") else cls(seconds=amount * _SECONDS[unit])

    def in_updates(self, updates_per_epoch: int) -> int | None:
        """How many updates it is; None for a budget of time."""
        return self.updates if self.epochs is None else max(1, round(self.epochs * updates_per_epoch))


def _is_a_budget(text: str) -> str:
    Budget.from_text(text)
    return text


BudgetText = Annotated[str, AfterValidator(_is_a_budget)]


class WindowRecipe(Settings):
    """The published recipe: shuffled windows, Adam, batch ESR, early stopping with best weights."""

    recipe: Literal["windows"] = "windows"
    learning_rate: float = Field(default=0.01, gt=0, le=1)
    batch_size: int = Field(default=64, ge=1)
    budget: BudgetText = "100epochs"
    patience: int = Field(default=15, ge=1)  # validations (one an epoch) without a better loss
    train_rows: int | None = Field(default=None, ge=1)  # how many windows train; None: all, or 80 % if others validate
    hop: int | None = Field(default=None, ge=1)  # samples between windows; None: no overlap, as published
    # Validate on other windows of the training recording, as published, or on the dataset's validation recordings.
    validate_on: Literal["training windows", "validation recordings"] = "validation recordings"
    # How many windows of the validation recordings, evenly spaced, so that every context has as many; None: all without
    # overlap.
    validation_rows: int | None = Field(default=None, ge=1)

    @model_validator(mode="after")
    def _rows_of_recordings(self) -> "WindowRecipe":
        if self.validation_rows is not None and self.validate_on != "validation recordings":
            raise ValueError(
                "validation_rows counts windows of validation recordings; the random split leaves what it leaves"
            )
        return self

    @model_serializer(mode="wrap")
    def _without_what_is_not_used(self, dump: Callable[[Any], dict[str, Any]]) -> dict[str, Any]:
        # Runs made before there was validation_rows keep their identity.
        values = dump(self)
        if self.validation_rows is None:
            values.pop("validation_rows", None)
        return values


class StatefulRecipe(Settings):
    """TBPTT with carried state on parallel streams, unit-RMS signals, warm-up, clipping, averaged weights."""

    recipe: Literal["stateful"] = "stateful"
    loss: LossText = "esr"  # one measure, or a sum: "esr + 0.1 mrstft"
    learning_rate: float = Field(default=0.005, gt=0, le=1)  # the peak of the schedule
    batch_size: int = Field(default=32, ge=1)  # parallel streams
    tbptt_length: int = Field(default=256, ge=1)  # samples between updates
    warm_up: int = Field(default=1024, ge=0)  # samples that fill the state before an epoch
    # After its rise the learning rate falls as a half cosine; "one-cycle" rises for 30 % of the budget, "cosine" for 3 %.
    schedule: Literal["cosine", "one-cycle"] = "cosine"
    averaging: float = Field(
        default=0.01, ge=0, lt=1
    )  # share of the budget that the averaged weights look back; 0: none
    gradient_clip: float = Field(default=1.0, gt=0)  # largest global norm
    # Times the learning rate, the share of every weight that an update takes away. For networks of more weights than a
    # short recording can hold in check; the smaller families only lose by it (docs/method.md).
    weight_decay: float = Field(default=0.0, ge=0, le=1)
    polish: float = Field(default=0.0, ge=0, lt=1)  # share of the budget, at its end, for L-BFGS; see polish.py
    budget: BudgetText = "120s"
    validations: int = Field(default=20, ge=1)  # looks at the validation audio; fewer where seconds are short


class RunSettings(Settings):
    """One training run: which recordings, which model, which recipe, which seed.

    What is not said about the stateful recipe is what suits the model family; the window LSTM has the windows recipe.
    """

    controls: dict[str, str | float] = {}  # only recordings with these knob positions
    model: AnyModelSettings
    training: Annotated[WindowRecipe | StatefulRecipe, Field(discriminator="recipe")]
    seed: int = Field(default=25, ge=0)

    @model_validator(mode="before")
    @classmethod
    def _what_suits_the_family(cls, values: Any) -> Any:
        if not isinstance(values, Mapping) or not isinstance(values.get("model"), Mapping):
            return values
        training = values.get("training", {})
        family = values["model"].get("family")
        if not isinstance(training, Mapping) or not isinstance(family, str) or family not in FAMILIES:
            return values
        usual = {"recipe": "windows" if family == "window-lstm" else "stateful"}
        training = usual | dict(training)
        if training["recipe"] == "stateful":
            training = FAMILIES[family][0].training | training
        return {**values, "training": training}

    @model_serializer(mode="wrap")
    def _without_what_is_not_used(self, dump: Callable[[Any], dict[str, Any]]) -> dict[str, Any]:
        # Runs made before there was weight decay keep their identity, but for families that have it now.
        values = dump(self)
        usual = FAMILIES[self.model.family][0].training.get("weight_decay", 0.0)
        if not usual and not values["training"].get("weight_decay"):
            values["training"].pop("weight_decay", None)
        return values
