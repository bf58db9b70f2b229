"""drywet learns what a guitar pedal or amplifier does to a signal, and measures how close the copy is.

One way for data to flow; each stage is a sub-package::

    circuits -> dataset -> models -> training -> evaluation -> analysis -> report

Nothing is imported here, so that ``import drywet`` and ``drywet --help`` stay instant.
"""

__version__ = "0.1.0"
