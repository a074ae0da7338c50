"""Passbell's door: introduces the rooms to each other and is the only reader of the environment.

``python server.py COMMAND`` and the console script ``passbell COMMAND`` are the same.
"""

from __future__ import annotations

import os
import sys

from commands import cli


def main() -> int:
    """Run one command; answers with its exit code."""
    return cli.main(sys.argv[1:], os.environ)


if __name__ == "__main__":
    sys.exit(main())
