"""What one fault costs in each measure, and what each measure costs in time: ``python bench/measures.py``.

The wet signal is a built-in riff through the virtual SD-1 at 3:00; every fault is planted in it, so its size is known. The
first table is that of docs/measures.md.
"""

import os
import platform
import time

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import scipy
from scipy.signal import butter, sosfiltfilt

from drywet import measures, signals
from drywet.circuits import load
from drywet.effect import render

RATE, SECONDS, SPEED_SECONDS, REPEATS = 44_100, 8.0, 30, 3


def faults(dry, wet):
    """Name of each fault, and the prediction that has it alone."""
    hiss = np.sqrt(np.mean(wet**2)) * np.random.default_rng(0).standard_normal(len(wet))
    onset_fault = wet.copy()
    for t in measures.onsets(dry, RATE):
        onset_fault[t : t + RATE // 200] *= 0.5
    return {
        "1 dB too loud": 10 ** (1 / 20) * wet,
        "one sample late": np.concatenate([[0.0], wet[:-1]]),
        "inverted": -wet,
        "hiss 20 dB down": wet + 0.1 * hiss,
        "hiss 40 dB down": wet + 0.01 * hiss,
        "hiss 60 dB down": wet + 0.001 * hiss,
        "dull above 4 kHz": sosfiltfilt(butter(2, 4000, fs=RATE, output="sos"), wet),
        "first 5 ms of notes halved": onset_fault,
        "the best linear filter": measures.best_linear_prediction(dry, wet),
        "silence": 0 * wet,
    }


def columns(dry, wet, predicted):
    """Name and formatted value of each measure."""

    def db(ratio):
        return f"{10 * np.log10(ratio):z.1f}" if ratio > 1e-15 else "none"

    return {
        "ESR, dB": db(measures.esr(wet, predicted)),
        "A-weighted, dB": db(measures.a_weighted_esr(wet, predicted, RATE)),
        "null depth, dB": f"{measures.null_depth_db(wet, predicted):z.1f}",
        "MRSTFT": f"{measures.mrstft(wet, predicted):.2f}",
        "log-mel, dB": f"{measures.log_mel_error(wet, predicted, RATE):.2f}",
        "loudness, LU": f"{measures.loudness_difference(wet, predicted, RATE):+z.2f}",
        "crest, dB": f"{measures.crest_difference_db(wet, predicted, RATE).median:.2f}",
        "centroid, %": f"{measures.centroid_difference_percent(wet, predicted, RATE).median:z.1f}",
        "onsets, dB": db(measures.transient_esr(dry, wet, predicted, RATE)),
        "noise to mask, dB": f"{measures.noise_to_mask_ratio_db(wet, predicted, RATE):z.1f}",
    }


def timed(dry, wet, predicted):
    """Name of each measure and a call of it on one clip."""
    return {
        "esr": lambda: measures.esr(wet, predicted),
        "a_weighted_esr": lambda: measures.a_weighted_esr(wet, predicted, RATE),
        "mrstft": lambda: measures.mrstft(wet, predicted),
        "log_mel_error": lambda: measures.log_mel_error(wet, predicted, RATE),
        "matched_error": lambda: measures.matched_error(wet, predicted),
        "loudness_difference": lambda: measures.loudness_difference(wet, predicted, RATE),
        "short_term_loudness_difference": lambda: measures.short_term_loudness_difference(wet, predicted, RATE),
        "rms_difference_db": lambda: measures.rms_difference_db(wet, predicted, RATE),
        "crest_difference_db": lambda: measures.crest_difference_db(wet, predicted, RATE),
        "centroid_difference_percent": lambda: measures.centroid_difference_percent(wet, predicted, RATE),
        "transient_esr": lambda: measures.transient_esr(dry, wet, predicted, RATE),
        "third_octave_esr": lambda: measures.third_octave_esr(wet, predicted, RATE),
        "noise_to_mask_ratio_db": lambda: measures.noise_to_mask_ratio_db(wet, predicted, RATE),
    }


def processor_seconds(call):
    times = []
    for _ in range(REPEATS):
        start = time.process_time()
        call()
        times.append(time.process_time() - start)
    return min(times)


def main():
    dry = signals.test_riffs(RATE, SECONDS)["gallop"]
    wet = render(load("sd1"), dry, {"drive": "3:00"}).astype(np.float64)
    for row, (name, predicted) in enumerate(faults(dry, wet).items()):
        values = columns(dry, wet, predicted)
        if row == 0:
            print("| fault | " + " | ".join(values) + " |\n|---|" + "---|" * len(values))
        print(f"| {name} | " + " | ".join(values.values()) + " |")

    repeats = int(np.ceil(SPEED_SECONDS * RATE / len(dry)))
    dry, wet = (np.tile(signal, repeats)[: SPEED_SECONDS * RATE].astype(np.float32) for signal in (dry, wet))
    predicted = (0.99 * wet + 1e-3 * np.random.default_rng(0).standard_normal(len(wet))).astype(np.float32)
    print(f"\n{platform.processor() or platform.machine()}, numpy {np.__version__}, scipy {scipy.__version__}")
    print(f"seconds of one core for a clip of {SPEED_SECONDS} s at {RATE} Hz, single precision, best of {REPEATS}")
    seconds = {name: processor_seconds(call) for name, call in timed(dry, wet, predicted).items()}
    for name, value in seconds.items():
        print(f"{name:32} {value:.3f}")
    print(f"{'all':32} {sum(seconds.values()):.3f}")


if __name__ == "__main__":
    main()
