"""Everything drywet raises on purpose.

A message says what is wrong, where, the numbers that disagree, and what to do next. The command line prints it alone
and leaves with ``exit_status``; a traceback is shown only with ``--debug``::

    DrywetError                 1   anything below
    ├── SignalError             3   samples that cannot be used: silent, NaN, wrong shape, too short
    │   └── AudioFileError      3   a sound file that is missing, damaged, or of another rate or length than needed
    ├── DatasetError            3   a manifest and its files disagree, or roles share audio
    ├── SettingsError           4   an unknown or impossible setting, a knob out of range
    ├── CircuitError            4   a netlist that cannot be read, or an operating point that cannot be found
    ├── RunError                5   a run or study folder that is damaged, or belongs to another study
    ├── TrainingError           6   training cannot go on: no finite loss even after rolling back
    ├── StorageError            7   a file cannot be written: disk full, no permission
    ├── MissingDependencyError  8   an optional program or package is needed; the message says how to get it
    ├── CaptureError            9   an audio interface that is missing, busy or gone, or no take that is good enough
    ├── ModelFileError         10   a model file that is damaged, newer than this drywet, or of a kind it does not know
    ├── ExportError            11   a model that the chosen format or its players cannot hold
    └── LiveError              12   a device, a rate or a model that cannot be played live

Status 2 is a wrong command line (by convention), 130 an interrupt (Ctrl-C).
"""


class DrywetError(Exception):
    """Base of every error drywet raises on purpose."""

    exit_status = 1


class SignalError(DrywetError):
    """Samples that cannot be used: silent, NaN, wrong shape, too short."""

    exit_status = 3


class AudioFileError(SignalError):
    """A sound file that is missing, damaged, or of another rate or length than needed."""


class DatasetError(DrywetError):
    """A manifest and its files disagree, or roles share audio."""

    exit_status = 3


class SettingsError(DrywetError):
    """An unknown or impossible setting, a knob out of range."""

    exit_status = 4


class CircuitError(DrywetError):
    """A netlist that cannot be read, or an operating point that cannot be found."""

    exit_status = 4


class RunError(DrywetError):
    """A run or study folder that is damaged, or belongs to another study."""

    exit_status = 5


class TrainingError(DrywetError):
    """Training cannot go on: no finite loss even after rolling back."""

    exit_status = 6


class StorageError(DrywetError):
    """A file cannot be written: disk full, no permission."""

    exit_status = 7


class MissingDependencyError(DrywetError):
    """An optional program or package is needed; the message says how to get it."""

    exit_status = 8


class CaptureError(DrywetError):
    """An audio interface that is missing, busy or gone, or no take that is good enough."""

    exit_status = 9


class ModelFileError(DrywetError):
    """A model file that is damaged, newer than this drywet, or of a kind it does not know."""

    exit_status = 10


class ExportError(DrywetError):
    """A model that the chosen format or its players cannot hold."""

    exit_status = 11


class LiveError(DrywetError):
    """A device, a rate or a model that cannot be played live."""

    exit_status = 12
