"""How far an error lies above what the device's own sound hides: a model of the ear, as a stand-in for ears.

Made for codecs, and not validated on pedals: it ranks, it does not replace a listening test.
"""

from functools import lru_cache

import numpy as np
from scipy.fft import rfft
from scipy.signal import get_window, lfilter

from drywet.errors import SignalError
from drywet.measures.arrays import frames
from drywet.measures.error import clip_pair

FRAME_S = 0.0427  # about: a power of two of samples, 2048 at 44.1 and 48 kHz; half of it from frame to frame
PLAYBACK_DB_SPL = 92.0  # of a sine with the peak of wet, in its FFT bin
LOWEST_HZ, HIGHEST_HZ, BAND_BARK = 80.0, 18_000.0, 0.25
FLOOR_DB = -100.0


def noise_to_mask_ratio_db(wet, predicted, sample_rate):
    """Total noise-to-mask ratio: mean over frames and critical bands of error over masking threshold, in dB; a float.

    The ear model is that of ITU-R BS.1387-1 (PEAQ, basic version) and the figure its "total NMR" [1]_: spectra of 43 ms
    weighted by the transfer of outer and middle ear, sorted into bands of a quarter Bark, internal noise added, spread over
    neighbouring bands with slopes that depend on level and frequency, smeared over time (what rings on hides what
    comes next), and lowered by 3 dB (below 12 Bark) to 7 dB. Noise is the squared difference of the two weighted magnitude
    spectra: delays and phases are not heard.

    Below about -10 dB an error is likely to be hidden; towards 0 and above it is likely to be heard. A mean over bands is
    lenient with an error that stands out in one band only, and no scale for what is missing: silence, too, scores about 0.

    Departures from the recommendation: any sample rate, with frames of a power of two of samples; ``wet`` is scaled so that
    a sine of its peak has 92 dB SPL, for a recording in volts has no playback level; all frames count. The threshold in
    quiet follows from that level: an error that nobody would hear at it does not count, not even in rests.

    For numpy arrays only: an estimate for the panel, not a loss.

    Parameters
    ----------
    wet, predicted : array, shape (T,), T at least one frame (46 ms at 44.1 kHz)
    sample_rate : int

    Returns
    -------
    float
        No lower than -100.

    Raises
    ------
    SignalError
        If the shapes differ or are not (T,), a sample is not finite, wet is silent or shorter than a frame.

    References
    ----------
    .. [1] Recommendation ITU-R BS.1387-1, "Method for objective measurements of perceived audio quality", 2001, annex 2;
       P. Kabal, "An examination and interpretation of ITU-R BS.1387: Perceptual evaluation of audio quality", McGill
       University, 2002, whose notation is used.
    """
    wet, predicted = clip_pair(wet, predicted)
    length = 2 ** round(np.log2(FRAME_S * sample_rate))
    if len(wet) < length:
        raise SignalError(f"{len(wet)} samples are shorter than a frame of the ear model, {length}")
    ear = _ear(sample_rate, length)
    scale = 10 ** (PLAYBACK_DB_SPL / 20) / np.abs(wet).max()
    heard_wet, heard_predicted = (ear.spectrum(signal, scale) for signal in (wet, predicted))
    noise = np.maximum(np.square(heard_wet - heard_predicted) @ ear.bands, 1e-12)
    if not np.any(heard_wet != heard_predicted):
        return FLOOR_DB
    mask = ear.mask(np.square(heard_wet) @ ear.bands)
    return max(FLOOR_DB, float(10 * np.log10(np.mean(noise / mask))))


@lru_cache(maxsize=4)
def _ear(sample_rate, length):
    return _Ear(sample_rate, length)


