"""Audio interfaces: play one signal and record others at the same time, through PortAudio or JACK.

Nothing is opened, and no library looked for, before :func:`open_interface` or :func:`list_devices` is called.
"""

from drywet.interfaces.find import BACKENDS, list_devices, open_interface
from drywet.interfaces.port import Channel, Device, Interface, Levels, Take
from drywet.interfaces.tape import FULL_SCALE, Tape, roll

__all__ = [
    "BACKENDS",
    "FULL_SCALE",
    "Channel",
    "Device",
    "Interface",
    "Levels",
    "Take",
    "Tape",
    "list_devices",
    "open_interface",
    "roll",
]
