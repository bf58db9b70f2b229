"""What network an ONNX graph is."""

from drywet.engine.graphs.recognition import graph_network, other_network

__all__ = ["graph_network", "other_network"]
