"""numpy or torch, whichever a signal belongs to.

Arithmetic, sums and indexing are methods that arrays and tensors share; the Fourier transform and the logarithm are
functions of their modules. The module is looked up from the signal, so that measuring arrays never loads torch.
"""

import sys

import numpy as np
import scipy.fft


def namespace(signal):
    """The module whose functions take ``signal``: numpy or torch."""
    return sys.modules[type(signal).__module__.partition(".")[0]]


def fourier(signal):
    """The module of Fourier transforms for ``signal``: torch.fft, or scipy.fft, which is quicker than numpy's."""
    return scipy.fft if isinstance(signal, np.ndarray) else namespace(signal).fft


def like(values, signal):
    """``values`` as an array or tensor of the kind, dtype and device of ``signal``."""
    return namespace(signal).asarray(np.array(values), dtype=signal.dtype, device=signal.device)


def frames(signal, length, hop):
    """Overlapping stretches of a signal (..., T), as a view (..., F, length); F = 1 + (T - length) // hop.

    Every frame lies within the signal; up to hop - 1 samples at its end belong to none.
    """
    if isinstance(signal, np.ndarray):
        return np.lib.stride_tricks.sliding_window_view(signal, length, axis=-1)[..., ::hop, :]
    return signal.unfold(-1, length, hop)
