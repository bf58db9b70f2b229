"""One plucked string: a single delay loop, as a digital waveguide reduced by its symmetry.

A wave of transverse velocity runs round a loop as long as the period. On the way it loses energy (a one-pole filter),
disperses (allpass filters) and is delayed by a fraction of a sample (Lagrange interpolation). The pick and the pickup
stand at a point of the string, so each cancels the partials with a node there: a comb each.

References
----------
- D. A. Jaffe, J. O. Smith, "Extensions of the Karplus-Strong plucked-string algorithm", Computer Music J. 7(2), 1983:
  pick-position comb, loss and tuning of the loop.
- M. Karjalainen, V. Välimäki, T. Tolonen, "Plucked-string models: from the Karplus-Strong algorithm to digital
  waveguides and beyond", Computer Music J. 22(3), 1998: the single delay loop, pickup comb, force and velocity waves.
- J. Bensa et al., "The simulation of piano string vibration", J. Acoust. Soc. Am. 114, 2003: loss rate b1 + b3 w^2.
- S. A. Van Duyne, J. O. Smith, "A simplified approach to modeling dispersion caused by stiffness in strings and
  plates", ICMC 1994: first-order allpass filters in the loop.
- T. I. Laakso et al., "Splitting the unit delay", IEEE Signal Proc. Mag. 13(1), 1996: Lagrange interpolation.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numba import njit

from drywet.kernel_cache import possible

LN_1000 = 6.907755278982137  # T60 = ln(1000) / loss rate
DISPERSION_SECTIONS = 8
DISPERSION_FIT_HZ = 2500.0  # the stretch of the partials is exact here and at the fundamental
SHORTEST_DELAY = 3.0  # samples, what the interpolation of order 5 needs


@dataclass(frozen=True)
class Loss:
    """Loss rate of a vibrating string in 1/s, ``b1 + b3 w^2`` at the angular frequency w (Bensa et al. 2003)."""

    b1: float  # 1/s, all frequencies: air, bridge, fingers
    b3: float  # s, inner friction of the string

    @classmethod
    def from_t60(cls, low_s: float, high_s: float, high_hz: float) -> "Loss":
        """The law whose 60 dB decay takes ``low_s`` at low frequencies and ``high_s`` at ``high_hz``."""
        return cls(LN_1000 / low_s, max(LN_1000 / high_s - LN_1000 / low_s, 0.0) / (2 * np.pi * high_hz) ** 2)

    def loop_filter(self, frequency_hz: float, sample_rate: int) -> tuple[float, float]:
        """Gain g and pole a of ``g (1 - a) / (1 - a / z)`` that loses per period what the law says.

        To second order in w, ``ln |H| = ln g - w^2 a / (2 (1 - a)^2)``, and must be ``-(b1 + b3 w^2 fs^2) / f0``;
        so ``a / (1 - a)^2 = 2 b3 fs^2 / f0``, a quadratic with one root in [0, 1).
        """
        gain = float(np.exp(-self.b1 / frequency_hz))
        q = 2 * self.b3 * sample_rate**2 / frequency_hz
        pole = 0.0 if q == 0 else ((2 * q + 1) - float(np.sqrt(4 * q + 1))) / (2 * q)
        return gain, pole


def lowpass_phase_delay(pole: float, omega: np.ndarray | float) -> np.ndarray:
    """Phase delay in samples of ``(1 - a) / (1 - a / z)`` at ``omega`` rad/sample, omega > 0."""
    return np.arctan2(pole * np.sin(omega), 1 - pole * np.cos(omega)) / omega


def allpass_phase_delay(coefficient: np.ndarray | float, omega: np.ndarray | float) -> np.ndarray:
    """Phase delay in samples of ``(c + 1/z) / (1 + c/z)`` at ``omega`` rad/sample, 0 < omega < pi."""
    lag = np.arctan2(coefficient * np.sin(omega), 1 + coefficient * np.cos(omega))
    return 1 - 2 * lag / omega


@lru_cache(maxsize=4096)
def dispersion_coefficient(frequency_hz: float, inharmonicity: float, pole: float, sample_rate: int) -> float:
    """Coefficient c <= 0 of each allpass, so that partial k lies at ``k f0 sqrt((1 + B k^2) / (1 + B))``.

    The loop has one period of phase delay at each partial, so partial k needs a loop shorter by
    ``(1 - sqrt((1 + B) / (1 + B k^2))) fs / f0`` than the fundamental. Solved for the partial near
    DISPERSION_FIT_HZ (the second one, if higher); the phase of the loss filter is taken into account.
    """
    k = max(2.0, DISPERSION_FIT_HZ / frequency_hz)
    shrink = np.sqrt((1 + inharmonicity) / (1 + inharmonicity * k**2))
    omega_1 = 2 * np.pi * frequency_hz / sample_rate
    omega_k = k * omega_1 / shrink
    wanted = (1 - shrink) * sample_rate / frequency_hz
    wanted -= lowpass_phase_delay(pole, omega_1) - lowpass_phase_delay(pole, omega_k)
    c = np.linspace(0.0, -0.98, 393)
    reached = DISPERSION_SECTIONS * (allpass_phase_delay(c, omega_1) - allpass_phase_delay(c, omega_k))
    top = int(np.argmax(reached)) + 1  # beyond its maximum the stretch falls again
    return float(np.interp(wanted, reached[:top], c[:top]))


@njit(cache=possible())
def _lagrange(weights, d):
    """Weights of the 6 taps 0 ... 5 that interpolate at ``d``, best for d in [2, 3]."""
    for k in range(6):
        product = 1.0
        for j in range(6):
            if j != k:
                product *= (d - j) / (k - j)
        weights[k] = product


@njit(cache=possible())
def _tap(line, mask, newest, weights, first):
    total = 0.0
    for k in range(6):
        total += weights[k] * line[(newest - first - k) & mask]
    return total


@njit(cache=possible())
def ring(excitation, delay, pickup_delay, held_filter, damped_filter, damp_from, damp_over, allpass, samples):
    """Let the string ring; writes the velocity under the pickup into ``samples``.

    Parameters
    ----------
    excitation : float64 array, shape (E,), E <= T
        Velocity that the pick sends into the loop.
    delay : float64 array, shape (T,)
        Samples, of the interpolated delay line alone; changes smoothly where the string is bent.
    pickup_delay : float64 array, shape (T,)
        Samples from the wave passing the pickup to its return from the bridge.
    held_filter, damped_filter : pair of float
        Gain and pole of the loss filter before and after the player damps the string.
    damp_from, damp_over : int
        The filter changes from held to damped over ``damp_over`` samples from sample ``damp_from``.
    allpass : float
        Coefficient of each of the DISPERSION_SECTIONS allpass filters.
    samples : float64 array, shape (T,)
        Overwritten.
    """
    size = 16
    longest = max(delay.max(), pickup_delay.max() + 2.0)
    while size < longest + 8:
        size *= 2
    mask = size - 1
    line = np.zeros(size)
    loop_weights, pickup_weights = np.zeros(6), np.zeros(6)
    ap_in, ap_out = np.zeros(DISPERSION_SECTIONS), np.zeros(DISPERSION_SECTIONS)
    last_delay, last_pickup = -1.0, -1.0
    loop_first, pickup_first = 0, 0
    lowpassed = 0.0
    gain, pole = held_filter
    for n in range(len(samples)):
        if delay[n] != last_delay:
            last_delay = delay[n]
            loop_first = int(last_delay) - 2
            _lagrange(loop_weights, last_delay - loop_first)
        if pickup_delay[n] != last_pickup:
            last_pickup = pickup_delay[n]
            pickup_first = int(last_pickup)  # two samples late, like the direct tap below
            _lagrange(pickup_weights, last_pickup - pickup_first + 2.0)
        if n >= damp_from and n <= damp_from + damp_over:
            part = (n - damp_from) / damp_over
            gain = held_filter[0] + part * (damped_filter[0] - held_filter[0])
            pole = held_filter[1] + part * (damped_filter[1] - held_filter[1])

        wave = _tap(line, mask, n, loop_weights, loop_first)
        for s in range(DISPERSION_SECTIONS):
            dispersed = allpass * (wave - ap_out[s]) + ap_in[s]
            ap_in[s] = wave
            ap_out[s] = dispersed
            wave = dispersed
        lowpassed = gain * (1 - pole) * wave + pole * lowpassed
        line[n & mask] = lowpassed + (excitation[n] if n < len(excitation) else 0.0)
        # velocity at the pickup = wave towards the bridge minus the same wave, returned (a rigid end inverts it)
        samples[n] = line[(n - 2) & mask] - _tap(line, mask, n, pickup_weights, pickup_first)
