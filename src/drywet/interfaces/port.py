"""What a capture needs of an audio interface, whichever library drives it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

Channel = int | str  # a channel counted from 1, or the full name of a JACK port


def in_words(channels: Sequence[Channel]) -> str:
    """Channels for people.

    >>> in_words([1, 2])
    '1 and 2'
    """
    return " and ".join(str(channel) for channel in channels)


@dataclass(frozen=True)
class Take:
    """What came back while a signal was played.

    Attributes
    ----------
    recorded : float32 array, shape (channels, T + tail)
        One row for each recorded channel. Column 0 was delivered in the cycle in which the first sample of the signal
        was handed over, so a row trails the signal by the round trip.
    xruns : tuple of float
        Seconds into the signal at which the interface reported lost or late blocks.
    """

    recorded: np.ndarray
    xruns: tuple[float, ...]


@dataclass(frozen=True)
class Levels:
    """What meters show while a take runs.

    Attributes
    ----------
    share : float
        How much of the take is done, in [0, 1].
    peaks_dbfs : tuple of float
        Of each recorded channel since the last report.
    clipped : tuple of int
        Samples at full scale in each recorded channel, since the take began.
    xruns : int
        Since the take began.
    """

    share: float
    peaks_dbfs: tuple[float, ...]
    clipped: tuple[int, ...]
    xruns: int


class Interface(Protocol):
    """An audio interface that is open: one signal out, one or two channels in, all on one clock.

    It stays open for a whole session, because many drivers give another round trip each time they are opened.

    Attributes
    ----------
    description : str
        For people and manifests: library, device, channels.
    sample_rate : int
        Hz.
    """

    description: str
    sample_rate: int

    def play_and_record(self, played: np.ndarray, watch: Callable[[Levels], None]) -> Take:
        """Play a signal of shape (T,) and record. ``watch`` is told the levels some times a second.

        Raises
        ------
        CaptureError
            If the interface vanishes or stops delivering. What was recorded until then is dropped.
        """

    def close(self) -> None:
        """Give the interface back."""


@dataclass(frozen=True)
class Device:
    """A line of ``drywet devices``.

    Attributes
    ----------
    backend : str
        One of :data:`BACKENDS`.
    host : str
        The system's sound library behind it: ALSA, Core Audio, WASAPI, JACK.
    name : str
    number : int or None
        What ``--interface`` takes instead of the name, with PortAudio.
    inputs, outputs : int
        Number of channels.
    default_rate : int
        Hz.
    """

    backend: str
    host: str
    name: str
    number: int | None
    inputs: int
    outputs: int
    default_rate: int
