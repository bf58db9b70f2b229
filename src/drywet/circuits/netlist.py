"""A circuit as text: the part of the SPICE language that effect pedals need, read strictly.

The same text runs in ngspice. What SPICE has no word for stands in comment cards, which ngspice passes over::

    *.input VIN                               the source that the dry signal replaces
    *.output out                              the node that is heard
    *.knob drive drv law=audio laws=audio,linear default=0.5
                                              the knob ``drive`` turns the .param ``drv`` by a pot law
    *.linear Q5                               a device replaced by its small-signal model at the operating point

Netlists come from strangers: no file is included, nothing is evaluated but arithmetic, and sizes are limited.
"""

import ast
import math
import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import NoReturn

from drywet.circuits.laws import LAWS
from drywet.errors import CircuitError

MAX_BYTES, MAX_LINES, MAX_CARD, MAX_EXPRESSION, MAX_NESTING = 1_000_000, 10_000, 4_000, 1_000, 100
MAX_PARTS, MAX_DEPTH, MAX_KNOBS = 400, 10, 16

_SUFFIXES = {
    "t": 1e12, "g": 1e9, "meg": 1e6, "k": 1e3, "mil": 25.4e-6, "m": 1e-3, "u": 1e-6, "µ": 1e-6, "μ": 1e-6, "n": 1e-9,
    "p": 1e-12, "f": 1e-15, "a": 1e-18,
}  # fmt: skip
_NUMBER = re.compile(r"(\d+\.?\d*(?:e[+-]?\d+)?|\.\d+(?:e[+-]?\d+)?)(meg|mil|[tgkmunpfaµμ])?([a-zµμ]*)")
_ASSIGNMENT = re.compile(r"(\w+)\s*=\s*(\{[^}]*\}|'[^']*'|\S+)")
_FUNCTIONS: dict[str, Callable[..., float]] = {
    "abs": abs, "exp": math.exp, "ln": math.log, "log": math.log, "log10": math.log10, "max": max, "min": min,
    "pow": math.pow, "sqrt": math.sqrt, "tanh": math.tanh,
}  # fmt: skip
_OPERATORS: dict[type, Callable[[float, float], float]] = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.truediv,
    ast.Pow: math.pow,
}  # fmt: skip

# Cards that ask for an analysis or its printing; the solver has its own, so they change nothing.
_ANALYSIS = {
    ".ac", ".dc", ".tran", ".op", ".option", ".options", ".save", ".print", ".plot", ".probe", ".four", ".meas",
    ".measure", ".title", ".end",
}  # fmt: skip

# Parameters of each device law and their SPICE defaults; 0 or infinity switch an effect off, as in SPICE.
_DIODE = {
    "is": 1e-14, "n": 1.0, "rs": 0.0, "cjo": 0.0, "vj": 1.0, "m": 0.5, "fc": 0.5, "tt": 0.0, "bv": math.inf,
    "ibv": 1e-3,
}  # fmt: skip
_BJT = {
    "is": 1e-16, "bf": 100.0, "br": 1.0, "nf": 1.0, "nr": 1.0, "vaf": math.inf, "var": math.inf, "rb": 0.0, "rc": 0.0,
    "re": 0.0, "cje": 0.0, "vje": 0.75, "mje": 0.33, "cjc": 0.0, "vjc": 0.75, "mjc": 0.33, "fc": 0.5,
}  # fmt: skip
_ALIASES = {"cj0": "cjo", "va": "vaf", "vb": "var", "pe": "vje", "me": "mje", "pc": "vjc", "mc": "mjc", "ib": "ibv"}
_NO_EFFECT_AT_27_C = {"eg", "xti", "xtb", "tnom", "kf", "af", "level", "mfg", "type", "iave", "vpk"}
_MODEL_TYPES = {"d": _DIODE, "npn": _BJT, "pnp": _BJT}


