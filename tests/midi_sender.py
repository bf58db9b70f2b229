"""A MIDI controller as a program of its own: a port of the JACK server, which sends what it is told.

    midi_sender.py NAME

It says ``ready``, then sends each line of stdin, such as ``176 20 127``, as a message, and answers with ``done``.
"""

import sys
import time

import jack
import rtmidi


def wait_for_server():
    """RtMidi does not survive one that is about to start."""
    deadline = time.monotonic() + 20
    while True:
        try:
            return jack.Client("waiting", no_start_server=True).close()
        except jack.JackOpenError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)


def main():
    wait_for_server()
    port = rtmidi.MidiOut(rtmidi.API_UNIX_JACK, name=sys.argv[1])
    port.open_virtual_port("out")
    print("ready", flush=True)
    for line in sys.stdin:
        port.send_message([int(byte) for byte in line.split()])
        print("done", flush=True)
    port.close_port()
    port.delete()


if __name__ == "__main__":
    main()
