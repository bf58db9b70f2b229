"""The training loss by name: one measure, or a weighted sum such as ``"0.75 pre-emphasised + 0.25 dc"``."""

import difflib
import math
import re
from typing import Annotated

import numpy as np
import torch
from pydantic import AfterValidator
from torch import Tensor

from drywet import measures
from drywet.errors import SettingsError, SignalError
from drywet.measures.spectral import RESOLUTIONS

LOSSES = ("esr", "pre-emphasised", "a-weighted", "mse", "mae", "dc", "mrstft")
PRE_EMPHASIS = 0.85  # of x[t] - a x[t - 1]; Wright, Välimäki, ICASSP 2020, at 44.1 kHz

_TERM = re.compile(r"(\d+(?:\.\d+)?|\.\d+)?\s*([A-Za-z][\w-]*)")


def parse_loss(text: str) -> dict[str, float]:
    """Weight of each term of a loss written by name; ValueError if it cannot be read.

    >>> parse_loss("esr + 0.1 mrstft")
    {'esr': 1.0, 'mrstft': 0.1}
    """
    weights: dict[str, float] = {}
    for term in text.split("+"):
        match = _TERM.fullmatch(term.strip())
        if not match:
            raise ValueError(f"{term.strip()!r} is not a term; a loss is written esr, or 0.75 pre-emphasised + 0.25 dc")
        weight, name = float(match[1] or 1), match[2]
        if name not in LOSSES:
            nearest = difflib.get_close_matches(name.lower(), LOSSES, n=1)
            hint = f"did you mean {nearest[0]!r}?" if nearest else f"known are: {', '.join(LOSSES)}"
            raise ValueError(f"unknown loss {name!r}; {hint}")
        if name in weights:
            raise ValueError(f"{name} stands twice; give it one weight")
        if not (0 < weight < math.inf):
            raise ValueError(f"the weight of {name} is {match[1]}; it must be above 0 and finite")
        weights[name] = weight
    return weights


def _is_a_loss(text: str) -> str:
    parse_loss(text)
    return text


LossText = Annotated[str, AfterValidator(_is_a_loss)]


class Loss:
    """What training minimises, on the consecutive chunks of parallel streams.

    Each term is the measure of the same name (``drywet.measures``), with two differences that chunks ask for:

    - What a measure divides by the power of wet is divided by the power of the whole track (filtered likewise), because
      a chunk can be silent. The mean over an epoch of ``esr``, ``pre-emphasised`` and ``a-weighted`` is then that ratio of
      the track. ``dc`` and ``mrstft`` are not sums over samples: they are the mean over chunks, and depend on the length
      of a chunk. ``dc`` of a chunk is the offset over that chunk, so the shorter the chunk, the higher the frequencies it
      takes for an offset. ``mse`` and ``mae`` are divided by nothing; they are in units of the recording.
    - The filters before ``pre-emphasised`` and ``a-weighted`` go on where the previous chunk ended. They are linear, so the
      filtered error is all they need: the caller carries the last ``context`` samples of the error from chunk to chunk, as
      it carries the state of the model. Like the state they have no gradient.

    There is one class for all terms and no object per term: a term is one line below.

    Parameters
    ----------
    text : str
        See :func:`parse_loss`.
    wet : array, shape (T,)
        The whole training track.
    sample_rate : int
    chunk_length : int
        Samples in a chunk.

    Raises
    ------
    SettingsError
        If ``mrstft`` is asked of chunks shorter than its longest window.
    SignalError
        If ``wet`` is silent.

    Examples
    --------
    >>> loss = Loss("esr", np.ones(44_100, np.float32), 44_100, chunk_length=256)
    >>> past = loss.initial_past(32)
    >>> value, past = loss(torch.ones(32, 256), 0.9 * torch.ones(32, 256), past)
    >>> round(float(value), 4)
    0.01
    """

    def __init__(self, text: str, wet: np.ndarray, sample_rate: int, chunk_length: int):
        weights = parse_loss(text)
        longest = max(window_length for _, _, window_length in RESOLUTIONS)
        if "mrstft" in weights and chunk_length < longest:
            raise SettingsError(
                f"training.loss {text!r} looks through windows of {longest} samples, and training.tbptt_length is "
                f"{chunk_length}: mrstft needs tbptt_length of at least {longest}"
            )
        self.sample_rate = sample_rate
        self.power = measures.power(wet)
        if self.power == 0:
            raise SignalError("the training track's wet signal is silent, so there is no loss relative to its power")
        # Samples of the past that a filter needs.
        contexts = {"pre-emphasised": 1, "a-weighted": len(measures.a_weighting_filter(sample_rate)) - 1}
        self.context = max(contexts.get(name, 0) for name in weights)
        self.divisors = {name: self._divisor(name, wet) / weight for name, weight in weights.items()}

    def initial_past(self, batch_size: int) -> Tensor:
        """The error before the first chunk of an epoch, shape (B, context): none."""
        return torch.zeros(batch_size, self.context)

    def __call__(self, wet: Tensor, predicted: Tensor, past: Tensor) -> tuple[Tensor, Tensor]:
        """Loss of one chunk, a scalar, and the past of the next; from (B, T), (B, T) and (B, context)."""
        error = wet - predicted  # (B, T)
        joined = torch.cat([past, error], -1) if self.context else error  # (B, context + T)
        terms = [self._term(name, wet, predicted, error, joined) / divisor for name, divisor in self.divisors.items()]
        if self.context:
            past = joined.detach()[:, -self.context :].contiguous()
        return sum(terms[1:], terms[0]), past

    def _term(self, name: str, wet: Tensor, predicted: Tensor, error: Tensor, joined: Tensor) -> Tensor:
        match name:
            case "pre-emphasised":
                return (measures.apply_pre_emphasis(joined, PRE_EMPHASIS)[:, self.context :] ** 2).mean()
            case "a-weighted":
                return (measures.apply_a_weighting(joined, self.sample_rate)[:, self.context :] ** 2).mean()
            case "mse":
                return measures.mse(wet, predicted).mean()
            case "mae":
                return measures.mae(wet, predicted).mean()
            case "dc":
                return measures.dc_error(wet, predicted, power=self.power).mean()
            case "mrstft":
                return measures.mrstft(wet, predicted, power=self.power).mean()
            case _:  # esr, the usual one: of the error that is there already
                return (error**2).mean()

    def _divisor(self, name: str, wet: np.ndarray) -> float:
        match name:
            case "esr":
                return self.power
            case "pre-emphasised":
                return measures.power(measures.apply_pre_emphasis(wet, PRE_EMPHASIS))
            case "a-weighted":
                return measures.power(measures.apply_a_weighting(wet, self.sample_rate))
            case _:
                return 1.0
