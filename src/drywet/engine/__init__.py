"""Model files as sound, without torch: readers of every format, and the networks they hold."""

from drywet.engine.contract import Network
from drywet.engine.effect import EngineEffect, load
from drywet.engine.formats import ModelFile, read, read_bytes

__all__ = ["EngineEffect", "ModelFile", "Network", "load", "read", "read_bytes"]
