"""What a reader makes of a model file."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from drywet.audio import HIGHEST_RATE, LOWEST_RATE
from drywet.engine.contract import Array, Network
from drywet.engine.formats.tree import Node


@dataclass(frozen=True, eq=False)
class SelfTest:
    """An input (N,) and the output that a file promises for it after ``run_in`` zeros, with all knobs at ``rotation``."""

    given: Array
    promised: Array
    run_in: int = 0
    rotation: float = 0.0


@dataclass(frozen=True, eq=False)
class ModelFile:
    """A network and what its file says about it.

    Attributes
    ----------
    format : str
        ``"nam"``, ``"aidax"``, ``"proteus"``, ``"rtneural"``, ``"onnx"``, ``"numpy"``, ``"c"`` or ``"drywet"``, a run's own.
    version, architecture : str
    network : Network
        With all gains of the file inside.
    sample_rate : int
        Hz.
    settle : int
        Zeros that the format's player runs through a freshly loaded model before it plays.
    knobs : tuple of str
    metadata : mapping
        As the file has it.
    notes : tuple of str
        What is odd, in sentences without full stop.
    weight_count : int
    dry_path : float
        How much of the dry signal the player adds by itself; it is part of ``network`` already.
    self_test : SelfTest or None
    sizes : tuple of (float, ModelFile)
        Of a container, ascending: up to which size each is chosen.
    """

    format: str
    version: str
    architecture: str
    network: Network
    sample_rate: int
    settle: int
    weight_count: int
    knobs: tuple[str, ...] = ()
    metadata: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    dry_path: float = 0.0
    self_test: SelfTest | None = None
    sizes: tuple[tuple[float, "ModelFile"], ...] = ()

    def at_size(self, size: float) -> "ModelFile":
        """Of a container the first model whose ``max_value`` exceeds ``size``, else the last; any other file itself."""
        for largest, inner in self.sizes:
            if largest > size:
                return inner
        return self.sizes[-1][1] if self.sizes else self


def checked_rate(node: Node, default: int) -> tuple[int, tuple[str, ...]]:
    """Sample rate in Hz; where there is none the ``default``, and a note."""
    if node.value is None:
        return default, (f"no sample rate is given; {default} Hz is assumed, as players do",)
    rate = node.number()
    if not LOWEST_RATE <= rate <= HIGHEST_RATE:
        node.fail(f"is {rate:g} Hz, possible are {LOWEST_RATE} to {HIGHEST_RATE}")
    if rate != int(rate):
        node.fail(f"is {rate:g} Hz, no whole number")
    return int(rate), ()


def number_in(values: Mapping[str, Any], name: str) -> float | None:
    """A finite number in what a file says about itself; None where there is none or something else."""
    value = values.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < 1e9:
        return None
    return float(value)


def metadata_of(root: Node) -> dict[str, Any]:
    return dict(root["metadata"].object()) if "metadata" in root else {}