class _Ear:
    """The FFT-based ear model of BS.1387 for one sample rate and frame length: K bins, Z bands."""

    def __init__(self, sample_rate, length):
        self.length = length
        self.window = get_window("hann", length)
        frequency = np.fft.rfftfreq(length, 1 / sample_rate)
        self.weights = _outer_and_middle_ear(frequency)  # (K,)
        lowest, highest = _bark(LOWEST_HZ), _bark(min(HIGHEST_HZ, sample_rate / 2))
        edges = lowest + BAND_BARK * np.arange(np.ceil((highest - lowest) / BAND_BARK) + 1)
        edges[-1] = highest
        self.bands = _shares(_hz(edges), frequency)  # (K, Z)
        self.centres_hz = _hz((edges[:-1] + edges[1:]) / 2)
        self.internal_noise = 10 ** (0.4 * 0.364 * (self.centres_hz / 1000) ** -0.8)  # Kabal, eqn (18)
        time_constants = 0.008 + 100 / self.centres_hz * (0.030 - 0.008)  # s
        self.memory = np.exp(-length / 2 / sample_rate / time_constants)
        offset_db = np.maximum(
            3.0, BAND_BARK * BAND_BARK * np.arange(len(self.centres_hz))
        )  # 3 dB to 12 Bark, then rising
        self.offset = 10 ** (-offset_db / 10)
        self.normalisation = 1.0
        self.normalisation = 1 / self.spread(np.ones((1, len(self.centres_hz))))[0]

    def spectrum(self, signal, scale):
        """Weighted magnitudes, as sound pressure re 20 uPa: a sine of amplitude 1 / scale * p has p in its bin; (F, K)."""
        spectrum = rfft(frames(signal, self.length, self.length // 2) * self.window)
        return np.abs(spectrum) * (scale * 2 / self.window.sum() * self.weights)

    def mask(self, energies):
        """Masking threshold of band energies (F, Z), in their unit."""
        excitation = self.spread(energies + self.internal_noise)
        smeared = np.empty_like(excitation)
        for band, memory in enumerate(self.memory):
            smeared[:, band] = lfilter([1 - memory], [1, -memory], excitation[:, band])
        return np.maximum(smeared, excitation) * self.offset

    def spread(self, energies):
        """Energies (F, Z) spread over neighbouring bands, powers of 0.4 of all contributions added; Kabal, eqns (22)-(30)."""
        count = energies.shape[1]
        fall_down = 10 ** (-2.7 * BAND_BARK)  # per band, towards low frequencies: 27 dB/Bark
        fall_up = 10 ** ((-2.4 - 23 / self.centres_hz) * BAND_BARK) * energies ** (0.2 * BAND_BARK)
        below, above = np.arange(1, count + 1), np.arange(count, 0, -1)  # bands on each side, the band itself included
        total = (1 - fall_down**below) / (1 - fall_down) + (1 - fall_up**above) / (1 - fall_up) - 1
        own = (energies / total) ** 0.4
        spread = np.empty_like(own)
        carried = np.zeros(len(own))
        for band in range(count - 1, -1, -1):  # each band receives what higher ones pass down
            carried = carried * fall_down**0.4 + own[:, band]
            spread[:, band] = carried
        step, passed = fall_up**0.4, own.copy()
        for distance in range(1, count):  # and what lower ones pass up, at their own slopes
            passed = passed[:, :-1] * step[:, : count - distance]
            spread[:, distance:] += passed
        return self.normalisation * spread**2.5


def _bark(frequency_hz):
    return 7 * np.arcsinh(frequency_hz / 650)


def _hz(bark):
    return 650 * np.sinh(bark / 7)


def _outer_and_middle_ear(frequency_hz):
    """Transfer from the free field to the inner ear as a factor of amplitude; Kabal, eqn (8). 0 Hz is not heard."""
    khz = np.maximum(frequency_hz, 1.0) / 1000
    gain_db = -2.184 * khz**-0.8 + 6.5 * np.exp(-0.6 * (khz - 3.3) ** 2) - 0.001 * khz**3.6
    return 10 ** (gain_db / 20)


def _shares(edges_hz, frequency_hz):
    """Which share of each bin belongs to each band, (K, Z): bins are as wide as their distance."""
    half = (frequency_hz[1] - frequency_hz[0]) / 2
    low = np.maximum(edges_hz[:-1], (frequency_hz - half)[:, None])
    high = np.minimum(edges_hz[1:], (frequency_hz + half)[:, None])
    return np.maximum(high - low, 0) / (2 * half)
