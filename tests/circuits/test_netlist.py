"""Netlists come from strangers: what is read, and how the rest is refused."""

import contextlib
import random

import pytest

from drywet.circuits import VirtualCircuit, load_netlist
from drywet.circuits.netlist import MAX_BYTES, parse, read
from drywet.errors import CircuitError, DrywetError

HEAD = "title\n*.input VIN\n*.output out\n"
SOUND = "VIN in 0 0\nR1 in out 1k\n"


def parts(cards, parameters=None):
    return {part.name: part for part in parse(HEAD + cards).parts(parameters)}


@pytest.mark.parametrize(
    ("text", "ohms"),
    [
        ("4.7k", 4700), ("4.7K", 4700), ("4.7kohm", 4700), ("1meg", 1e6), ("1MEG", 1e6), ("470", 470), ("470ohm", 470),
        ("1e3", 1e3), ("2g", 2e9), (".5", 0.5), ("1m", 1e-3), ("1mil", 25.4e-6), ("{2*r}", 200), ("{1k+1}", 1001),
        ("{r^2}", 1e4), ("{sqrt(r)}", 10), ("'3*r'", 300), ("{-(1-r)}", 99),
    ],
)  # fmt: skip
def test_values_are_those_of_spice(text, ohms):
    assert parts(f".param r=100\nVIN in 0 0\nR1 in out {text}")["r1"].value == pytest.approx(ohms)


def test_params_may_use_each_other_in_any_order_and_be_replaced():
    cards = ".param a={2*b} b=3\nVIN in 0 0\nR1 in out {a}"
    assert parts(cards)["r1"].value == 6
    assert parts(cards, {"b": 5.0})["r1"].value == 10


def test_subcircuits_have_inner_nodes_own_models_and_parameters():
    cards = (
        "VIN in 0 0\nX1 in out HALF r=2k\nX2 out 0 HALF\nD9 out 0 DX\n.model DX D(IS=1n)\n"
        ".subckt HALF a b r=1k\nR1 a m {r}\nD1 m b DX\n.model DX D(IS=2n)\n.ends"
    )
    found = parts(cards)
    assert found["x1.r1"].value == 2000
    assert found["x2.r1"].value == 1000
    assert found["x1.r1"].nodes == ("in", "x1.m")
    assert (found["x1.d1"].model["is"], found["d9"].model["is"]) == (2e-9, 1e-9)


def test_continuations_comments_and_analyses_are_spices_own():
    source = "VIN in 0\n* a comment\n+ DC 0 AC 1 SIN(0 1 220) ; more\n"
    cards = source + "R1 in out 1k $ one\n.ac dec 10 20 20k\n.control\nrun\n.endc\n.end\nnonsense"
    assert set(parts(cards)) == {"vin", "r1"}


def test_knobs_are_read_from_comment_cards():
    netlist = parse(HEAD + "*.knob Gain g law=audio laws=linear,audio default=0.2\n.param g=1\n" + SOUND)
    knob = netlist.knobs["gain"]
    assert (knob.parameter, knob.law, knob.laws, knob.default) == ("g", "audio", ("audio", "linear"), 0.2)


@pytest.mark.parametrize(
    ("cards", "message"),
    [
        ("VIN in 0 0\nL1 in out 1m", r"line 5: l1: parts of kind L are not known"),
        ("VIN in 0 0\nR1 in out", "3 are needed"),
        ("VIN in 0 0\nR1 in out 0", "must be positive"),
        ("VIN in 0 0\nR1 in out -5", "must be positive"),
        ("VIN in 0 0\nR1 in out 4.7kk", "cannot read the number"),
        ("VIN in 0 0\nR1 in out {x}", "'x' is neither a number nor a .param"),
        ("VIN in 0 0\nR1 in out {1/0}", "cannot compute"),
        ("VIN in 0 0\nR1 in out {9^9^9^9}", "cannot compute"),
        ("VIN in 0 0\nR1 in out {__import__('os')}", "unknown function|cannot read|not arithmetic"),
        ("VIN in 0 0\nR1 in out {(1).__class__}", "cannot read|not arithmetic"),
        ("VIN in 0 0\nR1 in out {" + "(" * 450 + "1" + ")" * 450 + "}", "cannot read"),
        ("VIN in 0 0\nR1 in out {" + "1+" * 2000 + "1}", "characters"),
        (".param a={b} b={a}\n" + SOUND, "defined by itself"),
        (SOUND + "R1 out 0 1k", "stands twice"),
        (SOUND + "D1 out 0 DX", "no .model dx"),
        (SOUND + "Q1 out in 0 DX\n.model DX D(IS=1n)", "is of type D, not NPN"),
        (SOUND + "D1 out 0 DX\n.model DX D(IS=1n XYZ=3)", "no parameter XYZ"),
        (SOUND + "D1 out 0 DX\n.model DX D(IS=-1n)", "must be positive"),
        (SOUND + "Q1 out in 0 QX\n.model QX NPN(TF=1n)", "no parameter TF"),
        (SOUND + "X1 out 0 OP", "needs the subcircuit 'op'"),
        (SOUND + "X1 out OP\n.subckt OP a b\nR1 a b 1\n.ends", "connects 1 nodes, op has 2"),
        (SOUND + "X1 out OP\n.subckt OP a\nX1 a OP\n.ends", "nested more than"),
        (SOUND + ".subckt OP a\nR1 a 0 1", "no .ends"),
        (SOUND + ".include /etc/passwd", "is not followed"),
        (SOUND + ".lib models.lib", "is not followed"),
        (SOUND + ".ic v(out)=1", "unknown card .ic"),
        (SOUND + "*.magic", r"unknown card \*.magic"),
        (SOUND + "*.knob gain g", "not defined"),
        (SOUND + "*.knob gain g law=magic", "unknown pot law"),
        (SOUND + "*.linear R1", "linear already"),
        (SOUND + "V2 out 0 SIN(0 1 50)", "only the input may carry a signal"),
        (SOUND + "B1 out 0 I=V(in)*V(out)", "product of voltages"),
        (SOUND + "B1 out 0 I=tanh(tanh(V(in)))", "tanh inside tanh"),
        (SOUND + "B1 out 0 I=exp(V(in))", "unknown function"),
        (SOUND + "B1 out 0 I=V(in)/0", "divides by 0"),
        (SOUND + "R3 out 0 {" + "-" * 300 + "1k}", "nested more than"),
        (SOUND + "B1 out 0 I=" + "-" * 300 + "V(in)", "nested more than"),
        (SOUND + "*.knob one g\n*.knob two g\n.param g=1", "knob one turns already"),
        (SOUND + "R3 out 0\n" + "+ 0\n" * 2000, "card of more than 4000 characters"),
        ("+ R1 in out 1k", "nothing before it"),
    ],
)
def test_what_is_not_understood_is_refused_with_its_line(cards, message):
    with pytest.raises(CircuitError, match=message):
        parts(cards)


