"""Distance between the spectrograms of the wet signal and its prediction."""

from functools import lru_cache

import numpy as np
from scipy.signal import get_window

from drywet.errors import SignalError
from drywet.measures.arrays import fourier, frames, like, namespace
from drywet.measures.error import check_finite, check_shapes

RESOLUTIONS = (
    (1024, 120, 600),
    (2048, 240, 1200),
    (512, 50, 240),
)  # FFT size, hop, window length; Yamamoto et al. 2020
FLOOR = 1e-8  # of the mean energy of a bin: -80 dB
MEL_BANDS, HIGHEST_MEL_HZ = 80, 20_000.0
MEL_FRAME_S = 0.0464  # about: a power of two of samples, 2048 at 44.1 and 48 kHz; a quarter of it from frame to frame


def mrstft(wet, predicted, *, power=None, resolutions=RESOLUTIONS):
    """Multi-resolution STFT distance: spectral convergence plus log-magnitude distance, averaged over resolutions.

    With the magnitudes S of wet and P of predicted, over all frames and bins of one resolution::

        ||S - P|| / ||S||  +  mean |ln S - ln P|        (Frobenius norm)

    0 is a perfect prediction. It does not hear phase: an inverted polarity costs nothing, a small delay little.

    Magnitudes have a floor 80 dB below what white noise of the power of wet would have in each bin, added as energy,
    sqrt(re^2 + im^2 + floor^2): without one the logarithm dwells on silence, and at 0 has no gradient. Hann windows, and
    only frames that lie within the signal: nothing is reflected at its ends, which differs from [2]_.

    Parameters
    ----------
    wet, predicted : array or tensor, shape (..., T), T at least the longest window
    power : float, optional
        Mean square of the recording that wet is an excerpt of. It then sets the floor, and the energy that signals of
        this power have on average takes the place of ||S||, so that an excerpt may be silent. By default each
        leading index has the power of its own wet.
    resolutions : sequence of (FFT size, hop, window length), in samples

    Returns
    -------
    array or tensor, shape (...)

    Raises
    ------
    SignalError
        If the shapes differ, a signal is shorter than a window, or wet is silent and no power is given.

    References
    ----------
    .. [1] R. Yamamoto, E. Song, J.-M. Kim, "Parallel WaveGAN", ICASSP 2020.
    .. [2] C. Steinmetz, J. Reiss, "auraloss: Audio-focused loss functions in PyTorch", DMRN+15, 2020.

    >>> import numpy as np
    >>> wet = np.random.default_rng(0).standard_normal(4410)
    >>> float(round(mrstft(wet, 0.5 * wet), 3))  # 0.5 + ln 2
    1.193
    """
    check_shapes(wet, predicted)
    longest = max(window_length for _, _, window_length in resolutions)
    if wet.shape[-1] < longest:
        raise SignalError(f"{wet.shape[-1]} samples are shorter than the longest STFT window, {longest}")
    if power is None and not (wet != 0).any(-1).all():
        raise SignalError("wet is silent, so its multi-resolution STFT distance is undefined")
    ln, norm = namespace(wet).log, namespace(wet).linalg.norm
    bin_power = like(power, wet) if power is not None else (wet**2).mean(-1)
    total = 0.0
    for fft_size, hop, window_length in resolutions:
        window = get_window("hann", window_length)
        bin_energy = (bin_power * float((window**2).sum()))[..., None, None]  # Parseval: the mean over an FFT's bins
        window = like(window, wet)
        s, p = (_magnitude(signal, fft_size, hop, window, FLOOR * bin_energy) for signal in (wet, predicted))
        axes = (-2, -1)  # frames and bins
        expected = (bin_energy[..., 0, 0] * (s.shape[-2] * s.shape[-1])) ** 0.5
        reference = norm(s, None, axes) if power is None else expected
        total = total + norm(s - p, None, axes) / reference + abs(ln(s) - ln(p)).mean(axes)
    return total / len(resolutions)


def log_mel_error(wet, predicted, sample_rate):
    """Mean absolute difference of the two mel spectrograms in dB.

    With the energies S of wet and P of predicted in 80 mel bands from 0 Hz to 20 kHz (or the Nyquist frequency), over all
    frames and bands: ``mean |10 log10 S - 10 log10 P|``. A prediction that is 1 dB too loud scores 1.

    Bands as wide as the ear's at middle frequencies make it blind to where exactly the energy lies within one; it does not
    hear phase. The floor is that of :func:`mrstft`: 80 dB below what white noise of the power of wet would have in each
    bin. Hann windows of 46 ms, only frames that lie within the signal.

    Parameters
    ----------
    wet, predicted : array or tensor, shape (..., T), T at least one frame
    sample_rate : int

    Returns
    -------
    array or tensor, shape (...)
        In dB.

    Raises
    ------
    SignalError
        If the shapes differ, a sample is not finite, the signals are shorter than a frame, or wet is silent.

    References
    ----------
    .. [1] D. O'Shaughnessy, *Speech Communication: Human and Machine*, 1987, p. 150: ``2595 log10(1 + f / 700)`` mel.
    """
    check_shapes(wet, predicted)
    check_finite(wet, predicted)
    length = 2 ** round(np.log2(MEL_FRAME_S * sample_rate))
    if wet.shape[-1] < length:
        raise SignalError(f"{wet.shape[-1]} samples are shorter than a frame of the mel spectrogram, {length}")
    power = (wet**2).mean(-1)
    if (power == 0).any():
        raise SignalError("wet is silent, so its distance in the mel spectrogram is undefined")
    window = get_window("hann", length)
    floor_energy = FLOOR * power[..., None, None] * float((window**2).sum())
    filters = like(mel_filters(sample_rate, length), wet)
    window, log10 = like(window, wet), namespace(wet).log10
    s, p = (_magnitude(x, length, length // 4, window, floor_energy) ** 2 @ filters for x in (wet, predicted))
    return 10 * abs(log10(s) - log10(p)).mean((-2, -1))


@lru_cache
def mel_filters(sample_rate, fft_size, bands=MEL_BANDS):
    """Triangles over the bins of an FFT, equally spaced in mel, peak 1; shape (fft_size // 2 + 1, bands)."""
    highest_mel = 2595 * np.log10(1 + min(HIGHEST_MEL_HZ, sample_rate / 2) / 700)
    corners = 700 * (10 ** (np.linspace(0, highest_mel, bands + 2) / 2595) - 1)
    frequency = np.fft.rfftfreq(fft_size, 1 / sample_rate)[:, None]
    rising = (frequency - corners[:-2]) / np.diff(corners)[:-1]
    falling = (corners[2:] - frequency) / np.diff(corners)[1:]
    filters = np.maximum(0, np.minimum(rising, falling))
    filters.setflags(write=False)  # everyone who asks gets the same array
    return filters


def _magnitude(signal, fft_size, hop, window, floor_energy):  # (..., F, fft_size // 2 + 1)
    spectrum = fourier(signal).rfft(frames(signal, len(window), hop) * window, fft_size)
    return (spectrum.real**2 + spectrum.imag**2 + floor_energy) ** 0.5
