"""The command line: one parser for all commands, and one way to say what went wrong.

Whatever a person can mend ends as one line on standard error, with the fix, and exit code 1 (refused) or 2 (wrong usage
or settings). Anything else is a mistake of ours and keeps its traceback.
"""

from __future__ import annotations

import argparse
import asyncio
import stat
import sys
from collections.abc import Coroutine, Mapping, Sequence
from pathlib import Path
from typing import Any

from commands import (
    backup,
    brands,
    cards,
    certs,
    demo,
    devices,
    doctor,
    google,
    hooks,
    keys,
    news,
    serve,
    setup,
    sources,
    templates,
    upgrade,
    users,
)
from commands.settings import Settings, SettingsError, parse
from commands.shell import CommandError
from passkit.errors import PasskitError, TemplateError
from store.errors import Invalid, StoreError

GROUPS = (
    demo,
    serve,
    upgrade,
    backup,
    setup,
    doctor,
    certs,
    templates,
    brands,
    google,
    keys,
    sources,
    cards,
    news,
    devices,
    hooks,
    users,
)
DONE, REFUSED, WRONG = 0, 1, 2


def main(arguments: Sequence[str], environ: Mapping[str, str]) -> int:
    """Run the command that ``arguments`` name, with the settings of ``environ``; answers with the exit code."""
    args = parser().parse_args(arguments)
    args.environ = environ
    try:
        return _finish(args.run(args, _told(parse(environ, read_secret_file))))
    except SettingsError as error:
        return _say(error, WRONG)
    except (TemplateError, Invalid) as error:
        for problem in error.problems:
            print(problem, file=sys.stderr)
        return REFUSED
    except (CommandError, PasskitError, StoreError) as error:
        return _say(error, REFUSED)
    except KeyboardInterrupt:
        return 130


def parser() -> argparse.ArgumentParser:
    """Every command with its flags."""
    top = argparse.ArgumentParser(
        prog="passbell", description="Issues wallet cards and rings them when something changes.", allow_abbrev=False
    )
    subparsers = top.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for group in GROUPS:
        group.add(subparsers)
    return top


def read_secret_file(path: str) -> str:
    """The text of a ``..._FILE`` setting; a file that everybody on the machine can read is no secret."""
    file = Path(path)
    if file.stat().st_mode & stat.S_IROTH:
        raise SettingsError(f"{path} holds a secret and everybody on this machine can read it: chmod 600 {path}")
    return file.read_text(encoding="utf-8")


def _told(settings: Settings) -> Settings:
    for note in settings.notes:
        print(f"passbell: {note}", file=sys.stderr)
    return settings


def _finish(outcome: int | Coroutine[Any, Any, int]) -> int:
    if isinstance(outcome, int):
        return outcome
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        return runner.run(outcome)


def _loop_factory() -> Any:
    """The event loop of uvloop where that exists (not on Windows): it halves the cost of a request."""
    try:
        import uvloop
    except ImportError:
        return None
    return uvloop.new_event_loop


def _say(error: Exception, code: int) -> int:
    print(f"passbell: {' '.join(str(error).split())}", file=sys.stderr)
    return code
