"""The beginnings of notes, and how well a prediction does there."""

import numpy as np
from scipy.fft import rfft
from scipy.ndimage import maximum_filter1d, median_filter
from scipy.signal import get_window

from drywet.errors import SignalError
from drywet.measures.arrays import frames
from drywet.measures.error import check_finite, check_shapes, esr

FRAME_S = 0.0232  # about: a power of two of samples, 1024 at 44.1 kHz; a quarter of it from frame to frame
COMPRESSION = 1000.0  # magnitudes count by their logarithm down to 60 dB below the loudest bin
HIGHEST_HZ = 10_000.0  # of the bins that count: a guitar has little above, hiss has
THRESHOLD = 0.2  # of flux above its local median, in nepers averaged over bins
LOCAL_S = 0.1  # either side, of that median
CLOSEST_S = 0.05  # between onsets
BEFORE_S, AFTER_S = 0.002, 0.020  # the window of a transient around its onset


def onsets(dry, sample_rate):
    """Samples at which notes begin in a dry signal, ascending; int array of shape (N,), possibly empty.

    Spectral flux: the rise of the log magnitude from frame to frame, summed over the bins that rise [1]_, picked where it is
    the largest within 50 ms and stands out from its local median. Each pick is then moved to the sample around which the
    energy of the treble rises most.

    On nine built-in riffs, which served to choose the threshold, clean or with hiss 60 dB below the peak, none of 378 plucks
    that come 50 ms or more after another is missed, every onset found is within 25 ms of a pluck, and 98 % are within 2 ms;
    of a strummed chord one string counts. Decisions, so for numpy arrays only.

    SignalError if the signal is not of shape (T,), shorter than 50 ms, silent, or not finite.

    References
    ----------
    .. [1] J. P. Bello et al., "A tutorial on onset detection in music signals", IEEE Trans. Speech and Audio Processing
       13 (5), 2005, section III-B; S. Dixon, "Onset detection revisited", DAFx 2006.
    """
    dry = np.asarray(dry, np.float64)
    if dry.ndim != 1 or len(dry) < CLOSEST_S * sample_rate:
        raise SignalError(f"onsets need one clip of 50 ms or more; got shape {dry.shape} at {sample_rate} Hz")
    if not np.isfinite(dry).all():
        raise SignalError("dry holds NaN or infinity")
    if not dry.any():
        raise SignalError("dry is silent, so no note begins in it")
    length = 2 ** round(np.log2(FRAME_S * sample_rate))
    hop = length // 4
    padded = np.pad(dry, (length, 0))  # a note may begin with the clip
    magnitude = np.abs(rfft(frames(padded, length, hop) * get_window("hann", length)))
    level = np.log1p(COMPRESSION * magnitude / magnitude.max())[:, : round(HIGHEST_HZ / sample_rate * length)]
    rise = np.maximum(level[2:] - level[:-2], 0).mean(-1)  # frames that overlap by half
    per_second = sample_rate / hop
    local = median_filter(rise, 2 * round(LOCAL_S * per_second) + 1, mode="constant")
    largest = maximum_filter1d(rise, 2 * round(CLOSEST_S * per_second / 2) + 1)
    picked = np.flatnonzero((rise == largest) & (rise > 1.25 * local + THRESHOLD))
    # Flux is largest when the onset is in the middle of the later frame, at the end of the earlier one.
    found = np.sort(_sharpest_rises(dry, picked * hop, length // 2, sample_rate))
    return found[np.diff(found, prepend=-len(dry)) > CLOSEST_S * sample_rate / 2]


def transient_esr(dry, wet, predicted, sample_rate):
    """Error-to-signal ratio from 2 ms before to 20 ms after each onset of the dry signal, a float.

    Energies are summed over all these windows, then divided. Picks are where a model's memory and its slew are tried, and
    where a listener tells two sounds apart; in the whole clip they weigh little. ``wet`` is taken to be aligned with dry.
    For numpy arrays only.

    SignalError if the shapes differ, no note begins in dry, or wet is silent in all the windows.
    """
    check_shapes(wet, predicted)
    if np.shape(dry) != np.shape(wet):
        raise SignalError(f"dry has shape {np.shape(dry)}, wet {np.shape(wet)}")
    begun = onsets(dry, sample_rate)
    if not len(begun):
        raise SignalError("no note begins in dry, so there is no transient to compare")
    near = np.zeros(len(dry), bool)
    for t in begun:
        near[max(0, t - round(BEFORE_S * sample_rate)) : t + round(AFTER_S * sample_rate)] = True
    check_finite(wet, predicted)
    return float(esr(np.asarray(wet, np.float64)[near], np.asarray(predicted, np.float64)[near]))


def _sharpest_rises(dry, centres, reach, sample_rate):
    """For each centre the sample, at most ``reach`` away, after which 2 ms hold most energy compared with the 6 ms before.

    Of the second difference over 70 us, a broad peak at 7 kHz: what rings on is mostly low partials, a pick begins with all.
    """
    step = max(1, round(70e-6 * sample_rate))
    after, before = round(0.002 * sample_rate), round(0.006 * sample_rate)
    late = np.pad(dry, (2 * step, 0))
    energy = np.cumsum(np.square(late[2 * step :] - 2 * late[step:-step] + late[: -2 * step]))
    energy = np.pad(energy, (before + 1, after), mode="edge")  # up to sample t at index before + t + 1
    energy[: before + 1] = 0
    found = []
    for centre in centres:
        t = np.arange(max(0, centre - reach), min(len(dry), centre + reach))
        loud = (energy[before + t + after] - energy[before + t]) / after
        quiet = (energy[before + t] - energy[t]) / before
        sounding = loud >= 0.1 * loud.max()
        found.append(t[np.argmax(sounding * loud / (quiet + 1e-3 * loud.max() + np.finfo(float).tiny))])
    return np.array(found, int)
