"""A recording through an Effect as a stream: at the effect's sample rate, at the levels asked for, in bounded memory."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import BinaryIO

import numpy as np

from drywet import audio, audio_pipe
from drywet.audio import Source, Writer, resample_blocks
from drywet.controls import Position
from drywet.effect import Effect, stream
from drywet.errors import SettingsError

ONE_VOLT_DBU = 20 * float(np.log10(np.sqrt(0.5 / 0.6)))  # a sine with a peak of 1 V; 0 dBu is 1 mW in 600 ohms
LARGEST_GAIN_DB = 120.0
RESAMPLER_REACH = 2048  # samples of the lower rate, more than soxr's filter (VHQ) looks to either side


def matching_gains(interface_dbu: float, input_dbu: float, output_dbu: float | None) -> tuple[float, float]:
    """Gains in dB before and after a model that let it hear, and give back, the volts at an audio interface.

    All levels are those of a full-scale sine in dBu: at the interface where dry was recorded and wet is played, and at
    the device's input and output when the model was captured. Where the output's is not known its gain is 0.

    >>> matching_gains(12.0, 18.0, 15.0)  # the interface's full scale is 6 dB below the model's
    (-6.0, 3.0)
    """
    return interface_dbu - input_dbu, 0.0 if output_dbu is None else output_dbu - interface_dbu


def wet_blocks(
    effect: Effect,
    dry: Source,
    controls: Mapping[str, Position] | None = None,
    *,
    input_db: float = 0.0,
    output_db: float = 0.0,
) -> Iterator[np.ndarray]:
    """``dry`` through ``effect``: wet blocks at the rate of ``dry``, together as long, aligned sample by sample.

    Where the rates differ dry is resampled to that of the effect, and wet back (soxr VHQ, linear phase, no delay left).
    Nothing depends on how ``dry`` is cut into blocks.

    Parameters
    ----------
    input_db, output_db : float
        Gain before and after the effect.

    Raises
    ------
    SettingsError
        If a knob is unknown or out of range, or a gain is absurd: at once, before a sample is read.
    AudioFileError
        If ``dry`` is damaged: when that part is read.
    """
    gains = []
    for name, gain_db in (("input", input_db), ("output", output_db)):
        if not abs(gain_db) <= LARGEST_GAIN_DB:  # NaN fails too
            raise SettingsError(
                f"the {name} gain is {gain_db:g} dB; it lies between -{LARGEST_GAIN_DB:g} and {LARGEST_GAIN_DB:g}"
            )
        gains.append(np.float32(10 ** (gain_db / 20)))

    def loud_enough() -> Iterator[np.ndarray]:
        for block in dry.blocks():
            yield gains[0] * block

    def played(blocks: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
        return stream(effect, blocks, controls)

    aligned = _at_rate(effect.sample_rate, dry.sample_rate, loud_enough(), played)
    return (gains[1] * block for block in aligned)


def _at_rate(
    rate: int, own_rate: int, blocks: Iterable[np.ndarray], play: Callable[[Iterable[np.ndarray]], Iterator[np.ndarray]]
) -> Iterator[np.ndarray]:
    """What ``play`` makes of ``blocks`` at another ``rate``, at their own again: as many samples, at the same times."""
    if rate == own_rate:
        return play(blocks)
    came = 0

    def then_silence() -> Iterator[np.ndarray]:
        nonlocal came
        for block in blocks:
            came += len(block)
            yield block
        # What sounds on after the end, so that the last samples are filtered as if the file went on in silence.
        yield np.zeros(RESAMPLER_REACH * own_rate // min(rate, own_rate), np.float32)

    played = play(resample_blocks(then_silence(), own_rate, rate))

    def cut() -> Iterator[np.ndarray]:
        gone = 0
        for wet in resample_blocks(played, rate, own_rate):
            yield wet[: max(came - gone, 0)]  # the filters are late: before the silence nothing is cut
            gone += len(wet)

    return cut()


def render_file(
    effect: Effect,
    dry: Source,
    out: Path | str | BinaryIO,
    controls: Mapping[str, Position] | None = None,
    *,
    input_db: float = 0.0,
    output_db: float = 0.0,
    subtype: str = "PCM_24",
    report: Callable[[float], None] = lambda share: None,
) -> Writer:
    """Write ``dry`` through ``effect`` to ``out``: :func:`wet_blocks`, into a file that is whole or absent, or a pipe.

    Parameters
    ----------
    dry : Source
        From :func:`drywet.audio.open_reader`, or a :class:`drywet.audio_pipe.PipeReader`.
    out : path or binary file
        Into a file object goes a WAV, written from start to end.
    subtype : str
        ``"PCM_16"``, ``"PCM_24"`` or ``"FLOAT"``. Integers clip what is louder than full scale, and that is counted.
    report : callable
        Told how much is done, in [0, 1], where the length of ``dry`` is known.

    Returns
    -------
    Writer
        Closed; it knows samples, peak and what was clipped.

    Raises
    ------
    SettingsError, AudioFileError
        As :func:`wet_blocks`.
    SignalError
        If wet does not stay finite.
    StorageError
        If ``out`` cannot be written.
    """
    wet = wet_blocks(effect, dry, controls, input_db=input_db, output_db=output_db)
    if isinstance(out, Path | str):
        opened = audio.open_writer(out, dry.sample_rate, subtype=subtype, length=dry.length)
    else:
        opened = audio_pipe.open_writer(out, "standard output", dry.sample_rate, subtype=subtype, length=dry.length)
    with opened as writer:
        for block in wet:
            writer.write(block)
            if dry.length:
                report(writer.samples / dry.length)
    return writer
