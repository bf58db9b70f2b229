"""Effects whose sound is known by algebra, for the live desk."""

import numpy as np

from drywet.engine import EngineEffect, ModelFile
from drywet.engine.kernels import compiled
from drywet.engine.linear import Linear

RATE = 48_000


def effect(network, rate=RATE, knobs=()):
    """A network of the engine as it is loaded from a file."""
    file = ModelFile("drywet", "", network.kind, network, rate, 0, 0, knobs=tuple(knobs))
    return EngineEffect(file, network=compiled(network))


def gain(factor, rate=RATE):
    """``factor`` times dry."""
    return effect(Linear(np.array([factor], np.float32)), rate)


def echo(samples, rate=RATE):
    """Dry, ``samples`` late."""
    return effect(Linear(np.concatenate([np.zeros(samples), [1]]).astype(np.float32)), rate)


def play(desk, dry, block=64):
    """What a desk makes of ``dry`` in blocks."""
    wet = np.full_like(dry, 7)
    for start in range(0, len(dry), block):
        desk.process(dry[start : start + block], wet[start : start + block])
    return wet