@dataclass(frozen=True)
class Affine:
    """``constant + sum of coefficient * V(node)``."""

    constant: float = 0.0
    coefficients: Mapping[str, float] = field(default_factory=dict)

    def plus(self, other: "Affine", factor: float = 1.0) -> "Affine":
        nodes = {**self.coefficients}
        for node, coefficient in other.coefficients.items():
            nodes[node] = nodes.get(node, 0.0) + factor * coefficient
        return Affine(self.constant + factor * other.constant, nodes)


@dataclass(frozen=True)
class Part:
    """One part of a circuit whose subcircuits are opened and whose values are numbers in SI units."""

    kind: str  # the letter SPICE gives it: R, C, V, I, E, G, B, D, Q
    name: str  # with the path of its subcircuits: xu1.cx
    nodes: tuple[str, ...]
    value: float = 0.0  # ohm, farad, volt, ampere, or the gain of E and G
    model: Mapping[str, float] = field(default_factory=dict)
    polarity: int = 1  # -1 for PNP
    control: Affine = Affine()  # of B, E and G
    tanhs: tuple[tuple[float, Affine], ...] = ()  # of B: gain times tanh of an affine function of voltages
    gives_voltage: bool = False  # B with V=, not I=
    linear: bool = False  # of D, Q, B: replace by the small-signal model
    line: int = 0


@dataclass(frozen=True)
class Knob:
    """A knob on the panel: rotation in [0, 1] to the electrical fraction in ``.param``, by a pot law."""

    name: str
    parameter: str
    law: str
    laws: tuple[str, ...]
    default: float


@dataclass(frozen=True)
class _Card:
    line: int
    text: str  # lower case, continuation lines joined


@dataclass
class _Scope:
    """What a subcircuit, or the top of the file, defines."""

    cards: list[_Card] = field(default_factory=list)
    params: dict[str, tuple[str, int]] = field(default_factory=dict)
    models: dict[str, tuple[str, dict[str, str], int]] = field(default_factory=dict)
    ports: tuple[str, ...] = ()
    linear: set[str] = field(default_factory=set)


@dataclass
class Netlist:
    """A circuit read from text; :meth:`parts` gives its parts for a set of ``.param`` values."""

    name: str
    title: str
    text: str
    input: str
    output: str
    knobs: dict[str, Knob]
    _top: _Scope
    _subcircuits: dict[str, _Scope]

    def parts(self, parameters: Mapping[str, float] | None = None) -> list[Part]:
        """Every part, subcircuits opened, values computed with ``parameters`` in place of the ``.param`` of that name.

        Raises
        ------
        CircuitError
            If a value cannot be computed, or a part refers to what is not there.
        """
        return _Opener(self, dict(parameters or {})).open()

    def fail(self, line: int, message: str) -> NoReturn:
        raise CircuitError(f"{self.name}, line {line}: {message}")


def read(path: Path | str) -> Netlist:
    """The netlist in a file. CircuitError names the line that cannot be used."""
    path = Path(path)
    try:
        with open(path, "rb") as file:
            content = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise CircuitError(f"{path}: cannot be read ({error.strerror})") from error
    if len(content) > MAX_BYTES:
        raise CircuitError(f"{path}: is larger than {MAX_BYTES} bytes, the most a netlist may have")
    try:
        return parse(content.decode("utf-8"), name=str(path))
    except UnicodeDecodeError as error:
        raise CircuitError(f"{path}: is not UTF-8 text (byte {error.start}). Is it a netlist?") from error


def parse(text: str, name: str = "netlist") -> Netlist:
    """The netlist in ``text``; as in SPICE its first line is the title.

    Raises
    ------
    CircuitError
        With file, line and what to do, for anything that is not understood: nothing is skipped silently.
    """
    lines = text.splitlines()
    if len(lines) > MAX_LINES:
        raise CircuitError(f"{name}: has {len(lines)} lines, at most {MAX_LINES} are read")
    netlist = Netlist(name, lines[0].lstrip("* ") if lines else "", text, "", "", {}, _Scope(), {})
    _Reader(netlist).read(lines)
    return netlist


