"""Runs one command line from its login to its exit code."""

import argparse
import asyncio
import logging
import os
import sys
from collections.abc import Sequence

from ..clouds.errors import AuthFailed, CloudError, Forbidden
from ..clouds.transport import HttpTimings
from .arguments import parser
from .commands import Commands
from .login import Login, find_login
from .opened import open_cloud
from .record import RecordingFile, report_of
from .terminal import Printer, Stopped, say
from .texts import Texts

_INTERRUPTED = 130


def main(argv: Sequence[str], timings: HttpTimings | None = None) -> int:
    """Run a command line and return the exit code: 0, or 1 if it failed; argparse itself exits with 2."""
    arguments = parser().parse_args(argv)
    logging.basicConfig(level=logging.DEBUG if arguments.debug else logging.CRITICAL, stream=sys.stderr)
    texts = Texts.load(arguments.language)
    try:
        if arguments.command == "report":
            sys.stdout.write(report_of(arguments.file))
            return 0
        path = arguments.file if arguments.command == "record" else arguments.record
        file = None if path is None else RecordingFile(path)
        login: Login | None = None
        try:
            login = find_login(arguments.login, arguments.cloud, texts, asks_advanced=arguments.advanced)
            asyncio.run(_run(arguments, login, texts, file, timings or HttpTimings()))
        finally:
            if file is not None:
                file.write(login)
    except Stopped as stopped:
        say(str(stopped))
    except (AuthFailed, Forbidden) as error:
        say(texts.of_login(error))
    except CloudError as error:
        say(texts.of_request(error))
    except KeyboardInterrupt:
        return _INTERRUPTED
    except BrokenPipeError:
        # The reader has seen enough. Python would fail once more when it flushes its output at the end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    else:
        return 0
    return 1


async def _run(
    arguments: argparse.Namespace, login: Login, texts: Texts, file: RecordingFile | None, timings: HttpTimings
) -> None:
    async with open_cloud(login, texts, timings, None if file is None else file.recorder) as cloud:
        await Commands(cloud, Printer(is_json=arguments.json), texts).run(arguments)
