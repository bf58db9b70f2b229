"""Programs that tests start and talk to, and a JACK server of one's own, on the dummy driver."""

import os
import queue
import signal
import subprocess
import threading
import time
from pathlib import Path

from helpers import require_program

PATIENCE = 120  # s; a busy machine is slow


class Program:
    """A child process whose output is read line by line, as it comes."""

    def __init__(self, *command, env):
        self.child = subprocess.Popen(
            [str(part) for part in command],
            env=env,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.lines = {name: queue.Queue() for name in ("stdout", "stderr")}
        self.seen = {"stdout": "", "stderr": ""}
        self.readers = [threading.Thread(target=self.read, args=(name,), daemon=True) for name in self.lines]
        for reader in self.readers:
            reader.start()

    def read(self, name):
        """Prompts end without a line break, so pieces are read."""
        pipe = getattr(self.child, name)
        while piece := os.read(pipe.fileno(), 65_536).decode():
            self.lines[name].put(piece)
        self.lines[name].put("")

    def wait_for(self, text, name="stderr"):
        """Read on until ``text`` has come since the last call."""
        got = ""
        while text not in got:
            piece = self.lines[name].get(timeout=PATIENCE)
            assert piece, f"{text!r} never came; {got!r}, {self.seen}"
            got += piece
            self.seen[name] += piece
        return got

    def say(self, line):
        self.child.stdin.write(line + "\n")
        self.child.stdin.flush()

    def stop(self):
        """Ask it to go; make it go."""
        self.child.terminate()
        try:
            self.child.wait(5)
        except subprocess.TimeoutExpired:  # a server waits for ever for a client that was killed
            self.child.kill()
            self.child.wait(PATIENCE)

    def end(self):
        """Exit status, and everything it wrote."""
        self.child.stdin.close()
        status = self.child.wait(PATIENCE)
        for reader in self.readers:
            reader.join(PATIENCE)
        for name, lines in self.lines.items():
            while not lines.empty():
                self.seen[name] += lines.get()
        return status, self.seen["stdout"], self.seen["stderr"]


class JackServer:
    """jackd with the dummy driver, under a name that no other server has; ``env`` leads programs to it."""

    def __init__(self, name, rate, period):
        jackd = require_program("jackd")
        self.name = f"drywet-test-{os.getpid()}-{name}"
        self.env = os.environ | {"JACK_DEFAULT_SERVER": self.name, "OMP_NUM_THREADS": "1"}
        driver = ["-d", "dummy", "-r", rate, "-p", period]
        self._command = [jackd, "--no-realtime", "--sync", "--timeout", 10_000, *driver]
        self.program = Program(*self._command, env=self.env)

    def close(self):
        self.program.stop()
        if self.program.child.returncode == -signal.SIGKILL:
            # It still holds one of the eight places for servers on this machine; another of its name gives it back.
            place = Program(*self._command, env=self.env)
            time.sleep(1)
            place.child.terminate()
            place.child.wait(PATIENCE)
        for left in Path("/dev/shm").glob(f"jack_sem.*_{self.name}_*"):  # noqa: S108
            left.unlink()
