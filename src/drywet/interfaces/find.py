"""Which interfaces there are, and how to open one."""

from collections.abc import Sequence

from drywet.errors import MissingDependencyError, SettingsError
from drywet.interfaces.port import Channel, Device, Interface

BACKENDS = ("portaudio", "jack")


def open_interface(
    backend: str, name: str, sample_rate: int, play: Sequence[Channel], record: Sequence[Channel]
) -> Interface:
    """Open an interface for playing one signal (to all of ``play``) and recording the channels ``record``, in order.

    Parameters
    ----------
    backend : str
        One of :data:`BACKENDS`.
    name : str
        PortAudio: a device's name, a part of it, or its number; empty for the system's default. JACK: the server's
        name; empty for the default server.
    sample_rate : int
        Hz. The interface must run at it; nothing is resampled.
    play, record : sequence of channels
        Counted from 1. With JACK also names of ports, such as ``"system:capture_1"``.

    Raises
    ------
    CaptureError
        If there is no such interface, channel or port, it is busy, or runs at another rate.
    MissingDependencyError
        If the library behind the backend is not installed.
    """
    for channel in (*play, *record):
        if isinstance(channel, int) and channel < 1:
            raise SettingsError(f"channel {channel}: channels are counted from 1")
    if backend == "jack":
        from drywet.interfaces.jack_server import JackInterface

        return JackInterface(name, sample_rate, play, record)
    if backend == "portaudio":
        from drywet.interfaces.portaudio import PortAudioInterface

        return PortAudioInterface(name, sample_rate, play, record)
    raise SettingsError(f"no backend named {backend!r}; there are {' and '.join(BACKENDS)}")


def list_devices() -> tuple[list[Device], list[str]]:
    """The devices of all backends, and for each library that is missing or silent a sentence on how to get it.

    Raises
    ------
    MissingDependencyError
        If no backend's library is installed.
    """
    from drywet.interfaces import jack_server, portaudio

    devices: list[Device] = []
    missing: list[str] = []
    remarks: list[str] = []
    for listing in (portaudio.devices, jack_server.devices):
        try:
            found, remark = listing()
        except MissingDependencyError as error:
            missing.append(str(error))
            continue
        devices += found
        remarks += [remark] if remark else []
    if len(missing) == len(BACKENDS):
        raise MissingDependencyError("; ".join(missing))
    return devices, missing + remarks
