"""SPICE netlists as data, and the solver that runs them.

>>> from drywet.circuits import load
>>> circuit = load("sd1")
>>> circuit.controls
{'drive': 0.5, 'tone': 0.5, 'level': 0.5}
"""

from drywet.circuits.circuit import VirtualCircuit, builtin, is_circuit, load, load_netlist
from drywet.circuits.laws import LAWS

__all__ = ["LAWS", "VirtualCircuit", "builtin", "is_circuit", "load", "load_netlist"]
