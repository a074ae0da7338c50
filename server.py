"""Passbell's door: introduces the rooms to each other and is the only reader of the environment.

``python server.py COMMAND`` and the console script ``passbell COMMAND`` are the same.
"""

from __future__ import annotations

import gc
import os
import sys

gc.disable()  # what is imported stays: to look for garbage in it, again and again, is a sixth of the start

from commands import cli  # noqa: E402

gc.freeze()
gc.enable()


def main() -> int:
    """Run one command; answers with its exit code."""
    return cli.main(sys.argv[1:], os.environ)


if __name__ == "__main__":
    sys.exit(main())
