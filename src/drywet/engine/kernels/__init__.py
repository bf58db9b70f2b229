"""Compiled networks: the same sound as the plain ones of the engine to 1e-5, fast enough to play through.

One file per kernel; ``steps.py`` serves everything that is convolutions, filters and curves.
"""

from collections.abc import Callable

from drywet.engine.contract import Network
from drywet.engine.convolution import Stack
from drywet.engine.grey_box import GreyBox
from drywet.engine.kernels.contract import Compiled
from drywet.engine.linear import Linear, WienerHammerstein
from drywet.engine.program import Program
from drywet.engine.recurrent import Recurrent
from drywet.engine.state_space import StateSpace
from drywet.engine.wavenet import WaveNet
from drywet.engine.window_lstm import WindowLSTM

__all__ = ["Compiled", "compiled"]


def compiled(network: Network, report: Callable[[str], None] = lambda text: None) -> Network:
    """``network`` compiled, at rest; itself where its kind has no compiled form.

    ``report`` is told when a kernel has to be compiled first.
    """
    found = _compiled(network)
    if isinstance(found, Compiled):
        found.prepare(report)
    return found


def _compiled(network: Network) -> Network:
    # Each import brings the kernels of one family only: all of them would double the time of loading a model.
    if isinstance(network, Recurrent):
        from drywet.engine.kernels.recurrent import CompiledRecurrent

        return CompiledRecurrent(network)
    if isinstance(network, WaveNet):
        from drywet.engine.kernels.wavenet import CompiledWaveNet

        return CompiledWaveNet(network)
    if isinstance(network, Stack):
        from drywet.engine.kernels.convolution import CompiledStack

        return CompiledStack(network)
    if isinstance(network, Linear | WienerHammerstein):
        from drywet.engine.kernels.linear import CompiledFilter

        return CompiledFilter(network)
    if isinstance(network, StateSpace):
        from drywet.engine.kernels.state_space import CompiledStateSpace

        return CompiledStateSpace(network)
    if isinstance(network, GreyBox):
        from drywet.engine.kernels.grey_box import CompiledGreyBox

        return CompiledGreyBox(network)
    if isinstance(network, WindowLSTM):
        from drywet.engine.kernels.window_lstm import CompiledWindowLSTM

        return CompiledWindowLSTM(network)
    if isinstance(network, Program):
        from drywet.engine.kernels.program import CompiledProgram

        return CompiledProgram(network)
    return network
