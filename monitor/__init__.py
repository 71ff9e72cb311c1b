"""Everything with time, processes, files and network; the maths is in `models`."""

__version__ = "0.1.0"