def test_every_refusal_names_the_file_and_the_line():
    with pytest.raises(CircuitError, match=r"^mine\.cir, line 5: r1 has 2 fields, 3 are needed"):
        parse(HEAD + "VIN in 0 0\nR1 in out", name="mine.cir").parts()


@pytest.mark.parametrize(
    ("cards", "message"),
    [
        ("VIN in 0 0\nC1 in out 1n\nC2 out 0 1n", "node out has no path to ground"),
        ("VIN in 0 0\nC1 in a 1n\nR1 a out 1k\nC2 out 0 1n", "no path to ground"),
        ("VIN in x 0\nR1 in out 1k", "no part is connected to ground"),
        (SOUND + "E1 y 0 nowhere 0 2", "reads node nowhere"),
        ("VIN in 0 0\nR1 in 0 1k", "output node 'out' is not in the circuit"),
        ("V1 in 0 0\nR1 in out 1k", "input 'vin' is no V or I source"),
    ],
)
def test_a_circuit_that_cannot_be_solved_is_refused(cards, message):
    with pytest.raises(CircuitError, match=message):
        VirtualCircuit(parse(HEAD + cards))


@pytest.mark.parametrize(
    ("cards", "message"), [("t\n*.output out\n" + SOUND, "input"), ("t\n*.input vin\n" + SOUND, "output")]
)
def test_input_and_output_must_be_named(cards, message):
    with pytest.raises(CircuitError, match=f"what its {message} is"):
        parse(cards)


@pytest.mark.parametrize("text", ["", "only a title", "title\n* nothing\n"])
def test_an_empty_netlist_is_refused(text):
    with pytest.raises(CircuitError, match="holds no parts"):
        parse(text)


def test_a_file_that_is_missing_binary_or_huge_is_refused(tmp_path):
    with pytest.raises(CircuitError, match="cannot be read"):
        read(tmp_path / "no.cir")
    with pytest.raises(CircuitError, match="cannot be read"):
        read(tmp_path)
    (tmp_path / "sound.cir").write_bytes(b"RIFF\xff\xfe\x00" * 10)
    with pytest.raises(CircuitError, match="UTF-8"):
        read(tmp_path / "sound.cir")
    (tmp_path / "huge.cir").write_bytes(b"*" * (MAX_BYTES + 1))
    with pytest.raises(CircuitError, match="larger than"):
        read(tmp_path / "huge.cir")


def test_too_many_parts_are_refused():
    with pytest.raises(CircuitError, match="more than"):
        parts(SOUND + "\n".join(f"RX{k} out 0 1k" for k in range(1000)))


def test_params_that_name_each_other_twice_are_computed_once():
    doubled = "".join(f".param a{k + 1}={{a{k}+a{k}}}\n" for k in range(60))  # 2^60 sums, were each computed anew
    assert parts(f"{SOUND}{doubled}.param a0=5\nR3 out 0 {{a60/2^60}}")["r3"].value == 5


def test_subcircuits_without_parts_are_stopped_too():
    bombs = "".join(f".subckt S{k} a\n" + "".join(f"X{n} a S{k + 1}\n" for n in range(9)) + ".ends\n" for k in range(9))
    with pytest.raises(CircuitError, match="more than"):
        parts(SOUND + "X1 out S0\n" + bombs + ".subckt S9 a\n.ends")


def test_subcircuits_that_multiply_are_stopped():
    bombs = "".join(f".subckt S{k} a\n" + f"X1 a S{k + 1}\nX2 a S{k + 1}\nX3 a S{k + 1}\n.ends\n" for k in range(9))
    with pytest.raises(CircuitError, match="more than"):
        parts(SOUND + "X1 out S0\n" + bombs + ".subckt S9 a\nR1 a 0 1\n.ends")


@pytest.mark.parametrize("seed", range(300))
def test_a_damaged_netlist_is_read_or_refused_but_never_crashes(seed):
    damage = random.Random(seed)
    text = list(load_netlist("sd1").text)
    for _ in range(damage.randint(1, 12)):
        at = damage.randrange(len(text))
        text[at : at + damage.randint(0, 3)] = damage.choice(
            ["", "{", "}", "(", "\n", "=", "1e999", "0", "x", "*", ".", "µ", "\x00"]
        )
    with contextlib.suppress(DrywetError):
        parse("".join(text)).parts()
