"""Listening: a page for blind tests of models against the device, and what listeners' answers say."""

from drywet.listening.agreement import Agreement, compare_measures
from drywet.listening.answers import Answered, Listener, Trial, parse_answers, read_answers
from drywet.listening.design import Design, Key, design_test, read_key
from drywet.listening.discrimination import Heard, tell_apart
from drywet.listening.findings import Findings, analyze_answers
from drywet.listening.items import Item, Material, Sound, collect_items
from drywet.listening.levels import match_loudness
from drywet.listening.page import write_test
from drywet.listening.ratings import Ratings, rate_conditions
from drywet.listening.screening import screen_listeners
from drywet.listening.server import make_server

__all__ = [
    "Agreement",
    "Answered",
    "Design",
    "Findings",
    "Heard",
    "Item",
    "Key",
    "Listener",
    "Material",
    "Ratings",
    "Sound",
    "Trial",
    "analyze_answers",
    "collect_items",
    "compare_measures",
    "design_test",
    "make_server",
    "match_loudness",
    "parse_answers",
    "rate_conditions",
    "read_answers",
    "read_key",
    "screen_listeners",
    "tell_apart",
    "write_test",
]
