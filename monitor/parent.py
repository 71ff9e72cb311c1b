"""A child process that does not outlive its parent, however that ends.

  python -m monitor.parent PARENT MODULE ARGUMENTS...

runs a module as `python -m` would, as such a child of the process PARENT.
"""

from __future__ import annotations

import ctypes
import os
import runpy
import signal
import sys

_PR_SET_PDEATHSIG = 1  # <linux/prctl.h>


def child(module: str, *arguments: str) -> list[str]:
    """Starts a module as a child of this process; it ends with the thread that starts it."""
    return [sys.executable, "-P", "-m", "monitor.parent", str(os.getpid()), module, *arguments]


def die_with(parent: int) -> None:
    """Lets this process be killed when its parent ends, however that ends; does so at once if it has."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        sys.exit(1)


def main() -> None:
    """Runs the module."""
    _, parent, module, *arguments = sys.argv
    die_with(int(parent))
    sys.argv = [module, *arguments]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
