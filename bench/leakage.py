"""The leakage guard: how many planted excerpts it finds, how often it cries wolf, and how long it listens.

    python bench/leakage.py

Excerpts of the six test riffs, with noise 40 dB below, stand at random places, levels and polarities inside 6 s of other
guitar music. Then 20 recordings of three minutes that share nothing are compared, in three roles.
"""

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np

from drywet import audio, signals
from drywet.dataset import leakage

RATE = 44_100
LENGTHS_S = (1.25, 1.5, 2.0, 2.5, 3.0, 4.0)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--count", type=int, default=60, help="excerpts of each length")
    parser.add_argument("--recordings", type=int, default=20, help="recordings of three minutes")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        planted(Path(folder), arguments.count)
        long_recordings(Path(folder), arguments.recordings)


def planted(folder: Path, count: int) -> None:
    rng = np.random.default_rng(1)
    riffs = signals.test_riffs(RATE, 20.0)
    music = signals.training_track(RATE, 180.0, seed=11)[43 * RATE : -6 * RATE]

    def heard(name: str, role: str, samples: np.ndarray) -> leakage.Heard:
        audio.write(folder / "x.wav", samples, RATE)
        return leakage.listen(folder / "x.wav", name, role)

    train = [heard(name, "train", riff) for name, riff in riffs.items()]
    print("excerpt s  found  false alarms")
    for seconds in LENGTHS_S:
        found = false = 0
        for number in range(count):
            name = list(riffs)[number % len(riffs)]
            length = round(seconds * RATE)
            start, place = int(rng.integers(len(riffs[name]) - length)), int(rng.integers(len(music) - 6 * RATE))
            excerpt = riffs[name][start : start + length].astype(np.float64)
            excerpt += rng.standard_normal(length) * np.sqrt(np.mean(excerpt**2)) / 100
            excerpt *= rng.choice([-1, 1]) * 10 ** rng.uniform(-1, 0)
            around = music[place : place + 3 * RATE], music[place + 3 * RATE : place + 6 * RATE]
            leaks = leakage.find_leaks(
                [*train, heard("hidden", "test", np.concatenate([around[0], excerpt, around[1]]))]
            )
            found += any(leak.first == name for leak in leaks)
            false += sum(leak.first != name for leak in leaks)
        print(f"{seconds:9.2f}  {found / count:5.0%}  {false} of {count * (len(riffs) - 1)}")


def long_recordings(folder: Path, count: int) -> None:
    for number in range(count):
        # Without the sweeps, which all of them would share.
        track = signals.training_track(RATE, 240.0, 100 + number)[round(57.4 * RATE) : -round(2.1 * RATE)]
        audio.write(folder / f"{number}.wav", track[: 180 * RATE], RATE)
    started = time.process_time()
    heard = [leakage.listen(folder / f"{n}.wav", str(n), leakage.ROLES[n % 3]) for n in range(count)]
    listened = time.process_time()
    leaks = leakage.find_leaks(heard)
    compared = time.process_time()
    pairs = sum(one.role != other.role for i, one in enumerate(heard) for other in heard[:i])
    print(
        f"{count} recordings of 180 s: {listened - started:.1f} s to listen, {compared - listened:.1f} s to compare {pairs} "
        f"pairs, on one core; {len(leaks)} false alarms"
    )


if __name__ == "__main__":
    main()
