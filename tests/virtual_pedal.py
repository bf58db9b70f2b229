"""A JACK client that stands where a pedal does, between an output and an input of the interface; run as a program.

    virtual_pedal.py NAME --delay 100 [--circuit sd1] [--knob drive=0.2] [--gain 0.5]

Ports: ``NAME:in``; ``NAME:out``, the circuit (or, without one, a cable) trailing the input by exactly ``delay`` samples;
``NAME:thru``, the input as it is. It says ``ready``, then obeys lines on stdin, answering each with ``done``: ``knob
drive 0.8``, ``bypass 1`` (a cable for the circuit, as late), ``stall 0.5`` (sleep that long in the audio thread, two blocks
after sound has begun), ``gain 4``, ``freewheel 1`` (the server runs as fast as the graph can), ``quit``.
"""

import argparse
import sys
import threading
import time

import jack
import numpy as np

from drywet.circuits import load


class Delay:
    """The last ``samples`` of what went in come first."""

    def __init__(self, samples):
        self.held = np.zeros(samples, np.float32)

    def __call__(self, block):
        joined = np.concatenate([self.held, block])
        self.held = joined[len(block) :]
        return joined[: len(block)]


def connect(name):
    """A client of the server, which may be about to start."""
    deadline = time.monotonic() + 20
    while True:
        try:
            return jack.Client(name, no_start_server=True)
        except jack.JackOpenError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)


class Pedal:
    def __init__(self, options):
        self.client = connect(options.name)
        self.circuit = None
        latency = 0
        if options.circuit:
            self.circuit = load(options.circuit, sample_rate=self.client.samplerate, oversampling=options.oversampling)
            latency = self.circuit.latency
        self.knobs = {name: float(place) for name, _, place in (text.partition("=") for text in options.knob)}
        self.gain = np.float32(options.gain)
        self.delay, self.cable = Delay(options.delay - latency), Delay(options.delay)
        self.bypass = self.circuit is None
        self.stall, self.sounding = 0.0, 0
        self.freewheel, self.in_use = False, threading.Lock()
        self.turn(self.knobs)
        ports = self.client.outports
        self.input, self.out, self.thru = (
            self.client.inports.register("in"),
            ports.register("out"),
            ports.register("thru"),
        )
        self.client.set_process_callback(self.process)

    def turn(self, knobs):
        """Positions for the next block on; solved here, and the circuit put to rest."""
        with self.in_use:
            if self.circuit is not None:
                self.circuit.process(np.zeros(64, np.float32), knobs)
                self.circuit.reset()
            self.knobs = dict(knobs)

    def process(self, frames):
        dry = self.input.get_array()
        self.thru.get_array()[:] = dry
        wet = self.cable(dry)
        if not self.bypass:
            with self.in_use:
                if not self.sounding and dry.any():
                    self.circuit.reset()  # at rest, whatever the take before has left in the capacitors
                wet = self.delay(self.circuit.process(dry, self.knobs))
        self.out.get_array()[:] = self.gain * wet
        self.sounding = self.sounding + 1 if dry.any() else 0
        if self.stall and self.sounding == 2:
            time.sleep(self.stall)
            self.stall = 0.0

    def obey(self, what, *values):
        if what == "knob":
            self.turn(self.knobs | {values[0]: float(values[1])})
        elif what == "stall":
            self.stall = float(values[0])
        elif what == "bypass":
            self.bypass = values[0] == "1"
        elif what == "gain":
            self.gain = np.float32(values[0])
        elif what == "freewheel" and self.freewheel != (values[0] == "1"):
            self.freewheel = not self.freewheel
            self.client.set_freewheel(self.freewheel)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("name")
    parser.add_argument("--delay", type=int, default=0)
    parser.add_argument("--circuit", default="")
    parser.add_argument("--knob", action="append", default=[])
    parser.add_argument("--oversampling", type=int, default=2)  # so that a busy machine keeps up
    parser.add_argument("--gain", type=float, default=1.0)
    pedal = Pedal(parser.parse_args())
    with pedal.client:
        print("ready", flush=True)
        for line in sys.stdin:
            if line.strip() == "quit":
                break
            pedal.obey(*line.split())
            print("done", flush=True)


if __name__ == "__main__":
    main()