class _Reader:
    """Sorts the cards of a netlist into scopes."""

    def __init__(self, netlist: Netlist):
        self.netlist = netlist
        self.scope = netlist._top
        self.subcircuit = ""

    def read(self, lines: list[str]) -> None:
        for card in self._joined(lines):
            word = card.text.split()[0]
            if word.startswith("*."):
                self._comment_card(card)
            elif word.startswith("."):
                self._dot_card(card, word)
            else:
                self.scope.cards.append(card)
        netlist = self.netlist
        if self.subcircuit:
            raise CircuitError(f"{netlist.name}: .subckt {self.subcircuit} has no .ends")
        if not netlist._top.cards:
            raise CircuitError(f"{netlist.name}: holds no parts (the first line of a netlist is its title)")
        for what, example in (("input", "*.input VIN"), ("output", "*.output out")):
            if not getattr(netlist, what):
                raise CircuitError(f"{netlist.name}: does not say what its {what} is; add a card such as {example!r}")

    def _joined(self, lines: list[str]) -> list[_Card]:
        cards: list[_Card] = []
        in_control = False
        for number, raw in enumerate(lines[1:], start=2):
            line = raw.strip().lower()
            if line.startswith(".control") or line.startswith(".endc"):
                in_control = line.startswith(".control")
                continue
            if in_control or not line or (line.startswith("*") and not line.startswith("*.")):
                continue
            line = re.split(r";|\s\$\s", line)[0].strip()
            if not line:
                continue
            if line.startswith("+"):  # goes on with the last card that is no comment
                last = next((k for k in range(len(cards) - 1, -1, -1) if not cards[k].text.startswith("*")), None)
                if last is None:
                    self.netlist.fail(number, "a continuation (+) with nothing before it")
                cards[last] = _Card(cards[last].line, f"{cards[last].text} {line[1:]}")
            elif line.split()[0] == ".end":
                break
            else:
                last = len(cards)
                cards.append(_Card(number, line))
            if len(cards[last].text) > MAX_CARD:
                self.netlist.fail(number, f"a card of more than {MAX_CARD} characters, the most that are read")
        return cards

    def _comment_card(self, card: _Card) -> None:
        word, *rest = card.text.split()
        options = dict(_ASSIGNMENT.findall(card.text))
        plain = [item for item in rest if "=" not in item]
        fail = self.netlist.fail
        if word in ("*.input", "*.output"):
            if len(rest) != 1 or getattr(self.netlist, word[2:]):
                fail(card.line, f"{word} takes one name and stands once")
            setattr(self.netlist, word[2:], rest[0])
        elif word == "*.knob":
            self._knob(card, plain, options)
        elif word == "*.linear":
            self.scope.linear.update(rest)
        else:
            fail(card.line, f"unknown card {word}; known are *.input, *.output, *.knob, *.linear")

    def _knob(self, card: _Card, plain: list[str], options: dict[str, str]) -> None:
        fail, known = self.netlist.fail, self.netlist.knobs
        if len(plain) != 2 or set(options) - {"law", "laws", "default"}:
            fail(card.line, "write *.knob NAME PARAMETER law=LAW laws=LAW,LAW default=0.5")
        law = options.get("law", "linear")
        laws = tuple(options.get("laws", law).split(","))
        for choice in (law, *laws):
            if choice not in LAWS:
                fail(card.line, f"unknown pot law {choice!r}; known are {', '.join(LAWS)}")
        default = _constant(self.netlist, options.get("default", "0.5"), card.line)
        if not 0 <= default <= 1:
            fail(card.line, f"a knob's default lies between 0 and 1, not {default:g}")
        if plain[0] in known or len(known) >= MAX_KNOBS:
            fail(card.line, f"knob {plain[0]} stands twice, or there are more than {MAX_KNOBS} knobs")
        for other in known.values():
            if other.parameter == plain[1]:
                fail(card.line, f"knob {plain[0]} turns .param {plain[1]}, which knob {other.name} turns already")
        known[plain[0]] = Knob(plain[0], plain[1], law, tuple(dict.fromkeys((law, *laws))), default)

    def _dot_card(self, card: _Card, word: str) -> None:
        fail = self.netlist.fail
        if word == ".param":
            self._params(card, card.text[len(word) :])
        elif word == ".model":
            self._model(card)
        elif word == ".subckt":
            self._subckt(card)
        elif word == ".ends":
            if not self.subcircuit:
                fail(card.line, ".ends without .subckt")
            self.scope, self.subcircuit = self.netlist._top, ""
        elif word in (".include", ".inc", ".lib"):
            fail(card.line, f"{word} is not followed: paste the models the circuit needs into the netlist itself")
        elif word not in _ANALYSIS:
            fail(card.line, f"unknown card {word}; known are .param, .model, .subckt, .ends and analyses (passed over)")

    def _params(self, card: _Card, text: str) -> None:
        found = _ASSIGNMENT.findall(text)
        if not found or _ASSIGNMENT.sub("", text).strip(" ,\t"):
            self.netlist.fail(card.line, "write .param name=value, with {braces} around arithmetic")
        for name, expression in found:
            self.scope.params[name] = (expression, card.line)

    def _model(self, card: _Card) -> None:
        match = re.fullmatch(r"\.model\s+(\S+)\s+([a-z]+)\s*\(?(.*?)\)?", card.text)
        if not match or match[2] not in _MODEL_TYPES:
            self.netlist.fail(card.line, "write .model NAME TYPE(PARAMETER=VALUE ...); known types are D, NPN, PNP")
        known = _MODEL_TYPES[match[2]]
        values = {}
        for raw, value in _ASSIGNMENT.findall(match[3]):
            name = _ALIASES.get(raw, raw)
            if name in known:
                values[name] = value
            elif raw not in _NO_EFFECT_AT_27_C:
                self.netlist.fail(
                    card.line,
                    f"the {match[2].upper()} model has no parameter {raw.upper()} here; known are "
                    f"{', '.join(known).upper()}. Remove it, and check in ngspice what that changes",
                )
        if _ASSIGNMENT.sub("", match[3]).strip(" ,\t"):
            self.netlist.fail(card.line, f"cannot read {_ASSIGNMENT.sub('', match[3]).strip()!r} in the model")
        if match[1] in self.scope.models:
            self.netlist.fail(card.line, f"model {match[1]} stands twice")
        self.scope.models[match[1]] = (match[2], values, card.line)

    def _subckt(self, card: _Card) -> None:
        fail = self.netlist.fail
        if self.subcircuit:
            fail(card.line, f".subckt inside .subckt {self.subcircuit}; close it with .ends first")
        words = [item for item in _ASSIGNMENT.sub("", card.text).split()[1:] if item != "params:"]
        if len(words) < 2 or len(set(words[1:])) != len(words) - 1:
            fail(card.line, "write .subckt NAME NODE NODE ..., every node once")
        if words[0] in self.netlist._subcircuits:
            fail(card.line, f"subcircuit {words[0]} stands twice")
        params = {name: (value, card.line) for name, value in _ASSIGNMENT.findall(card.text)}
        self.scope = _Scope(ports=tuple(words[1:]), params=params)
        self.subcircuit = words[0]
        self.netlist._subcircuits[words[0]] = self.scope


