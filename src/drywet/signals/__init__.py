"""Test signals and the built-in guitar, all float32 arrays of shape (T,), 1.0 is 1 V."""

from drywet.signals.capture_signal import capture_roles, capture_sections, capture_signal
from drywet.signals.explain import Explained, explain, explain_parts
from drywet.signals.guitar import Guitar, Note, play
from drywet.signals.riffs import test_riffs, validation_riff
from drywet.signals.tones import clicks, fade, multitone, noise, ramp, ramp_db, sine, sweep
from drywet.signals.training_track import Section, training_sections, training_track

__all__ = [
    "Explained",
    "Guitar",
    "Note",
    "Section",
    "capture_roles",
    "capture_sections",
    "capture_signal",
    "clicks",
    "explain",
    "explain_parts",
    "fade",
    "multitone",
    "noise",
    "play",
    "ramp",
    "ramp_db",
    "sine",
    "sweep",
    "test_riffs",
    "training_sections",
    "training_track",
    "validation_riff",
]
