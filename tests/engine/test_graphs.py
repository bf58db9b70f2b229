"""ONNX graphs become the networks that they describe: drywet's own, node by node the same, and those of other programs."""

from pathlib import Path

import numpy as np
import pytest
from engine_networks import NETWORKS, recurrent

from drywet.engine import read, read_bytes
from drywet.engine.contract import Network
from drywet.engine.formats import onnx as reader
from drywet.engine.graph import Graph, Node
from drywet.engine.graphs import graph_network
from drywet.engine.kernels import Compiled, compiled
from drywet.engine.recurrent import Recurrent
from drywet.errors import ModelFileError
from drywet.export import export as exporting
from drywet.export import onnx, protobuf
from drywet.export.about import About
from drywet.export.export import export
from drywet.export.proof import passage

GOLDEN = Path(__file__).parents[1] / "golden" / "onnx"
PLAYED = ("lstm_8_skip", "gru_6_given_state", "lstm_5_two_layers_fixed_length", "bent", "gated_padded", "gated_cut")
WRITTEN = [name for name in NETWORKS if "grey box" not in name and name != "every curve"]
KNOBS = np.array([0.2, 0.9])


@pytest.fixture(scope="module")
def dry():
    return (0.3 * np.random.default_rng(1).standard_normal(700)).astype(np.float32)


def as_graph(network: Network) -> Graph:
    """What drywet writes of ``network``, read as nodes."""
    content = onnx.write(onnx.fit(network), About(48_000, tuple(f"knob {n}" for n in range(network.knobs))))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reader, "graph_network", lambda graph: graph)
        graph = read_bytes(content, "written").network
    assert isinstance(graph, Graph)
    return graph


@pytest.mark.parametrize("name", WRITTEN)
def test_a_graph_that_drywet_wrote_is_compiled_and_plays_as_node_by_node(name, dry):
    written = NETWORKS[name]
    graph, knobs = as_graph(written), KNOBS[: written.knobs]
    found = graph_network(graph)
    fast = compiled(found)
    assert isinstance(fast, Compiled)
    whole = graph.process(dry, knobs)
    np.testing.assert_allclose(found.process(dry, knobs), whole, rtol=0, atol=1e-6)
    np.testing.assert_allclose(fast.process(dry, knobs), whole, rtol=0, atol=5e-6)
    fast.process(np.full(700, np.nan), knobs)
    for block in (1, 48, 65):  # after a reset nothing is left of the NaN, and no bit depends on the block size
        fast.reset()
        played = [fast.process(dry[n : n + block], knobs) for n in range(0, len(dry), block)]
        np.testing.assert_array_equal(np.concatenate(played), _whole(fast, dry, knobs))
    if written.knobs:  # turned while it plays
        np.testing.assert_allclose(fast.process(dry, 1 - knobs), graph.process(dry, 1 - knobs), rtol=0, atol=5e-6)
    assert whole.std() > 1e-3


def _whole(network, dry, knobs):
    network.reset()
    return network.process(dry, knobs)


@pytest.mark.parametrize("name", WRITTEN)
def test_a_graph_costs_no_more_than_the_network_that_it_was(name):
    assert graph_network(as_graph(NETWORKS[name])).cost() <= 1.3 * NETWORKS[name].cost() + 5


@pytest.mark.parametrize("name", PLAYED)
def test_a_graph_of_another_program_plays_as_in_onnxruntime(name):
    dry, expected = (np.load(GOLDEN / f"{part}.npy") for part in ("input", name))
    fast = compiled(read(GOLDEN / f"{name}.onnx").network)
    assert isinstance(fast, Compiled)
    played = np.concatenate([fast.process(dry[n : n + 70], np.zeros(0)) for n in range(0, len(dry), 70)])
    np.testing.assert_allclose(played[len(dry) - len(expected) :], expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize(("name", "why"), [("both_directions", "direction"), ("looks_ahead", "looks ahead")])
def test_a_graph_that_cannot_be_played_live_is_refused_with_the_reason(name, why):
    with pytest.raises(ModelFileError, match=why):
        read(GOLDEN / f"{name}.onnx")


def test_one_output_for_a_whole_signal_is_no_window_of_one_sample():
    """Batch and time are both of open length; taken for time, the batch would make this another network."""
    numbers = {"w": np.ones((1, 8, 1)), "r": np.ones((1, 8, 2)), "dense": np.ones((2, 1))}
    tensors = [protobuf.tensor(name, array.astype(np.float32)) for name, array in numbers.items()]
    nodes = [
        protobuf.node("Transpose", ["x"], ["turned"], {"perm": [1, 0, 2]}),
        protobuf.node("LSTM", ["turned", "w", "r"], ["", "last"], {"hidden_size": 2}),
        protobuf.node("Reshape", ["last", "shape"], ["flat"], {}),
        protobuf.node("MatMul", ["flat", "dense"], ["y"], {}),
    ]
    tensors.append(protobuf.tensor("shape", np.array([-1, 2])))
    ends = [protobuf.value_info("x", ["batch", "time", 1])], [protobuf.value_info("y", ["batch", 1])]
    with pytest.raises(ModelFileError, match="none that drywet can play"):
        read_bytes(protobuf.model("last", nodes, tensors, *ends, {}), "last")


def test_a_graph_of_another_program_is_converted_to_a_players_format(tmp_path, monkeypatch):
    monkeypatch.setattr(exporting, "passage", lambda rate: passage(rate, 0.05))
    dry, expected = (np.load(GOLDEN / f"{part}.npy") for part in ("input", "lstm_8_skip"))
    made = export(GOLDEN / "lstm_8_skip.onnx", "aidax", tmp_path / "x.json")
    assert made.difference < 1e-5
    file = read(tmp_path / "x.json")
    np.testing.assert_allclose(file.network.process(dry, np.zeros(0)), expected, rtol=0, atol=1e-5)


def changed(graph: Graph, change) -> Graph:
    nodes = tuple(change(node) for node in graph.nodes)
    return Graph(nodes, graph.constants, graph.states, graph.knobs, None, "")


def test_a_state_that_is_not_carried_on_keeps_the_graph_as_it_is(dry):
    """With the hidden units at the place of the memory, no LSTM is what the nodes play from the second block on."""

    def swapped(node: Node) -> Node:
        one, two = node.outputs[1:] if node.operator == "LSTM" else ("", "")
        return Node(node.operator, node.inputs, (node.outputs[0], two, one), node.attributes) if one else node

    graph = as_graph(recurrent("lstm", 5))
    assert isinstance(graph_network(graph), Recurrent)
    assert isinstance(graph_network(changed(graph, swapped)), Graph)


def test_a_graph_that_is_not_compiled_says_so_and_plays_on(dry):
    signals = ([protobuf.value_info(name, ["T"])] for name in ("dry", "wet"))
    content = protobuf.model("curve", [protobuf.node("Exp", ["dry"], ["wet"], {})], [], *signals, {})
    file = read_bytes(content, "curve")
    assert any("node by node" in note for note in file.notes)
    assert compiled(file.network) is file.network
    np.testing.assert_allclose(file.network.process(dry, KNOBS[:0]), np.exp(dry), rtol=1e-6)