class _Opener:
    """Turns cards into parts: opens subcircuits, looks up models, computes values."""

    def __init__(self, netlist: Netlist, overrides: dict[str, float]):
        self.netlist = netlist
        self.parts: list[Part] = []
        self.names: set[str] = set()
        unknown = sorted(set(overrides) - set(netlist._top.params))
        if unknown:
            known = ", ".join(netlist._top.params) or "none"
            raise CircuitError(f"{netlist.name}: has no .param {unknown[0]!r}; it has {known}")
        self.overrides = overrides

    def open(self) -> list[Part]:
        top = self.netlist._top
        for knob in self.netlist.knobs.values():
            if knob.parameter not in top.params:
                raise CircuitError(f"{self.netlist.name}: knob {knob.name} turns .param {knob.parameter}, not defined")
        self._scope(top, "", {"0": "0", "gnd": "0"}, self._values(top, {}, self.overrides), [top], 0)
        return self.parts

    def _values(self, scope: _Scope, outer: Mapping[str, float], given: Mapping[str, float]) -> dict[str, float]:
        found: dict[str, float] = {}
        pending: set[str] = set()

        def value(name: str, line: int) -> float:
            if name in given:
                return given[name]
            if name in found:
                return found[name]
            if name not in scope.params:
                if name in outer:
                    return outer[name]
                self.netlist.fail(line, f"{name!r} is no .param")
            if name in pending:
                self.netlist.fail(line, f".param {name} is defined by itself")
            pending.add(name)
            text, line = scope.params[name]
            found[name] = self._number(text, line, value)
            return found[name]

        return {**outer, **{name: value(name, line) for name, (_, line) in scope.params.items()}}

    def _number(self, text: str, line: int, lookup: Callable[[str, int], float]) -> float:
        return _evaluate(self.netlist, _expression(self.netlist, text, line), line, lambda name: lookup(name, line))

    def _scope(self, scope, path, nodes, values, scopes, depth):
        if depth > MAX_DEPTH:
            raise CircuitError(f"{self.netlist.name}: subcircuits are nested more than {MAX_DEPTH} deep")
        here = set()
        for card in scope.cards:
            here.add(card.text.split()[0])
            self._card(card, scope, path, nodes, values, scopes, depth)
        for name in scope.linear:
            if name not in here:
                raise CircuitError(f"{self.netlist.name}: *.linear names {name!r}, which is no part there")

    def _card(self, card, scope, path, nodes, values, scopes, depth):
        fail, line = self.netlist.fail, card.line
        words = _split(card.text)
        local = words[0]
        name = path + local
        kind = local[0].upper()
        if name in self.names:
            fail(line, f"{name} stands twice")
        if len(self.names) >= MAX_PARTS:
            fail(
                line, f"more than {MAX_PARTS} parts and subcircuits; a circuit this large is not meant for this solver"
            )
        self.names.add(name)

        def node(word: str) -> str:
            if not re.fullmatch(r"[\w.+#-]+", word):
                fail(line, f"{word!r} is no node name")
            return nodes.get(word, path + word)

        def number(word: str) -> float:
            return self._number(word, line, lambda key, at: _looked_up(self.netlist, values, key, at))

        def need(count: int, form: str) -> None:
            if len(words) != count:
                fail(line, f"{local} has {len(words) - 1} fields, {count - 1} are needed: {form}")

        if kind in "RC":
            need(4, f"{kind}name node node value")
            value = number(words[3])
            if not (value > 0 if kind == "R" else value >= 0) or not math.isfinite(value):
                fail(line, f"{local} is {value:g} {'ohm' if kind == 'R' else 'farad'}; it must be positive and finite")
            part = Part(kind, name, (node(words[1]), node(words[2])), value)
        elif kind in "VI":
            if len(words) < 3:
                need(4, f"{kind}name node node DC value")
            value = self._source_value(words[3:], line, number, is_input=name == self.netlist.input)
            part = Part(kind, name, (node(words[1]), node(words[2])), value)
        elif kind in "EG":
            need(6, f"{kind}name out+ out- control+ control- gain")
            control = Affine(0.0, {node(words[3]): 1.0}).plus(Affine(0.0, {node(words[4]): 1.0}), -1.0)
            part = Part(kind, name, (node(words[1]), node(words[2])), number(words[5]), control=control)
        elif kind == "B":
            part = self._behavioural(card, name, node, values)
        elif kind == "D":
            need(4, "Dname anode cathode model")
            _, model = self._model(words[3], ("d",), line, scopes, number)
            part = Part(kind, name, (node(words[1]), node(words[2])), model=model)
        elif kind == "Q":
            need(5, "Qname collector base emitter model")
            type_, model = self._model(words[4], ("npn", "pnp"), line, scopes, number)
            polarity = 1 if type_ == "npn" else -1
            part = Part(kind, name, tuple(node(word) for word in words[1:4]), model=model, polarity=polarity)
        elif kind == "X":
            self._subcircuit(card, words, name, node, number, values, depth)
            return
        else:
            fail(line, f"{local}: parts of kind {kind} are not known; R, C, V, I, E, G, B, D, Q and X are")
        linear = local in scope.linear
        if linear and kind not in "DQB":
            fail(line, f"*.linear is for D, Q and B; {local} is linear already")
        self.parts.append(_with(part, line=line, linear=linear))

    def _source_value(self, words: tuple[str, ...], line: int, number, *, is_input: bool) -> float:
        value, rest = 0.0, list(words)
        while rest:
            word = rest.pop(0)
            if word == "dc" and rest:
                value = number(rest.pop(0))
            elif word == "ac":
                while rest and re.fullmatch(r"[-+]?[\d.].*", rest[0]):
                    rest.pop(0)
            elif re.match(r"(sin|pulse|pwl|exp|sffm)\b", word):
                if not is_input:
                    self.netlist.fail(
                        line, f"only the input may carry a signal; give this source a DC value, not {word}"
                    )
                rest.clear()
            else:
                value = number(word)
        return value

    def _model(self, name, types, line, scopes, number):
        for scope in reversed(scopes):
            if name in scope.models:
                type_, given, model_line = scope.models[name]
                if type_ not in types:
                    self.netlist.fail(line, f"model {name} is of type {type_.upper()}, not {types[0].upper()}")
                model = {**_MODEL_TYPES[type_], **{key: number(value) for key, value in given.items()}}
                self._check_model(name, model, model_line)
                return type_, model
        return self.netlist.fail(line, f"no .model {name}")

    def _check_model(self, name: str, model: dict[str, float], line: int) -> None:
        for key, value in model.items():
            positive = key in ("is", "n", "bf", "br", "nf", "nr", "vj", "vje", "vjc", "bv", "ibv", "vaf", "var")
            if math.isnan(value) or value < 0 or (positive and value == 0 and key not in ("vaf", "var")):
                self.netlist.fail(line, f"{key.upper()}={value:g} in model {name} must be positive")
            if key in ("m", "mje", "mjc", "fc") and value >= 1:
                self.netlist.fail(line, f"{key.upper()}={value:g} in model {name} must be below 1")
        for key in ("vaf", "var"):
            if model.get(key) == 0:
                model[key] = math.inf  # SPICE: 0 means no Early effect

    def _subcircuit(self, card, words, name, node, number, values, depth):
        fail = self.netlist.fail
        plain = [word for word in words[1:] if "=" not in word and word != "params:"]
        given = {key: number(value) for key, value in _ASSIGNMENT.findall(card.text)}
        if not plain or plain[-1] not in self.netlist._subcircuits:
            known = ", ".join(self.netlist._subcircuits) or "none"
            fail(card.line, f"{words[0]} needs the subcircuit {plain[-1] if plain else '?'!r}; defined: {known}")
        scope = self.netlist._subcircuits[plain[-1]]
        if len(plain) - 1 != len(scope.ports):
            fail(card.line, f"{words[0]} connects {len(plain) - 1} nodes, {plain[-1]} has {len(scope.ports)}")
        if set(given) - set(scope.params):
            fail(card.line, f"{plain[-1]} has no parameter {sorted(set(given) - set(scope.params))[0]!r}")
        inner = {"0": "0", "gnd": "0", **{port: node(word) for port, word in zip(scope.ports, plain, strict=False)}}
        inside = self._values(scope, values, given)
        self._scope(scope, f"{name}.", inner, inside, [self.netlist._top, scope], depth + 1)

    def _behavioural(self, card, name, node, values):
        match = re.fullmatch(r"(\S+)\s+(\S+)\s+(\S+)\s+([iv])\s*=\s*(.+)", card.text)
        if not match:
            self.netlist.fail(card.line, "write Bname node node I=expression, or V=expression")
        tree = _expression(self.netlist, match[5], card.line)

        def lookup(key):
            return _looked_up(self.netlist, values, key, card.line)

        affine, tanhs = _affine(self.netlist, tree, card.line, lookup, node)
        return Part(
            "B", name, (node(match[2]), node(match[3])), control=affine, tanhs=tanhs, gives_voltage=match[4] == "v"
        )


