"""The delay of a recording that is not the device's own doing.

A device's filters shift phases too, and music in which every note has its harmonics hides delays in distortion: a
correlation peak is several samples off on an overdrive. So the device is modelled first, as filter, curve, filter
(Hammerstein with a one-pole high-pass before the curve), and its delay is what is left of the second filter's phase after the
phase that belongs to its magnitude is taken out. Pedals, amplifiers and most cabinets are near minimum phase [1]_, so what is
left is transport: converters, buffers, cables, an editor.

.. [1] H. W. Bode, *Network Analysis and Feedback Amplifier Design*, 1945, ch. XIV: the phase that a magnitude implies.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.fft import irfft, rfft
from scipy.signal import butter, savgol_filter, sosfilt

MISFIT_COUNTS = 1.5  # so that errors on virtual pedals lie within twice the uncertainty in 95 % of cases
FRAME_S = 0.046  # about; long enough for the memory of a pedal, short enough for many of them
HIGH_PASSES_HZ = (0.0, 350.0, 900.0, 1400.0)  # before the curve; 0 is none
LIKELY_HIGH_PASS_HZ = 900.0  # of overdrives; and a device without a curve is fitted as well with any
LOWEST_HZ = 60.0
HIGHEST = 0.33  # of the sample rate; above it converters and digital filters leave the ways of analogue ones
BANDS_PER_OCTAVE = 6
FRAMES_AT_ONCE = 16  # so that they stay in the processor's cache
LARGEST_SHIFT_S = 0.001  # either way, that a fit looks for beyond where it was told to look


@dataclass(frozen=True)
class Fit:
    """A device between dry and wet, and what it says of their delay.

    Attributes
    ----------
    delay : float
        Samples by which wet trails the place where it was cut, the device's own phase taken out.
    polarity : int
        1, or -1 where wet is inverted.
    explained : float
        Share of wet's power that the model explains, in [0, 1], corrected for what it would explain by chance.
    uncertainty : float
        Standard error of ``delay`` in samples: spread between parts, and phase that neither a delay nor the model accounts for.
    residual_delays : array, shape (P,)
        For each piece, samples by which its wet trails that of all pieces together.
    precision : array, shape (P,)
        What each of these is worth: its inverse variance, up to a common factor.
    highest_hz : float
        Up to which frequency dry and wet were coherent.
    high_pass_hz : float
        The first filter; 0 is none.
    """

    delay: float
    polarity: int
    explained: float
    uncertainty: float
    residual_delays: np.ndarray
    precision: np.ndarray
    highest_hz: float
    high_pass_hz: float


class DelayFitter:
    """Fits filter, curve, filter to pieces of a recording, again and again as their wet is cut anew.

    Parameters
    ----------
    drys : sequence of array, shape (T,)
        Pieces of dry, each longer than a frame.
    sample_rate : int
        Hz.
    """

    def __init__(self, drys: Sequence[np.ndarray], sample_rate: int):
        self.sample_rate, self.drys = sample_rate, drys
        self.frame = 2 ** round(np.log2(FRAME_S * sample_rate))
        frequencies = np.arange(self.frame // 2 + 1) * sample_rate / self.frame
        inside = np.flatnonzero((frequencies > LOWEST_HZ) & (frequencies < HIGHEST * sample_rate))
        self.used = slice(inside[0], inside[-1] + 1)
        self.frequencies = frequencies[self.used]
        self._bands = _Bands(self.frequencies, sample_rate)
        self._scale = float(np.sqrt(np.mean([np.mean(np.square(dry, dtype=np.float64)) for dry in drys]))) or 1.0
        self._bent: dict[float, np.ndarray] = {}

    def fit(
        self,
        wets: Sequence[np.ndarray],
        shifts: Sequence[np.ndarray],
        high_passes_hz: Sequence[float] = HIGH_PASSES_HZ,
    ) -> Fit | None:
        """The best fit over ``high_passes_hz``; None where dry explains nothing of wet.

        ``wets`` are as long as the pieces of dry; ``shifts`` (T,) says by how many samples, a fraction, each sample of them
        was cut later than it should.
        """
        owner, wet = self._wet_spectra(wets, shifts)
        # Distortion that the model misses grows with the signal, so loud frames must not outweigh the others.
        loudness = _power(wet).sum(1)
        even = (1 / np.sqrt(loudness + 0.05 * np.median(loudness) + 1e-30)).astype(np.float32)[:, None]
        best: _Hammerstein | None = None
        for cutoff_hz in high_passes_hz:
            curve = best.curve if best else np.array([0, 1, 0, 0, 0, 0], float)
            found = _Hammerstein(self._bend(cutoff_hz), wet, even, cutoff_hz, curve)
            best = found if best is None or found.misfit < best.misfit else best
        assert best is not None
        return _read_off(best, self._bands, owner, len(wets), self.frame, self.used)

    def _wet_spectra(self, wets, shifts):
        """Which piece each frame belongs to (N,), and its wet spectrum (N, F), the fraction of the cut taken back."""
        window = np.hanning(self.frame + 1)[:-1].astype(np.float32)
        owners, spectra = [], []
        for number, (wet, shift) in enumerate(zip(wets, shifts, strict=True)):
            count = len(wet) // self.frame
            pieces = wet[: count * self.frame].reshape(count, self.frame) * window
            middles = shift[self.frame // 2 : count * self.frame : self.frame]
            turn = np.exp(-2j * np.pi * middles[:, None] * self.frequencies / self.sample_rate).astype(np.complex64)
            spectra.append(rfft(pieces, axis=1)[:, self.used] * turn)
            owners += [number] * count
        return np.array(owners), np.ascontiguousarray(np.concatenate(spectra), np.complex64)

    def _bend(self, cutoff_hz):
        """Spectra (K, N, F) of dry bent in K ways: curves whose sum can be any soft or hard clipper, even or uneven."""
        if cutoff_hz not in self._bent:
            window = np.hanning(self.frame + 1)[:-1].astype(np.float32)
            filtered = [_high_pass(dry / self._scale, cutoff_hz, self.sample_rate) for dry in self.drys]
            pieces = [dry[: len(dry) // self.frame * self.frame].reshape(-1, self.frame) for dry in filtered]
            frames = np.concatenate(pieces).astype(np.float32)
            frames /= max(float(np.sqrt(np.mean(frames**2))), 1e-12)
            bent = np.tanh(2 * frames)
            ways = [frames, np.tanh(0.5 * frames), bent, np.tanh(8 * frames), np.abs(frames), np.abs(bent)]
            spectra = np.empty((len(ways), len(frames), len(self.frequencies)), np.complex64)
            for spectrum, way in zip(spectra, ways, strict=True):
                spectrum[:] = rfft(way * window, axis=1)[:, self.used]
            self._bent[cutoff_hz] = spectra
        return self._bent[cutoff_hz]


def _high_pass(dry, cutoff_hz, sample_rate):
    if cutoff_hz == 0:
        return dry
    return sosfilt(butter(1, cutoff_hz, "high", fs=sample_rate, output="sos"), dry)


class _Hammerstein:
    """Curve, then filter, by alternating least squares; frequencies and frames count by how well they are explained.

    With the noise of each frequency unknown, the likelihood is that of the sum of the logarithms of the residuals.
    ``even`` (N, 1) multiplies the frames of both signals.
    """

    def __init__(self, bent, wet, even, high_pass_hz, curve, rounds=3):
        self.high_pass_hz, self.curve = high_pass_hz, curve
        wet = even * wet
        trust = np.ones((len(wet), 1), np.float32)  # of each frame
        for round_ in range(rounds):
            source = even * (self.curve.astype(np.float32) @ _as_real(bent)).view(np.complex64).reshape(wet.shape)
            self.source, self.wet = source * trust, wet * trust
            self.power = _power(self.wet).sum(0) + 1e-20
            self.source_power = _power(self.source).sum(0) + 1e-20
            self.cross = (self.source.conj() * self.wet).sum(0)
            left = np.maximum(self.power - np.abs(self.cross) ** 2 / self.source_power, 1e-9 * self.power)
            if round_ == rounds - 1:
                break
            weight = 1 / np.sqrt(np.maximum(savgol_filter(left, 15, 1), 1e-9 * left.max()))
            response = self.cross / self.source_power
            missed = (_power(wet - source * response) @ weight**2)[:, None] / len(weight)
            trust = (1 / np.sqrt(missed + 0.3 * np.median(missed))).astype(np.float32)
            trust /= trust.max()
            self.curve = self._solve_curve(bent, response * weight * (even * trust), wet * (weight * trust))
        self.misfit = float(np.log(left / self.power).sum())
        # The curve may fall and the filter invert; what counts is both.
        self.curve_sign = int(np.sign(np.vdot(bent[0], self.source).real))

    @staticmethod
    def _solve_curve(bent, factor, wet):
        count = len(bent)
        normal, wanted = np.zeros((count, count)), np.zeros(count)
        for first in range(0, len(wet), FRAMES_AT_ONCE):
            part = slice(first, first + FRAMES_AT_ONCE)
            rows = _as_real(bent[:, part] * factor[part])
            normal += rows @ rows.T
            wanted += rows @ _as_real(wet[None, part])[0]
        return np.linalg.solve(normal + 1e-6 * np.trace(normal) * np.eye(count), wanted)


def _power(spectra):
    return np.square(spectra.real) + np.square(spectra.imag)  # abs() ** 2 takes the root first


def _as_real(spectra):
    """Spectra (K, N, F) of complex64 as rows of their real and imaginary parts, (K, 2NF), without a copy."""
    return spectra.reshape(len(spectra), -1).view(np.float32)


def _read_off(model, bands, owner, count, frame, used):
    wet, frames, frequencies = model.wet, len(model.wet), bands.frequencies
    coherence = np.abs(model.cross) ** 2 / (model.source_power * model.power)
    coherent_power = float((coherence * model.power).sum() / model.power.sum())
    explained = max(0.0, (coherent_power - 1 / frames) / (1 - 1 / frames)) if frames > 1 else 0.0
    trusted = bands.mean(coherence) > max(0.05, 4 / frames)
    if trusted.sum() < 2 * BANDS_PER_OCTAVE:
        return None
    delay, sign, misfit = bands.excess_delay(model.cross, model.source_power, coherence, trusted)

    # A filter that is free at every frequency would give each piece's notes the delay of that piece: its bands are.
    predicted = (model.source * bands.response(model.cross, model.source_power)).conj() * wet
    weight = np.where(trusted[bands.of], 1, 0) / model.power
    residual_delays, precision, parts = np.zeros(count), np.zeros(count), []
    for number in range(count):
        mine = owner == number
        cross = predicted[mine].sum(0)
        residual_delays[number] = _delay_of(cross * weight, used, frame, bands.sample_rate)
        # Fisher information of a delay: high frequencies tell most.
        precision[number] = float((np.abs(cross) * weight * frequencies).sum())
    groups = min(4, count)
    for group in range(groups):
        mine = owner % groups == group
        cross = (model.source[mine].conj() * wet[mine]).sum(0)
        parts.append(bands.excess_delay(cross, _power(model.source[mine]).sum(0), coherence, trusted)[0])
    spread = float(np.std(parts, ddof=1) / np.sqrt(groups)) if groups > 1 else 1.0
    highest_hz = float(bands.centres[trusted][-1])
    polarity = sign * model.curve_sign
    return Fit(
        delay,
        polarity,
        explained,
        float(np.hypot(spread, misfit)),
        residual_delays,
        precision,
        highest_hz,
        model.high_pass_hz,
    )


def _delay_of(cross, used, frame, sample_rate):
    """Samples by which the second signal of a cross-spectrum trails: the highest peak of its correlation."""
    spectrum = np.zeros(frame // 2 + 1, np.complex64)
    spectrum[used] = cross
    finer = 4
    correlation = irfft(spectrum, finer * frame)
    reach = round(LARGEST_SHIFT_S * sample_rate * finer)
    correlation = np.concatenate([correlation[-reach:], correlation[: reach + 1]])
    return (parabolic_peak(correlation, int(np.argmax(correlation))) - reach) / finer


def parabolic_peak(values, index):
    """Place of the maximum near ``index``, between samples, of the parabola through it and its neighbours."""
    if not 0 < index < len(values) - 1:
        return float(index)
    left, middle, right = values[index - 1 : index + 2]
    curvature = left - 2 * middle + right
    return float(index if curvature == 0 else index + 0.5 * (left - right) / curvature)


class _Bands:
    """Sixths of octaves, and Bode's relation between the magnitude and the phase in them."""

    def __init__(self, frequencies, sample_rate):
        self.frequencies, self.sample_rate = frequencies, sample_rate
        number = np.floor(BANDS_PER_OCTAVE * np.log2(frequencies / LOWEST_HZ)).astype(int)
        _, self.of = np.unique(number, return_inverse=True)
        self.sizes = np.bincount(self.of)
        self.centres = np.exp(self.mean(np.log(frequencies)))
        reach = round(LARGEST_SHIFT_S * sample_rate)
        self._delays = np.linspace(-reach, reach, 20 * reach + 1)
        self._turns = np.exp(2j * np.pi * self.centres / sample_rate * self._delays[:, None])
        # Over u = ln(frequency / 1 Hz) phase is the slope of the level, weighted by ln coth |u - u0| / 2.
        self._edges = np.linspace(0.0, np.log(1e7), 4001)
        self._middles = (self._edges[1:] + self._edges[:-1]) / 2
        away = np.abs(self._middles - np.log(self.centres)[:, None])
        self._kernel = np.log(1 / np.tanh(away / 2 + 1e-9)) * (self._edges[1] - self._edges[0]) / np.pi

    def mean(self, values):
        return np.bincount(self.of, values) / self.sizes

    def of_bands(self, cross, source_power):
        """The filter ``cross / source_power`` of each band."""
        total = np.bincount(self.of, cross.real) + 1j * np.bincount(self.of, cross.imag)
        return total / np.bincount(self.of, source_power)

    def response(self, cross, source_power):
        """That filter at every frequency, straight lines between the bands."""
        places, filters = np.log(self.centres), self.of_bands(cross, source_power)
        at = np.log(self.frequencies)
        return np.interp(at, places, filters.real) + 1j * np.interp(at, places, filters.imag)

    def excess_delay(self, cross, source_power, coherence, trusted):
        """Delay in samples and sign of the filter ``cross / source_power`` beyond its minimum phase, and its misfit."""
        response = self.of_bands(cross, source_power)[trusted]
        share = self.mean(coherence)[trusted]
        weight = self.sizes[trusted] * share / (1 - share + 1e-3)
        weight = np.minimum(weight, np.quantile(weight, 0.8))  # no band decides alone
        phase = np.angle(response) - self._minimum_phase(np.abs(response), weight, trusted)
        agreement = (self._turns[:, trusted] @ (weight * np.exp(1j * phase))).real
        best = int(np.argmax(np.abs(agreement)))
        delay = self._delays[0] + 0.1 * parabolic_peak(np.abs(agreement), best)
        # If the phase that is left over were all a delay at the frequencies that decide, it would be this one.
        left_over = np.sqrt(max(0.0, 2 * (1 - abs(agreement[best]) / weight.sum())))
        deciding_hz = np.sqrt(np.average(self.centres[trusted] ** 2, weights=weight))
        misfit = MISFIT_COUNTS * left_over * self.sample_rate / (2 * np.pi * deciding_hz)
        return float(delay), 1 if agreement[best] >= 0 else -1, float(misfit)

    def _minimum_phase(self, magnitude, weight, trusted):
        """Phase (rad) of the minimum-phase filter with this magnitude: Bode's integral of the slope over log frequency.

        Straight lines between bands in log-log; above the highest band the slope of its octave goes on, below the
        lowest the mean slope of the first bands.
        """
        place, level = np.log(self.centres[trusted]), np.log(magnitude)
        slopes = np.diff(level) / np.diff(place)
        top = place > place[-1] - np.log(2.1)
        away = place[top] - np.average(place[top], weights=weight[top] + 1e-9)
        falling = min(float((weight[top] * away * level[top]).sum() / ((weight[top] * away**2).sum() + 1e-9)), 0.0)
        rising = max(slopes[:3].mean(), 0.0)
        slope = np.concatenate([[rising], slopes, [falling]])[np.searchsorted(place, self._middles)]
        return self._kernel[trusted] @ slope