def _with(part: Part, **changes) -> Part:
    return Part(**{**{key: getattr(part, key) for key in part.__dataclass_fields__}, **changes})


@lru_cache(maxsize=1024)
def _split(text: str) -> tuple[str, ...]:
    """Words of a card; {arithmetic in braces} is one word, and so is a signal such as sin(0 1 220)."""
    return tuple(re.findall(r"(?:[^\s{(]*\{[^}]*\})|(?:[^\s(]+\([^)]*\))|\S+", re.sub(r"\s*=\s*", "=", text)))


def _looked_up(netlist: Netlist, values: Mapping[str, float], name: str, line: int) -> float:
    if name not in values:
        netlist.fail(line, f"{name!r} is neither a number nor a .param")
    return values[name]


def _constant(netlist: Netlist, text: str, line: int) -> float:
    return _evaluate(netlist, _expression(netlist, text, line), line, lambda name: _looked_up(netlist, {}, name, line))


def _expression(netlist: Netlist, text: str, line: int) -> ast.expr:
    try:
        return _tree(text)
    except ValueError as error:
        netlist.fail(line, str(error))


@lru_cache(maxsize=1024)  # a turned knob opens the same cards again
def _tree(text: str) -> ast.expr:
    """The syntax tree of SPICE arithmetic; 4.7k and 1meg become numbers first. ValueError says what cannot be read."""
    if len(text) > MAX_EXPRESSION:
        raise ValueError(f"an expression of {len(text)} characters; at most {MAX_EXPRESSION} are read")
    inner = text.strip()
    if inner[:1] + inner[-1:] in ("{}", "''"):
        inner = inner[1:-1]

    def plain(match: re.Match) -> str:
        if match[3] not in ("", "ohm", "ohms", "v", "a", "f", "h", "hz", "s"):
            raise ValueError(f"cannot read the number {match[0]!r}")
        return repr(float(match[1]) * _SUFFIXES.get(match[2] or "", 1.0))

    # A number starts where no name is under way; V(out2) and v1 keep their digits.
    python = re.sub(r"(?<![\w.])" + _NUMBER.pattern + r"(?![\w.])", plain, _hide_nodes(inner)).replace("^", "**")
    try:
        tree = ast.parse(python.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise ValueError(f"cannot read the expression {text!r}") from None
    level: list[ast.AST] = [tree]
    for _ in range(MAX_NESTING):
        level = [inner for outer in level for inner in ast.iter_child_nodes(outer)]
    if level:
        raise ValueError(f"the expression {text!r} is nested more than {MAX_NESTING} deep")
    return tree


def _hide_nodes(text: str) -> str:
    """``v(a1,b-2)`` as ``v("a1","b-2")``, so that node names of digits and signs stay names."""

    def quoted(match: re.Match) -> str:
        return "v(" + ",".join(f'"{item.strip()}"' for item in match[1].split(",")) + ")"

    return re.sub(r"\bv\s*\(([^()]*)\)", quoted, text)


def _evaluate(netlist: Netlist, tree: ast.expr, line: int, lookup: Callable[[str], float]) -> float:
    try:
        value = float(_walk(netlist, tree, line, lookup))
    except (ArithmeticError, ValueError, TypeError, RecursionError) as error:
        netlist.fail(line, f"cannot compute {ast.unparse(tree)!r}: {error}")
    if not math.isfinite(value):
        netlist.fail(line, f"{ast.unparse(tree)!r} is {value}")
    return value


def _walk(netlist, tree, line, lookup):
    if isinstance(tree, ast.Constant) and isinstance(tree.value, (int, float)):
        return float(tree.value)
    if isinstance(tree, ast.Name):
        return math.pi if tree.id == "pi" else lookup(tree.id)
    if isinstance(tree, ast.UnaryOp) and isinstance(tree.op, (ast.USub, ast.UAdd)):
        value = _walk(netlist, tree.operand, line, lookup)
        return -value if isinstance(tree.op, ast.USub) else value
    if isinstance(tree, ast.BinOp) and type(tree.op) in _OPERATORS:
        left, right = (_walk(netlist, side, line, lookup) for side in (tree.left, tree.right))
        return _OPERATORS[type(tree.op)](left, right)
    if isinstance(tree, ast.Call) and isinstance(tree.func, ast.Name) and not tree.keywords:
        if tree.func.id in _FUNCTIONS:
            return _FUNCTIONS[tree.func.id](*(_walk(netlist, item, line, lookup) for item in tree.args))
        netlist.fail(line, f"unknown function {tree.func.id!r}; known are {', '.join(_FUNCTIONS)}")
    return netlist.fail(line, f"{ast.unparse(tree)!r} is not arithmetic on numbers and .param names")


def _affine(netlist, tree, line, lookup, node):
    """``(affine, tanhs)`` of an expression that is linear in voltages but for tanh of such expressions."""

    def constant(pair):
        return pair[0].constant if not pair[0].coefficients and not pair[1] else None

    def scaled(pair, factor):
        return Affine().plus(pair[0], factor), tuple((factor * gain, inner) for gain, inner in pair[1])

    def walk(tree):
        if isinstance(tree, ast.Call) and isinstance(tree.func, ast.Name) and not tree.keywords:
            if tree.func.id == "v" and 1 <= len(tree.args) <= 2:
                names = [node(str(getattr(item, "value", "?"))) for item in tree.args]
                result = Affine(0.0, {names[0]: 1.0})
                return (result.plus(Affine(0.0, {names[1]: 1.0}), -1.0) if len(names) == 2 else result), ()
            if tree.func.id == "tanh" and len(tree.args) == 1:
                inner = walk(tree.args[0])
                if inner[1]:
                    netlist.fail(line, "tanh inside tanh is not supported")
                if inner[0].coefficients:
                    return Affine(), ((1.0, inner[0]),)
        if isinstance(tree, ast.UnaryOp) and isinstance(tree.op, ast.USub):
            return scaled(walk(tree.operand), -1.0)
        if isinstance(tree, ast.BinOp) and isinstance(tree.op, (ast.Add, ast.Sub)):
            left, right = walk(tree.left), walk(tree.right)
            right = right if isinstance(tree.op, ast.Add) else scaled(right, -1.0)
            return left[0].plus(right[0]), left[1] + right[1]
        if isinstance(tree, ast.BinOp) and isinstance(tree.op, (ast.Mult, ast.Div)):
            left, right = walk(tree.left), walk(tree.right)
            if isinstance(tree.op, ast.Div) and constant(right) is not None:
                if not constant(right):
                    netlist.fail(line, f"{ast.unparse(tree)!r} divides by 0")
                return scaled(left, 1 / constant(right))
            if isinstance(tree.op, ast.Mult):
                if constant(left) is not None:
                    return scaled(right, constant(left))
                if constant(right) is not None:
                    return scaled(left, constant(right))
            netlist.fail(line, f"{ast.unparse(tree)!r}: a product of voltages is not supported, only sums and tanh")
        return Affine(_evaluate(netlist, tree, line, lookup)), ()

    return walk(tree)
